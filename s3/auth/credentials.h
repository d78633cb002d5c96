// What a request says of who signed it, when and for where, taken out of an Authorization header, a presigned query or
// a form, and judged as far as that goes without the secret.
#pragma once

#include "s3/auth/canonical.h"
#include "s3/error.h"
#include "src/base/time.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::s3 {

constexpr std::string_view kSignatureAlgorithm = "AWS4-HMAC-SHA256";

// "AKID/20261103/eu-1/s3/aws4_request" in its parts; the key id may hold slashes. Views into the text.
struct Credential {
    std::string_view key_id, scope, date, region, service;
};
std::optional<Credential> parse_credential(std::string_view text);

// "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…" in its parts. Views into the header.
struct Authorization {
    Credential credential;
    std::string_view signed_headers, signature;
};
std::optional<Authorization> parse_authorization(std::string_view header);

// The claim of one request. Stays where it was made and dies before the request: its parts look into its own texts and
// into the request's.
class Claim {
 public:
    Claim() = default;
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    // InvalidRequest for Signature Version 2, AuthorizationHeaderMalformed, AccessDenied without a usable date.
    S3Result<void> read_header(const http::RequestHead& head, std::string_view authorization);
    // AuthorizationQueryParametersError; AccessDenied for an expiry out of bounds.
    S3Result<void> read_query(const RawQuery& query);

    const Authorization& parts() const { return parts_; }
    std::string_view amz_date() const { return amz_date_; }
    bool presigned() const { return presigned_; }
    // X-Amz-Content-Sha256 of a presigned query.
    const std::optional<std::string_view>& payload() const { return payload_; }

    // RequestTimeTooSkewed; for a presigned request AccessDenied before its time (less the skew) and after its expiry.
    S3Result<void> check_time(base::WallTime now) const;

 private:
    Authorization parts_;
    std::string_view amz_date_;
    base::WallTime signed_at_;
    bool presigned_ = false;
    std::int64_t expires_seconds_ = 0;
    std::optional<std::string_view> payload_;
    std::array<std::string, 7> decoded_;  // what could not be used as it was sent
};

// Service, date and region of a scope; `code` is the error's. The configured region and us-east-1 are both good: the
// key derivation binds the signature to either.
S3Result<void> check_scope(const Credential& credential, std::string_view amz_date, std::string_view region,
                           std::string_view code);

// Whether the target's query carries a signature, or parts of one.
bool is_presigned(const RawQuery& query);
// The decoded value, as it was sent or in `room`; nullopt when it is absent or cannot be decoded. Names are matched as
// sent.
std::optional<std::string_view> query_text(const RawQuery& query, std::string_view name, std::string& room);

S3Error signature_version_2();

}  // namespace larder::s3
