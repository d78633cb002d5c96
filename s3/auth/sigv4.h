// Who asks: AWS Signature Version 4 by header and by presigned query (AWS "Authenticating Requests"). This is the one
// place where a signature is judged; every operation and every body reader builds on what it returns.
#pragma once

#include "s3/auth/credentials.h"
#include "s3/error.h"
#include "src/base/id.h"
#include "src/base/time.h"
#include "src/http/http.h"

#include <functional>
#include <optional>
#include <string>

namespace larder::s3 {

enum class PayloadMode {
    signed_hash,  // x-amz-content-sha256 is the SHA-256 of the body
    unsigned_payload,
    streaming_signed,           // signed chunks
    streaming_signed_trailer,   // signed chunks and a signed trailer
    streaming_unsigned_trailer  // unsigned chunks and a checksum trailer
};

struct Authenticated {
    std::string key_id;
    bool anonymous = false;  // no credentials at all
    bool presigned = false;
    PayloadMode mode = PayloadMode::unsigned_payload;
    std::optional<base::Hash256> payload_hash;
    // For the chunks of a streamed body.
    std::string seed_signature;
    std::string signing_key;
    std::string scope;
    std::string amz_date;
};

struct AuthOptions {
    std::string region;
    base::WallTime now;
};

// The secret of an access key that may be used now.
using SecretLookup = std::function<std::optional<std::string>(std::string_view key_id)>;

// AccessDenied, InvalidAccessKeyId, SignatureDoesNotMatch (with what was signed here), RequestTimeTooSkewed,
// AuthorizationHeaderMalformed (with the region to use), AuthorizationQueryParametersError, InvalidRequest,
// InvalidArgument.
S3Result<Authenticated> authenticate(const http::RequestHead& head, const SecretLookup& secrets,
                                     const AuthOptions& options);

// HMAC chain of date, region and service; kept for the last keys used. 32 raw bytes.
std::string signing_key(const Credential& credential, std::string_view secret);

}  // namespace larder::s3
