#include "s3/auth/post_policy.h"

#include "src/base/encoding.h"
#include "src/base/hash.h"

#include <boost/json.hpp>

namespace larder::s3 {

namespace json = boost::json;

namespace {

constexpr std::size_t kFieldMax = 64 * 1024;
constexpr std::size_t kFieldsMax = 100;
constexpr std::size_t kReadBytes = 64 * 1024;

std::unexpected<S3Error> refuse(std::string_view code, std::string message = {}) {
    return std::unexpected(s3_error(code, std::move(message)));
}

std::string boundary_of(std::string_view content_type) {
    const auto at = base::to_lower(content_type).find("boundary=");
    if (at == std::string::npos) return {};
    auto value = content_type.substr(at + 9);
    value = base::trim(value.substr(0, value.find(';')));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    return value.empty() ? std::string() : "--" + std::string(value);
}

std::optional<std::string> field(const PostForm& form, std::string_view name) {
    for (const auto& [given, value] : form.fields) {
        if (given == name) return value;
    }
    return std::nullopt;
}

}  // namespace

std::optional<Disposition> parse_disposition(std::string_view value) {
    if (!base::equal_ignoring_case(base::trim(value.substr(0, value.find(';'))), "form-data")) return std::nullopt;
    const auto parameter = [value](std::string_view name) -> std::optional<std::string> {
        for (std::size_t at = value.find(';'); at != std::string_view::npos; at = value.find(';', at + 1)) {
            const auto item = base::trim(value.substr(at + 1));
            if (item.size() <= name.size() || !base::equal_ignoring_case(item.substr(0, name.size()), name) ||
                item[name.size()] != '=')
                continue;
            auto text = item.substr(name.size() + 1);
            if (!text.starts_with('"')) return std::string(base::trim(text.substr(0, text.find(';'))));
            text.remove_prefix(1);
            return std::string(text.substr(0, text.find('"')));
        }
        return std::nullopt;
    };
    const auto name = parameter("name");
    if (!name) return std::nullopt;
    return Disposition{*name, parameter("filename")};
}

FormReader::FormReader(http::Exchange& exchange, std::string content_type)
    : exchange_(exchange), boundary_(boundary_of(content_type)) {}

io::Task<S3Result<void>> FormReader::fill() {
    const auto had = pending_.size();
    pending_.resize(had + kReadBytes);
    const auto got = co_await exchange_.read_some({reinterpret_cast<std::byte*>(pending_.data()) + had, kReadBytes});
    pending_.resize(had + (got ? *got : 0));
    if (!got) co_return std::unexpected(s3_error_of(got.error()));
    body_ended_ = *got == 0;
    co_return S3Result<void>();
}

io::Task<S3Result<std::string>> FormReader::read_until(std::string mark, std::size_t most) {
    for (;;) {
        const auto at = pending_.find(mark);
        if (at != std::string::npos) {
            auto text = pending_.substr(0, at);
            pending_.erase(0, at + mark.size());
            co_return text;
        }
        if (pending_.size() > most) co_return refuse("MaxMessageLengthExceeded");
        if (body_ended_) co_return refuse("MalformedPOSTRequest");
        if (auto filled = co_await fill(); !filled) co_return std::unexpected(filled.error());
    }
}

io::Task<S3Result<PostForm>> FormReader::read_fields() {
    if (boundary_.empty()) co_return refuse("MalformedPOSTRequest");
    PostForm form;
    auto preamble = co_await read_until(boundary_, kFieldMax);
    if (!preamble) co_return std::unexpected(preamble.error());
    while (form.fields.size() < kFieldsMax) {
        auto line_end = co_await read_until("\r\n", kFieldMax);
        if (!line_end) co_return std::unexpected(line_end.error());
        // The closing boundary before any file.
        if (line_end->starts_with("--"))
            co_return refuse("InvalidArgument", "POST requires exactly one file upload per request.");
        std::optional<Disposition> disposition;
        std::string content_type;
        while (true) {
            auto header = co_await read_until("\r\n", kFieldMax);
            if (!header) co_return std::unexpected(header.error());
            if (header->empty()) break;
            const auto colon = header->find(':');
            if (colon == std::string::npos) co_return refuse("MalformedPOSTRequest");
            const std::string_view value = std::string_view(*header).substr(colon + 1);
            if (base::equal_ignoring_case(header->substr(0, colon), "content-disposition"))
                disposition = parse_disposition(value);
        }
        if (!disposition) co_return refuse("MalformedPOSTRequest");
        if (base::equal_ignoring_case(disposition->name, "file")) {
            const auto name = disposition->file_name.value_or("");
            form.file_name = name.substr(name.find_last_of("/\\") + 1);
            co_return form;
        }
        auto value = co_await read_until("\r\n" + boundary_, kFieldMax);
        if (!value) co_return std::unexpected(value.error());
        form.fields.emplace_back(base::to_lower(disposition->name), std::move(*value));
    }
    co_return refuse("MalformedPOSTRequest");
}

io::Task<S3Result<std::size_t>> FormReader::read_file(std::span<std::byte> out) {
    const std::string mark = "\r\n" + boundary_;
    std::size_t done = 0;
    while (done < out.size() && !file_ended_) {
        const auto at = pending_.find(mark);
        // Without a boundary in sight, all but what could be its beginning is content.
        const auto content = at != std::string::npos          ? at
                             : pending_.size() >= mark.size() ? pending_.size() - mark.size() + 1
                                                              : 0;
        if (content == 0 && at == std::string::npos) {
            if (body_ended_) co_return refuse("IncompleteBody");
            if (auto filled = co_await fill(); !filled) co_return std::unexpected(filled.error());
            continue;
        }
        const auto n = std::min(content, out.size() - done);
        std::memcpy(out.data() + done, pending_.data(), n);
        pending_.erase(0, n);
        done += n;
        file_ended_ = at != std::string::npos && n == content;
    }
    co_return done;
}

namespace {

// The policy document, or why it cannot be used.
S3Result<json::object> decode_policy(const PostForm& form) {
    const auto encoded = field(form, "policy");
    const auto text = encoded ? base::base64_decode(base::trim(*encoded)) : std::nullopt;
    if (!text) return refuse("InvalidPolicyDocument", "Invalid Policy: the policy is not base64.");
    boost::system::error_code bad;
    auto value = json::parse(*text, bad);
    if (bad || !value.is_object()) return refuse("InvalidPolicyDocument", "Invalid Policy: Invalid JSON.");
    return std::move(value.get_object());
}

S3Result<void> check_expiry(const json::object& policy, const AuthOptions& options) {
    const auto* expiration = policy.if_contains("expiration");
    if (expiration == nullptr || !expiration->is_string())
        return refuse("InvalidPolicyDocument", "Invalid Policy: Policy missing expiration.");
    const auto when = base::parse_iso8601(std::string_view(expiration->get_string()));
    if (!when) return refuse("InvalidPolicyDocument", "Invalid Policy: Invalid 'expiration' value");
    if (*when <= options.now) return refuse("AccessDenied", "Invalid according to Policy: Policy expired.");
    return {};
}

// The values that conditions speak of.
class Subject {
 public:
    Subject(const PostForm& form, std::string_view bucket, std::string_view key)
        : form_(form), bucket_(bucket), key_(key) {}
    std::string value_of(std::string_view name) const {
        if (name == "bucket") return std::string(bucket_);
        if (name == "key") return std::string(key_);
        return field(form_, name).value_or("");
    }

 private:
    const PostForm& form_;
    std::string_view bucket_;
    std::string_view key_;
};

S3Result<void> unmet(std::string_view condition) {
    return refuse("AccessDenied", "Invalid according to Policy: Policy Condition failed: " + std::string(condition));
}

// One condition; notes the field it covers.
S3Result<void> check_condition(const json::value& condition, const Subject& subject,
                               std::vector<std::string>& covered) {
    if (condition.is_object()) {
        for (const auto& [name, value] : condition.get_object()) {
            if (!value.is_string()) return refuse("InvalidPolicyDocument", "Invalid Policy: Invalid Simple-Condition");
            covered.push_back(base::to_lower(std::string_view(name)));
            if (subject.value_of(covered.back()) != std::string_view(value.get_string())) return unmet(covered.back());
        }
        return {};
    }
    if (!condition.is_array() || condition.get_array().size() != 3 || !condition.get_array()[0].is_string()) {
        return refuse("InvalidPolicyDocument", "Invalid Policy: Invalid JSON.");
    }
    const auto& parts = condition.get_array();
    const auto operation = base::to_lower(std::string_view(parts[0].get_string()));
    if (operation == "content-length-range") return {};
    if (!parts[1].is_string() || !parts[2].is_string() || !std::string_view(parts[1].get_string()).starts_with('$')) {
        return refuse("InvalidPolicyDocument", "Invalid Policy: Invalid condition");
    }
    covered.push_back(base::to_lower(std::string_view(parts[1].get_string()).substr(1)));
    const auto value = subject.value_of(covered.back());
    const std::string_view wanted = parts[2].get_string();
    if (operation == "eq" && value != wanted) return unmet(covered.back());
    if (operation == "starts-with" && !value.starts_with(wanted)) return unmet(covered.back());
    if (operation != "eq" && operation != "starts-with")
        return refuse("InvalidPolicyDocument", "Invalid Policy: unknown operation");
    return {};
}

// Fields that need no condition.
bool is_exempt(std::string_view name) {
    static constexpr std::string_view exempt[] = {"policy", "x-amz-signature", "signature", "awsaccesskeyid", "file"};
    return std::find(std::begin(exempt), std::end(exempt), name) != std::end(exempt) || name.starts_with("x-ignore-") ||
           name.starts_with("x-amz-checksum-");
}

S3Result<void> check_conditions(const json::object& policy, const PostForm& form, const Subject& subject) {
    const auto* conditions = policy.if_contains("conditions");
    if (conditions == nullptr || !conditions->is_array())
        return refuse("InvalidPolicyDocument", "Invalid Policy: Policy missing conditions.");
    std::vector<std::string> covered;
    for (const auto& condition : conditions->get_array()) TRY_VOID(check_condition(condition, subject, covered));
    const auto is_covered = [&covered](std::string_view name) {
        return std::find(covered.begin(), covered.end(), name) != covered.end();
    };
    if (!is_covered("bucket"))
        return refuse("AccessDenied", "Invalid according to Policy: Policy missing a condition on bucket");
    for (const auto& [name, value] : form.fields) {
        if (is_exempt(name) || is_covered(name)) continue;
        return refuse("AccessDenied", "Invalid according to Policy: Extra input fields: " + name);
    }
    return {};
}

}  // namespace

namespace {

// The first form of signed policies: base64 of an HMAC-SHA-1 over the encoded policy. Web pages in use still carry it.
S3Result<void> check_first_signature(const PostForm& form, const std::string& key_id, const SecretLookup& secrets) {
    const auto secret = secrets(key_id);
    if (!secret) return refuse("InvalidAccessKeyId");
    const auto expected = base::base64_encode(base::hmac_sha1(*secret, field(form, "policy").value_or("")));
    if (!base::equal_constant_time(expected, field(form, "signature").value_or("")))
        return refuse("SignatureDoesNotMatch");
    return {};
}

}  // namespace

S3Result<Authenticated> check_policy(const PostForm& form, std::string_view bucket, std::string_view key,
                                     const SecretLookup& secrets, const AuthOptions& options) {
    Authenticated out;
    if (!field(form, "policy")) {
        out.anonymous = true;
        return out;
    }
    const auto credential = field(form, "x-amz-credential");
    const auto signature = field(form, "x-amz-signature");
    if (const auto key_id = field(form, "awsaccesskeyid"); key_id && !credential) {
        TRY_VOID(check_first_signature(form, *key_id, secrets));
        TRY(const auto first_policy, decode_policy(form));
        TRY_VOID(check_expiry(first_policy, options));
        TRY_VOID(check_conditions(first_policy, form, Subject(form, bucket, key)));
        out.key_id = *key_id;
        return out;
    }
    if (!credential || !signature)
        return refuse("InvalidArgument",
                      "Bucket POST must contain fields named 'x-amz-credential' and 'x-amz-signature'.");
    const auto given = parse_authorization("AWS4-HMAC-SHA256 Credential=" + *credential +
                                           ",SignedHeaders=host,Signature=" + *signature);
    if (!given || given->service != "s3") return refuse("InvalidArgument", "The credential is malformed.");
    const auto secret = secrets(given->key_id);
    if (!secret) return refuse("InvalidAccessKeyId");
    const auto signing = signing_key(given->key_id, *secret, given->date, given->region);
    const auto expected = base::hex_encode(base::hmac_sha256(signing, *field(form, "policy")));
    if (!base::equal_constant_time(expected, *signature)) return refuse("SignatureDoesNotMatch");
    TRY(const auto policy, decode_policy(form));
    TRY_VOID(check_expiry(policy, options));
    TRY_VOID(check_conditions(policy, form, Subject(form, bucket, key)));
    out.key_id = given->key_id;
    return out;
}

std::optional<LengthRange> policy_length_range(const PostForm& form) {
    const auto policy = decode_policy(form);
    if (!policy) return std::nullopt;
    const auto* conditions = policy->if_contains("conditions");
    if (conditions == nullptr || !conditions->is_array()) return std::nullopt;
    for (const auto& condition : conditions->get_array()) {
        if (!condition.is_array() || condition.get_array().size() != 3) continue;
        const auto& parts = condition.get_array();
        if (!parts[0].is_string() || base::to_lower(std::string_view(parts[0].get_string())) != "content-length-range")
            continue;
        boost::system::error_code bad_least;
        boost::system::error_code bad_most;
        const auto least = parts[1].to_number<std::int64_t>(bad_least);
        const auto most = parts[2].to_number<std::int64_t>(bad_most);
        // A range that cannot be read allows nothing.
        if (bad_least || bad_most || least < 0 || most < 0) return LengthRange{1, 0};
        return LengthRange{static_cast<std::uint64_t>(least), static_cast<std::uint64_t>(most)};
    }
    return std::nullopt;
}

}  // namespace larder::s3
