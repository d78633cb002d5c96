#include "s3/auth/sigv4.h"

#include "src/base/encoding.h"
#include "src/base/hash.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace larder::s3 {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::int64_t kSkewMs = 15 * 60 * 1000;
constexpr std::size_t kKeysKept = 1024;

std::unexpected<S3Error> refuse(std::string_view code, std::string message = {}) {
    return std::unexpected(s3_error(code, std::move(message)));
}

// A request's credentials, wherever they were found.
struct Credentials {
    Authorization authorization;
    std::string amz_date;
    bool presigned = false;
};

using Query = std::vector<std::pair<std::string_view, std::string_view>>;  // as sent, still encoded

Query split_query(std::string_view target) {
    Query out;
    const auto question = target.find('?');
    if (question == std::string_view::npos) return out;
    auto rest = target.substr(question + 1);
    while (!rest.empty()) {
        const auto end = rest.find('&');
        const auto item = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
        if (item.empty()) continue;
        const auto equals = item.find('=');
        out.emplace_back(item.substr(0, equals),
                         equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1));
    }
    return out;
}

std::optional<std::string> query_value(const Query& query, std::string_view name) {
    for (const auto& [given, value] : query) {
        if (base::equal_ignoring_case(given, name)) return base::percent_decode(value, true);
    }
    return std::nullopt;
}

// Sorted "name=value", each decoded once and encoded canonically; the signature itself is left out.
std::optional<std::string> canonical_query(const Query& query) {
    std::vector<std::pair<std::string, std::string>> items;
    for (const auto& [name, value] : query) {
        if (name == "X-Amz-Signature") continue;
        auto plain_name = base::percent_decode(name, true);
        auto plain_value = base::percent_decode(value, true);
        if (!plain_name || !plain_value) return std::nullopt;
        items.emplace_back(base::percent_encode(*plain_name, false), base::percent_encode(*plain_value, false));
    }
    std::sort(items.begin(), items.end());
    std::string out;
    for (const auto& [name, value] : items) out += (out.empty() ? "" : "&") + name + "=" + value;
    return out;
}

// Trimmed, inner runs of spaces made one.
void append_folded(std::string& out, std::string_view value) {
    bool space = false;
    for (const char c : base::trim(value)) {
        if (c == ' ' && space) continue;
        space = c == ' ';
        out.push_back(c);
    }
}

// "name:value\n" for every signed header, repeated ones joined by commas.
std::string canonical_headers(const http::RequestHead& head, const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) {
        out += name;
        out += ':';
        bool first = true;
        for (const auto& [given, value] : head.headers.fields()) {
            if (!base::equal_ignoring_case(given, name)) continue;
            if (!first) out += ',';
            first = false;
            append_folded(out, value);
        }
        out += '\n';
    }
    return out;
}

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) out += (out.empty() ? "" : ";") + name;
    return out;
}

std::string_view raw_path(std::string_view target) {
    return target.substr(0, target.find('?'));
}

// host and every x-amz-* header must be signed: an unsigned one could be another's addition.
S3Result<void> check_signed_headers(const http::RequestHead& head, const Credentials& credentials) {
    const auto& names = credentials.authorization.signed_headers;
    const auto is_signed = [&names](std::string_view name) {
        return std::any_of(names.begin(), names.end(),
                           [&](const auto& n) { return base::equal_ignoring_case(n, name); });
    };
    std::string missing = is_signed("host") ? "" : "host";
    for (const auto& [name, value] : head.headers.fields()) {
        const auto lower = base::to_lower(name);
        // A hash of the body in a presigned request is one of its parameters already.
        if (!lower.starts_with("x-amz-") || is_signed(lower)) continue;
        if (credentials.presigned && lower == "x-amz-content-sha256") continue;
        missing += (missing.empty() ? "" : ", ") + lower;
    }
    if (missing.empty()) return {};
    auto error = s3_error("AccessDenied", "There were headers present in the request which were not signed");
    error.extra.emplace_back("HeadersNotSigned", missing);
    return std::unexpected(std::move(error));
}

S3Result<void> check_scope(const Credentials& credentials, const AuthOptions& options) {
    const auto& given = credentials.authorization;
    const auto code = credentials.presigned ? "AuthorizationQueryParametersError" : "AuthorizationHeaderMalformed";
    if (given.service != "s3") return refuse(code, "This endpoint belongs to \"s3\".");
    if (!credentials.amz_date.starts_with(given.date))
        return refuse(code, "The date in the credential scope does not match the request's.");
    if (given.region == options.region || given.region == "us-east-1") return {};
    auto error = s3_error(code, "The region '" + given.region + "' is wrong; expecting '" + options.region + "'");
    error.extra.emplace_back("Region", options.region);
    return std::unexpected(std::move(error));
}

S3Result<void> check_time(const Credentials& credentials, const Query& query, const AuthOptions& options) {
    const auto signed_at = base::parse_basic(credentials.amz_date);
    if (!signed_at) return refuse("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
    const auto age = options.now.ms - signed_at->ms;
    if (!credentials.presigned) {
        if (age <= kSkewMs && age >= -kSkewMs) return {};
        auto error = s3_error("RequestTimeTooSkewed");
        error.extra = {{"RequestTime", credentials.amz_date},
                       {"ServerTime", base::format_iso8601(options.now)},
                       {"MaxAllowedSkewMilliseconds", std::to_string(kSkewMs)}};
        return std::unexpected(std::move(error));
    }
    const auto text = query_value(query, "X-Amz-Expires").value_or("");
    std::int64_t seconds = 0;
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (bad != std::errc() || end != text.data() + text.size() || seconds < 1 || seconds > 604800) {
        return refuse("AuthorizationQueryParametersError",
                      "X-Amz-Expires must be a number of seconds from 1 to 604800");
    }
    if (age < -kSkewMs) return refuse("AccessDenied", "Request is not valid yet");
    if (age <= seconds * 1000) return {};
    auto error = s3_error("AccessDenied", "Request has expired");
    error.extra = {{"X-Amz-Expires", text},
                   {"Expires", base::format_iso8601({signed_at->ms + seconds * 1000})},
                   {"ServerTime", base::format_iso8601(options.now)}};
    return std::unexpected(std::move(error));
}

// x-amz-content-sha256: one of the literals, or the hash of the body.
S3Result<std::string> take_payload_mode(const http::RequestHead& head, const Query& query, Authenticated& out) {
    auto text = std::string(base::trim(head.headers.get("x-amz-content-sha256").value_or("")));
    if (text.empty() && out.presigned) text = query_value(query, "X-Amz-Content-Sha256").value_or("UNSIGNED-PAYLOAD");
    if (text.empty()) return refuse("InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
    static const std::map<std::string_view, PayloadMode> literals = {
        {"UNSIGNED-PAYLOAD", PayloadMode::unsigned_payload},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", PayloadMode::streaming_signed},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", PayloadMode::streaming_signed_trailer},
        {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", PayloadMode::streaming_unsigned_trailer},
    };
    if (const auto found = literals.find(text); found != literals.end()) {
        out.mode = found->second;
        return text;
    }
    const auto raw = base::hex_decode(text);
    out.payload_hash = raw ? base::Hash256::from(*raw) : std::nullopt;
    if (!out.payload_hash)
        return refuse("InvalidArgument",
                      "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD or a valid "
                      "sha256 value.");
    out.mode = PayloadMode::signed_hash;
    return text;
}

S3Result<Credentials> header_credentials(const http::RequestHead& head, std::string_view header) {
    Credentials out;
    if (header.starts_with("AWS ")) {
        return refuse("InvalidRequest",
                      "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.");
    }
    auto parsed = parse_authorization(header);
    if (!parsed) return refuse("AuthorizationHeaderMalformed");
    out.authorization = std::move(*parsed);
    if (const auto date = head.headers.get("x-amz-date")) {
        out.amz_date = *date;
    } else if (const auto plain = head.headers.get("date")) {
        const auto time = base::parse_http_date(*plain);
        if (time) out.amz_date = base::format_basic(*time);
        if (!time) out.amz_date = *plain;
    }
    if (!base::parse_basic(out.amz_date))
        return refuse("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
    return out;
}

S3Result<Credentials> query_credentials(const Query& query) {
    const auto malformed = [] {
        return refuse(
            "AuthorizationQueryParametersError",
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
            "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.");
    };
    Credentials out;
    out.presigned = true;
    std::map<std::string, std::string> values;
    for (const char* name : {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date",
                             "X-Amz-SignedHeaders", "X-Amz-Expires"}) {
        auto value = query_value(query, name);
        if (!value) return malformed();
        values[name] = std::move(*value);
    }
    if (values["X-Amz-Algorithm"] != kAlgorithm) return malformed();
    out.amz_date = values["X-Amz-Date"];
    auto parsed = parse_authorization(std::string(kAlgorithm) + " Credential=" + values["X-Amz-Credential"] +
                                      ",SignedHeaders=" + values["X-Amz-SignedHeaders"] +
                                      ",Signature=" + values["X-Amz-Signature"]);
    if (!parsed) return malformed();
    out.authorization = std::move(*parsed);
    return out;
}

// What a request says once, and then signs.
struct Signing {
    std::string canonical;
    std::string to_sign;
    std::string signature;
};
Signing sign(const http::RequestHead& head, const Credentials& credentials, const std::string& path,
             const std::string& query, const std::string& payload, const std::string& key) {
    Signing out;
    const auto& names = credentials.authorization.signed_headers;
    out.canonical = head.method + "\n" + path + "\n" + query + "\n" + canonical_headers(head, names) + "\n" +
                    joined(names) + "\n" + payload;
    out.to_sign = std::string(kAlgorithm) + "\n" + credentials.amz_date + "\n" + credentials.authorization.scope() +
                  "\n" + base::sha256(out.canonical).hex();
    out.signature = base::hex_encode(base::hmac_sha256(key, out.to_sign));
    return out;
}

S3Result<void> verify(const http::RequestHead& head, const Credentials& credentials, const Query& query,
                      const std::string& payload, const std::string& key) {
    const auto sorted_query = canonical_query(query);
    if (!sorted_query) return refuse("InvalidURI");
    const auto path = raw_path(head.target);
    const auto plain = base::percent_decode(path, false);
    if (!plain) return refuse("InvalidURI");
    // Clients encode the path canonically or leave harmless characters as they are: either is what they signed.
    const auto first = sign(head, credentials, base::percent_encode(*plain, true), *sorted_query, payload, key);
    if (base::equal_constant_time(first.signature, credentials.authorization.signature)) return {};
    const auto second = sign(head, credentials, std::string(path), *sorted_query, payload, key);
    if (base::equal_constant_time(second.signature, credentials.authorization.signature)) return {};
    auto error = s3_error("SignatureDoesNotMatch");
    error.extra = {{"AWSAccessKeyId", credentials.authorization.key_id},
                   {"StringToSign", first.to_sign},
                   {"SignatureProvided", credentials.authorization.signature},
                   {"CanonicalRequest", first.canonical}};
    return std::unexpected(std::move(error));
}

}  // namespace

std::optional<Authorization> parse_authorization(std::string_view header) {
    if (!header.starts_with(kAlgorithm)) return std::nullopt;
    auto rest = base::trim(header.substr(kAlgorithm.size()));
    std::map<std::string_view, std::string_view> parts;
    while (!rest.empty()) {
        const auto comma = rest.find(',');
        const auto item = base::trim(rest.substr(0, comma));
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
        const auto equals = item.find('=');
        if (equals == std::string_view::npos || !parts.emplace(item.substr(0, equals), item.substr(equals + 1)).second)
            return std::nullopt;
    }
    if (!parts.contains("Credential") || !parts.contains("SignedHeaders") || !parts.contains("Signature"))
        return std::nullopt;
    Authorization out;
    out.signature = parts["Signature"];
    // The key id may itself hold slashes; the scope is the last four fields.
    std::vector<std::string_view> fields;
    auto credential = parts["Credential"];
    while (fields.size() < 4) {
        const auto slash = credential.rfind('/');
        if (slash == std::string_view::npos) return std::nullopt;
        fields.push_back(credential.substr(slash + 1));
        credential = credential.substr(0, slash);
    }
    if (fields[0] != "aws4_request" || fields[3].size() != 8 || credential.empty()) return std::nullopt;
    out.key_id = credential;
    out.service = fields[1];
    out.region = fields[2];
    out.date = fields[3];
    auto names = parts["SignedHeaders"];
    while (!names.empty()) {
        const auto end = names.find(';');
        out.signed_headers.push_back(base::to_lower(names.substr(0, end)));
        names = end == std::string_view::npos ? std::string_view() : names.substr(end + 1);
    }
    if (out.signed_headers.empty() || !std::is_sorted(out.signed_headers.begin(), out.signed_headers.end()))
        return std::nullopt;
    if (std::adjacent_find(out.signed_headers.begin(), out.signed_headers.end()) != out.signed_headers.end())
        return std::nullopt;
    return out;
}

std::string signing_key(std::string_view key_id, std::string_view secret, std::string_view date,
                        std::string_view region) {
    // Four hashes that stay the same for a day. The secret is part of the name, so that a changed one misses.
    thread_local std::map<std::string, std::string> cache;
    std::string name;
    for (const auto part : {key_id, date, region, secret}) name.append(part).push_back('\0');
    if (const auto found = cache.find(name); found != cache.end()) return found->second;
    if (cache.size() >= kKeysKept) cache.clear();
    auto key = base::hmac_sha256("AWS4" + std::string(secret), date);
    for (const auto part : {region, std::string_view("s3"), std::string_view("aws4_request")})
        key = base::hmac_sha256(key, part);
    return cache[name] = key;
}

S3Result<Authenticated> authenticate(const http::RequestHead& head, const SecretLookup& secrets,
                                     const AuthOptions& options) {
    const auto query = split_query(head.target);
    const bool in_query =
        query_value(query, "X-Amz-Algorithm").has_value() || query_value(query, "X-Amz-Credential").has_value();
    if (query_value(query, "AWSAccessKeyId")) {
        return refuse("InvalidRequest",
                      "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.");
    }
    const auto header = head.headers.get("authorization");
    Authenticated out;
    if (!in_query && !header) {
        out.anonymous = true;
        return out;
    }
    if (head.headers.all("authorization").size() > 1)
        return refuse("InvalidArgument", "Only one auth mechanism allowed");
    TRY(const auto credentials, in_query ? query_credentials(query) : header_credentials(head, *header));
    out.presigned = credentials.presigned;
    TRY_VOID(check_scope(credentials, options));
    TRY_VOID(check_time(credentials, query, options));
    TRY_VOID(check_signed_headers(head, credentials));
    if (head.headers.has("x-amz-security-token") || query_value(query, "X-Amz-Security-Token"))
        return refuse("InvalidToken");
    TRY(const auto payload, take_payload_mode(head, query, out));
    if (out.presigned && out.mode != PayloadMode::unsigned_payload && out.mode != PayloadMode::signed_hash) {
        return refuse("InvalidRequest", "Streamed payloads cannot be used with presigned requests");
    }
    const auto secret = secrets(credentials.authorization.key_id);
    if (!secret) {
        auto error = s3_error("InvalidAccessKeyId");
        error.extra.emplace_back("AWSAccessKeyId", credentials.authorization.key_id);
        return std::unexpected(std::move(error));
    }
    const auto& given = credentials.authorization;
    out.signing_key = signing_key(given.key_id, *secret, given.date, given.region);
    TRY_VOID(verify(head, credentials, query, payload, out.signing_key));
    out.key_id = given.key_id;
    out.seed_signature = given.signature;
    out.scope = given.scope();
    out.amz_date = credentials.amz_date;
    return out;
}

}  // namespace larder::s3
