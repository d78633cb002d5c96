#include "replication/spread/fetcher.h"

#include "src/base/log.h"

#include <algorithm>

namespace larder::spread {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr std::size_t kDroppedMax = 100'000;
constexpr auto kMendPause = std::chrono::minutes(1);
constexpr std::size_t kFetchesMax = 8;  // for others and for reads, beside those of background work

}  // namespace

void DroppedOwners::add(const Owner& owner) {
    if (!known_.insert(owner).second) return;
    order_.push_back(owner);
    if (order_.size() <= kDroppedMax) return;
    known_.erase(order_.front());
    order_.pop_front();
}

Fetcher::Fetcher(const Context& context, base::Metrics& metrics)
    : context_(context),
      mended_(metrics.counter("block_mended_total", "Damaged blocks replaced by a copy from another node.")),
      unmended_(metrics.counter("block_unmended_total", "Damaged blocks for which no good copy could be had.")),
      fetched_(metrics.counter("block_fetched_total", "Blocks fetched from other nodes to be kept here.")),
      fetched_bytes_(metrics.counter("block_fetched_bytes_total", "Stored bytes of the blocks fetched.")),
      at_once_(std::make_shared<io::Semaphore>(context.env.executor, kFetchesMax)),
      tasks_(context.env.executor) {}

io::Task<Result<block::Packed>> Fetcher::fetch_from(Hash256 name, io::NodeNumber node) {
    CO_TRY(const auto answer, co_await context_.call(node, fetch_message(name), context_.options.read_timeout));
    CO_TRY(auto packed, open_packed(answer));
    if (packed.header.name != name) {
        co_return base::fail(Code::corrupted, Subject::block, "another block was sent than was asked for");
    }
    CO_TRY_VOID(co_await context_.env.blocking.run([packed] { return block::verify(packed); }));
    co_return packed;
}

io::Task<Result<block::Packed>> Fetcher::fetch(Hash256 name, std::vector<io::NodeNumber> first) {
    const auto at_once = at_once_;
    const auto permit = co_await at_once->acquire();
    std::vector<io::NodeNumber> order = std::move(first);
    auto holders = context_.holding.of(name).nodes;
    context_.sort_by_distance(holders);
    auto others = context_.others();
    context_.sort_by_distance(others);
    order.insert(order.end(), holders.begin(), holders.end());
    order.insert(order.end(), others.begin(), others.end());
    Nodes asked{context_.self()};
    bool all_answered = true;
    std::string reason;
    for (const auto node : order) {
        if (!asked.insert(node).second) continue;
        auto packed = co_await fetch_from(name, node);
        if (packed) {
            fetched_.add();
            fetched_bytes_.add(packed->header.stored_bytes);
            co_return packed;
        }
        if (packed.error().code == Code::not_found) continue;
        all_answered = false;
        reason = ": node " + std::to_string(node) + ": " + packed.error().message;
    }
    if (all_answered) {
        co_return base::fail(Code::not_found, Subject::block, "no node has block " + name.hex());
    }
    co_return base::fail(Code::quorum_not_reached, Subject::block,
                         "no node that answers has a good copy of block " + name.hex() + reason);
}

io::Task<Referred> Fetcher::adopt(block::Reference reference, bool fetch_it, std::vector<io::NodeNumber> sources) {
    if (dropped_.contains(reference.owner)) co_return Referred::dropped;
    const auto known = context_.local.refers(reference.name, reference.owner);
    if (known && *known) co_return Referred::done;
    auto referred = co_await context_.local.refer_checked(reference.name, reference.owner);
    if (referred && !*referred && fetch_it) {
        auto packed = co_await fetch(reference.name, std::move(sources));
        if (!packed) co_return packed.error().code == Code::not_found ? Referred::absent : Referred::failed;
        packed->header.owner = reference.owner;
        const auto stored = co_await context_.local.put_packed(std::move(*packed));
        referred = stored ? Result<bool>(true) : base::fail(stored.error());
    }
    if (!referred) co_return Referred::failed;
    if (!*referred) co_return Referred::absent;
    // It may have been dropped while its block came.
    if (!dropped_.contains(reference.owner)) co_return Referred::done;
    (void)co_await context_.local.release({reference});
    co_return Referred::dropped;
}

io::Task<bool> Fetcher::mend(Hash256 name) {
    auto packed = co_await fetch(name, {});
    Result<bool> mended = packed ? co_await context_.local.mend(std::move(*packed)) : base::fail(packed.error());
    // One that went meanwhile needs nothing.
    if (mended) {
        if (*mended) {
            mended_.add();
            base::log::info("a damaged block was replaced by a good copy from another node", {{"block", name.hex()}});
        }
        co_return true;
    }
    unmended_.add();
    base::log::error("a damaged block could not be mended", "start the nodes that are away; they may have a good copy",
                     {{"block", name.hex()}, {"reason", mended.error().message}});
    co_return false;
}

void Fetcher::mend_later(Hash256 name) {
    if (!being_mended_.insert(name).second) return;
    tasks_.spawn(mend_one(name));
}

io::Task<void> Fetcher::mend_one(Hash256 name) {
    // One that cannot be mended now is not tried again for every read.
    if (!co_await mend(name)) co_await context_.env.clock.sleep_for(kMendPause);
    being_mended_.erase(name);
}

}  // namespace larder::spread
