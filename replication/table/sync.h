// How replicas compare and fetch the rows of a slot: method "table.sync" (docs/formats.md). Hashes are computed on
// demand from a scan, and kept until the partition changes; a write pays a counter for it and no row.
#pragma once

#include "replication/table/replica.h"
#include "src/io/env.h"

#include <array>
#include <map>

namespace larder::table {

// What a slot holds, in 2^bits leaves by the hash of the place: each the sum of the hashes of (place, acc) in it.
struct Digest {
    base::Tag low;
    std::uint64_t rows = 0, bytes = 0;
    std::vector<std::array<std::uint64_t, 2>> leaves;
};
struct Listed {
    std::string place;
    base::Tag acc, fence;
    std::uint64_t bytes = 0;
};
struct Listing {
    base::Tag low;
    std::vector<Listed> rows;  // by place
    bool more = false;         // after the last of them
};
struct ListQuery {
    std::string from;                   // a place, inclusive
    std::size_t most = 1000;            // rows
    std::uint8_t bits = 0;              // of `leaves`
    std::vector<std::uint32_t> leaves;  // these alone; empty: all
};
struct Fetched {
    std::string place;
    StoredRow row;
    std::string body;
    Proposal proposal() const;
};

// Engine thread. Errors of the remote calls: those of the network, conflict when one of the two knows newer layouts,
// and overloaded when the other does not vote at present.
class Sync {
 public:
    // All outlive it.
    Sync(io::Env& env, RowStore& store, Replica& replica, base::Duration call_timeout = std::chrono::seconds(10));

    base::Result<Digest> digest(quorum::Slot slot, std::uint8_t bits);
    base::Result<Listing> list(quorum::Slot slot, const ListQuery& query);

    // The same asked of a node, or of this one without a message.
    io::Task<base::Result<Digest>> digest_of(io::NodeNumber node, quorum::Epoch epoch, quorum::Slot slot,
                                             std::uint8_t bits);
    io::Task<base::Result<Listing>> list_of(io::NodeNumber node, quorum::Epoch epoch, quorum::Slot slot,
                                            ListQuery query);
    // The rows at these places with their bodies, as many from the first on as make a message of a few MiB; those that
    // cannot be read there are left out.
    io::Task<base::Result<std::vector<Fetched>>> fetch(io::NodeNumber node, quorum::Epoch epoch, quorum::Slot slot,
                                                       std::vector<std::string> places);
    // The row at a place here.
    base::Result<Fetched> row_at(const std::string& place);

    static constexpr const char* kMethod = "table.sync";

 private:
    io::Task<base::Result<io::Message>> serve(io::NodeNumber from, io::Message request);
    base::Result<std::string> answer(quorum::Slot slot, std::string_view request);
    io::Task<base::Result<std::string>> call(io::NodeNumber node, std::string request);

    io::Env& env_;
    RowStore& store_;
    Replica& replica_;
    base::Duration call_timeout_;
    struct Cached {
        std::uint64_t changes = 0;
        std::uint8_t bits = 0;
        Digest digest;
    };
    std::map<quorum::Slot, Cached> cache_;
};

// The leaf of a place.
std::uint32_t leaf_of(std::string_view place, std::uint8_t bits);

}  // namespace larder::table
