#include "replication/block/index_rows.h"

#include "src/codec/codec.h"

namespace larder::block::rows {

using base::Code;
using base::Hash256;
using base::Result;

namespace {

constexpr std::size_t kPlaceBytes = 2 + 4 + 8 + 8;

template <typename Number>
void append_big_endian(std::string& out, Number value) {
    for (std::size_t i = sizeof(Number); i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
}

template <typename Number>
Number take_big_endian(std::string_view& in) {
    Number value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
        value = static_cast<Number>(value << 8 | static_cast<std::uint8_t>(in[i]));
    }
    in.remove_prefix(sizeof(Number));
    return value;
}

std::string encode_entry(const Entry& entry) {
    codec::Writer out;
    return out.raw(place_key(entry.place)).u32(entry.plain_bytes).varint(entry.references).take();
}

std::string encode_usage(const Usage& usage) {
    codec::Writer out;
    out.varint(static_cast<std::uint64_t>(usage.blocks)).varint(static_cast<std::uint64_t>(usage.bytes));
    return out.varint(usage.end).take();
}

}  // namespace

void Usage::add(const Usage& other) {
    blocks += other.blocks;
    bytes += other.bytes;
    end = std::max(end, other.end);
}

std::string place_key(const Place& place) {
    std::string out = segment_key({place.folder, place.segment});
    append_big_endian(out, place.offset);
    append_big_endian(out, place.bytes);
    return out;
}

std::optional<Place> parse_place(std::string_view key) {
    if (key.size() != kPlaceBytes) return std::nullopt;
    Place place;
    place.folder = take_big_endian<std::uint16_t>(key);
    place.segment = take_big_endian<std::uint32_t>(key);
    place.offset = take_big_endian<std::uint64_t>(key);
    place.bytes = take_big_endian<std::uint64_t>(key);
    return place;
}

std::string segment_key(SegmentId id) {
    std::string out;
    append_big_endian(out, id.first);
    append_big_endian(out, id.second);
    return out;
}

std::optional<SegmentId> parse_segment(std::string_view key) {
    if (key.size() != 6) return std::nullopt;
    const auto folder = take_big_endian<std::uint16_t>(key);
    return SegmentId{folder, take_big_endian<std::uint32_t>(key)};
}

std::string owner_key(const Owner& owner, const Hash256& name) {
    std::string out(owner.view());
    return out.append(name.view());
}

Result<Entry> decode_entry(std::string_view bytes) {
    codec::Reader in(bytes);
    Entry entry;
    const auto place = parse_place(in.raw(kPlaceBytes));
    entry.plain_bytes = in.u32();
    entry.references = in.varint();
    TRY_VOID(in.finish("block index entry"));
    entry.place = *place;
    return entry;
}

Result<Usage> decode_usage(std::string_view bytes) {
    codec::Reader in(bytes);
    Usage usage;
    usage.blocks = static_cast<std::int64_t>(in.varint());
    usage.bytes = static_cast<std::int64_t>(in.varint());
    usage.end = in.varint();
    TRY_VOID(in.finish("block index usage"));
    return usage;
}

Result<std::optional<Entry>> Edit::entry(const Hash256& name) {
    TRY(const auto bytes, rows_.get(kPlaces, name.view()));
    if (!bytes) return std::nullopt;
    TRY(const auto entry, decode_entry(*bytes));
    return entry;
}

Result<void> Edit::place(const Hash256& name, const Entry& entry, const std::optional<Entry>& before) {
    if (before && before->place != entry.place) {
        TRY_VOID(note_dead(name, before->place));
        count(before->place, -1);
    }
    if (!before || before->place != entry.place) {
        // The same bytes may have been written here before, and not have counted.
        TRY_VOID(rows_.erase(kDead, place_key(entry.place)));
        count(entry.place, 1);
    }
    return rows_.put(kPlaces, name.view(), encode_entry(entry));
}

Result<void> Edit::refer(const Hash256& name, const Owner& owner, Entry& entry) {
    const auto key = owner_key(owner, name);
    TRY(const auto there, rows_.get(kOwners, key));
    if (there) return {};
    ++entry.references;
    TRY_VOID(rows_.put(kOwners, key, {}));
    return rows_.put(kPlaces, name.view(), encode_entry(entry));
}

Result<void> Edit::unrefer(const Hash256& name, const Owner& owner) {
    const auto key = owner_key(owner, name);
    TRY(const auto there, rows_.get(kOwners, key));
    if (!there) return {};
    TRY_VOID(rows_.erase(kOwners, key));
    TRY(auto found, entry(name));
    if (!found) return {};
    if (found->references > 1) {
        --found->references;
        return rows_.put(kPlaces, name.view(), encode_entry(*found));
    }
    TRY_VOID(rows_.erase(kPlaces, name.view()));
    count(found->place, -1);
    return note_dead(name, found->place);
}

Result<void> Edit::note_dead(const Hash256& name, const Place& place) {
    return rows_.put(kDead, place_key(place), name.view());
}

void Edit::count(const Place& place, std::int64_t sign) {
    auto& change = changes_[{place.folder, place.segment}];
    change.blocks += sign;
    change.bytes += sign * static_cast<std::int64_t>(place.bytes);
    change.end = std::max(change.end, place.end());
}

Result<Usages> Edit::finish() {
    for (const auto& [id, change] : changes_) {
        const auto key = segment_key(id);
        TRY(const auto before, rows_.get(kUsage, key));
        TRY(auto usage, before ? decode_usage(*before) : Result<Usage>());
        usage.add(change);
        TRY_VOID(rows_.put(kUsage, key, encode_usage(usage)));
    }
    return std::move(changes_);
}

Result<std::vector<std::string>> keys_with(db::Reader& rows, db::TreeId tree, std::string_view prefix,
                                           std::size_t limit) {
    std::vector<std::string> keys;
    TRY(const auto cursor, rows.cursor(tree));
    auto moved = cursor->seek(prefix);
    for (;; moved = cursor->next()) {
        // A damaged row's key is there; when the cursor does not get on, the tree itself is damaged.
        const bool stuck = !cursor->valid() || (!keys.empty() && cursor->key() == keys.back());
        if (!moved && (stuck || moved.error().code != Code::corrupted)) return base::fail(moved.error());
        if (!cursor->valid() || !cursor->key().starts_with(prefix) || keys.size() == limit) return keys;
        keys.emplace_back(cursor->key());
    }
}

}  // namespace larder::block::rows
