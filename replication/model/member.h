// Rows of the members of a cluster. A number is given once: the row of a member that is gone stays, so that neither its
// number nor its key comes back. Two rows say so: by node id, the number that it has or tries to get; by number,
// whoever got it, with all that is known. A node is a member when both agree.
#pragma once

#include "replication/table/register.h"

namespace larder::model {

// Bounds on what a stranger may say of itself.
inline constexpr std::size_t kMemberNameBytesMax = 64;
inline constexpr std::size_t kMemberAddressesMax = 16;
inline constexpr std::size_t kMemberAddressBytesMax = 300;

enum class MemberStage : std::uint8_t {
    member = 0,
    leaving = 1,  // an operator took it out; it goes when what it holds is elsewhere
    gone = 2,     // never comes back under this number and key
};

struct MemberRow {
    io::NodeNumber number = 0;
    base::NodeId id;
    std::string name;
    // What it came with; the role in force stands in the layout.
    std::string zone;
    std::uint64_t capacity = 0;
    bool gateway = false;
    std::vector<std::string> addresses;  // "host:port", where others reach it; may be empty
    std::string release;                 // of its program when it joined
    base::WallTime joined;
    std::string invitation;  // the beginning of the hash that let it in; empty for the founder
    MemberStage stage = MemberStage::member;
    base::WallTime changed;  // of the stage

    bool operator==(const MemberRow&) const = default;
};

std::string encode_member(const MemberRow& row);
base::Result<MemberRow> decode_member(std::string_view bytes);
// The row by node id.
std::string encode_number(io::NodeNumber number);
base::Result<io::NodeNumber> decode_number(std::string_view bytes);

inline constexpr std::string_view kMembersKey = "members";
// Ascending by number; before those by id.
inline constexpr std::string_view kByNumber = "a";
inline constexpr std::string_view kById = "i";
table::RowKey member_row(io::NodeNumber number);
table::RowKey member_id_row(const base::NodeId& id);

// A name of a machine or place: 1 to 64 bytes of visible UTF-8.
bool is_member_name(std::string_view text);

}  // namespace larder::model
