// What engines of one cluster ask each other besides rows and blocks (docs/formats.md, "Messages between engines").
// Inside replication/ only.
#pragma once

#include "replication/engine.h"
#include "replication/table/register.h"

#include <variant>

namespace larder::engine::peer {

constexpr const char* kMethod = "engine";

// Answered once the node knows this version of a control row or a newer one, or has read the row from a quorum.
struct Seen {
    table::TableId table = 0;
    table::RowKey key;
    Tag version;
};
// Answered once the node's replica takes no new row into the bucket, durably. `mark`: the version that says so.
struct CloseBucket {
    BucketId bucket;
    Tag mark;
};
// Answered by what its replica counts: objects and bytes (a Writer's u64 each).
struct CountUsage {
    BucketId bucket;
};
// Answered by whether a completion of the upload is at work there (a byte).
struct IsCompleting {
    UploadId upload;
};
// These owners' content has been given up everywhere: what waits to do the same may be forgotten.
struct GivenUp {
    std::vector<UploadId> owners;
};
// Answered by a page of the node's own log (encode_page).
struct Watch {
    BucketId bucket;
    std::string prefix;
    std::string since;          // a place in its log; empty: from now on
    std::uint32_t wait_ms = 0;  // at most, for the first event
};
// Answered once the node refuses what the other one asks.
struct ShutOut {
    std::uint32_t node = 0;
};
using Ask = std::variant<Seen, CloseBucket, CountUsage, IsCompleting, GivenUp, Watch, ShutOut>;

std::string encode(const Ask& ask);
Result<Ask> decode_ask(std::string_view bytes);
std::string encode_page(const ChangePage& page);
Result<ChangePage> decode_page(std::string_view bytes);

}  // namespace larder::engine::peer
