// What peers and background workers ask of this node's store.
#include "replication/block/local_store.h"

namespace larder::block {

using base::Buffer;
using base::Code;
using base::Hash256;
using base::Result;
using base::Subject;

namespace {

constexpr std::size_t kShardDigits = 4;

// Where a walk over all names stands: shard, then name.
std::string place_in_walk(db::ShardId shard, std::string_view name) {
    std::string out;
    for (std::size_t i = kShardDigits; i-- > 0;) out.push_back(static_cast<char>(shard >> (8 * i)));
    return out.append(name);
}

std::pair<db::ShardId, std::string> parse_walk(std::string_view place) {
    if (place.size() < kShardDigits) return {0, {}};
    db::ShardId shard = 0;
    for (std::size_t i = 0; i < kShardDigits; ++i) shard = shard << 8 | static_cast<std::uint8_t>(place[i]);
    return {shard, std::string(place.substr(kShardDigits))};
}

Result<Buffer> read_nothing(const Segment& segment, const Place& place, const Hash256& name) {
    TRY_VOID(read_packed(segment, place, name));
    return Buffer();
}

// Checked here too, though whoever unpacks it does so again: the node with the bad copy is the one that can mend it.
Result<Excerpt> checked_excerpt(const Segment& segment, const Place& place, const Hash256& name, std::uint64_t offset,
                                std::uint64_t length) {
    TRY(auto excerpt, read_excerpt(segment, place, name, offset, length));
    if (sums_match(excerpt.header, excerpt.stored.chars(), excerpt.first_chunk)) return excerpt;
    return base::fail(Code::corrupted, Subject::block, "block " + name.hex() + " is damaged");
}

}  // namespace

io::Task<Result<Packed>> LocalStore::pack_block(Buffer plain, Owner owner, std::optional<Hash256> expected,
                                                bool trusted) {
    return env_.blocking.run([=, level = options_.zstd_level] { return pack(plain, owner, expected, trusted, level); });
}

io::Task<Result<void>> LocalStore::put_packed(Packed packed) {
    const auto started = env_.clock.now();
    const auto bytes = packed.header.plain_bytes;
    std::optional<Place> damaged;
    CO_TRY(const auto known, co_await reuse(packed.header.name, packed.header.owner, damaged));
    if (known) co_return Result<void>();
    CO_TRY_VOID(co_await store_packed(std::move(packed), damaged));
    metrics_.writes.add();
    metrics_.write_bytes.add(static_cast<double>(bytes));
    metrics_.write_seconds.observe(std::chrono::duration<double>(env_.clock.now() - started).count());
    co_return Result<void>();
}

io::Task<Result<bool>> LocalStore::refer_checked(Hash256 name, Owner owner) {
    std::optional<Place> damaged;
    co_return co_await reuse(name, owner, damaged);
}

Result<bool> LocalStore::contains(Hash256 name) {
    TRY(const auto entry, index_.find(name));
    return entry.has_value();
}

io::Task<Result<Packed>> LocalStore::read_whole(Hash256 name) {
    CO_TRY(auto read, co_await read_block<Packed>(name, [name](const Segment& segment, Place place) {
               return block::read_packed(segment, place, name);
           }));
    co_return outcome(name, std::move(read));
}

io::Task<Result<Excerpt>> LocalStore::read_excerpt(Hash256 name, std::uint64_t offset, std::uint64_t length) {
    CO_TRY(auto read, co_await read_block<Excerpt>(name, [=](const Segment& segment, Place place) {
               return checked_excerpt(segment, place, name, offset, length);
           }));
    co_return outcome(name, std::move(read));
}

io::Task<Result<bool>> LocalStore::mend(Packed packed) {
    const auto name = packed.header.name;
    CO_TRY(const auto read, co_await read_block<Buffer>(name, [name](const Segment& segment, Place place) {
               return read_nothing(segment, place, name);
           }));
    if (!read.entry) co_return false;
    if (read.data) co_return true;
    io::Promise<Result<void>> done(env_.executor);
    storing_.spawn(replace(std::move(packed), read.entry->place, done));
    CO_TRY_VOID(co_await done.future());
    co_return true;
}

// Runs to its end once begun, as store() does.
io::Task<void> LocalStore::replace(Packed packed, Place damaged, io::Promise<Result<void>> done) {
    const auto name = packed.header.name;
    const auto appended = co_await folders_.append(std::move(packed));
    if (!appended) {
        done.set(base::fail(appended.error()));
        co_return;
    }
    done.set(co_await index_.move(name, damaged, appended->place, appended->pin));
}

io::Task<Result<ReferencePage>> LocalStore::references(std::string after, std::size_t limit, NameFilter filter) {
    const auto rows = std::max<std::size_t>(1, limit / index_.shards());
    return index_.references(std::move(after), rows, std::move(filter));
}

io::Task<Result<void>> LocalStore::release(std::vector<Reference> references) {
    return index_.release(std::move(references));
}

io::Task<Result<NamePage>> LocalStore::names(std::string after, std::size_t limit) {
    NamePage out;
    auto [shard, name] = parse_walk(after);
    for (; shard < index_.shards(); ++shard, name.clear()) {
        CO_TRY(const auto page, co_await index_.list(shard, name, limit));
        for (const auto& [found, entry] : page) out.blocks.emplace_back(found, entry.plain_bytes);
        if (page.size() == limit) {
            out.next = place_in_walk(shard, page.back().first.view());
            break;
        }
        if (!page.empty() && shard + 1 < index_.shards()) {
            out.next = place_in_walk(shard + 1, {});
            break;
        }
    }
    co_return out;
}

}  // namespace larder::block
