// What the block stores of a cluster say to each other (docs/formats.md, "Blocks between nodes"). Content travels
// beside the encoded body, in its stored form. Every decode of a stranger's bytes fails cleanly.
#pragma once

#include "replication/block/local_blocks.h"
#include "replication/spread/holders.h"

#include <string>
#include <vector>

namespace larder::spread {

using base::Hash256;
using block::Owner;

constexpr char kMethod[] = "blocks";
constexpr std::size_t kReferencesAtOnce = 1000;  // in one message
constexpr std::size_t kOwnersAtOnce = 1000;

enum class Operation : std::uint8_t {
    store = 1,      // a packed block with its reference
    refer = 2,      // references to blocks that the receiver ought to have
    read = 3,       // a range of a block
    fetch = 4,      // a whole block
    drop = 5,       // all references of owners
    barrier = 6,    // are they being read at the receiver?
    list = 7,       // references of the receiver
    look = 8,       // look for what you lack: something was not brought to you
    under_way = 9,  // which owners have a write or an intent at the receiver
    in_rows = 10,   // which owners do its rows name
};

struct ReferRequest {
    quorum::Epoch epoch = 0;
    bool fetch = false;  // what is not there is fetched from the holders, or from `sources`
    std::vector<io::NodeNumber> sources;
    std::vector<block::Reference> references;
};
enum class Referred : std::uint8_t {
    done = 0,
    absent = 1,   // the block is not there, or damaged, and was not to be fetched
    dropped = 2,  // the owner was dropped: nobody will ever name it
    failed = 3,   // the block could not be fetched or stored
};
struct ReadRequest {
    Hash256 name;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};
struct ListRequest {
    quorum::Epoch epoch = 0;
    std::string after;
    std::uint64_t limit = 0;
    Partitions partitions{std::string()};
};

// With the epoch of the layout that picked the receiver.
io::Message store_message(quorum::Epoch epoch, const block::Packed& packed);
io::Message refer_message(const ReferRequest& request);
io::Message read_message(const ReadRequest& request);
io::Message fetch_message(const Hash256& name);
io::Message owners_message(Operation operation, const std::vector<Owner>& owners);
io::Message list_message(const ListRequest& request);
io::Message look_message();

io::Message packed_reply(const block::Packed& packed);
io::Message excerpt_reply(const block::Excerpt& excerpt);
io::Message referred_reply(const std::vector<Referred>& outcomes);
// With the version of the members that the answering node knows.
struct OwnersReply {
    std::uint64_t members = 0;
    std::vector<Owner> owners;
};
io::Message owners_reply(const OwnersReply& reply);
// `whole`: the answering node is known to have all that was acknowledged at it.
struct ListReply {
    bool whole = false;
    block::ReferencePage page;
};
io::Message page_reply(const ListReply& reply);
io::Message empty_reply();

// The operation, and what follows it.
struct Envelope {
    Operation operation = Operation::store;
    quorum::Epoch epoch = 0;  // of store, refer and list; else 0
    std::string_view rest;
};
base::Result<Envelope> open_envelope(std::string_view body);
// `bulk` is what came beside the body. Whole, but not verified against its digest.
base::Result<block::Packed> decode_packed(std::string_view rest, const std::vector<base::Buffer>& bulk);
base::Result<ReferRequest> decode_refer(std::string_view rest);
base::Result<ReadRequest> decode_read(std::string_view rest);
base::Result<Hash256> decode_fetch(std::string_view rest);
base::Result<std::vector<Owner>> decode_owners(std::string_view rest);
base::Result<ListRequest> decode_list(std::string_view rest);

// The receiver knows a newer layout: what was asked under an older one is refused.
std::unexpected<base::Error> stale();
bool is_stale(const base::Error& error);

// Replies, from their whole message.
base::Result<block::Packed> open_packed(const io::Message& message);
base::Result<block::Excerpt> open_excerpt(const io::Message& message);
base::Result<std::vector<Referred>> open_referred(const io::Message& message, std::size_t expected);
base::Result<OwnersReply> open_owners(const io::Message& message);
base::Result<ListReply> open_page(const io::Message& message);

}  // namespace larder::spread
