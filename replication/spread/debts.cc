#include "replication/spread/debts.h"

namespace larder::spread {

namespace {

constexpr std::size_t kPageReferences = 64;  // so many blocks may have to be fetched within one answer's time

}  // namespace

Debts::Debts(const Context& context, base::Metrics& metrics)
    : context_(context),
      owed_(metrics.gauge("block_owed", "References that other nodes lack, as far as this node knows.")),
      paying_(context.env.executor) {}

void Debts::note(io::NodeNumber node, block::Reference reference) {
    if (node == 0) return;
    auto& account = accounts_[node];
    if (account.references.size() < context_.options.debts_max) {
        account.references.insert(std::move(reference));
    } else {
        account.overflowed = true;
    }
    owed_.set(static_cast<double>(size()));
    wake();
}

void Debts::forget(const Owner& owner) {
    for (auto& [node, account] : accounts_) {
        const auto first = account.references.lower_bound({owner, Hash256(), 0});
        auto last = first;
        while (last != account.references.end() && last->owner == owner) ++last;
        account.references.erase(first, last);
    }
}

std::size_t Debts::size() const {
    std::size_t count = 0;
    for (const auto& [node, account] : accounts_) count += account.references.size() + (account.overflowed ? 1 : 0);
    return count;
}

void Debts::wake() {
    if (running_) return;
    running_ = true;
    paying_.spawn(pay_loop());
}

io::Task<void> Debts::pay_loop() {
    do {
        co_await context_.env.clock.sleep_for(context_.options.retry);
        co_await pay_now();
    } while (size() > 0);
    running_ = false;
}

io::Task<void> Debts::pay_now() {
    const auto members = context_.members.storing();
    std::erase_if(accounts_, [&members](const auto& account) {
        return std::find(members.begin(), members.end(), account.first) == members.end();
    });
    io::TaskGroup group(context_.env.executor);
    for (const auto node : members) {
        if (accounts_.contains(node)) group.spawn(pay(node));
    }
    co_await group.join();
    owed_.set(static_cast<double>(size()));
}

io::Task<void> Debts::pay(io::NodeNumber node) {
    while (co_await pay_page(node)) {
    }
}

// False when nothing is left, or the node does not take it now.
io::Task<bool> Debts::pay_page(io::NodeNumber node) {
    if (accounts_[node].overflowed) {
        const auto told = co_await context_.call(node, look_message(), context_.options.ask_timeout);
        if (!told) co_return false;
        accounts_[node].overflowed = false;
    }
    ReferRequest request;
    request.epoch = context_.holding.epoch();
    request.fetch = true;
    if (context_.holding.alone(context_.self())) co_return false;
    for (const auto& reference : accounts_[node].references) {
        if (request.references.size() == kPageReferences) break;
        request.references.push_back(reference);
    }
    if (request.references.empty()) co_return false;
    request.sources.push_back(context_.self());
    const auto answer = co_await context_.call(node, refer_message(request), context_.options.store_timeout);
    if (!answer) co_return false;
    const auto outcomes = open_referred(*answer, request.references.size());
    if (!outcomes) co_return false;
    bool some = false;
    for (std::size_t i = 0; i < outcomes->size(); ++i) {
        // A block that nobody has any more is not needed by anybody either: its owner was dropped.
        if ((*outcomes)[i] == Referred::failed) continue;
        some = accounts_[node].references.erase(request.references[i]) > 0 || some;
    }
    co_return some;
}

}  // namespace larder::spread
