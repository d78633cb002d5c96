#include "replication/block/local_store.h"
#include "src/base/log.h"

namespace larder::block {

using base::Buffer;
using base::Code;
using base::Hash256;
using base::Result;
using base::Subject;

namespace {

class LocalLease final : public Lease {
 public:
    LocalLease(std::shared_ptr<std::multiset<Owner>> held, std::vector<Owner> owners)
        : held_(std::move(held)), owners_(std::move(owners)) {
        held_->insert(owners_.begin(), owners_.end());
    }
    ~LocalLease() override {
        for (const auto& owner : owners_) held_->erase(held_->find(owner));
    }

 private:
    std::shared_ptr<std::multiset<Owner>> held_;
    std::vector<Owner> owners_;
};

}  // namespace

std::unexpected<base::Error> LocalStore::not_here(const Hash256& name) {
    return base::fail(Code::not_found, Subject::block, "block " + name.hex() + " is not stored here");
}

io::Task<Result<void>> LocalStore::open() {
    CO_TRY_VOID(index_.load());
    CO_TRY_VOID(co_await folders_.open(options_, index_));
    CO_TRY(recovered_, co_await recover(env_, index_, folders_));
    co_return Result<void>();
}

io::Task<Result<Hash256>> LocalStore::put(Buffer plain, Owner owner, std::optional<Hash256> expected, bool trusted) {
    const auto started = env_.clock.now();
    const auto bytes = plain.size();
    std::optional<Place> damaged;
    const bool named = expected && trusted;
    if (named) {
        CO_TRY(const auto known, co_await reuse(*expected, owner, damaged));
        if (known) co_return *expected;
    }
    CO_TRY(auto packed, co_await pack_block(std::move(plain), owner, expected, trusted));
    const auto name = packed.header.name;
    if (!named) {
        CO_TRY(const auto known, co_await reuse(name, owner, damaged));
        if (known) co_return name;
    }
    CO_TRY_VOID(co_await store_packed(std::move(packed), damaged));
    metrics_.writes.add();
    metrics_.write_bytes.add(static_cast<double>(bytes));
    metrics_.write_seconds.observe(std::chrono::duration<double>(env_.clock.now() - started).count());
    co_return name;
}

io::Task<Result<Buffer>> LocalStore::get(Hash256 name, std::uint64_t offset, std::uint64_t length) {
    const auto started = env_.clock.now();
    CO_TRY(auto read, co_await read_block<Buffer>(name, [offset, length, name](const Segment& segment, Place place) {
               return read_plain(segment, place, name, offset, length);
           }));
    CO_TRY(auto data, outcome(name, std::move(read)));
    metrics_.reads.add();
    metrics_.read_bytes.add(static_cast<double>(data.size()));
    metrics_.read_seconds.observe(std::chrono::duration<double>(env_.clock.now() - started).count());
    co_return data;
}

io::Task<Result<void>> LocalStore::add_references(std::vector<Hash256> names, Owner owner) {
    for (const auto& name : names) {
        CO_TRY(const auto entry, index_.find(name));
        if (!entry) co_return not_here(name);
    }
    CO_TRY(const auto all_there, co_await index_.refer_all(std::move(names), owner));
    if (!all_there) co_return base::fail(Code::not_found, Subject::block, "a block is not stored here any more");
    co_return Result<void>();
}

io::Task<Result<void>> LocalStore::drop_references(Owner owner) {
    if (leased_->contains(owner)) {
        co_return base::fail(Code::conflict, Subject::block, "the blocks are being read");
    }
    co_return co_await index_.drop(owner);
}

std::unique_ptr<Lease> LocalStore::lease(std::vector<Owner> owners) {
    return std::make_unique<LocalLease>(leased_, std::move(owners));
}

std::vector<Owner> LocalStore::recovered_owners() const {
    return {recovered_.owners.begin(), recovered_.owners.end()};
}

io::Task<Result<void>> LocalStore::accept_recovery() {
    for (const auto shard : std::exchange(recovered_.shards, {})) CO_TRY_VOID(co_await index_.mark_whole(shard));
    co_return Result<void>();
}

StoreStatus LocalStore::status() const {
    StoreStatus out;
    std::uint64_t written = 0;
    for (const auto& [number, folder] : folders_.all()) {
        out.folders.push_back(folder->status());
        written += out.folders.back().segment_bytes;
    }
    for (const auto& missing : folders_.missing()) {
        out.folders.push_back({missing.path, 0, 0, 0, false,
                               missing.path + " holds blocks but is not configured: name it in data_folders again"});
    }
    const auto live = index_.total();
    out.blocks = static_cast<std::uint64_t>(std::max<std::int64_t>(0, live.blocks));
    out.stored_bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(0, live.bytes));
    out.dead_bytes = written - std::min(written, out.stored_bytes);
    return out;
}

io::Task<Result<VerifyReport>> LocalStore::verify() {
    VerifyReport report;
    for (db::ShardId shard = 0; shard < index_.shards(); ++shard) {
        for (std::string after;;) {
            const auto page = co_await index_.list(shard, after, 256);
            if (!page) {
                report.damage.push_back("the block index: " + page.error().message +
                                        "; restart larderd to have it made anew");
                break;
            }
            if (page->empty()) break;
            for (const auto& [name, entry] : *page) CO_TRY_VOID(co_await verify_block(name, report));
            after = page->back().first.view();
        }
    }
    co_return report;
}

io::Task<Result<void>> LocalStore::close() {
    co_await storing_.join();
    co_return Result<void>();
}

// References a block that is here already, if its bytes are good; says where it lies when they are not. Never on
// the index's word alone.
io::Task<Result<bool>> LocalStore::reuse(Hash256 name, Owner owner, std::optional<Place>& damaged) {
    CO_TRY(const auto known, index_.find(name));
    if (!known) co_return false;
    CO_TRY(const auto read,
           co_await read_block<Buffer>(name, [name, bytes = known->plain_bytes](const Segment& segment, Place place) {
               return read_plain(segment, place, name, 0, bytes);
           }));
    if (!read.entry) co_return false;
    if (!read.data) {
        report(read.data.error(), read.entry->place);
        damaged = read.entry->place;
        co_return false;
    }
    co_return co_await index_.refer(name, owner, read.entry->place);
}

// Runs to its end once begun, even when the client goes away: a durable record is indexed or dead, never forgotten.
io::Task<void> LocalStore::store(Packed packed, std::optional<Place> damaged, io::Promise<Result<void>> done) {
    NewRecord record{packed.header.name, packed.header.owner, packed.header.plain_bytes, {}};
    const auto appended = co_await folders_.append(std::move(packed));
    if (!appended) {
        done.set(base::fail(appended.error()));
        co_return;
    }
    record.place = appended->place;
    const auto added = co_await index_.add(record, damaged, appended->pin);
    done.set(added ? Result<void>() : base::fail(added.error()));
}

io::Task<Result<void>> LocalStore::verify_block(Hash256 name, VerifyReport& report) {
    CO_TRY(const auto read,
           co_await read_block<Buffer>(name, [name](const Segment& segment, Place place) -> Result<Buffer> {
               TRY_VOID(read_packed(segment, place, name));
               return Buffer();
           }));
    if (!read.entry) co_return Result<void>();
    ++report.blocks_checked;
    if (!read.data) {
        metrics_.corrupt.add();
        report.damage.push_back(folders_.text(read.entry->place) + ": " + read.data.error().message);
    }
    co_return Result<void>();
}

void LocalStore::report(const base::Error& error, const Place& place) {
    if (error.code == Code::invalid_argument) return;
    metrics_.corrupt.add();
    base::log::error("a block cannot be read", "write the object again or restore it; check the disk's health",
                     {{"place", folders_.text(place)}, {"reason", error.message}});
}

io::Task<Result<void>> LocalStore::store_packed(Packed packed, std::optional<Place> damaged) {
    io::Promise<Result<void>> done(env_.executor);
    storing_.spawn(store(std::move(packed), damaged, done));
    co_return co_await done.future();
}

io::Task<Result<std::unique_ptr<LocalBlocks>>> LocalBlocks::open(io::Env& env, db::Db& db, base::Metrics& metrics,
                                                                 StoreOptions options) {
    auto store = std::make_unique<LocalStore>(env, db, metrics, std::move(options));
    CO_TRY_VOID(co_await store->open());
    co_return store;
}

io::Task<Result<std::unique_ptr<BlockStore>>> BlockStore::open(io::Env& env, db::Db& db, base::Metrics& metrics,
                                                               StoreOptions options) {
    CO_TRY(auto store, co_await LocalBlocks::open(env, db, metrics, std::move(options)));
    co_return store;
}

}  // namespace larder::block
