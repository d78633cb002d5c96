#include "tests/unit/db/crash_harness.h"

namespace larder::db {

using base::Result;

namespace {

const char* const kFolder = "/data/meta";

void play(Rows& rows, const Step& step) {
    for (const auto& [place, value] : step.writes) {
        if (value) {
            rows[place] = *value;
        } else {
            rows.erase(place);
        }
    }
}

std::string describe(const Rows& rows, const Rows& wanted) {
    std::string out;
    for (const auto& [place, value] : wanted) {
        const auto found = rows.find(place);
        if (found == rows.end()) {
            out += " missing " + place.second;
        } else if (found->second != value) {
            out += " other value of " + place.second;
        }
    }
    for (const auto& [place, value] : rows) {
        if (!wanted.contains(place)) out += " unexpected " + place.second;
    }
    return out;
}

}  // namespace

CrashStore::CrashStore(test::World& world, std::uint64_t seed)
    : disk(seed), dice(seed), world_(world), env_{world.env().executor, world.env().clock,   world.env().random, disk,
                                                  world.env().network,  world.env().blocking} {}

Result<void> CrashStore::open() {
    Options options;
    options.folder = kFolder;
    options.shards = kShards;
    options.log_bytes = log_bytes_;
    TRY(db_, Db::open(env_, metrics_, options));
    return {};
}

Step CrashStore::make_step() {
    Step step;
    step.fails = dice() % 16 == 0;
    const auto id = std::to_string(next_id_++);
    // A row of its own tells which changes are there; the others collide.
    step.writes[{9, "step-" + id}] = id;
    for (auto count = dice() % 4; count > 0; --count) {
        const auto tree = static_cast<TreeId>(1 + dice() % 2);
        auto& value = step.writes[{tree, "key-" + std::to_string(dice() % 24)}];
        if (dice() % 4 == 0) continue;
        const auto size = dice() % 8 == 0 ? dice() % 9000 : dice() % 400;
        value = id + std::string(size, static_cast<char>('a' + dice() % 26));
    }
    return step;
}

io::Task<int> CrashStore::commit_all(ShardId shard, std::size_t from) {
    io::TaskGroup group(env_.executor);
    for (auto i = from; i < steps_[shard].size(); ++i) {
        group.spawn([](CrashStore& store, ShardId where, std::size_t index) -> io::Task<void> {
            const auto copy = store.steps_[where][index];
            const auto done = co_await store.db_->commit(where, [copy](Writer& w) -> Result<void> {
                for (const auto& [place, value] : copy.writes) {
                    TRY_VOID(value ? w.put(place.first, place.second, *value) : w.erase(place.first, place.second));
                }
                return copy.fails ? base::fail(base::Code::precondition_failed, "no") : Result<void>();
            });
            auto& step = store.steps_[where][index];
            step.acked = done.has_value();
            step.refused = !done && done.error().code != base::Code::io_failure;
        }(*this, shard, i));
    }
    co_await group.join();
    co_return 0;
}

void CrashStore::work(int batches) {
    for (int batch = 0; batch < batches; ++batch) {
        const auto shard = static_cast<ShardId>(dice() % kShards);
        const auto from = steps_[shard].size();
        for (auto count = 1 + dice() % 5; count > 0; --count) steps_[shard].push_back(make_step());
        (void)world_.run(commit_all(shard, from));
    }
}

Result<Rows> CrashStore::read(ShardId shard) {
    Rows rows;
    TRY_VOID(db_->look(shard, [&](Reader& reader) -> Result<void> {
        for (const TreeId tree : {1, 2, 9}) {
            TRY(const auto cursor, reader.cursor(tree));
            TRY_VOID(cursor->seek({}));
            while (cursor->valid()) {
                rows[{tree, std::string(cursor->key())}] = cursor->value();
                TRY_VOID(cursor->next());
            }
        }
        return {};
    }));
    for (const auto& [place, value] : rows) {
        TRY(const auto got, db_->get(shard, place.first, place.second));
        if (got != value) return base::fail(base::Code::internal, "get and cursor differ at " + place.second);
    }
    return rows;
}

std::string CrashStore::verdict() {
    for (ShardId shard = 0; shard < kShards; ++shard) {
        const auto rows = read(shard);
        if (!rows) return "shard " + std::to_string(shard) + ": " + rows.error().message;
        auto& steps = steps_[shard];
        std::erase_if(steps, [](const Step& step) { return step.refused; });
        std::size_t certain = 0;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            if (steps[i].acked) certain = i + 1;
        }
        Rows wanted = base_[shard];
        for (std::size_t i = 0; i < certain; ++i) play(wanted, steps[i]);
        const auto least = wanted;
        bool found = wanted == *rows;
        for (auto i = certain; i < steps.size() && !found; ++i) {
            if (!steps[i].fails) play(wanted, steps[i]);
            found = wanted == *rows;
        }
        if (!found) return "shard " + std::to_string(shard) + ":" + describe(*rows, least);
        base_[shard] = *rows;
        steps.clear();
    }
    return {};
}

}  // namespace larder::db
