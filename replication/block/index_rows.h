// The rows of the index and how one change of them hangs together (docs/formats.md, "Block index"). Everything here
// runs inside a change or a look of the local store.
#pragma once

#include "replication/block/record.h"
#include "src/db/db.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace larder::block::rows {

constexpr db::TreeId kPlaces = 32;  // name → entry
constexpr db::TreeId kOwners = 33;  // owner, name → nothing
constexpr db::TreeId kDead = 34;    // place → name
constexpr db::TreeId kMarks = 35;   // "index" → version; "folder-…" → a known data folder
constexpr db::TreeId kUsage = 36;   // folder, segment → how much of it this shard's entries name

struct Entry {
    Place place;
    std::uint32_t plain_bytes = 0;
    std::uint64_t references = 0;
};

using SegmentId = std::pair<std::uint16_t, std::uint32_t>;  // folder, segment

// What the entries of the index name in one segment.
struct Usage {
    std::int64_t blocks = 0;
    std::int64_t bytes = 0;
    std::uint64_t end = 0;  // no entry has ever named anything behind it
    void add(const Usage& other);
};
using Usages = std::map<SegmentId, Usage>;

// Big-endian, so that the order of keys is that of folders, segments and offsets.
std::string place_key(const Place& place);
std::optional<Place> parse_place(std::string_view key);
std::string segment_key(SegmentId id);
std::optional<SegmentId> parse_segment(std::string_view key);
std::string owner_key(const Owner& owner, const base::Hash256& name);
base::Result<Entry> decode_entry(std::string_view bytes);
base::Result<Usage> decode_usage(std::string_view bytes);

// A change of the index: keeps entries, references, dead records and usage in step. Made for one change; finish() is
// its last call.
class Edit {
 public:
    explicit Edit(db::Writer& rows) : rows_(rows) {}

    base::Result<std::optional<Entry>> entry(const base::Hash256& name);
    // Sets or moves the entry; the place it had becomes a dead record.
    base::Result<void> place(const base::Hash256& name, const Entry& entry, const std::optional<Entry>& before);
    // Counts the owner's reference once, however often it is added.
    base::Result<void> refer(const base::Hash256& name, const Owner& owner, Entry& entry);
    // Takes the owner's reference away; a block without any becomes a dead record.
    base::Result<void> unrefer(const base::Hash256& name, const Owner& owner);
    base::Result<void> note_dead(const base::Hash256& name, const Place& place);
    // Writes the usage. Returns by how much it changed.
    base::Result<Usages> finish();

 private:
    void count(const Place& place, std::int64_t sign);

    db::Writer& rows_;
    Usages changes_;
};

// The keys of a tree from `from` on that begin with `prefix`, at most `limit`. A damaged row counts: its key is whole.
base::Result<std::vector<std::string>> keys_with(db::Reader& rows, db::TreeId tree, std::string_view prefix,
                                                 std::size_t limit);

}  // namespace larder::block::rows
