#include "replication/block/block_store.h"

#include "replication/block/folder.h"
#include "replication/block/store_metrics.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/io/task_group.h"

#include <set>

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

// Reads header and the chunks that cover [offset, offset + length), and checks them. Pool work.
Result<Buffer> read_record(io::File& file, Place place, const Hash256& name, std::uint64_t offset,
                           std::uint64_t length) {
    std::string head(kHeaderBytesMax, '\0');
    TRY(const auto got, file.read_at(place.offset, {reinterpret_cast<std::byte*>(head.data()), head.size()}));
    const auto header = decode_header(std::string_view(head).substr(0, got));
    if (!header || header->name != name) {
        return base::fail(Code::corrupted, Subject::block, "the header of block " + name.hex() + " is damaged");
    }
    if (offset > header->plain_bytes || length > header->plain_bytes - offset) {
        return base::fail(Code::invalid_argument, Subject::block, "a read beyond the end of a block");
    }
    const bool raw = header->codec == Codec::raw;
    const auto first = raw ? static_cast<std::uint32_t>(offset / kChunkBytes) : 0;
    const std::uint64_t from = raw ? std::uint64_t{first} * kChunkBytes : 0;
    const std::uint64_t until =
        raw ? std::min<std::uint64_t>((offset + length + kChunkBytes - 1) / kChunkBytes * kChunkBytes,
                                      header->stored_bytes)
            : header->stored_bytes;
    auto stored = Buffer::allocate(until - from);
    TRY(const auto read, file.read_at(place.offset + header->header_bytes() + from, stored.writable()));
    stored.truncate(read);
    return unpack(*header, std::move(stored), first, offset, length);
}

class LocalStore final : public BlockStore {
 public:
    LocalStore(io::Env& env, db::Db& db, base::Metrics& metrics, StoreOptions options)
        : env_(env), options_(std::move(options)), index_(db), metrics_(metrics), tasks_(env.executor) {}

    io::Task<Result<void>> open() {
        std::uint16_t number = 0;
        for (const auto& path : options_.folders) {
            CO_TRY(auto folder, Folder::open(env_, FolderOptions{path, number++, options_.segment_bytes}));
            folders_.push_back(std::move(folder));
        }
        CO_TRY(const auto complete, index_.complete());
        for (auto& folder : folders_) {
            for (const auto segment : folder->segments()) {
                const bool youngest = segment == folder->active_segment();
                if (complete && !youngest) continue;
                CO_TRY_VOID(co_await recover(*folder, segment, !complete));
            }
        }
        if (!complete) CO_TRY_VOID(co_await index_.mark_complete());
        tasks_.spawn(count());
        co_return Result<void>();
    }

    io::Task<Result<Hash256>> put(Buffer plain, Owner owner, std::optional<Hash256> expected, bool trusted) override {
        const auto started = env_.clock.now();
        const auto bytes = plain.size();
        std::optional<Place> damaged;
        if (expected && trusted) {
            CO_TRY(const auto known, co_await reuse(*expected, owner, damaged));
            if (known) co_return *expected;
        }
        CO_TRY(auto packed, co_await env_.blocking.run([=, level = options_.zstd_level] {
            return pack(plain, owner, expected, trusted, level);
        }));
        const auto name = packed.header.name;
        if (!(expected && trusted)) {
            CO_TRY(const auto known, co_await reuse(name, owner, damaged));
            if (known) co_return name;
        }
        auto* folder = choose_folder(packed.header.total_bytes());
        if (folder == nullptr) co_return base::fail(Code::no_space, Subject::disk, full_message());
        const auto header = packed.header;
        const PutUnderWay under_way(puts_);
        CO_TRY(const auto place, co_await folder->append(std::move(packed)));
        CO_TRY(const auto entry, co_await index_.add(header, place, damaged));
        if (!damaged && entry.place == place) {
            ++totals_.blocks;
            totals_.stored_bytes += place.bytes;
        }
        metrics_.writes.add();
        metrics_.write_bytes.add(static_cast<double>(bytes));
        metrics_.write_seconds.observe(std::chrono::duration<double>(env_.clock.now() - started).count());
        co_return name;
    }

    io::Task<Result<Buffer>> get(Hash256 name, std::uint64_t offset, std::uint64_t length) override {
        const auto started = env_.clock.now();
        // A compaction may move the block between the look-up and the read: then the look-up is made again.
        for (int attempt = 0;; ++attempt) {
            CO_TRY(const auto entry, index_.find(name));
            if (!entry) {
                co_return base::fail(Code::not_found, Subject::block, "block " + name.hex() + " is not stored here");
            }
            auto data = co_await read(entry->place, name, offset, length);
            if (!data && attempt < 3) {
                CO_TRY(const auto now, index_.find(name));
                if (now && now->place != entry->place) continue;
            }
            if (!data) {
                report(data.error(), entry->place);
                co_return base::fail(data.error());
            }
            metrics_.reads.add();
            metrics_.read_bytes.add(static_cast<double>(data->size()));
            metrics_.read_seconds.observe(std::chrono::duration<double>(env_.clock.now() - started).count());
            co_return data;
        }
    }

    io::Task<Result<void>> add_references(std::vector<Hash256> names, Owner owner) override {
        for (const auto& name : names) {
            CO_TRY(const auto there, co_await index_.refer(name, owner, std::nullopt));
            if (!there)
                co_return base::fail(Code::not_found, Subject::block, "block " + name.hex() + " is not stored here");
        }
        co_return Result<void>();
    }

    io::Task<Result<void>> drop_references(Owner owner) override {
        if (leased_->contains(owner)) {
            co_return base::fail(Code::conflict, Subject::block, "the blocks are being read");
        }
        CO_TRY(const auto freed, co_await index_.drop(owner));
        totals_.blocks -= std::min(totals_.blocks, freed.blocks);
        totals_.stored_bytes -= std::min(totals_.stored_bytes, freed.stored_bytes);
        co_return Result<void>();
    }

    std::unique_ptr<Lease> lease(std::vector<Owner> owners) override {
        return std::make_unique<LocalLease>(leased_, std::move(owners));
    }

    std::vector<Owner> recovered_owners() const override { return {recovered_.begin(), recovered_.end()}; }

    StoreStatus status() const override {
        StoreStatus out;
        for (const auto& folder : folders_) out.folders.push_back(folder->status());
        out.blocks = totals_.blocks;
        out.stored_bytes = totals_.stored_bytes;
        return out;
    }

    io::Task<Result<std::uint64_t>> reclaim(base::Instant deadline) override {
        std::uint64_t freed = 0;
        for (;;) {
            CO_TRY(const auto dead, index_.dead(256));
            if (dead.empty()) break;
            for (const auto& record : dead) {
                if (env_.clock.now() > deadline) co_return freed;
                CO_TRY_VOID(co_await bury(record));
                freed += record.place.bytes;
            }
        }
        CO_TRY_VOID(co_await drop_empty_segments());
        co_return freed;
    }

    io::Task<Result<VerifyReport>> verify() override {
        VerifyReport report;
        for (db::ShardId shard = 0; shard < index_.shards(); ++shard) {
            for (std::string after;;) {
                CO_TRY(const auto page, co_await index_.list(shard, after, 256));
                if (page.empty()) break;
                for (const auto& [name, entry] : page) {
                    ++report.blocks_checked;
                    auto data = co_await read(entry.place, name, 0, entry.plain_bytes);
                    const bool whole = data && co_await env_.blocking.run(
                                                   [data = *data, name] { return base::sha256(data.chars()) == name; });
                    if (!whole)
                        report.damage.push_back(place_text(entry.place) + ": block " + name.hex() + " is damaged");
                }
                after = page.back().first.view();
            }
        }
        co_return report;
    }

    io::Task<Result<void>> close() override {
        tasks_.stop();
        co_return Result<void>();
    }

 private:
    // Counts the puts between their record and its index entry.
    struct PutUnderWay {
        explicit PutUnderWay(std::size_t& n) : count(n) { ++count; }
        ~PutUnderWay() { --count; }
        std::size_t& count;
    };

    io::Task<void> count() {
        const auto totals = co_await index_.totals();
        if (totals) totals_ = *totals;
    }

    // References a block that is here already, if its bytes are good; says where it lies when they are not. Never on
    // the index's word alone.
    io::Task<Result<bool>> reuse(Hash256 name, Owner owner, std::optional<Place>& damaged) {
        CO_TRY(const auto entry, index_.find(name));
        if (!entry) co_return false;
        const auto data = co_await read(entry->place, name, 0, entry->plain_bytes);
        if (!data) {
            report(data.error(), entry->place);
            damaged = entry->place;
            co_return false;
        }
        co_return co_await index_.refer(name, owner, entry->place);
    }

    io::Task<Result<Buffer>> read(Place place, Hash256 name, std::uint64_t offset, std::uint64_t length) {
        if (place.folder >= folders_.size()) {
            co_return base::fail(Code::io_failure, Subject::disk, "a data folder is missing from the configuration");
        }
        CO_TRY(const auto file, folders_[place.folder]->segment_file(place.segment));
        co_return co_await env_.blocking.run([=] { return read_record(*file, place, name, offset, length); });
    }

    std::string place_text(const Place& place) const {
        const auto folder = place.folder < folders_.size() ? folders_[place.folder]->path() : std::string("?");
        return folder + " segment " + std::to_string(place.segment) + " offset " + std::to_string(place.offset);
    }

    void report(const base::Error& error, const Place& place) {
        if (error.code != Code::corrupted && error.code != Code::io_failure) return;
        metrics_.corrupt.add();
        base::log::error("a block cannot be read", "write the object again or restore it; check the disk's health",
                         {{"place", place_text(place)}, {"reason", error.message}});
    }

    // The writable folder with the most free space.
    Folder* choose_folder(std::uint64_t bytes) {
        Folder* best = nullptr;
        std::uint64_t most = 0;
        for (auto& folder : folders_) {
            if (!folder->has_room(bytes)) continue;
            const auto free = folder->status().free_bytes;
            if (best == nullptr || free > most) {
                best = folder.get();
                most = free;
            }
        }
        return best;
    }

    std::string full_message() const {
        std::string out = "no data folder has room:";
        for (const auto& folder : folders_) out += " " + folder->path();
        return out + "; free some space or add a folder";
    }

    // Brings the index up to what a segment holds. With a whole index a record unknown to it was never acknowledged and
    // is dead; with a lost one every intact record is taken back, with the reference it carries.
    io::Task<Result<void>> recover(Folder& folder, std::uint32_t segment, bool rebuild) {
        std::vector<std::pair<std::uint64_t, RecordHeader>> records;
        CO_TRY_VOID(folder.scan(segment, [&](std::uint64_t offset, const RecordHeader& header) {
            records.emplace_back(offset, header);
            return true;
        }));
        std::uint64_t end = 0;
        for (const auto& [offset, header] : records) {
            end = offset + header.total_bytes();
            const Place place{folder.number(), segment, offset, header.total_bytes()};
            CO_TRY(const auto entry, index_.find(header.name));
            if (entry && entry->place == place) continue;
            if (rebuild && folder.check_payload(segment, offset, header)) {
                CO_TRY_VOID(co_await index_.add(header, place));
                recovered_.insert(header.owner);
            } else {
                CO_TRY_VOID(co_await index_.add_dead(header.name, place));
            }
        }
        if (segment == folder.active_segment()) folder.resume_at(end);
        co_return Result<void>();
    }

    io::Task<Result<void>> bury(DeadRecord record) {
        const auto& place = record.place;
        // A rebuilt index may have taken the record back since it was noted as dead.
        CO_TRY(const auto entry, index_.find(record.name));
        const bool alive = entry && entry->place == place;
        if (!alive && place.folder < folders_.size()) {
            const auto punched = co_await folders_[place.folder]->punch(place);
            if (!punched && punched.error().code != Code::unsupported && punched.error().code != Code::not_found) {
                co_return base::fail(punched.error());
            }
            freed_[{place.folder, place.segment}] += place.bytes;
        }
        co_return co_await index_.forget_dead(record);
    }

    // Sealed segments that lost their share since the start: what is left is copied out, and they are removed.
    io::Task<Result<void>> drop_empty_segments() {
        for (const auto& [where, bytes] : std::map(freed_)) {
            auto& folder = *folders_[where.first];
            const auto length = static_cast<double>(folder.segment_length(where.second));
            const bool worth_it = static_cast<double>(bytes) >= (1 - options_.compact_below) * length;
            if (where.second == folder.active_segment() || !worth_it || puts_ > 0) continue;
            freed_.erase(where);
            if (length > 0) CO_TRY_VOID(co_await compact(folder, where.second));
        }
        co_return Result<void>();
    }

    io::Task<Result<void>> compact(Folder& folder, std::uint32_t segment) {
        std::vector<std::pair<Place, Hash256>> live;
        std::uint64_t live_bytes = 0;
        std::vector<std::pair<std::uint64_t, RecordHeader>> records;
        CO_TRY_VOID(folder.scan(segment, [&](std::uint64_t offset, const RecordHeader& header) {
            records.emplace_back(offset, header);
            return true;
        }));
        for (const auto& [offset, header] : records) {
            const Place place{folder.number(), segment, offset, header.total_bytes()};
            CO_TRY(const auto entry, index_.find(header.name));
            if (!entry || entry->place != place) continue;
            live.emplace_back(place, header.name);
            live_bytes += place.bytes;
        }
        const auto length = static_cast<double>(folder.segment_length(segment));
        if (static_cast<double>(live_bytes) > options_.compact_below * length) co_return Result<void>();
        for (const auto& [place, name] : live) {
            CO_TRY(const auto entry, index_.find(name));
            if (!entry || entry->place != place) continue;
            CO_TRY(auto plain, co_await read(place, name, 0, entry->plain_bytes));
            CO_TRY(auto packed, co_await env_.blocking.run([=, level = options_.zstd_level] {
                return pack(plain, Owner{}, name, false, level);
            }));
            auto* target = choose_folder(packed.header.total_bytes());
            if (target == nullptr) co_return base::fail(Code::no_space, Subject::disk, full_message());
            CO_TRY(const auto moved_to, co_await target->append(std::move(packed)));
            CO_TRY_VOID(co_await index_.move(name, place, moved_to));
        }
        co_return co_await folder.remove_segment(segment);
    }

    io::Env& env_;
    StoreOptions options_;
    Index index_;
    StoreMetrics metrics_;
    std::vector<std::unique_ptr<Folder>> folders_;
    std::shared_ptr<std::multiset<Owner>> leased_ = std::make_shared<std::multiset<Owner>>();
    std::set<Owner> recovered_;
    Index::Totals totals_;
    std::size_t puts_ = 0;  // between record and index entry: to compaction such a record would look dead
    std::map<std::pair<std::uint16_t, std::uint32_t>, std::uint64_t> freed_;  // bytes by folder and segment
    io::TaskGroup tasks_;
};

}  // namespace

io::Task<Result<std::unique_ptr<BlockStore>>> BlockStore::open(io::Env& env, db::Db& db, base::Metrics& metrics,
                                                               StoreOptions options) {
    auto store = std::make_unique<LocalStore>(env, db, metrics, std::move(options));
    CO_TRY_VOID(co_await store->open());
    co_return store;
}

}  // namespace larder::block
