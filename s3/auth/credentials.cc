#include "s3/auth/credentials.h"

#include "src/base/encoding.h"

#include <algorithm>
#include <charconv>

namespace larder::s3 {

namespace {

constexpr std::int64_t kSkewMs = 15 * 60 * 1000;
constexpr std::int64_t kExpiresMax = 7 * 24 * 3600;

std::unexpected<S3Error> refuse(std::string_view code, std::string message = {}) {
    return std::unexpected(s3_error(code, std::move(message)));
}

// Cuts the last "/field" off.
std::optional<std::string_view> take_last(std::string_view& text) {
    const auto slash = text.rfind('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto field = text.substr(slash + 1);
    text = text.substr(0, slash);
    return field;
}

// The seconds that a presigned request lives. A number beyond its bounds is a request that is never good, as against
// one that is no number at all.
S3Result<std::int64_t> expiry_of(std::string_view text) {
    std::int64_t seconds = 0;
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (end != text.data() + text.size() || bad == std::errc::invalid_argument)
        return refuse("AuthorizationQueryParametersError", "X-Amz-Expires should be a number");
    if (bad != std::errc() || seconds < 1 || seconds > kExpiresMax)
        return refuse("AccessDenied", "X-Amz-Expires must be a number of seconds from 1 to 604800");
    return seconds;
}

}  // namespace

std::optional<Credential> parse_credential(std::string_view text) {
    auto rest = text;
    const auto terminator = take_last(rest);
    const auto service = take_last(rest);
    const auto region = take_last(rest);
    const auto date = take_last(rest);
    if (!date || *terminator != "aws4_request" || date->size() != 8 || rest.empty()) return std::nullopt;
    return Credential{rest, text.substr(rest.size() + 1), *date, *region, *service};
}

std::optional<Authorization> parse_authorization(std::string_view header) {
    if (!header.starts_with(kSignatureAlgorithm)) return std::nullopt;
    auto rest = base::trim(header.substr(kSignatureAlgorithm.size()));
    std::optional<std::string_view> credential, signed_headers, signature;
    while (!rest.empty()) {
        const auto comma = std::min(rest.find(','), rest.size());
        const auto item = base::trim(rest.substr(0, comma));
        rest.remove_prefix(std::min(comma + 1, rest.size()));
        const auto equals = item.find('=');
        if (equals == std::string_view::npos) return std::nullopt;
        const auto name = item.substr(0, equals);
        auto* const part = name == "Credential"      ? &credential
                           : name == "SignedHeaders" ? &signed_headers
                           : name == "Signature"     ? &signature
                                                     : nullptr;
        if (part == nullptr || part->has_value()) return std::nullopt;
        *part = item.substr(equals + 1);
    }
    if (!credential || !signed_headers || !signature || !is_name_list(*signed_headers)) return std::nullopt;
    const auto parsed = parse_credential(*credential);
    if (!parsed) return std::nullopt;
    return Authorization{*parsed, *signed_headers, *signature};
}

bool is_presigned(const RawQuery& query) {
    return std::ranges::any_of(query, [](const auto& item) {
        return item.first == "X-Amz-Algorithm" || item.first == "X-Amz-Credential" || item.first == "X-Amz-Signature";
    });
}

std::optional<std::string_view> query_text(const RawQuery& query, std::string_view name, std::string& room) {
    for (const auto& [given, value] : query) {
        if (given != name) continue;
        if (value.find_first_of("%+") == std::string_view::npos) return value;
        auto decoded = base::percent_decode(value, true);
        if (!decoded) return std::nullopt;
        room = std::move(*decoded);
        return room;
    }
    return std::nullopt;
}

S3Error signature_version_2() {
    return s3_error("InvalidRequest",
                    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.");
}

S3Result<void> Claim::read_header(const http::RequestHead& head, std::string_view authorization) {
    if (authorization.starts_with("AWS ")) return std::unexpected(signature_version_2());
    const auto parsed = parse_authorization(authorization);
    if (!parsed) return refuse("AuthorizationHeaderMalformed");
    parts_ = *parsed;
    if (const auto date = head.headers.get("x-amz-date")) {
        amz_date_ = *date;
    } else if (const auto plain = head.headers.get("date")) {
        const auto time = base::parse_http_date(*plain);
        amz_date_ = time ? std::string_view(decoded_[0] = base::format_basic(*time)) : *plain;
    }
    const auto time = base::parse_basic(amz_date_);
    if (!time) return refuse("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
    signed_at_ = *time;
    return {};
}

S3Result<void> Claim::read_query(const RawQuery& query) {
    constexpr std::string_view code = "AuthorizationQueryParametersError";
    presigned_ = true;
    for (std::size_t i = 0; i < query.size(); ++i) {
        if (!query[i].first.starts_with("X-Amz-")) continue;
        for (std::size_t k = 0; k < i; ++k) {
            if (query[k].first == query[i].first)
                return refuse(code, "The parameter " + std::string(query[i].first) + " occurs more than once.");
        }
    }
    auto value_of = [&, next = decoded_.begin()](std::string_view name) mutable {
        return query_text(query, name, *next++);
    };
    const auto algorithm = value_of("X-Amz-Algorithm");
    const auto credential = value_of("X-Amz-Credential");
    const auto signed_headers = value_of("X-Amz-SignedHeaders");
    const auto signature = value_of("X-Amz-Signature");
    const auto date = value_of("X-Amz-Date");
    const auto expires = value_of("X-Amz-Expires");
    if (!algorithm || !credential || !signed_headers || !signature || !date || !expires) {
        return refuse(code,
                      "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                      "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.");
    }
    if (*algorithm != kSignatureAlgorithm) return refuse(code, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
    const auto parsed = parse_credential(*credential);
    if (!parsed) {
        return refuse(code,
                      "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "
                      "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
    }
    if (!is_name_list(*signed_headers))
        return refuse(code, "X-Amz-SignedHeaders is not a sorted list of header names.");
    parts_ = {*parsed, *signed_headers, *signature};
    amz_date_ = *date;
    const auto time = base::parse_basic(amz_date_);
    if (!time) return refuse(code, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
    signed_at_ = *time;
    TRY(expires_seconds_, expiry_of(*expires));
    payload_ = value_of("X-Amz-Content-Sha256");
    return {};
}

S3Result<void> Claim::check_time(base::WallTime now) const {
    const auto age = now.ms - signed_at_.ms;
    if (!presigned_) {
        if (age <= kSkewMs && age >= -kSkewMs) return {};
        auto error = s3_error("RequestTimeTooSkewed");
        error.extra = {{"RequestTime", std::string(amz_date_)},
                       {"ServerTime", base::format_iso8601(now)},
                       {"MaxAllowedSkewMilliseconds", std::to_string(kSkewMs)}};
        return std::unexpected(std::move(error));
    }
    if (age < -kSkewMs) return refuse("AccessDenied", "Request is not valid yet");
    if (age <= expires_seconds_ * 1000) return {};
    auto error = s3_error("AccessDenied", "Request has expired");
    error.extra = {{"X-Amz-Expires", std::to_string(expires_seconds_)},
                   {"Expires", base::format_iso8601({signed_at_.ms + expires_seconds_ * 1000})},
                   {"ServerTime", base::format_iso8601(now)}};
    return std::unexpected(std::move(error));
}

S3Result<void> check_scope(const Credential& credential, std::string_view amz_date, std::string_view region,
                           std::string_view code) {
    if (credential.service != "s3") return refuse(code, "This endpoint belongs to \"s3\".");
    if (!amz_date.starts_with(credential.date))
        return refuse(code, "The date in the credential scope does not match the request's.");
    if (credential.region == region || credential.region == "us-east-1") return {};
    auto error = s3_error(
        code, "The region '" + std::string(credential.region) + "' is wrong; expecting '" + std::string(region) + "'");
    error.extra.emplace_back("Region", region);
    return std::unexpected(std::move(error));
}

}  // namespace larder::s3
