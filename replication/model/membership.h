// What a member keeps of its cluster in a file, so that it can reach the others before it has asked anybody; and what a
// joiner is told when it is let in. docs/formats.md, "Membership".
#pragma once

#include "replication/layout/history.h"
#include "replication/model/member.h"
#include "src/io/disk.h"

namespace larder::model {

struct Membership {
    std::string cluster_name;
    io::NodeNumber self = 0;
    std::vector<MemberRow> members;  // ascending by number; `self` is one of them
    // The live layouts and who is given up; how far each node has come is asked anew.
    std::map<layout::Epoch, layout::Layout> live;
    std::map<base::NodeId, layout::Epoch> given_up;

    bool operator==(const Membership&) const = default;
    const MemberRow* find(io::NodeNumber number) const;
};

std::string encode_membership(const Membership& membership);
// corrupted/row for what no member could have written: numbers out of order, itself missing, epochs with a gap.
base::Result<Membership> decode_membership(std::string_view bytes);

struct Welcome {
    Membership membership;
    std::uint64_t bytes_to_copy = 0;  // to the joiner
    std::uint64_t seconds = 0;        // that it may take

    bool operator==(const Welcome&) const = default;
};
std::string encode_welcome(const Welcome& welcome);
base::Result<Welcome> decode_welcome(std::string_view bytes);

// The file `member` in the node's folder of metadata. Blocking. not_found/node when this node is in no cluster by file.
base::Result<Membership> read_membership(io::Disk& disk, const std::string& meta_folder);
base::Result<void> write_membership(io::Disk& disk, const std::string& meta_folder, const Membership& membership);

}  // namespace larder::model
