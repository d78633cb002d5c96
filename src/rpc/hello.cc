#include "src/rpc/hello.h"

#include "src/codec/codec.h"

#include <algorithm>

namespace larder::rpc {
namespace {

constexpr std::string_view kMagic = "LRDR";

std::string versions(const Hello& hello) {
    const auto lowest = std::to_string(hello.lowest);
    return hello.lowest == hello.highest ? lowest : lowest + " to " + std::to_string(hello.highest);
}

}  // namespace

std::string encode_hello(const Hello& hello) {
    codec::Writer out;
    out.raw(kMagic).bytes(hello.service).u8(hello.lowest).u8(hello.highest);
    if (!hello.words.empty()) out.bytes(std::string_view(hello.words).substr(0, kHelloWordsMax));
    return out.take();
}

base::Result<Hello> decode_hello(std::string_view bytes) {
    codec::Reader in(bytes);
    Hello hello;
    const bool ours = in.raw(kMagic.size()) == kMagic;
    hello.service = in.bytes();
    hello.lowest = in.u8();
    hello.highest = in.u8();
    // A later hello may say more.
    if (!in.at_end()) hello.words = in.bytes();
    if (hello.words.size() > kHelloWordsMax) hello.words.clear();
    if (in.ok() && ours && hello.lowest <= hello.highest) return hello;
    return base::fail(base::Code::corrupted, base::Subject::request, "the connection does not begin with a hello");
}

base::Result<std::uint8_t> agree(const Hello& theirs, const Hello& ours) {
    if (theirs.service != ours.service)
        return base::fail(base::Code::unsupported, base::Subject::request,
                          "this socket serves \"" + ours.service + "\", not what was asked for");
    const auto version = std::min(theirs.highest, ours.highest);
    if (version >= std::max(theirs.lowest, ours.lowest)) return version;
    return base::fail(base::Code::unsupported, base::Subject::request,
                      "\"" + ours.service + "\" is spoken here in version " + versions(ours) +
                          ", the other side speaks " + versions(theirs) + "; upgrade the older one");
}

}  // namespace larder::rpc
