#include "replication/block/index.h"

#include "src/codec/codec.h"

namespace larder::block {

using base::Hash256;
using base::Result;

namespace {

constexpr db::TreeId kPlaces = 32;
constexpr db::TreeId kOwners = 33;
constexpr db::TreeId kDead = 34;
constexpr db::TreeId kMarks = 35;

std::string encode_place(const Place& place) {
    codec::Writer out;
    return out.u32(place.folder).u32(place.segment).u64(place.offset).u64(place.bytes).take();
}

Place decode_place(codec::Reader& in) {
    Place place;
    place.folder = static_cast<std::uint16_t>(in.u32());
    place.segment = in.u32();
    place.offset = in.u64();
    place.bytes = in.u64();
    return place;
}

std::string encode_entry(const IndexEntry& entry) {
    codec::Writer out;
    return out.raw(encode_place(entry.place)).u32(entry.plain_bytes).varint(entry.references).take();
}

Result<IndexEntry> decode_entry(std::string_view bytes) {
    codec::Reader in(bytes);
    IndexEntry entry;
    entry.place = decode_place(in);
    entry.plain_bytes = in.u32();
    entry.references = in.varint();
    TRY_VOID(in.finish("block index entry"));
    return entry;
}

Result<std::optional<IndexEntry>> read_entry(db::Reader& rows, const Hash256& name) {
    TRY(const auto bytes, rows.get(kPlaces, name.view()));
    if (!bytes) return std::nullopt;
    TRY(const auto entry, decode_entry(*bytes));
    return entry;
}

std::string owner_row(const Owner& owner, const Hash256& name) {
    std::string out(owner.view());
    return out.append(name.view());
}

// Counts the owner's reference once, however often it is added.
Result<void> add_reference(db::Writer& rows, const Hash256& name, const Owner& owner, IndexEntry& entry) {
    const auto key = owner_row(owner, name);
    TRY(const auto there, rows.get(kOwners, key));
    if (there) return {};
    ++entry.references;
    TRY_VOID(rows.put(kOwners, key, {}));
    return rows.put(kPlaces, name.view(), encode_entry(entry));
}

Result<void> put_dead(db::Writer& rows, const Hash256& name, const Place& place) {
    return rows.put(kDead, encode_place(place), name.view());
}

}  // namespace

Result<std::optional<IndexEntry>> Index::find(const Hash256& name) {
    TRY(const auto bytes, db_.get(shard_of(name), kPlaces, name.view()));
    if (!bytes) return std::nullopt;
    TRY(const auto entry, decode_entry(*bytes));
    return entry;
}

io::Task<Result<IndexEntry>> Index::add(RecordHeader header, Place place, std::optional<Place> damaged) {
    auto in_force = std::make_shared<IndexEntry>();
    CO_TRY_VOID(co_await db_.commit(shard_of(header.name),
                                    [in_force, place, damaged, name = header.name, owner = header.owner,
                                     plain = header.plain_bytes](db::Writer& rows) -> Result<void> {
                                        TRY(auto entry, read_entry(rows, name));
                                        if (entry && entry->place == damaged) {
                                            TRY_VOID(put_dead(rows, name, entry->place));
                                            entry->place = place;
                                            TRY_VOID(rows.put(kPlaces, name.view(), encode_entry(*entry)));
                                        } else if (entry) {
                                            TRY_VOID(put_dead(rows, name, place));
                                        } else {
                                            entry = IndexEntry{place, plain, 0};
                                        }
                                        TRY_VOID(add_reference(rows, name, owner, *entry));
                                        *in_force = *entry;
                                        return {};
                                    }));
    co_return *in_force;
}

io::Task<Result<bool>> Index::refer(Hash256 name, Owner owner, std::optional<Place> expected) {
    auto there = std::make_shared<bool>(false);
    CO_TRY_VOID(co_await db_.commit(shard_of(name), [=](db::Writer& rows) -> Result<void> {
        TRY(auto entry, read_entry(rows, name));
        if (!entry || (expected && entry->place != *expected)) return {};
        *there = true;
        return add_reference(rows, name, owner, *entry);
    }));
    co_return *there;
}

io::Task<Result<Index::Totals>> Index::drop(Owner owner) {
    auto freed = std::make_shared<Totals>();
    for (db::ShardId shard = 0; shard < db_.shards(); ++shard) {
        // Most owners have blocks in few shards; a look costs far less than a commit.
        bool any = false;
        CO_TRY_VOID(db_.look(shard, [&](db::Reader& rows) -> Result<void> {
            TRY(const auto cursor, rows.cursor(kOwners));
            TRY_VOID(cursor->seek(owner.view()));
            any = cursor->valid() && cursor->key().starts_with(owner.view());
            return {};
        }));
        if (!any) continue;
        CO_TRY_VOID(co_await db_.commit(shard, [owner, freed](db::Writer& rows) -> Result<void> {
            std::vector<Hash256> names;
            {
                TRY(const auto cursor, rows.cursor(kOwners));
                TRY_VOID(cursor->seek(owner.view()));
                while (cursor->valid() && cursor->key().starts_with(owner.view())) {
                    if (const auto name = Hash256::from(cursor->key().substr(Owner::kSize))) names.push_back(*name);
                    TRY_VOID(cursor->next());
                }
            }
            for (const auto& name : names) {
                TRY_VOID(rows.erase(kOwners, owner_row(owner, name)));
                TRY(auto entry, read_entry(rows, name));
                if (!entry) continue;
                if (entry->references > 1) {
                    --entry->references;
                    TRY_VOID(rows.put(kPlaces, name.view(), encode_entry(*entry)));
                } else {
                    TRY_VOID(rows.erase(kPlaces, name.view()));
                    TRY_VOID(put_dead(rows, name, entry->place));
                    ++freed->blocks;
                    freed->stored_bytes += entry->place.bytes;
                }
            }
            return {};
        }));
    }
    co_return *freed;
}

io::Task<Result<void>> Index::add_dead(Hash256 name, Place place) {
    return db_.commit(shard_of(name), [=](db::Writer& rows) { return put_dead(rows, name, place); });
}

io::Task<Result<void>> Index::forget_dead(DeadRecord record) {
    return db_.commit(shard_of(record.name),
                      [=](db::Writer& rows) { return rows.erase(kDead, encode_place(record.place)); });
}

io::Task<Result<bool>> Index::move(Hash256 name, Place from, Place to) {
    auto moved = std::make_shared<bool>(false);
    CO_TRY_VOID(co_await db_.commit(shard_of(name), [=](db::Writer& rows) -> Result<void> {
        TRY(auto entry, read_entry(rows, name));
        if (!entry || entry->place != from) return put_dead(rows, name, to);
        entry->place = to;
        *moved = true;
        return rows.put(kPlaces, name.view(), encode_entry(*entry));
    }));
    co_return *moved;
}

Result<std::vector<DeadRecord>> Index::dead(std::size_t limit) {
    std::vector<DeadRecord> out;
    for (db::ShardId shard = 0; shard < db_.shards(); ++shard) {
        TRY_VOID(db_.look(shard, [&](db::Reader& rows) -> Result<void> {
            TRY(const auto cursor, rows.cursor(kDead));
            TRY_VOID(cursor->seek({}));
            for (std::size_t n = 0; n < limit && cursor->valid(); ++n) {
                codec::Reader in(cursor->key());
                DeadRecord record{decode_place(in), {}};
                if (const auto name = Hash256::from(cursor->value())) record.name = *name;
                out.push_back(record);
                TRY_VOID(cursor->next());
            }
            return {};
        }));
    }
    return out;
}

io::Task<Result<std::vector<std::pair<Hash256, IndexEntry>>>> Index::list(db::ShardId shard, std::string after,
                                                                          std::size_t limit) {
    auto out = std::make_shared<std::vector<std::pair<Hash256, IndexEntry>>>();
    CO_TRY_VOID(co_await db_.look_later(shard, [out, after, limit](db::Reader& rows) -> Result<void> {
        TRY(const auto cursor, rows.cursor(kPlaces));
        TRY_VOID(cursor->seek(after.empty() ? after : after + '\0'));
        while (cursor->valid() && out->size() < limit) {
            const auto name = Hash256::from(cursor->key());
            TRY(const auto entry, decode_entry(cursor->value()));
            if (name) out->emplace_back(*name, entry);
            TRY_VOID(cursor->next());
        }
        return {};
    }));
    co_return std::move(*out);
}

io::Task<Result<Index::Totals>> Index::totals() {
    Totals totals;
    for (db::ShardId shard = 0; shard < db_.shards(); ++shard) {
        for (std::string after;;) {
            CO_TRY(const auto page, co_await list(shard, after, 10'000));
            for (const auto& [name, entry] : page) {
                ++totals.blocks;
                totals.stored_bytes += entry.place.bytes;
            }
            if (page.size() < 10'000) break;
            after = page.back().first.view();
        }
    }
    co_return totals;
}

Result<bool> Index::complete() {
    for (db::ShardId shard = 0; shard < db_.shards(); ++shard) {
        TRY(const auto mark, db_.get(shard, kMarks, "index"));
        if (!mark) return false;
    }
    return true;
}

io::Task<Result<void>> Index::mark_complete() {
    for (db::ShardId shard = 0; shard < db_.shards(); ++shard) {
        CO_TRY_VOID(co_await db_.commit(shard, [](db::Writer& rows) { return rows.put(kMarks, "index", "1"); }));
    }
    co_return Result<void>();
}

}  // namespace larder::block
