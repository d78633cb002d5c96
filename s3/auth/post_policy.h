// The policy of a POST upload: a signed document that says what a form may hold (AWS "Creating a POST policy"). Signed
// by Signature Version 4, or by the older HMAC-SHA-1 of the document that form libraries still write; a form's
// signature covers the policy alone, so both bind the same.
#pragma once

#include "s3/auth/form.h"
#include "s3/auth/sigv4.h"

#include <cstdint>
#include <optional>

namespace larder::s3 {

// What the form's file may measure, both ends included.
struct LengthRange {
    std::uint64_t least = 0;
    std::uint64_t most = UINT64_MAX;
};

struct PostGrant {
    Authenticated who;
    LengthRange length;
};

// Signature, expiry, and every condition against the form's fields; a field that no condition covers is refused. `key`
// is the object's. A form without a policy is anonymous. AccessDenied, InvalidPolicyDocument, SignatureDoesNotMatch,
// InvalidAccessKeyId, InvalidArgument, InvalidToken, AuthorizationHeaderMalformed (scope).
S3Result<PostGrant> check_policy(const PostForm& form, std::string_view bucket, std::string_view key,
                                 const SecretLookup& secrets, const AuthOptions& options);

}  // namespace larder::s3
