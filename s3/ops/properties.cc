#include "s3/ops/properties.h"

#include "s3/acl.h"
#include "s3/auth/checksum.h"
#include "s3/tags.h"
#include "src/base/encoding.h"
#include "src/base/limits.h"

#include <charconv>

namespace larder::s3::ops {

namespace {

constexpr std::string_view kKeptHeaders[] = {"cache-control",    "content-disposition", "content-encoding",
                                             "content-language", "content-type",        "expires"};
constexpr std::string_view kStorageClasses[] = {"STANDARD",     "REDUCED_REDUNDANCY",  "STANDARD_IA",
                                                "ONEZONE_IA",   "INTELLIGENT_TIERING", "GLACIER",
                                                "DEEP_ARCHIVE", "GLACIER_IR"};

// Headers that would change what the request means, and are not served.
constexpr std::string_view kUnsupported[] = {
    "x-amz-server-side-encryption", "x-amz-object-lock-mode",          "x-amz-object-lock-retain-until-date",
    "x-amz-object-lock-legal-hold", "x-amz-website-redirect-location", "x-amz-write-offset-bytes",
};

S3Error unsupported_header(std::string_view name) {
    auto error = s3_error("NotImplemented", "A header you provided implies functionality that is not implemented");
    error.extra.emplace_back("Header", name);
    return error;
}

// Checks one header that asks for something special.
S3Result<void> check_header(std::string_view name, std::string_view value) {
    for (const auto refused : kUnsupported) {
        if (name.starts_with(refused)) return std::unexpected(unsupported_header(name));
    }
    if (name.starts_with("x-amz-grant-")) return std::unexpected(unsupported_header(name));
    if (name == kAclHeader && !is_canned_acl(value)) {
        return std::unexpected(unsupported_header(name));
    }
    return {};
}

// "gzip,aws-chunked" → "gzip": the framing is the request's, not the object's.
std::string without_aws_chunked(std::string_view encodings) {
    std::string out;
    while (!encodings.empty()) {
        const auto comma = encodings.find(',');
        const auto token = base::trim(encodings.substr(0, comma));
        encodings = comma == std::string_view::npos ? std::string_view() : encodings.substr(comma + 1);
        if (token.empty() || base::equal_ignoring_case(token, "aws-chunked")) continue;
        out += (out.empty() ? "" : ", ") + std::string(token);
    }
    return out;
}

S3Result<void> take(engine::ObjectProperties& properties, std::size_t& metadata_bytes, std::string name,
                    std::string value) {
    TRY_VOID(check_header(name, value));
    constexpr std::string_view kMeta = "x-amz-meta-";
    if (name.starts_with(kMeta)) {
        name.erase(0, kMeta.size());
        metadata_bytes += name.size() + value.size();
        if (metadata_bytes > base::limits::kUserMetadataBytesMax) return std::unexpected(s3_error("MetadataTooLarge"));
        for (auto& [known, present] : properties.metadata) {
            if (known != name) continue;
            present += "," + value;
            return {};
        }
        properties.metadata.emplace_back(std::move(name), std::move(value));
        return {};
    }
    if (name == "x-amz-storage-class") {
        if (std::find(std::begin(kStorageClasses), std::end(kStorageClasses), value) == std::end(kStorageClasses)) {
            return std::unexpected(s3_error("InvalidStorageClass"));
        }
        properties.storage_class = value == "STANDARD" ? "" : value;
        return {};
    }
    if (name == kAclHeader) {
        if (value != "private") properties.headers.emplace_back(std::move(name), std::move(value));
        return {};
    }
    if (name == "x-amz-tagging") {
        TRY(properties.tags, parse_tags(value));
        return {};
    }
    if (name == "content-encoding") value = without_aws_chunked(value);
    const bool kept = std::find(std::begin(kKeptHeaders), std::end(kKeptHeaders), name) != std::end(kKeptHeaders);
    if (kept && !value.empty()) properties.headers.emplace_back(std::move(name), std::move(value));
    return {};
}

}  // namespace

S3Result<engine::NamedValues> parse_tags(std::string_view text) {
    auto given = parse_pairs(text);
    if (!given) return std::unexpected(s3_error("InvalidTag"));
    // Told in the order of their keys, however they came.
    std::sort(given->begin(), given->end());
    TRY_VOID(check_tags(*given, base::limits::kTagsMax));
    return std::move(*given);
}

S3Result<engine::ObjectProperties> properties_of(const Call& call) {
    engine::ObjectProperties properties;
    std::size_t metadata_bytes = 0;
    for (const auto& [name, value] : call.exchange.request().headers.fields()) {
        TRY_VOID(take(properties, metadata_bytes, base::to_lower(name), value));
    }
    return properties;
}

S3Result<engine::ObjectProperties> properties_of_form(const std::vector<std::pair<std::string, std::string>>& fields) {
    engine::ObjectProperties properties;
    std::size_t metadata_bytes = 0;
    for (const auto& [name, value] : fields) {
        if (name == "acl") {
            TRY_VOID(take(properties, metadata_bytes, std::string(kAclHeader), value));
        } else if (name == "tagging") {
            continue;  // an XML document, read by the operation
        } else {
            TRY_VOID(take(properties, metadata_bytes, name, value));
        }
    }
    return properties;
}

S3Result<http::Headers> object_headers(const Call& call, const engine::ObjectInfo& info) {
    http::Headers headers;
    headers.reserve(12 + info.properties.headers.size() + info.properties.metadata.size());
    headers.add("ETag", quoted(info.etag));
    headers.add("Last-Modified", base::format_http_date(info.modified));
    headers.add("Accept-Ranges", "bytes");
    bool typed = false;
    for (const auto& [name, value] : info.properties.headers) {
        if (name == kAclHeader) continue;
        typed = typed || name == "content-type";
        headers.add(name, value);
    }
    if (!typed) headers.add("Content-Type", "binary/octet-stream");
    for (const auto& [name, value] : info.properties.metadata) headers.add("x-amz-meta-" + name, value);
    if (!info.properties.storage_class.empty()) headers.add("x-amz-storage-class", info.properties.storage_class);
    if (!info.properties.tags.empty()) headers.add("x-amz-tagging-count", std::to_string(info.properties.tags.size()));
    constexpr std::string_view kResponse = "response-";
    for (const auto& [name, value] : call.request.query) {
        if (!std::string_view(name).starts_with(kResponse)) continue;
        const auto header = name.substr(kResponse.size());
        if (std::find(std::begin(kKeptHeaders), std::end(kKeptHeaders), header) == std::end(kKeptHeaders)) continue;
        if (call.auth.anonymous) {
            return refuse("InvalidRequest",
                          "Request specific response headers cannot be used for anonymous GET requests.");
        }
        if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) return refuse("InvalidArgument");
        headers.set(header, value);
    }
    return headers;
}

void add_checksum_headers(const Call& call, const engine::ObjectInfo& info, const engine::PartInfo* part,
                          http::Headers& headers) {
    if (!base::equal_ignoring_case(call.header("x-amz-checksum-mode").value_or(""), "enabled")) return;
    for (const auto& sum : part == nullptr ? info.checksums : part->checksums) {
        headers.add(header_name(sum.algorithm), checksum_text(sum, info.parts.size()));
    }
    // The kind is the object's, also where a part is shown.
    if (!info.checksums.empty()) {
        headers.set("x-amz-checksum-type", info.checksums.front().composite ? "COMPOSITE" : "FULL_OBJECT");
    }
}

std::string bare_etag(std::string_view text) {
    text = base::trim(text);
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
    return std::string(text);
}

S3Result<engine::Condition> write_condition(const Call& call) {
    engine::Condition condition;
    const auto match = call.header("if-match");
    const auto none_match = call.header("if-none-match");
    if (match && none_match) {
        return std::unexpected(unsupported_header("If-Match,If-None-Match"));
    }
    if (none_match) {
        if (base::trim(*none_match) == "*") {
            condition.if_absent = true;
        } else {
            condition.if_not_etag = bare_etag(*none_match);
        }
    }
    if (match) {
        if (base::trim(*match) == "*") {
            condition.if_present = true;
        } else {
            condition.if_etag = bare_etag(*match);
        }
    }
    return condition;
}

namespace {

// Whether a list of ETags ("a", W/"b", *) names this one.
bool names_etag(std::string_view list, std::string_view etag) {
    while (!list.empty()) {
        const auto comma = list.find(',');
        auto item = base::trim(list.substr(0, comma));
        list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
        if (item.starts_with("W/")) item.remove_prefix(2);
        if (item == "*" || bare_etag(item) == etag) return true;
    }
    return false;
}

}  // namespace

S3Result<std::optional<int>> judge_read(const Call& call, const engine::ObjectInfo& info) {
    constexpr int kNotModified = 304;
    constexpr int kFailed = 412;
    const auto modified = info.modified.seconds();
    if (const auto match = call.header("if-match")) {
        if (!names_etag(*match, info.etag)) return kFailed;
    } else if (const auto since = call.header("if-unmodified-since")) {
        const auto date = base::parse_http_date(*since);
        if (date && modified > date->seconds()) return kFailed;
    }
    if (const auto none_match = call.header("if-none-match")) {
        if (names_etag(*none_match, info.etag)) return kNotModified;
    } else if (const auto since = call.header("if-modified-since")) {
        const auto date = base::parse_http_date(*since);
        if (date && modified <= date->seconds()) return kNotModified;
    }
    return std::nullopt;
}

S3Result<std::optional<ByteRange>> parse_range(std::string_view text, std::uint64_t size) {
    constexpr std::string_view kUnit = "bytes=";
    if (!text.starts_with(kUnit)) return std::nullopt;
    text.remove_prefix(kUnit.size());
    const auto dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto number = [](std::string_view digits) -> std::optional<std::uint64_t> {
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (digits.empty() || end != digits.data() + digits.size()) return std::nullopt;
        return error == std::errc::result_out_of_range ? UINT64_MAX : value;
    };
    const auto first_text = text.substr(0, dash);
    const auto last_text = text.substr(dash + 1);
    const auto first = number(first_text);
    const auto last = number(last_text);
    if (first_text.empty()) {
        if (!last) return std::nullopt;
        if (*last == 0 || size == 0) return std::unexpected(s3_error("InvalidRange"));
        const auto length = std::min(*last, size);
        return ByteRange{size - length, length};
    }
    if (!first || (!last_text.empty() && !last) || (last && *last < *first)) return std::nullopt;
    if (*first >= size) return std::unexpected(s3_error("InvalidRange"));
    const auto end = std::min(last.value_or(UINT64_MAX), size - 1);
    return ByteRange{*first, end - *first + 1};
}

S3Result<Part> requested_part(const Call& call, const engine::ObjectInfo& info) {
    Part part{0, info.size, false, std::nullopt};
    const auto range_text = call.header("range");
    TRY(const auto number, number_parameter(call.request, "partNumber"));
    if (number) {
        if (range_text)
            return refuse("InvalidRequest", "Cannot specify both Range header and partNumber query parameter");
        if (*number < 1 || *number > static_cast<std::uint64_t>(base::limits::kPartsMax)) {
            return refuse("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive");
        }
        if (info.parts.empty()) {
            if (*number != 1) return refuse("InvalidPart");
            part.partial = info.size > 0;
            return part;
        }
        part.parts_count = static_cast<int>(info.parts.size());
        std::uint64_t offset = 0;
        for (const auto& stored : info.parts) {
            if (stored.number == static_cast<int>(*number)) {
                part.stored = &stored;
                part.offset = offset;
                part.length = stored.size;
                part.partial = true;
                return part;
            }
            offset += stored.size;
        }
        return refuse("InvalidPart");
    }
    if (!range_text) return part;
    if (const auto if_range = call.header("if-range")) {
        const auto date = base::parse_http_date(*if_range);
        const bool same = date ? info.modified.seconds() == date->seconds() : bare_etag(*if_range) == info.etag;
        if (!same) return part;
    }
    auto range = parse_range(*range_text, info.size);
    if (!range) {
        range.error().extra.emplace_back("ActualObjectSize", std::to_string(info.size));
        return std::unexpected(range.error());
    }
    if (*range) part = Part{(*range)->offset, (*range)->length, true, std::nullopt};
    return part;
}

}  // namespace larder::s3::ops
