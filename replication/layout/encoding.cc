#include "replication/layout/layout.h"
#include "src/base/crc.h"
#include "src/codec/codec.h"

#include <algorithm>

namespace larder::layout {

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kLeastRoleBytes = base::NodeId::kSize + 4;

base::Result<Layout> malformed(std::string_view what) {
    return base::fail(base::Code::corrupted, base::Subject::config,
                      "The bytes of a layout are damaged: " + std::string(what) + ".");
}

void write_role(codec::Writer& out, const base::NodeId& node, const Role& role) {
    out.raw(node.view()).bytes(role.zone).boolean(role.gateway).varint(role.capacity).varint(role.tags.size());
    for (const auto& tag : role.tags) out.bytes(tag);
}

// Nodes stand in ascending order, so that equal layouts are equal bytes.
base::Result<void> read_roles(codec::Reader& in, Roles& roles) {
    for (std::size_t n = in.count(kLeastRoleBytes); n > 0 && in.ok(); --n) {
        const auto node = in.id<base::NodeId>();
        Role role;
        role.zone = in.bytes();
        const auto gateway = in.u8();
        role.gateway = gateway == 1;
        role.capacity = in.varint();
        for (std::size_t tags = in.count(); tags > 0 && in.ok(); --tags) role.tags.emplace_back(in.bytes());
        if (gateway > 1) return base::fail(malformed("a gateway is neither yes nor no").error());
        if (!roles.empty() && node <= roles.rbegin()->first) {
            return base::fail(malformed("the nodes are out of order").error());
        }
        roles.emplace_hint(roles.end(), node, std::move(role));
    }
    return {};
}

}  // namespace

std::string encode(const Layout& layout) {
    std::map<base::NodeId, std::size_t> numbers;
    for (const auto& [node, role] : layout.roles) numbers.emplace(node, numbers.size());
    codec::Writer out;
    out.u8(kFormat).varint(layout.epoch).u8(layout.policy.copies).u8(layout.policy.zone_redundancy);
    out.varint(layout.partition_bytes).varint(layout.roles.size());
    for (const auto& [node, role] : layout.roles) write_role(out, node, role);
    out.varint(layout.replicas.size());
    for (const auto& nodes : layout.replicas) {
        out.varint(nodes.size());
        for (const auto& node : nodes) out.varint(numbers.at(node));
    }
    out.u32(base::crc32c(out.view()));
    return out.take();
}

base::Result<Layout> decode(std::string_view bytes) {
    if (bytes.size() <= kChecksumBytes) return malformed("they are cut short");
    if (static_cast<std::uint8_t>(bytes.front()) > kFormat) {
        return malformed("they are of a later format, or not a layout; install the newer release");
    }
    if (static_cast<std::uint8_t>(bytes.front()) != kFormat) return malformed("they are of no known format");
    const auto body = bytes.substr(0, bytes.size() - kChecksumBytes);
    if (codec::Reader(bytes.substr(body.size())).u32() != base::crc32c(body)) {
        return malformed("the checksum does not match");
    }
    codec::Reader in(body.substr(1));
    Layout layout;
    layout.epoch = in.varint();
    layout.policy.copies = in.u8();
    layout.policy.zone_redundancy = in.u8();
    layout.partition_bytes = in.varint();
    TRY_VOID(read_roles(in, layout.roles));
    std::vector<base::NodeId> nodes;
    for (const auto& [node, role] : layout.roles) nodes.push_back(node);
    const std::size_t partitions = in.count();
    if (partitions > kMaxPartitions) return malformed("there are too many partitions");
    layout.replicas.resize(partitions);
    for (auto& replicas : layout.replicas) {
        const auto copies = in.count();
        if (copies > kMaxCopies) return malformed("a partition has too many copies");
        for (std::size_t i = 0; i < copies; ++i) {
            const auto number = in.varint();
            if (number >= nodes.size()) return malformed("a copy lies on a node that is not there");
            replicas.push_back(nodes[number]);
        }
    }
    TRY_VOID(in.finish("layout"));
    TRY_VOID(check(layout));
    if (encode(layout) != bytes) return malformed("a number is not written in its shortest form");
    return layout;
}

}  // namespace larder::layout
