#include "replication/spread/reader.h"

#include "src/io/task_group.h"

#include <algorithm>

namespace larder::spread {

using base::Buffer;
using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr auto kSuspectTime = std::chrono::seconds(5);

}  // namespace

struct Reader::Race {
    Race(io::Executor& executor, ReadRequest r) : request(std::move(r)), wake(executor) {}
    ReadRequest request;
    std::optional<Result<Buffer>> good;  // or one that says that the caller is wrong
    std::size_t under_way = 0;
    std::size_t failures = 0;
    bool all_lack_it = true;
    std::string reason;
    io::Promise<io::Done> wake;  // a new one for each wait
};

Reader::Reader(const Context& context, base::Metrics& metrics)
    : context_(context),
      remote_(metrics.counter("block_remote_reads_total", "Reads of blocks that another node answered.")),
      hedged_(
          metrics.counter("block_hedged_reads_total", "Reads for which a second node was asked since one was slow.")),
      failed_over_(
          metrics.counter("block_failed_over_reads_total", "Reads that went on at another node after one failed.")) {}

// Those that hold it by the layout, nearest first; then everybody else: content may still be on its way between them.
std::vector<io::NodeNumber> Reader::order(const Hash256& name) const {
    auto holders = context_.holding.of(name).nodes;
    auto others = context_.others();
    std::erase_if(holders, [this](auto node) { return node == context_.self() || node == 0; });
    std::erase_if(others, [&](auto node) { return std::ranges::find(holders, node) != holders.end(); });
    context_.sort_by_distance(holders);
    context_.sort_by_distance(others);
    holders.insert(holders.end(), others.begin(), others.end());
    std::vector<io::NodeNumber> good, suspect;
    for (const auto node : holders) {
        const auto found = suspect_until_.find(node);
        const bool doubted = found != suspect_until_.end() && found->second > context_.env.clock.now();
        (doubted ? suspect : good).push_back(node);
    }
    good.insert(good.end(), suspect.begin(), suspect.end());
    return good;
}

base::Duration Reader::patience(io::NodeNumber node) const {
    return context_.distances == nullptr ? context_.options.read_timeout : context_.distances->p95(node);
}

io::Task<Result<Buffer>> Reader::read(Hash256 name, std::uint64_t offset, std::uint64_t length) {
    const auto race = std::make_shared<Race>(context_.env.executor, ReadRequest{name, offset, length});
    const auto nodes = order(name);
    io::TaskGroup calls(context_.env.executor);
    for (std::size_t next = 0; !race->good && (next < nodes.size() || race->under_way > 0);) {
        std::optional<base::Duration> longest;
        if (next < nodes.size()) {
            if (race->under_way > 0) hedged_.add();
            if (race->under_way == 0 && race->failures > 0) failed_over_.add();
            ++race->under_way;
            longest = patience(nodes[next]);
            calls.spawn(ask(race, nodes[next++]));
            if (next == nodes.size()) longest.reset();
        }
        if (!race->good && race->under_way > 0) co_await wait(race, longest);
    }
    if (race->good) {
        if (*race->good) remote_.add();
        co_return std::move(*race->good);
    }
    if (race->all_lack_it) {
        co_return base::fail(Code::not_found, Subject::block, "no node has block " + name.hex());
    }
    co_return base::fail(Code::quorum_not_reached, Subject::block,
                         "no node that answers has a good copy of block " + name.hex() + race->reason);
}

// Until something happened, or `longest` has passed.
io::Task<void> Reader::wait(std::shared_ptr<Race> race, std::optional<base::Duration> longest) {
    race->wake = io::Promise<io::Done>(context_.env.executor);
    io::Clock::Timer timer = 0;
    if (longest) {
        timer = context_.env.clock.call_at(context_.env.clock.after(*longest),
                                           [wake = race->wake] { wake.set(io::Done{}); });
    }
    co_await race->wake.future();
    context_.env.clock.cancel(timer);
}

io::Task<void> Reader::ask(std::shared_ptr<Race> race, io::NodeNumber node) {
    auto answer = co_await ask_one(race->request, node);
    --race->under_way;
    const bool over = answer || answer.error().code == Code::invalid_argument;
    if (over) {
        race->good = std::move(answer);
    } else {
        ++race->failures;
        const auto code = answer.error().code;
        if (code == Code::timeout || code == Code::disconnected) {
            suspect_until_[node] = context_.env.clock.after(kSuspectTime);
        }
        if (code != Code::not_found) {
            race->all_lack_it = false;
            race->reason = ": node " + std::to_string(node) + ": " + answer.error().message;
        }
    }
    race->wake.set(io::Done{});
}

io::Task<Result<Buffer>> Reader::ask_one(ReadRequest request, io::NodeNumber node) {
    CO_TRY(const auto answer, co_await context_.call(node, read_message(request), context_.options.read_timeout));
    CO_TRY(auto excerpt, open_excerpt(answer));
    if (excerpt.header.name != request.name) {
        co_return base::fail(Code::corrupted, Subject::block, "another block was sent than was asked for");
    }
    const auto bytes = excerpt.header.plain_bytes;
    if (request.offset > bytes || request.length > bytes - request.offset) {
        co_return base::fail(Code::invalid_argument, Subject::block, "a read beyond the end of a block");
    }
    co_return co_await context_.env.blocking.run([excerpt, request] {
        const auto before = std::uint64_t{excerpt.first_chunk} * block::kChunkBytes;
        if (before > request.offset) {
            return Result<Buffer>(base::fail(Code::corrupted, Subject::block, "another part was sent than asked for"));
        }
        return block::unpack(excerpt.header, excerpt.stored, excerpt.first_chunk, request.offset, request.length);
    });
}

}  // namespace larder::spread
