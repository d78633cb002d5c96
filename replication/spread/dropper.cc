#include "replication/spread/dropper.h"

#include <algorithm>

namespace larder::spread {

using base::Code;
using base::Result;
using base::Subject;

namespace {

std::string node_text(io::NodeNumber node, const base::Error& error) {
    return "node " + std::to_string(node) + ": " + error.message;
}

}  // namespace

Dropper::Dropper(const Context& context, Server& server, Debts& debts)
    : context_(context), server_(server), debts_(debts) {}

io::Task<Drop> Dropper::drop(std::vector<Owner> owners) {
    Drop all;
    for (std::size_t at = 0; at < owners.size(); at += kOwnersAtOnce) {
        const auto end = std::min(at + kOwnersAtOnce, owners.size());
        std::vector<Owner> some(owners.begin() + static_cast<std::ptrdiff_t>(at),
                                owners.begin() + static_cast<std::ptrdiff_t>(end));
        auto drop = co_await drop_some(std::move(some));
        all.left.insert(all.left.end(), drop.left.begin(), drop.left.end());
        if (!drop.why.empty()) all.why = std::move(drop.why);
    }
    co_return all;
}

io::Task<Drop> Dropper::drop_some(std::vector<Owner> owners) {
    const auto leased = co_await leased_anywhere(owners);
    if (!leased) co_return Drop{std::move(owners), leased.error().message};
    Drop drop;
    std::vector<Owner> free;
    for (const auto& owner : owners) (leased->contains(owner) ? drop.left : free).push_back(owner);
    if (!drop.left.empty()) drop.why = "the blocks are being read";
    if (free.empty()) co_return drop;
    for (const auto& owner : free) debts_.forget(owner);
    const auto here = co_await server_.drop(free);
    const auto nodes = context_.others();
    const auto answers =
        co_await context_.call_each(nodes, owners_message(Operation::drop, free), context_.options.ask_timeout);
    for (std::size_t i = 0; i <= nodes.size(); ++i) {
        if (i < nodes.size() ? answers[i].has_value() : here.has_value()) continue;
        drop.left = owners;
        drop.why = i < nodes.size() ? node_text(nodes[i], answers[i].error()) : here.error().message;
    }
    co_return drop;
}

io::Task<Result<std::set<Owner>>> Dropper::leased_anywhere(std::vector<Owner> owners) {
    CO_TRY(auto leased, co_await context_.ask_everybody(owners_message(Operation::barrier, owners)));
    CO_TRY(const auto here, co_await server_.barrier(std::move(owners)));
    leased.insert(here.begin(), here.end());
    co_return leased;
}

Orphans::Orphans(const Context& context, Server& server, Dropper& dropper)
    : context_(context), server_(server), dropper_(dropper) {}

io::Task<Result<Orphans::Report>> Orphans::collect() {
    Report report;
    const auto all = [](const Hash256&) { return true; };
    std::string after;
    std::vector<Owner> owners;
    for (bool more = true; more;) {
        CO_TRY(const auto page, co_await context_.local.references(after, context_.options.page_references, all));
        for (const auto& reference : page.references) {
            if (owners.empty() || owners.back() != reference.owner) owners.push_back(reference.owner);
        }
        more = page.until.has_value();
        if (more) after = *page.until;
        // The last owner's references may go on; it is judged once.
        while (owners.size() > kOwnersAtOnce || (!more && !owners.empty())) {
            const auto count = static_cast<std::ptrdiff_t>(std::min(owners.size(), kOwnersAtOnce));
            std::vector<Owner> some(owners.begin(), owners.begin() + count);
            owners.erase(owners.begin(), owners.begin() + count);
            report.owners += some.size();
            co_await judge(std::move(some), report);
        }
    }
    co_return report;
}

io::Task<void> Orphans::judge(std::vector<Owner> owners, Report& report) {
    std::set<Owner> unnamed(owners.begin(), owners.end());
    for (const auto question : {Operation::under_way, Operation::in_rows}) {
        const auto struck = co_await strike_named(question, unnamed);
        if (!struck) {
            report.left += owners.size();
            co_return;
        }
        if (unnamed.empty()) co_return;
    }
    const auto drop = co_await dropper_.drop({unnamed.begin(), unnamed.end()});
    report.left += drop.left.size();
    report.dropped += unnamed.size() - drop.left.size();
}

// Asks every member; the answer of each counts, and each must come.
io::Task<Result<void>> Orphans::strike_named(Operation question, std::set<Owner>& unnamed) {
    const std::vector<Owner> asked(unnamed.begin(), unnamed.end());
    CO_TRY(const auto there, co_await context_.ask_everybody(owners_message(question, asked)));
    CO_TRY(const auto here, co_await server_.ask_book(question, asked));
    for (const auto& owner : there) unnamed.erase(owner);
    for (const auto& owner : here) unnamed.erase(owner);
    co_return Result<void>();
}

}  // namespace larder::spread
