// Tagged registers: rows that take plain writes (one round trip) and conditional writes (PREPARE, ACCEPT) side by side
// and stay linearizable. The protocol joins ABD registers and CASPaxos on one tag that is version order and ballot at
// once, as Gryff (Burke, Cheng, Lloyd, NSDI 2020) unifies registers and consensus; a durable fence per row guards every
// path by which a value can come to count towards a quorum. docs/protocol.md states it; tests/sim runs it.
#pragma once

#include "replication/quorum/placement.h"
#include "src/base/error.h"
#include "src/base/id.h"
#include "src/io/env.h"
#include "src/io/task.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace larder::table {

using TableId = std::uint8_t;  // stands in keys and messages: never reused

// The partition key's hash picks the partition; rows of one partition key lie side by side, ordered by sort key.
struct RowKey {
    std::string partition_key;
    std::string sort_key;
    auto operator<=>(const RowKey&) const = default;
};

// What a register holds. `row` is scanned by range reads, so keep it small; `body` lies beside it and is fetched only
// when asked for.
struct Value {
    std::string row;
    std::string body;
};

// A settled observation of a register.
struct Row {
    base::Tag version;           // of the write that made this value; zero: never written
    std::optional<Value> value;  // empty: never written, or deleted
    bool exists() const { return value.has_value(); }
};

// What a conditional write decides, from the current row: nullopt deletes.
struct Decision {
    std::optional<Value> value;
};
// May run more than once; its error (precondition_failed, not_found, …) is returned only once the row it judged is
// known to be at a quorum. `version` is the version the new value will have.
using Decide = std::function<base::Result<Decision>(const Row& current, base::Tag version)>;
// Decides rows of one partition key together: one value a row, in their order.
using Decided = std::vector<std::optional<Value>>;
using DecideAll = std::function<base::Result<Decided>(const std::vector<Row>&, base::Tag version)>;

struct RangeQuery {
    std::string partition_key;
    std::string prefix;       // of the sort key
    std::string start_after;  // exclusive
    std::string start_at;     // inclusive; the greater of both holds
    std::string end_before;   // exclusive; empty: none
    std::string delimiter;    // folds all sort keys with it after the prefix into one entry; empty: none
    std::size_t limit = 1000;
    bool with_bodies = false;
    std::size_t row_bytes = SIZE_MAX;  // give back at most so many leading bytes of each row
};
// Views of what its page holds.
struct RangeEntry {
    std::string_view sort_key;  // or the common prefix, delimiter included
    bool is_prefix = false;
    bool damaged = false;  // there is a row, but none of the replicas that answered can read it; the rest is empty
    base::Tag version;     // this and what follows only where !is_prefix
    std::string_view row;
    std::string_view body;
};
struct RangePage {
    std::vector<RangeEntry> entries;                       // only rows that exist; ascending
    bool truncated = false;                                // exact
    std::string resume;                                    // where to go on (start_at) when truncated
    std::vector<std::shared_ptr<const std::string>> held;  // what the entries are views of
};

// One table of registers, seen from a node that coordinates. Engine thread. Errors of all calls: quorum_not_reached,
// timeout, unknown_outcome (writes), and those of the replicas (no_space, io_failure, corrupted).
class Registers {
 public:
    virtual ~Registers() = default;

    // 1 round trip when a quorum agrees; else it completes the newest value first.
    virtual io::Task<base::Result<Row>> read(RowKey key, bool with_body = true) = 0;
    // 1 round trip (optimistic), nullopt deletes. Returns the version. `make`, when given instead of a value, builds it
    // from its version.
    virtual io::Task<base::Result<base::Tag>> write(RowKey key, std::optional<Value> value) = 0;
    using Make = std::function<std::optional<Value>(base::Tag version)>;
    virtual io::Task<base::Result<base::Tag>> write_made(RowKey key, Make make) = 0;
    // 2 round trips. Returns the row written. conflict when another conditional write won the race for good.
    virtual io::Task<base::Result<Row>> update(RowKey key, Decide decide) = 0;
    // As update(), for rows of one partition key that change together or not at all.
    virtual io::Task<base::Result<std::vector<Row>>> update_rows(std::vector<RowKey> keys, DecideAll decide) = 0;
    virtual io::Task<base::Result<RangePage>> range(RangeQuery query) = 0;
};

}  // namespace larder::table
