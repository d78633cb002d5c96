#include "replication/block/index.h"

#include "src/base/log.h"
#include "src/codec/codec.h"

namespace larder::block {

using base::Hash256;
using base::Result;
using rows::Edit;

namespace {

constexpr std::string_view kWhole = "2";  // the version of the rows; of another one they are made anew
constexpr std::string_view kIndexMark = "index";
constexpr std::string_view kFolderMark = "folder-";
constexpr std::size_t kRowsPerChange = 1000;  // so that other changes get their turn
constexpr db::ShardId kFolderShard = 0;

std::string folder_key(std::uint16_t number) {
    return std::string(kFolderMark) + std::to_string(number);
}

// The entry that is in force once the record is there.
Result<rows::Entry> add_record(Edit& edit, const NewRecord& record, const std::optional<Place>& damaged) {
    TRY(const auto before, edit.entry(record.name));
    auto entry = before ? *before : rows::Entry{record.place, record.plain_bytes, 0};
    if (before && before->place == damaged) entry.place = record.place;
    if (entry.place == record.place) {
        TRY_VOID(edit.place(record.name, entry, before));
    } else {
        TRY_VOID(edit.note_dead(record.name, record.place));
    }
    TRY_VOID(edit.refer(record.name, record.owner, entry));
    return entry;
}

}  // namespace

Result<void> Index::load() {
    usage_.clear();
    total_ = {};
    uncounted_.clear();
    for (db::ShardId shard = 0; shard < db_.shards(); ++shard) {
        rows::Usages found;
        const auto read = db_.look(shard, [&found](db::Reader& reader) -> Result<void> {
            TRY(const auto cursor, reader.cursor(rows::kUsage));
            for (auto moved = cursor->seek({});; moved = cursor->next()) {
                TRY_VOID(std::move(moved));
                if (!cursor->valid()) return {};
                const auto id = rows::parse_segment(cursor->key());
                TRY(const auto usage, rows::decode_usage(cursor->value()));
                if (id) found[*id].add(usage);
            }
        });
        if (!read && read.error().code != base::Code::corrupted) return read;
        if (!read) uncounted_.insert(shard);
        count(found);
    }
    return {};
}

// Runs to its end once begun: what the store holds and what is counted here stay the same.
io::Task<Result<void>> Index::change(db::ShardId shard, Change change) {
    io::Promise<Outcome> done(env_.executor);
    changing_.spawn(make_change(shard, std::move(change), done));
    co_return co_await done.future();
}

io::Task<void> Index::make_change(db::ShardId shard, Change change, io::Promise<Outcome> done) {
    auto changes = std::make_shared<rows::Usages>();
    auto made = co_await db_.commit(shard, [change = std::move(change), changes](db::Writer& writer) -> Result<void> {
        Edit edit(writer);
        TRY_VOID(change(edit, writer));
        TRY(*changes, edit.finish());
        return {};
    });
    if (made) count(*changes);
    if (!made) notice(made.error(), shard);
    done.set(std::move(made));
}

// A damaged row of the index is not mended in place: its shard is made anew from the segments at the next start.
void Index::notice(const base::Error& error, db::ShardId shard) {
    if (error.code != base::Code::corrupted || !noticed_.insert(shard).second) return;
    base::log::error("a row of the block index is damaged; blocks that need it cannot be used",
                     "restart larderd: it makes that part of the index anew from the segments",
                     {{"shard", shard}, {"reason", error.message}});
    changing_.spawn(lose(shard));
}

io::Task<void> Index::lose(db::ShardId shard) {
    (void)co_await db_.commit(shard, [](db::Writer& writer) { return writer.erase(rows::kMarks, kIndexMark); });
}

void Index::count(const rows::Usages& changes) {
    for (const auto& [id, change] : changes) {
        usage_[id].add(change);
        total_.add(change);
    }
}

rows::Usage Index::usage(rows::SegmentId segment) const {
    const auto found = usage_.find(segment);
    return found == usage_.end() ? rows::Usage() : found->second;
}

bool Index::names_folder(std::uint16_t folder) const {
    for (auto it = usage_.lower_bound({folder, 0}); it != usage_.end() && it->first.first == folder; ++it) {
        if (it->second.blocks > 0) return true;
    }
    return false;
}

Result<std::optional<IndexEntry>> Index::find(const Hash256& name) {
    const auto shard = shard_of(name);
    const auto bytes = db_.get(shard, rows::kPlaces, name.view());
    if (bytes && !*bytes) return std::nullopt;
    auto entry = bytes ? rows::decode_entry(**bytes) : Result<IndexEntry>(base::fail(bytes.error()));
    if (!entry) {
        notice(entry.error(), shard);
        return base::fail(entry.error());
    }
    return *entry;
}

io::Task<Result<IndexEntry>> Index::add(NewRecord record, std::optional<Place> damaged, Pin pin) {
    auto in_force = std::make_shared<IndexEntry>();
    const auto shard = shard_of(record.name);
    CO_TRY_VOID(co_await change(shard, [in_force, record, damaged, pin](Edit& edit, db::Writer&) -> Result<void> {
        TRY(*in_force, add_record(edit, record, damaged));
        return {};
    }));
    co_return *in_force;
}

io::Task<Result<bool>> Index::refer(Hash256 name, Owner owner, Place expected) {
    auto there = std::make_shared<bool>(false);
    CO_TRY_VOID(co_await change(shard_of(name), [=](Edit& edit, db::Writer&) -> Result<void> {
        TRY(auto entry, edit.entry(name));
        if (!entry || entry->place != expected) return {};
        *there = true;
        return edit.refer(name, owner, *entry);
    }));
    co_return *there;
}

io::Task<Result<bool>> Index::refer_all(std::vector<Hash256> names, Owner owner) {
    std::map<db::ShardId, std::vector<Hash256>> by_shard;
    for (const auto& name : names) by_shard[shard_of(name)].push_back(name);
    auto missing = std::make_shared<bool>(false);
    for (const auto& [shard, some] : by_shard) {
        CO_TRY_VOID(co_await change(shard, [some, owner, missing](Edit& edit, db::Writer&) -> Result<void> {
            for (const auto& name : some) {
                TRY(auto entry, edit.entry(name));
                *missing = *missing || !entry;
                if (entry) TRY_VOID(edit.refer(name, owner, *entry));
            }
            return {};
        }));
        if (*missing) co_return false;
    }
    co_return true;
}

io::Task<Result<void>> Index::drop(Owner owner) {
    for (db::ShardId shard = 0; shard < db_.shards(); ++shard) {
        for (;;) {
            // Most owners have blocks in few shards; a look costs far less than a commit.
            std::vector<std::string> keys;
            CO_TRY_VOID(db_.look(shard, [&](db::Reader& reader) -> Result<void> {
                TRY(keys, rows::keys_with(reader, rows::kOwners, owner.view(), kRowsPerChange));
                return {};
            }));
            if (keys.empty()) break;
            CO_TRY_VOID(co_await change(shard, [keys, owner](Edit& edit, db::Writer& writer) -> Result<void> {
                for (const auto& key : keys) {
                    const auto name = Hash256::from(std::string_view(key).substr(Owner::kSize));
                    if (name) {
                        TRY_VOID(edit.unrefer(*name, owner));
                    } else {
                        TRY_VOID(writer.erase(rows::kOwners, key));
                    }
                }
                return {};
            }));
        }
    }
    co_return Result<void>();
}

io::Task<Result<void>> Index::move(Hash256 name, Place from, Place to, Pin pin) {
    return change(shard_of(name), [=](Edit& edit, db::Writer&) -> Result<void> {
        TRY(const auto before, edit.entry(name));
        if (!before || before->place != from) return edit.note_dead(name, to);
        auto entry = *before;
        entry.place = to;
        (void)pin;
        return edit.place(name, entry, before);
    });
}

Result<std::vector<DeadRecord>> Index::dead(db::ShardId shard, std::optional<Place> after, std::size_t limit) {
    std::vector<DeadRecord> out;
    TRY_VOID(db_.look(shard, [&](db::Reader& reader) -> Result<void> {
        TRY(const auto cursor, reader.cursor(rows::kDead));
        TRY_VOID(cursor->seek(after ? rows::place_key(*after) + '\0' : std::string()));
        while (cursor->valid() && out.size() < limit) {
            const auto place = rows::parse_place(cursor->key());
            const auto name = Hash256::from(cursor->value());
            if (place && name) out.push_back({*name, *place});
            TRY_VOID(cursor->next());
        }
        return {};
    }));
    return out;
}

io::Task<Result<void>> Index::note_dead(std::vector<DeadRecord> records) {
    std::map<db::ShardId, std::vector<DeadRecord>> by_shard;
    for (const auto& record : records) by_shard[shard_of(record.name)].push_back(record);
    for (const auto& [shard, some] : by_shard) {
        CO_TRY_VOID(co_await change(shard, [some](Edit& edit, db::Writer&) -> Result<void> {
            for (const auto& record : some) TRY_VOID(edit.note_dead(record.name, record.place));
            return {};
        }));
    }
    co_return Result<void>();
}

io::Task<Result<void>> Index::forget_dead(db::ShardId shard, std::vector<DeadRecord> records) {
    return change(shard, [records = std::move(records)](Edit&, db::Writer& writer) -> Result<void> {
        for (const auto& record : records) TRY_VOID(writer.erase(rows::kDead, rows::place_key(record.place)));
        return {};
    });
}

Result<std::uint64_t> Index::dead_end(rows::SegmentId segment) {
    std::uint64_t end = 0;
    for (db::ShardId shard = 0; shard < db_.shards(); ++shard) {
        TRY_VOID(db_.look(shard, [&](db::Reader& reader) -> Result<void> {
            TRY(const auto keys, rows::keys_with(reader, rows::kDead, rows::segment_key(segment), SIZE_MAX));
            for (const auto& key : keys) {
                if (const auto place = rows::parse_place(key)) end = std::max(end, place->end());
            }
            return {};
        }));
    }
    return end;
}

io::Task<Result<std::vector<std::pair<Hash256, IndexEntry>>>> Index::list(db::ShardId shard, std::string after,
                                                                          std::size_t limit) {
    auto out = std::make_shared<std::vector<std::pair<Hash256, IndexEntry>>>();
    CO_TRY_VOID(co_await db_.look_later(shard, [out, after, limit](db::Reader& reader) -> Result<void> {
        TRY(const auto cursor, reader.cursor(rows::kPlaces));
        TRY_VOID(cursor->seek(after.empty() ? after : after + '\0'));
        while (cursor->valid() && out->size() < limit) {
            const auto name = Hash256::from(cursor->key());
            TRY(const auto entry, rows::decode_entry(cursor->value()));
            if (name) out->emplace_back(*name, entry);
            TRY_VOID(cursor->next());
        }
        return {};
    }));
    co_return std::move(*out);
}

Result<std::vector<db::ShardId>> Index::lost_shards() {
    std::vector<db::ShardId> lost;
    for (db::ShardId shard = 0; shard < db_.shards(); ++shard) {
        const auto mark = db_.get(shard, rows::kMarks, kIndexMark);
        if (!mark && mark.error().code != base::Code::corrupted) return base::fail(mark.error());
        if (!mark || *mark != kWhole || uncounted_.contains(shard)) lost.push_back(shard);
    }
    return lost;
}

io::Task<Result<void>> Index::mark_whole(db::ShardId shard) {
    return db_.commit(shard, [](db::Writer& writer) { return writer.put(rows::kMarks, kIndexMark, kWhole); });
}

io::Task<Result<void>> Index::wipe(db::ShardId shard) {
    for (const auto tree : {rows::kPlaces, rows::kOwners, rows::kDead, rows::kUsage}) {
        auto more = std::make_shared<bool>(true);
        while (*more) {
            CO_TRY_VOID(co_await db_.commit(shard, [tree, more](db::Writer& writer) -> Result<void> {
                TRY(const auto keys, rows::keys_with(writer, tree, {}, kRowsPerChange));
                for (const auto& key : keys) TRY_VOID(writer.erase(tree, key));
                *more = !keys.empty();
                return {};
            }));
        }
    }
    co_return Result<void>();
}

io::Task<Result<void>> Index::restore(db::ShardId shard, std::vector<NewRecord> records) {
    return change(shard, [records = std::move(records)](Edit& edit, db::Writer&) -> Result<void> {
        for (const auto& record : records) TRY_VOID(add_record(edit, record, std::nullopt));
        return {};
    });
}

Result<std::vector<KnownFolder>> Index::known_folders() {
    std::vector<KnownFolder> out;
    TRY_VOID(db_.look(kFolderShard, [&out](db::Reader& reader) -> Result<void> {
        TRY(const auto keys, rows::keys_with(reader, rows::kMarks, kFolderMark, SIZE_MAX));
        for (const auto& key : keys) {
            const auto row = reader.get(rows::kMarks, key);
            // A damaged row is written again when its folder is found.
            if (!row && row.error().code == base::Code::corrupted) continue;
            if (!row) return base::fail(row.error());
            codec::Reader in(**row);
            KnownFolder folder;
            folder.number = static_cast<std::uint16_t>(in.varint());
            folder.mark = in.u64();
            folder.path = in.bytes();
            if (in.finish("known data folder")) out.push_back(std::move(folder));
        }
        return {};
    }));
    return out;
}

io::Task<Result<void>> Index::know_folder(KnownFolder folder) {
    codec::Writer out;
    out.varint(folder.number).u64(folder.mark).bytes(folder.path);
    return db_.commit(kFolderShard, [key = folder_key(folder.number), row = out.take()](db::Writer& writer) {
        return writer.put(rows::kMarks, key, row);
    });
}

}  // namespace larder::block
