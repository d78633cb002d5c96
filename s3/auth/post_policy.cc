#include "s3/auth/post_policy.h"

#include "src/base/encoding.h"
#include "src/base/hash.h"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>

namespace larder::s3 {

namespace json = boost::json;

namespace {

std::unexpected<S3Error> refuse(std::string_view code, std::string message = {}) {
    return std::unexpected(s3_error(code, std::move(message)));
}
std::unexpected<S3Error> invalid(std::string_view why) {
    return refuse("InvalidPolicyDocument", "Invalid Policy: " + std::string(why));
}
std::unexpected<S3Error> unmet(std::string_view why) {
    return refuse("AccessDenied", "Invalid according to Policy: " + std::string(why));
}

std::string_view text_of(const json::value& value) {
    return value.is_string() ? std::string_view(value.get_string()) : std::string_view();
}

// A size as a number, or as a text of digits.
std::optional<std::uint64_t> size_of(const json::value& value) {
    if (value.is_int64() && value.get_int64() >= 0) return static_cast<std::uint64_t>(value.get_int64());
    if (value.is_uint64()) return value.get_uint64();
    const auto text = text_of(value);
    std::uint64_t size = 0;
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), size);
    if (text.empty() || bad != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return size;
}

S3Result<json::object> decode(std::string_view encoded) {
    const auto text = base::base64_decode(base::trim(encoded));
    if (!text) return invalid("the policy is not base64.");
    boost::system::error_code bad;
    auto value = json::parse(*text, bad);
    if (bad || !value.is_object()) return invalid("Invalid JSON.");
    return std::move(value.get_object());
}

S3Result<void> check_expiry(const json::object& policy, base::WallTime now) {
    const auto* expiration = policy.if_contains("expiration");
    if (expiration == nullptr || !expiration->is_string()) return invalid("Policy missing expiration.");
    const auto when = base::parse_iso8601(text_of(*expiration));
    if (!when) return invalid("Invalid 'expiration' value.");
    if (*when <= now) return unmet("Policy expired.");
    return {};
}

// Goes through the conditions and notes which fields they cover.
class Conditions {
 public:
    Conditions(const PostForm& form, std::string_view bucket, std::string_view key)
        : form_(form), bucket_(bucket), key_(key) {}

    S3Result<void> check(const json::object& policy) {
        const auto* conditions = policy.if_contains("conditions");
        if (conditions == nullptr || !conditions->is_array()) return invalid("Policy missing conditions.");
        for (const auto& condition : conditions->get_array()) {
            TRY_VOID(condition.is_object() ? check_equalities(condition.get_object()) : check_operation(condition));
        }
        if (!covers("bucket")) return unmet("Policy missing a condition on bucket.");
        for (const auto& [name, value] : form_.fields) {
            if (!is_exempt(name) && !covers(name)) return unmet("Extra input fields: " + name);
        }
        return {};
    }
    const LengthRange& length() const { return length_; }

 private:
    // The signature cannot be part of what it signs; x-ignore-* are for others to read.
    static bool is_exempt(std::string_view name) {
        static constexpr std::string_view exempt[] = {"policy", "x-amz-signature", "signature", "awsaccesskeyid"};
        return std::ranges::find(exempt, name) != std::end(exempt) || name.starts_with("x-ignore-") ||
               name.starts_with("x-amz-checksum-");
    }
    bool covers(std::string_view name) const { return std::ranges::find(covered_, name) != covered_.end(); }

    std::string_view value_of(std::string_view name) const {
        if (name == "bucket") return bucket_;
        if (name == "key") return key_;
        return form_.field(name).value_or("");
    }

    // {"acl": "private"}
    S3Result<void> check_equalities(const json::object& condition) {
        if (condition.empty()) return invalid("Invalid Simple-Condition: it is empty.");
        for (const auto& [name, value] : condition) {
            if (!value.is_string()) return invalid("Invalid Simple-Condition: the value must be a text.");
            covered_.push_back(base::to_lower(std::string_view(name)));
            if (value_of(covered_.back()) != text_of(value))
                return unmet("Policy Condition failed: " + covered_.back());
        }
        return {};
    }

    // ["eq", "$acl", "private"], ["starts-with", "$key", "user/"], ["content-length-range", 1, 1024]
    S3Result<void> check_operation(const json::value& condition) {
        if (!condition.is_array() || condition.get_array().size() != 3) return invalid("Invalid Condition.");
        const auto& parts = condition.get_array();
        const auto operation = base::to_lower(text_of(parts[0]));
        if (operation == "content-length-range") return narrow(parts[1], parts[2]);
        const auto field = text_of(parts[1]);
        if (!field.starts_with('$') || !parts[2].is_string()) return invalid("Invalid Condition.");
        covered_.push_back(base::to_lower(field.substr(1)));
        const auto value = value_of(covered_.back());
        const auto wanted = text_of(parts[2]);
        if (operation != "eq" && operation != "starts-with") return invalid("Unknown operation in a condition.");
        const bool holds = operation == "eq" ? value == wanted : value.starts_with(wanted);
        if (!holds) return unmet("Policy Condition failed: " + covered_.back());
        return {};
    }

    S3Result<void> narrow(const json::value& least, const json::value& most) {
        const auto from = size_of(least);
        const auto to = size_of(most);
        if (!from || !to || *from > *to) return invalid("Invalid content-length-range.");
        length_.least = std::max(length_.least, *from);
        length_.most = std::min(length_.most, *to);
        return {};
    }

    const PostForm& form_;
    std::string_view bucket_;
    std::string_view key_;
    std::vector<std::string> covered_;
    LengthRange length_;
};

S3Result<std::string> secret_of(std::string_view key_id, const SecretLookup& secrets) {
    auto secret = secrets(key_id);
    if (secret) return std::move(*secret);
    auto error = s3_error("InvalidAccessKeyId");
    error.extra.emplace_back("AWSAccessKeyId", key_id);
    return std::unexpected(std::move(error));
}

// The key that signed by the older form: HMAC-SHA-1 of the policy.
S3Result<std::string> verify_sha1(const PostForm& form, std::string_view policy, const SecretLookup& secrets) {
    const auto signature = form.field("signature");
    if (!signature) return refuse("InvalidArgument", "Bucket POST must contain a field named 'signature'.");
    const auto key_id = *form.field("awsaccesskeyid");
    TRY(const auto secret, secret_of(key_id, secrets));
    const auto expected = base::base64_encode(base::hmac_sha1(secret, policy));
    if (!base::equal_constant_time(expected, *signature)) return refuse("SignatureDoesNotMatch");
    return std::string(key_id);
}

// The key that signed by Signature Version 4.
S3Result<std::string> verify_sigv4(const PostForm& form, std::string_view policy, const SecretLookup& secrets,
                                   const AuthOptions& options) {
    for (const auto name : {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"}) {
        if (!form.field(name)) {
            return refuse("InvalidArgument", "Bucket POST must contain a field named '" + std::string(name) +
                                                 "'. If it is specified, please check the order of the fields.");
        }
    }
    if (*form.field("x-amz-algorithm") != kSignatureAlgorithm)
        return refuse("InvalidArgument", "x-amz-algorithm only supports \"AWS4-HMAC-SHA256\".");
    const auto credential = parse_credential(*form.field("x-amz-credential"));
    if (!credential) return refuse("InvalidArgument", "The field x-amz-credential is malformed.");
    TRY_VOID(check_scope(*credential, *form.field("x-amz-date"), options.region, "AuthorizationHeaderMalformed"));
    TRY(const auto secret, secret_of(credential->key_id, secrets));
    const auto expected = base::hex_encode(base::hmac_sha256(signing_key(*credential, secret), policy));
    if (!base::equal_constant_time(expected, *form.field("x-amz-signature"))) return refuse("SignatureDoesNotMatch");
    return std::string(credential->key_id);
}

}  // namespace

S3Result<PostGrant> check_policy(const PostForm& form, std::string_view bucket, std::string_view key,
                                 const SecretLookup& secrets, const AuthOptions& options) {
    PostGrant grant;
    const auto encoded = form.field("policy");
    if (!encoded) {
        grant.who.anonymous = true;
        return grant;
    }
    if (form.field("x-amz-security-token")) return refuse("InvalidToken");
    const bool is_older = form.field("awsaccesskeyid") && !form.field("x-amz-credential");
    TRY(grant.who.key_id,
        is_older ? verify_sha1(form, *encoded, secrets) : verify_sigv4(form, *encoded, secrets, options));
    TRY(const auto policy, decode(*encoded));
    TRY_VOID(check_expiry(policy, options.now));
    Conditions conditions(form, bucket, key);
    TRY_VOID(conditions.check(policy));
    grant.length = conditions.length();
    return grant;
}

}  // namespace larder::s3
