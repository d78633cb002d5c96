#include "s3/auth/sigv4.h"

#include "src/base/encoding.h"
#include "src/base/hash.h"

#include <algorithm>

namespace larder::s3 {

namespace {

constexpr std::size_t kKeysKept = 1024;

std::unexpected<S3Error> refuse(std::string_view code, std::string message = {}) {
    return std::unexpected(s3_error(code, std::move(message)));
}

bool is_amz(std::string_view header) {
    constexpr std::string_view kPrefix = "x-amz-";
    return header.size() >= kPrefix.size() && base::equal_ignoring_case(header.substr(0, kPrefix.size()), kPrefix);
}

// Whether a header may come several times, as a list.
bool is_list(std::string_view header) {
    const auto lower = base::to_lower(header);
    return lower.starts_with("x-amz-meta-") || lower == "x-amz-object-attributes" ||
           lower == "x-amz-optional-object-attributes";
}

// host and every x-amz-* header must be signed: an unsigned one could be another's addition. None may come twice: the
// signature covers the values joined, while their readers take the first.
S3Result<void> check_headers(const http::RequestHead& head, const Claim& claim) {
    const auto names = claim.parts().signed_headers;
    std::string missing = lists_name(names, "host") ? "" : "host";
    const auto& fields = head.headers.fields();
    for (auto field = fields.begin(); field != fields.end(); ++field) {
        if (!is_amz(field->first)) continue;
        const bool again = std::any_of(fields.begin(), field, [field](const auto& other) {
            return base::equal_ignoring_case(other.first, field->first);
        });
        if (again && !is_list(field->first))
            return refuse("InvalidRequest", "The header " + field->first + " may only be given once.");
        // Of a presigned request the hash of the body is signed in another place of the canonical request.
        if (lists_name(names, field->first) ||
            (claim.presigned() && base::equal_ignoring_case(field->first, "x-amz-content-sha256")))
            continue;
        missing += (missing.empty() ? "" : ", ") + base::to_lower(field->first);
    }
    if (missing.empty()) return {};
    auto error = s3_error("AccessDenied", "There were headers present in the request which were not signed");
    error.extra.emplace_back("HeadersNotSigned", missing);
    return std::unexpected(std::move(error));
}

// x-amz-content-sha256: one of the literals, or the hash of the body.
S3Result<void> take_payload(std::string_view text, Authenticated& out) {
    static constexpr std::pair<std::string_view, PayloadMode> literals[] = {
        {"UNSIGNED-PAYLOAD", PayloadMode::unsigned_payload},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", PayloadMode::streaming_signed},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", PayloadMode::streaming_signed_trailer},
        {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", PayloadMode::streaming_unsigned_trailer},
    };
    for (const auto& [literal, mode] : literals) {
        if (text != literal) continue;
        out.mode = mode;
        return {};
    }
    const auto raw = base::hex_decode(text);
    out.payload_hash = raw ? base::Hash256::from(*raw) : std::nullopt;
    if (!out.payload_hash) {
        return refuse("InvalidArgument",
                      "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD or a valid "
                      "sha256 value.");
    }
    out.mode = PayloadMode::signed_hash;
    return {};
}

// The text that stands for the body in the canonical request.
S3Result<std::string_view> payload_text(const http::RequestHead& head, const Claim& claim, Authenticated& out) {
    const auto header = head.headers.get("x-amz-content-sha256");
    auto text = base::trim(header.value_or(""));
    if (claim.payload()) {
        if (!text.empty() && text != *claim.payload())
            return refuse("InvalidRequest", "The header and the parameter X-Amz-Content-Sha256 differ.");
        text = *claim.payload();
    }
    if (text.empty() && claim.presigned()) text = "UNSIGNED-PAYLOAD";
    if (text.empty()) return refuse("InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
    TRY_VOID(take_payload(text, out));
    if (claim.presigned() && out.mode != PayloadMode::unsigned_payload && out.mode != PayloadMode::signed_hash)
        return refuse("InvalidRequest", "Streamed payloads cannot be used with presigned requests");
    return text;
}

// Nobody signed: only payloads that are not signed either.
S3Result<Authenticated> anonymous(const http::RequestHead& head) {
    Authenticated out;
    out.anonymous = true;
    const auto text = base::trim(head.headers.get("x-amz-content-sha256").value_or(""));
    if (text.empty()) return out;
    TRY_VOID(take_payload(text, out));
    if (out.mode == PayloadMode::streaming_signed || out.mode == PayloadMode::streaming_signed_trailer)
        return refuse("InvalidRequest", "Anonymous requests cannot have a signed payload.");
    return out;
}

// A request in the form that is signed, but for its path.
class Signing {
 public:
    // InvalidURI.
    static S3Result<Signing> of(const http::RequestHead& head, const RawQuery& query, const Claim& claim,
                                std::string_view payload) {
        Signing out;
        const auto names = claim.parts().signed_headers;
        out.method_ = head.method;
        out.rest_.reserve(head.target.size() * 3 / 2 + 256);
        out.rest_.push_back('\n');
        if (!append_canonical_query(out.rest_, query, claim.presigned())) return refuse("InvalidURI");
        out.rest_.push_back('\n');
        append_canonical_headers(out.rest_, head.headers, names);
        out.rest_.append(1, '\n').append(names).append(1, '\n').append(payload);
        return out;
    }
    std::string canonical(std::string_view path) const {
        std::string out;
        out.reserve(method_.size() + 1 + path.size() + rest_.size());
        return std::move(out.append(method_).append(1, '\n').append(path).append(rest_));
    }

 private:
    std::string_view method_;
    std::string rest_;  // all that follows the path
};

std::string string_to_sign(const Claim& claim, std::string_view canonical) {
    std::string out;
    out.reserve(160);
    out.append(kSignatureAlgorithm).append(1, '\n').append(claim.amz_date()).append(1, '\n');
    return std::move(out.append(claim.parts().credential.scope).append(1, '\n').append(base::sha256(canonical).hex()));
}

S3Result<void> verify(const http::RequestHead& head, const RawQuery& query, const Claim& claim,
                      std::string_view payload, std::string_view key) {
    const auto given = claim.parts().signature;
    TRY(const auto signing, Signing::of(head, query, claim, payload));
    const auto is_right = [&](std::string_view to_sign) {
        return base::equal_constant_time(base::hex_encode(base::hmac_sha256(key, to_sign)), given);
    };
    const auto raw = path_of(head.target);
    std::string path;
    path.reserve(raw.size());
    if (!append_canonical_path(path, raw)) return refuse("InvalidURI");
    const auto canonical = signing.canonical(path);
    const auto to_sign = string_to_sign(claim, canonical);
    if (is_right(to_sign)) return {};
    // Some clients leave harmless characters of the path as they are, and sign them so.
    if (path != raw && is_right(string_to_sign(claim, signing.canonical(raw)))) return {};
    auto error = s3_error("SignatureDoesNotMatch");
    error.extra = {{"AWSAccessKeyId", std::string(claim.parts().credential.key_id)},
                   {"StringToSign", to_sign},
                   {"SignatureProvided", std::string(given)},
                   {"CanonicalRequest", canonical}};
    return std::unexpected(std::move(error));
}

S3Result<void> read_claim(const http::RequestHead& head, const RawQuery& query, Claim& claim) {
    if (is_presigned(query)) return claim.read_query(query);
    return claim.read_header(head, *head.headers.get("authorization"));
}

struct Text {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
struct KeptKey {
    std::string secret, date, region, key;
};

}  // namespace

std::string signing_key(const Credential& credential, std::string_view secret) {
    // Four hashes that stay the same for a day. The secret is compared too, so that a changed one misses.
    thread_local std::unordered_map<std::string, KeptKey, Text, std::equal_to<>> kept;
    const auto found = kept.find(credential.key_id);
    if (found != kept.end() && found->second.date == credential.date && found->second.region == credential.region &&
        found->second.secret == secret)
        return found->second.key;
    auto key = base::hmac_sha256("AWS4" + std::string(secret), credential.date);
    for (const auto part : {credential.region, std::string_view("s3"), std::string_view("aws4_request")})
        key = base::hmac_sha256(key, part);
    if (kept.size() >= kKeysKept) kept.clear();
    kept.insert_or_assign(std::string(credential.key_id), KeptKey{std::string(secret), std::string(credential.date),
                                                                  std::string(credential.region), key});
    return key;
}

S3Result<Authenticated> authenticate(const http::RequestHead& head, const SecretLookup& secrets,
                                     const AuthOptions& options) {
    const auto query = split_query(head.target);
    std::string room;
    if (query_text(query, "AWSAccessKeyId", room)) return std::unexpected(signature_version_2());
    const auto headers = head.headers.all("authorization");
    if (headers.size() > 1) return refuse("InvalidArgument", "Only one auth mechanism allowed");
    if (headers.empty() && !is_presigned(query)) return anonymous(head);
    Claim claim;
    TRY_VOID(read_claim(head, query, claim));
    const auto& credential = claim.parts().credential;
    TRY_VOID(check_scope(credential, claim.amz_date(), options.region,
                         claim.presigned() ? "AuthorizationQueryParametersError" : "AuthorizationHeaderMalformed"));
    TRY_VOID(claim.check_time(options.now));
    TRY_VOID(check_headers(head, claim));
    if (head.headers.has("x-amz-security-token") || query_text(query, "X-Amz-Security-Token", room))
        return refuse("InvalidToken");
    Authenticated out;
    out.presigned = claim.presigned();
    TRY(const auto payload, payload_text(head, claim, out));
    const auto secret = secrets(credential.key_id);
    if (!secret) {
        auto error = s3_error("InvalidAccessKeyId");
        error.extra.emplace_back("AWSAccessKeyId", credential.key_id);
        return std::unexpected(std::move(error));
    }
    out.signing_key = signing_key(credential, *secret);
    TRY_VOID(verify(head, query, claim, payload, out.signing_key));
    out.key_id = credential.key_id;
    out.seed_signature = claim.parts().signature;
    out.scope = credential.scope;
    out.amz_date = claim.amz_date();
    return out;
}

}  // namespace larder::s3
