// The chain of signatures of a body in signed chunks: each signs its content and the signature before it; the request's
// own is the first (AWS "Signature calculations: transferring a payload in multiple chunks").
#pragma once

#include "s3/auth/sigv4.h"
#include "src/base/bytes.h"
#include "src/base/hash.h"

#include <string>
#include <string_view>
#include <vector>

namespace larder::s3 {

// Not thread-safe; one thread at a time may use it, so that it can work on the pool.
class ChunkChain {
 public:
    explicit ChunkChain(const Authenticated& auth);

    // A piece of content; with a signature, the piece ends its chunk.
    struct Piece {
        std::size_t offset = 0;
        std::size_t size = 0;
        std::string signature;
    };
    // Continues the chain over pieces of `bytes`. False once any signature was wrong; it stays false.
    bool take(std::string_view bytes, const std::vector<Piece>& pieces);
    // The signature over the trailers, as "name:value\n" lines, which ends the chain.
    bool ends_with(std::string_view trailer_lines, std::string_view signature);

 private:
    bool link(std::string_view kind, std::string_view hashes, std::string_view signature);

    std::string key_;
    std::string about_;     // date and scope
    std::string previous_;  // signature
    base::Hasher content_{base::Digest::sha256};
    bool good_ = true;
};

}  // namespace larder::s3
