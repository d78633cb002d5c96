#include "s3/auth/chunk_chain.h"

#include "src/base/encoding.h"

namespace larder::s3 {

namespace {

// SHA-256 of nothing: chunks have no headers of their own to sign.
constexpr std::string_view kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

}  // namespace

ChunkChain::ChunkChain(const Authenticated& auth)
    : key_(auth.signing_key), about_(auth.amz_date + "\n" + auth.scope), previous_(auth.seed_signature) {}

bool ChunkChain::link(std::string_view kind, std::string_view hashes, std::string_view signature) {
    std::string to_sign;
    to_sign.reserve(512);
    to_sign.append(kind).append(1, '\n').append(about_).append(1, '\n').append(previous_).append(1, '\n');
    to_sign.append(hashes);
    previous_ = base::hex_encode(base::hmac_sha256(key_, to_sign));
    good_ = base::equal_constant_time(previous_, signature) && good_;
    return good_;
}

bool ChunkChain::take(std::string_view bytes, const std::vector<Piece>& pieces) {
    for (const auto& piece : pieces) {
        content_.update(bytes.substr(piece.offset, piece.size));
        if (piece.signature.empty()) continue;
        const auto hashes = std::string(kEmptyHash) + "\n" + base::hex_encode(content_.finish());
        if (!link("AWS4-HMAC-SHA256-PAYLOAD", hashes, piece.signature)) return false;
    }
    return good_;
}

bool ChunkChain::ends_with(std::string_view trailer_lines, std::string_view signature) {
    return link("AWS4-HMAC-SHA256-TRAILER", base::sha256(trailer_lines).hex(), signature);
}

}  // namespace larder::s3
