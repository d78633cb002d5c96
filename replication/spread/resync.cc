#include "replication/spread/resync.h"

#include "src/base/log.h"

#include <algorithm>
#include <map>

namespace larder::spread {

using base::Result;
using block::Reference;
using block::ReferencePage;

namespace {

constexpr int kRetriesMax = 64;  // times Options::retry, between rounds that were not whole

io::Task<void> list_into(const Context& context, io::NodeNumber node, io::Message request, Result<ListReply>& out) {
    const auto answer = co_await context.call(node, std::move(request), context.options.read_timeout);
    out = answer ? open_page(*answer) : Result<ListReply>(base::fail(answer.error()));
}

}  // namespace

// A block that others have and this node lacks, or lacks references to.
struct Resync::Missing {
    Hash256 name;
    std::uint32_t bytes = 0;
    std::vector<Owner> owners;
    std::vector<io::NodeNumber> nodes;  // that have it
};

// The references of all nodes side by side, in their order.
struct Resync::Walk {
    quorum::Epoch epoch = 0;
    Partitions partitions{std::string()};
    std::vector<io::NodeNumber> sources;  // that have answered so far
    std::string after;
    Nodes incomplete;  // of them, that do not vouch for what they have
    bool counting = false;
    bool all_came = true;
};

Resync::Resync(const Context& context, Fetcher& fetcher, base::Metrics& metrics)
    : context_(context),
      fetcher_(fetcher),
      pace_(context),
      missing_blocks_(
          metrics.gauge("block_missing", "Blocks that this node ought to have and lacks, as last counted.")),
      missing_bytes_(metrics.gauge("block_missing_bytes", "Plain bytes of the blocks that this node lacks.")),
      tasks_(context.env.executor) {}

void Resync::start() {
    tasks_.spawn(run());
}

void Resync::wake() {
    wanted_ = true;
    if (wake_) wake_->set(io::Done{});
}

io::Task<void> Resync::run() {
    for (int failures = 0;;) {
        wanted_ = false;
        failures = co_await round() ? 0 : std::min(kRetriesMax, failures == 0 ? 1 : failures * 2);
        const auto pause = failures == 0 ? context_.options.look_period : failures * context_.options.retry;
        if (wanted_) {
            co_await context_.env.clock.sleep_for(context_.options.retry);
            continue;
        }
        wake_.emplace(context_.env.executor);
        const auto timer =
            context_.env.clock.call_at(context_.env.clock.after(pause), [wake = *wake_] { wake.set(io::Done{}); });
        co_await wake_->future();
        context_.env.clock.cancel(timer);
        wake_.reset();
    }
}

io::Task<bool> Resync::round() {
    if (context_.holding.alone(context_.self()) && whole_) {
        complete_epoch_ = context_.holding.epoch();
        co_return true;
    }
    const auto fetched = co_await fetch_all();
    if (!fetched) base::log::warning("comparing blocks with other nodes failed", {{"reason", fetched.error().message}});
    const auto handed = co_await hand_over();
    if (!handed) base::log::warning("handing blocks over failed", {{"reason", handed.error().message}});
    progress_.phase = Progress::Phase::idle;
    co_return fetched && *fetched&& handed && *handed;
}

Partitions Resync::mine() const {
    Partitions out(context_.holding.partitions());
    for (quorum::Partition partition = 0; partition < context_.holding.partitions(); ++partition) {
        if (context_.holding.of(partition).has(context_.self())) out.add(partition);
    }
    return out;
}

block::NameFilter Resync::held(Partitions partitions, bool wanted) const {
    return [holding = &context_.holding, partitions, wanted](const Hash256& name) {
        return partitions.has(holding->partition_of(name)) == wanted;
    };
}

io::Task<Result<bool>> Resync::fetch_all() {
    const auto epoch = context_.holding.epoch();
    progress_ = {Progress::Phase::comparing, 0, 0, 0, 0};
    Walk count{epoch, mine(), context_.others(), {}, {}, true, true};
    CO_TRY_VOID(co_await walk(count));
    progress_.phase = Progress::Phase::fetching;
    Walk fetch{epoch, count.partitions, count.sources, {}, count.incomplete, false, true};
    if (progress_.blocks_total > 0) CO_TRY_VOID(co_await walk(fetch));
    missing_blocks_.set(static_cast<double>(progress_.blocks_total - progress_.blocks_done));
    missing_bytes_.set(static_cast<double>(progress_.bytes_total - progress_.bytes_done));
    if (!fetch.all_came || !enough_answered(fetch)) co_return false;
    complete_epoch_ = epoch;
    if (!std::exchange(whole_, true) && on_whole_) co_await on_whole_();
    co_return true;
}

// Whether nothing can have been acknowledged that none of those who answered knows of.
bool Resync::enough_answered(const Walk& walk) const {
    Nodes answered(walk.sources.begin(), walk.sources.end());
    for (const auto node : walk.incomplete) answered.erase(node);
    if (whole_) answered.insert(context_.self());
    for (quorum::Partition partition = 0; partition < context_.holding.partitions(); ++partition) {
        if (walk.partitions.has(partition) && !context_.holding.of(partition).reached(answered)) return false;
    }
    return true;
}

io::Task<Result<void>> Resync::walk(Walk& walk) {
    while (!walk.sources.empty()) {
        CO_TRY(const auto found, co_await pages(walk));
        std::optional<std::string> until;
        for (const auto& page : found) {
            if (page.until && (!until || *page.until < *until)) until = page.until;
        }
        auto missing = missing_of(walk, found, until);
        std::erase_if(missing, [this](Missing& one) {
            std::erase_if(one.owners, [this](const Owner& o) { return fetcher_.dropped().contains(o); });
            return one.owners.empty();
        });
        if (walk.counting) {
            progress_.blocks_total += missing.size();
            for (const auto& one : missing) progress_.bytes_total += one.bytes;
        } else {
            co_await take(walk, std::move(missing));
        }
        if (!until) break;
        walk.after = *until;
    }
    co_return Result<void>();
}

// The next page of each source, and behind them this node's own. Sources that do not answer are left out from now on.
io::Task<Result<std::vector<ReferencePage>>> Resync::pages(Walk& walk) {
    const auto limit = context_.options.page_references;
    const auto request = list_message({walk.epoch, walk.after, limit, walk.partitions});
    std::vector<Result<ListReply>> answers(walk.sources.size());
    {
        io::TaskGroup calls(context_.env.executor);
        for (std::size_t i = 0; i < answers.size(); ++i) {
            calls.spawn(list_into(context_, walk.sources[i], request, answers[i]));
        }
        co_await calls.join();
    }
    std::vector<ReferencePage> out;
    std::vector<io::NodeNumber> alive;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        // One that does not get on would hold up all.
        if (!answers[i] || (answers[i]->page.until && *answers[i]->page.until <= walk.after)) continue;
        alive.push_back(walk.sources[i]);
        if (!answers[i]->whole) walk.incomplete.insert(walk.sources[i]);
        out.push_back(std::move(answers[i]->page));
    }
    walk.sources = std::move(alive);
    CO_TRY(auto here, co_await context_.local.references(walk.after, limit, held(walk.partitions, true)));
    out.push_back(std::move(here));
    co_return out;
}

// What the sources have and this node lacks, of references up to `until`; blocks with few known copies first.
std::vector<Resync::Missing> Resync::missing_of(const Walk& walk, const std::vector<ReferencePage>& pages,
                                                const std::optional<std::string>& until) {
    const auto& here = pages.back().references;
    std::map<Hash256, Missing> found;
    for (std::size_t i = 0; i + 1 < pages.size(); ++i) {
        for (const auto& reference : pages[i].references) {
            if (until && block::reference_key(reference) > *until) break;
            if (std::ranges::binary_search(here, reference)) continue;
            auto& missing = found[reference.name];
            missing.name = reference.name;
            missing.bytes = reference.plain_bytes;
            if (std::ranges::find(missing.owners, reference.owner) == missing.owners.end()) {
                missing.owners.push_back(reference.owner);
            }
            if (missing.nodes.empty() || missing.nodes.back() != walk.sources[i]) {
                missing.nodes.push_back(walk.sources[i]);
            }
        }
    }
    std::vector<Missing> out;
    for (auto& [name, missing] : found) out.push_back(std::move(missing));
    std::ranges::sort(out, {}, [](const Missing& missing) { return std::pair(missing.nodes.size(), missing.name); });
    return out;
}

io::Task<void> Resync::take(Walk& walk, std::vector<Missing> missing) {
    io::TaskGroup group(context_.env.executor);
    for (auto& one : missing) {
        co_await pace_.take(one.bytes);
        if (group.size() >= context_.options.fetches) co_await group.join();
        group.spawn(take_one(walk, std::move(one)));
    }
    co_await group.join();
}

io::Task<void> Resync::take_one(Walk& walk, Missing missing) {
    bool came = true;
    for (const auto& owner : missing.owners) {
        const auto outcome = co_await fetcher_.adopt({owner, missing.name, missing.bytes}, true, missing.nodes);
        // Absent everywhere, or dropped: it went meanwhile.
        came = came && outcome != Referred::failed;
    }
    walk.all_came = walk.all_came && came;
    if (!came) co_return;
    ++progress_.blocks_done;
    progress_.bytes_done += missing.bytes;
}

}  // namespace larder::spread
