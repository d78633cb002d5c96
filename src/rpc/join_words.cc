#include "src/rpc/join_words.h"

#include "src/base/hash.h"
#include "src/codec/codec.h"
#include "src/rpc/join.h"

namespace larder::rpc {
namespace {

constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kProofBytes = 32;
enum class Word : std::uint8_t { begin = 1, prove = 2 };

std::string words(std::string_view who, const JoinContext& context) {
    codec::Writer out;
    out.raw(who).bytes(context.binding).raw(context.cluster.view()).raw(context.node.view()).raw(context.joiner.view());
    return out.take();
}

}  // namespace

std::string proof_of_cluster(const JoinContext& context, const base::NodeId& invitation_key) {
    return base::hmac_sha256(invitation_key.view(), words("larder join 1 cluster\n", context));
}

std::string words_to_sign(const JoinContext& context, std::string_view facts) {
    return words("larder join 1 machine\n", context) + std::string(base::sha256(facts).view());
}

std::string encode_join(const JoinRequest& request) {
    codec::Writer out;
    if (const auto* begin = std::get_if<JoinBegin>(&request)) {
        return out.u8(static_cast<std::uint8_t>(Word::begin)).raw(begin->invitation.view()).take();
    }
    const auto& prove = std::get<JoinProve>(request);
    return out.u8(static_cast<std::uint8_t>(Word::prove)).raw(prove.signature).bytes(prove.facts).take();
}

base::Result<JoinRequest> decode_join(std::string_view bytes) {
    codec::Reader in(bytes);
    const auto word = static_cast<Word>(in.u8());
    JoinRequest out;
    if (word == Word::begin) {
        out = JoinBegin{in.id<InvitationId>()};
    } else if (word == Word::prove) {
        const std::string signature(in.raw(kSignatureBytes));
        out = JoinProve{signature, std::string(in.bytes())};
    } else {
        return base::fail(base::Code::unsupported, base::Subject::request, "no step of joining is called so");
    }
    TRY_VOID(in.finish("a step of joining"));
    return out;
}

std::string encode_begun(const JoinBegun& begun) {
    codec::Writer out;
    return out.raw(begun.proof).u64(static_cast<std::uint64_t>(begun.clock.ms)).take();
}

base::Result<JoinBegun> decode_begun(std::string_view bytes) {
    codec::Reader in(bytes);
    JoinBegun out;
    out.proof = in.raw(kProofBytes);
    out.clock.ms = static_cast<std::int64_t>(in.u64());
    TRY_VOID(in.finish("the proof of a cluster"));
    return out;
}

LinkOptions join_link_options(base::Duration patience) {
    LinkOptions options;
    options.hello = {"join", 1, 1};
    options.ends = Ends::nodes;
    options.payload_max = kJoinBytesMax + 1024;
    options.requests = 1;
    options.hello_patience = patience;
    return options;
}

}  // namespace larder::rpc
