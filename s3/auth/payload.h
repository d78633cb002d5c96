// The body of a request as the client meant it: framing removed, hashes and signatures verified. The only way to read
// one.
#pragma once

#include "s3/auth/sigv4.h"
#include "src/base/bytes.h"
#include "src/io/env.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::s3 {

class PayloadReader {
 public:
    virtual ~PayloadReader() = default;
    // Fills `out` unless the body ends; 0 only at the verified end. Bytes go from the socket straight into `out`; what
    // is large is hashed on the pool while the caller goes on, so a failure may be told by a later read. Nothing read
    // before the verified end may be made visible, and `out` is not written to again until then.
    // IncompleteBody, XAmzContentSHA256Mismatch, SignatureDoesNotMatch, InvalidChunkSizeError, MalformedTrailerError,
    // RequestTimeout.
    virtual io::Task<S3Result<std::size_t>> read(base::Buffer out) = 0;
    // Of the content, when it was announced.
    virtual std::optional<std::uint64_t> decoded_length() const = 0;
    // SHA-256 of the whole content, once it was declared, computed and found equal.
    virtual std::optional<base::Hash256> payload_hash() const = 0;
    // Names in lower case; complete at the end.
    virtual const std::vector<std::pair<std::string, std::string>>& trailers() const = 0;
};

// `env` and `exchange` outlive the reader. MissingContentLength when a streamed payload does not tell its decoded
// length.
S3Result<std::unique_ptr<PayloadReader>> make_payload(io::Env& env, http::Exchange& exchange,
                                                      const Authenticated& auth);

// The header line of one aws-chunk: "400;chunk-signature=…" or "400"; nullopt when malformed. Pure, for tests and
// fuzzing.
struct ChunkHead {
    std::uint64_t size = 0;
    std::string_view signature;
};
std::optional<ChunkHead> parse_chunk_head(std::string_view line);

}  // namespace larder::s3
