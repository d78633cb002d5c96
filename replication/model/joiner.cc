#include "replication/model/joiner.h"

#include "src/codec/codec.h"

namespace larder::model {

namespace {

constexpr std::uint8_t kFormat = 1;

}  // namespace

std::string encode_joiner(const JoinerFacts& facts) {
    codec::Writer out;
    out.u8(kFormat).bytes(facts.name).bytes(facts.zone).varint(facts.capacity).boolean(facts.gateway);
    out.varint(facts.addresses.size());
    for (const auto& address : facts.addresses) out.bytes(address);
    out.bytes(facts.release).u64(static_cast<std::uint64_t>(facts.clock.ms)).boolean(facts.zone_agreed);
    return out.take();
}

base::Result<JoinerFacts> decode_joiner(std::string_view bytes) {
    codec::Reader in(bytes);
    JoinerFacts facts;
    const auto format = in.u8();
    facts.name = in.bytes();
    facts.zone = in.bytes();
    facts.capacity = in.varint();
    facts.gateway = in.boolean();
    for (auto left = in.count(); left > 0 && in.ok(); --left) facts.addresses.emplace_back(in.bytes());
    facts.release = in.bytes();
    facts.clock.ms = static_cast<std::int64_t>(in.u64());
    facts.zone_agreed = in.boolean();
    const auto whole = in.finish("what a machine says of itself");
    if (!whole || format != kFormat) {
        return base::fail(base::Code::invalid_argument, base::Subject::node,
                          "what this machine says of itself is not understood: is it of a newer release?");
    }
    return facts;
}

}  // namespace larder::model
