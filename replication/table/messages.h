// What coordinators and replicas say to each other (docs/formats.md, "Messages"). Every decode of a stranger's bytes
// fails cleanly.
#pragma once

#include "replication/table/row_store.h"

#include <variant>
#include <vector>

namespace larder::table {

enum class Operation : std::uint8_t { read = 1, prepare = 2, accept = 3, range = 4, raise_low = 5, collect = 6 };

// The head of every request: which rows, and the newest layout that who asks goes by.
struct Heading {
    Heading(TableId t, quorum::Epoch e = 0) : table(t), epoch(e) {}  // NOLINT: a table alone means no layouts
    TableId table;
    quorum::Epoch epoch;
};

// Why an ACCEPT is sent; decides rules 2 and 3 of the replica.
enum class AcceptKind : std::uint8_t {
    optimistic = 1,  // a plain write that has not read
    queried = 2,     // a plain write above all that a quorum held
    write_back = 3,  // a reader completes what it saw
    fenced = 4,      // under a promised ballot
};

struct ReadRequest {
    RowKey key;
    bool with_body = true;
};
struct PrepareRequest {
    std::vector<RowKey> keys;
    base::Tag ballot;
};
struct Proposal {
    RowKey key;
    base::Tag version;
    bool tombstone = false;
    Value value;
};
struct AcceptRequest {
    AcceptKind kind = AcceptKind::optimistic;
    base::Tag tag;
    std::vector<Proposal> proposals;  // all or none
};
// To every member: raise the bound, or drop the row if it is still exactly this tombstone.
struct CollectRequest {
    RowKey key;
    base::Tag tag;
};

struct RaiseLowRequest : CollectRequest {};
// Everything that is answered by a Reply.
using RowRequest = std::variant<ReadRequest, PrepareRequest, AcceptRequest, RaiseLowRequest, CollectRequest>;

// A replica's word on one row. `ok`: read, promised, accepted or superseded.
struct RowReply {
    bool ok = false;
    bool superseded = false;
    StoredRow row;
    base::Tag low;
    std::string body;
    base::Tag bound() const { return std::max(row.fence, low); }
};
struct Reply {
    bool ok = false;
    // Nothing was looked at or done: the replica knows newer layouts than who asks. `epoch` is the newest here.
    bool stale = false;
    quorum::Epoch epoch = 0;
    std::vector<RowReply> rows;
};

// One row or one folded prefix of a range, as a replica sees it. A prefix carries the first live row below it. Views of
// the message, or of what it is made from.
struct RangeItem {
    std::string_view sort_key;
    bool is_prefix = false;
    std::string_view witness;  // sort key of that row
    RowView row;               // cut to row_bytes; tombstones too, since only the merge may judge them
    std::string_view body;
};
struct RangeReply {
    std::vector<RangeItem> items;
    bool more = false;
    std::string_view resume;  // everything below it is in this reply
};
// The same message, its items one after the other: views of `bytes`.
class RangeReplyReader {
 public:
    static base::Result<RangeReplyReader> open(std::string_view bytes);
    bool more() const { return more_; }
    std::string_view resume() const { return resume_; }
    std::size_t left() const { return left_; }
    // The next of those that are left.
    base::Result<RangeItem> next();

 private:
    explicit RangeReplyReader(std::string_view bytes) : in_(bytes) {}
    base::Result<void> check_end() const;
    codec::Reader in_;
    bool more_ = false;
    std::string_view resume_;
    std::size_t left_ = 0;
};
// The same message, made of items that are seen one after the other.
class RangeReplyMaker {
 public:
    void add(const RangeItem& item);
    std::string finish(bool more, std::string_view resume);

 private:
    codec::Writer items_;
    std::size_t count_ = 0;
};

std::string encode(Heading heading, const ReadRequest& request);
std::string encode(Heading heading, const PrepareRequest& request);
std::string encode(Heading heading, const AcceptRequest& request);
std::string encode(Heading heading, const RangeQuery& request);
std::string encode(Heading heading, Operation operation, const CollectRequest& request);
std::string encode(Heading heading, const RowRequest& request);
std::string encode(const Reply& reply);
std::string encode(const RangeReply& reply);

struct Envelope {
    TableId table = 0;
    quorum::Epoch epoch = 0;
    Operation operation = Operation::read;
    std::string_view rest;
};
// What the second byte of every answer says, ranges included.
enum class Word : std::uint8_t { no = 0, yes = 1, stale = 2 };
Word word_of(std::string_view answer);

base::Result<Envelope> open_envelope(std::string_view bytes);
base::Result<ReadRequest> decode_read(std::string_view bytes);
base::Result<PrepareRequest> decode_prepare(std::string_view bytes);
base::Result<AcceptRequest> decode_accept(std::string_view bytes);
base::Result<RangeQuery> decode_range(std::string_view bytes);
base::Result<CollectRequest> decode_collect(std::string_view bytes);
base::Result<Reply> decode_reply(std::string_view bytes);
// Lives as long as `bytes`.
base::Result<RangeReply> decode_range_reply(std::string_view bytes);

}  // namespace larder::table
