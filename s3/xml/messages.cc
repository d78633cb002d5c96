#include "s3/xml/messages.h"

#include "s3/auth/checksum.h"
#include "s3/tags.h"
#include "s3/xml/xml_reader.h"
#include "s3/xml/xml_writer.h"
#include "src/base/encoding.h"
#include "src/base/limits.h"

#include <algorithm>
#include <charconv>

namespace larder::s3 {

namespace {

namespace limits = base::limits;

std::unexpected<S3Error> refuse(std::string_view code, std::string message = {}) {
    return std::unexpected(s3_error(code, std::move(message)));
}
std::unexpected<S3Error> malformed() {
    return refuse("MalformedXML");
}

// An element that is expected once at most, and its text.
struct Field {
    std::string_view name;
    std::optional<std::string>& text;
};

// The children of the element just entered: these fields, and nothing else. False otherwise.
bool read_fields(XmlReader& xml, std::initializer_list<Field> fields) {
    while (const auto name = xml.next()) {
        const auto field = std::ranges::find(fields, *name, &Field::name);
        if (field == fields.end() || field->text) return false;
        field->text = xml.text();
    }
    return true;
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
    Number value{};
    text = base::trim(text);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<DeleteEntry> read_delete_entry(XmlReader& xml) {
    DeleteEntry entry;
    std::optional<std::string> key, size;
    if (!read_fields(xml, {{"Key", key},
                           {"VersionId", entry.version_id},
                           {"ETag", entry.etag},
                           {"Size", size},
                           {"LastModifiedTime", entry.last_modified}}) ||
        !key)
        return std::nullopt;
    entry.key = std::move(*key);
    if (size && !(entry.size = number_of<std::uint64_t>(*size))) return std::nullopt;
    return entry;
}

std::optional<engine::CompletedPart> read_part(XmlReader& xml) {
    engine::CompletedPart part;
    std::optional<int> number;
    std::optional<std::string> etag;
    while (const auto name = xml.next()) {
        if (*name == "PartNumber" && !number) {
            number = number_of<int>(xml.text());
            if (!number) return std::nullopt;
        } else if (*name == "ETag" && !etag) {
            etag = xml.text();
        } else if (name->starts_with("Checksum")) {
            // A checksum that cannot be checked must not pass as one that was.
            const auto algorithm = algorithm_from(name->substr(8));
            const auto value = base::base64_decode(base::trim(xml.text()));
            if (!algorithm || !value) return std::nullopt;
            part.checksums.push_back({*algorithm, false, *value});
        } else {
            return std::nullopt;
        }
    }
    if (!number || !etag) return std::nullopt;
    part.number = *number;
    part.etag = std::move(*etag);
    return part;
}

S3Result<void> check_rule(const CorsRule& rule) {
    static constexpr std::string_view methods[] = {"GET", "PUT", "HEAD", "POST", "DELETE"};
    if (rule.origins.empty() || rule.methods.empty()) return malformed();
    for (const auto& method : rule.methods) {
        if (std::ranges::find(methods, method) == std::end(methods)) {
            return refuse("InvalidRequest",
                          "Found unsupported HTTP method in CORS config. Unsupported method is " + method);
        }
    }
    for (const auto* list : {&rule.origins, &rule.headers}) {
        for (const auto& pattern : *list) {
            if (std::ranges::count(pattern, '*') > 1)
                return refuse("InvalidRequest", "\"" + pattern + "\" can not have more than one wildcard.");
        }
    }
    return {};
}

S3Result<CorsRule> read_rule(XmlReader& xml) {
    CorsRule rule;
    while (const auto name = xml.next()) {
        auto* const list = *name == "AllowedOrigin"   ? &rule.origins
                           : *name == "AllowedMethod" ? &rule.methods
                           : *name == "AllowedHeader" ? &rule.headers
                           : *name == "ExposeHeader"  ? &rule.expose
                                                      : nullptr;
        const bool is_age = *name == "MaxAgeSeconds";
        if (list == nullptr && !is_age && *name != "ID") return malformed();
        const auto text = xml.text();
        const std::string value(base::trim(text));
        if (list != nullptr) {
            list->push_back(value);
        } else if (!is_age) {
            rule.id = value;
        } else if (!(rule.max_age = number_of<int>(value)) || *rule.max_age < 0) {
            return malformed();
        }
    }
    TRY_VOID(check_rule(rule));
    return rule;
}

S3Result<std::pair<std::string, std::string>> read_tag(XmlReader& xml) {
    std::optional<std::string> key, value;
    if (!read_fields(xml, {{"Key", key}, {"Value", value}}) || !key || !value) return malformed();
    return std::pair(std::move(*key), std::move(*value));
}

}  // namespace

S3Result<DeleteMessage> parse_delete(std::string_view text) {
    XmlReader xml(text);
    DeleteMessage message;
    std::optional<std::string> quiet;
    if (!xml.enter_root("Delete")) return malformed();
    while (const auto name = xml.next()) {
        if (*name == "Quiet" && !quiet) {
            quiet = xml.text();
            continue;
        }
        auto entry = *name == "Object" ? read_delete_entry(xml) : std::nullopt;
        if (!entry || message.objects.size() == static_cast<std::size_t>(limits::kDeleteKeysMax)) return malformed();
        message.objects.push_back(std::move(*entry));
    }
    if (!xml.finished() || message.objects.empty()) return malformed();
    message.quiet = base::equal_ignoring_case(base::trim(quiet.value_or("")), "true");
    return message;
}

S3Result<std::vector<engine::CompletedPart>> parse_complete(std::string_view text) {
    XmlReader xml(text);
    std::vector<engine::CompletedPart> parts;
    if (!xml.enter_root("CompleteMultipartUpload")) return malformed();
    while (const auto name = xml.next()) {
        auto part = *name == "Part" ? read_part(xml) : std::nullopt;
        if (!part || parts.size() == static_cast<std::size_t>(limits::kPartsMax)) return malformed();
        parts.push_back(std::move(*part));
    }
    if (!xml.finished() || parts.empty()) return malformed();
    return parts;
}

S3Result<std::string> parse_create_bucket(std::string_view text) {
    XmlReader xml(text);
    std::optional<std::string> location;
    if (!xml.enter_root("CreateBucketConfiguration")) return malformed();
    while (const auto name = xml.next()) {
        if (*name == "Location" || *name == "Bucket" || *name == "Tags")
            return refuse("NotImplemented", "The element " + std::string(*name) + " of a new bucket is not supported.");
        if (*name != "LocationConstraint" || location) return malformed();
        location = xml.text();
    }
    if (!xml.finished()) return malformed();
    return std::string(base::trim(location.value_or("")));
}

S3Result<std::vector<CorsRule>> parse_cors(std::string_view text) {
    constexpr std::size_t kRulesMax = 100;
    XmlReader xml(text);
    std::vector<CorsRule> rules;
    if (!xml.enter_root("CORSConfiguration")) return malformed();
    while (const auto name = xml.next()) {
        if (*name != "CORSRule" || rules.size() == kRulesMax) return malformed();
        TRY(auto rule, read_rule(xml));
        rules.push_back(std::move(rule));
    }
    if (!xml.finished() || rules.empty()) return malformed();
    return rules;
}

S3Result<engine::NamedValues> parse_tagging(std::string_view text, std::size_t most) {
    XmlReader xml(text);
    engine::NamedValues tags;
    if (!xml.enter_root("Tagging") || xml.next() != "TagSet") return malformed();
    while (const auto name = xml.next()) {
        if (*name != "Tag") return malformed();
        TRY(auto tag, read_tag(xml));
        tags.push_back(std::move(tag));
    }
    if (xml.next() || !xml.finished()) return malformed();
    TRY_VOID(check_tags(tags, most));
    return tags;
}

std::string tagging_xml(const engine::NamedValues& tags) {
    XmlWriter xml;
    xml.open("Tagging", "http://s3.amazonaws.com/doc/2006-03-01/");
    xml.open("TagSet");
    for (const auto& [name, value] : tags) {
        xml.open("Tag");
        xml.element("Key", name);
        xml.element("Value", value);
        xml.close("Tag");
    }
    xml.close("TagSet");
    xml.close("Tagging");
    return xml.take();
}

S3Result<std::string> parse_versioning(std::string_view text) {
    XmlReader xml(text);
    std::optional<std::string> status, mfa_delete;
    if (!xml.enter_root("VersioningConfiguration") ||
        !read_fields(xml, {{"Status", status}, {"MfaDelete", mfa_delete}}) || !xml.finished())
        return malformed();
    if (mfa_delete && base::trim(*mfa_delete) != "Disabled")
        return refuse("NotImplemented", "MfaDelete is not supported.");
    auto value = std::string(base::trim(status.value_or("")));
    if (value != "Enabled" && value != "Suspended") return malformed();
    return value;
}

}  // namespace larder::s3
