// What lies here although no live layout puts it here.
#include "replication/spread/resync.h"

#include <algorithm>
#include <map>

namespace larder::spread {

using base::Result;
using block::Reference;

namespace {

constexpr std::size_t kPageBlocks = 64;  // so many a new holder may have to fetch within one answer's time

}  // namespace

io::Task<Result<void>> Resync::count_foreign(block::NameFilter foreign) {
    std::string after;
    for (bool more = true; more;) {
        CO_TRY(const auto page, co_await context_.local.references(after, context_.options.page_references, foreign));
        progress_.blocks_total += page.references.size();
        for (const auto& reference : page.references) progress_.bytes_total += reference.plain_bytes;
        more = page.until.has_value();
        if (more) after = *page.until;
    }
    co_return Result<void>();
}

io::Task<Result<bool>> Resync::hand_over() {
    progress_ = {Progress::Phase::handing_over, 0, 0, 0, 0};
    const auto foreign = held(mine(), false);
    CO_TRY_VOID(co_await count_foreign(foreign));
    std::string after;
    for (bool more = progress_.blocks_total > 0; more;) {
        CO_TRY(auto page, co_await context_.local.references(after, context_.options.page_references, foreign));
        auto& all = page.references;
        for (std::size_t at = 0; at < all.size(); at += kPageBlocks) {
            const auto end = std::min(at + kPageBlocks, all.size());
            std::vector<Reference> some(all.begin() + static_cast<std::ptrdiff_t>(at),
                                        all.begin() + static_cast<std::ptrdiff_t>(end));
            std::uint64_t bytes = 0;
            for (const auto& reference : some) bytes += reference.plain_bytes;
            co_await pace_.take(bytes);
            auto safe = co_await confirmed(std::move(some));
            progress_.blocks_done += safe.size();
            for (const auto& reference : safe) progress_.bytes_done += reference.plain_bytes;
            CO_TRY_VOID(co_await context_.local.release(std::move(safe)));
        }
        more = page.until.has_value();
        if (more) after = *page.until;
    }
    co_return progress_.blocks_done == progress_.blocks_total;
}

// Those that every holder says it has now, durably, or that no holder wants since their owner was dropped.
io::Task<std::vector<Reference>> Resync::confirmed(std::vector<Reference> references) {
    std::map<io::NodeNumber, ReferRequest> requests;
    std::map<Reference, std::size_t> wanted;
    for (const auto& reference : references) {
        const auto holders = context_.holding.of(reference.name);
        // The layout may just have changed back.
        if (holders.nodes.empty() || holders.has(context_.self())) continue;
        wanted[reference] = holders.nodes.size();
        for (const auto node : holders.nodes) {
            auto& request = requests[node];
            request.epoch = context_.holding.epoch();
            request.fetch = true;
            request.sources = {context_.self()};
            request.references.push_back(reference);
        }
    }
    for (const auto& [node, request] : requests) {
        const auto answer = co_await context_.call(node, refer_message(request), context_.options.store_timeout);
        if (!answer) continue;
        const auto outcomes = open_referred(*answer, request.references.size());
        if (!outcomes) continue;
        for (std::size_t i = 0; i < outcomes->size(); ++i) {
            const bool has = (*outcomes)[i] == Referred::done || (*outcomes)[i] == Referred::dropped;
            if (has) --wanted[request.references[i]];
        }
    }
    std::erase_if(references, [&wanted](const Reference& reference) {
        const auto found = wanted.find(reference);
        return found == wanted.end() || found->second > 0;
    });
    co_return references;
}

}  // namespace larder::spread
