// The body of a request as the client meant it: framing removed, hashes and signatures verified. The only way to read
// one.
#pragma once

#include "s3/auth/sigv4.h"
#include "src/io/env.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace larder::s3 {

class PayloadReader {
 public:
    virtual ~PayloadReader() = default;
    // Fills `out` unless the body ends; 0 only at the verified end. Nothing read before may be made visible earlier.
    // IncompleteBody, XAmzContentSHA256Mismatch, SignatureDoesNotMatch, InvalidChunkSizeError, MalformedTrailerError.
    virtual io::Task<S3Result<std::size_t>> read(std::span<std::byte> out) = 0;
    // Of the content, when it was announced.
    virtual std::optional<std::uint64_t> decoded_length() const = 0;
    // SHA-256 of the whole content, once it was declared, computed and found equal.
    virtual std::optional<base::Hash256> payload_hash() const = 0;
    // Names in lower case; complete at the end.
    virtual const std::vector<std::pair<std::string, std::string>>& trailers() const = 0;
};

// MissingContentLength when a streamed payload does not tell its decoded length.
S3Result<std::unique_ptr<PayloadReader>> make_payload(io::Env& env, http::Exchange& exchange,
                                                      const Authenticated& auth);

// The header line of one aws-chunk: "400;chunk-signature=…" or "400". Pure, for tests and fuzzing.
struct ChunkHead {
    std::uint64_t size = 0;
    std::string signature;
};
std::optional<ChunkHead> parse_chunk_head(std::string_view line);

}  // namespace larder::s3
