#include "s3/xml/messages.h"

#include "s3/auth/checksum.h"
#include "src/base/encoding.h"
#include "src/base/limits.h"

#include <pugixml.hpp>

#include <charconv>

namespace larder::s3 {

namespace {

namespace limits = base::limits;

std::unexpected<S3Error> malformed() {
    return std::unexpected(s3_error("MalformedXML"));
}

// Local name: some clients use a prefix.
std::string_view name_of(const pugi::xml_node& node) {
    const std::string_view name = node.name();
    const auto colon = name.find(':');
    return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

bool too_deep(const pugi::xml_node& node, int left) {
    if (left == 0) return true;
    for (const auto& child : node.children()) {
        if (child.type() == pugi::node_element && too_deep(child, left - 1)) return true;
    }
    return false;
}

// The parsed document, with its root of the name wanted.
struct Document {
    pugi::xml_document xml;
    pugi::xml_node root;
};
S3Result<std::unique_ptr<Document>> open(std::string_view text, std::string_view root) {
    if (text.size() > limits::kXmlBytesMax || text.find("<!DOCTYPE") != std::string_view::npos) return malformed();
    auto document = std::make_unique<Document>();
    const auto parsed = document->xml.load_buffer(
        text.data(), text.size(), pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
    document->root = document->xml.document_element();
    if (!parsed || name_of(document->root) != root || too_deep(document->root, limits::kXmlDepthMax))
        return malformed();
    return document;
}

std::optional<std::string> text_of(const pugi::xml_node& parent, std::string_view name) {
    for (const auto& child : parent.children()) {
        if (name_of(child) == name) return std::string(child.child_value());
    }
    return std::nullopt;
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
    Number value{};
    text = base::trim(text);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

}  // namespace

S3Result<DeleteMessage> parse_delete(std::string_view text) {
    TRY(const auto document, open(text, "Delete"));
    DeleteMessage message;
    message.quiet = base::trim(text_of(document->root, "Quiet").value_or("")) == "true";
    for (const auto& node : document->root.children()) {
        if (name_of(node) != "Object") continue;
        DeleteEntry entry;
        const auto key = text_of(node, "Key");
        if (!key) return malformed();
        entry.key = *key;
        entry.version_id = text_of(node, "VersionId");
        entry.etag = text_of(node, "ETag");
        entry.last_modified = text_of(node, "LastModifiedTime");
        if (const auto size = text_of(node, "Size")) {
            entry.size = number_of<std::uint64_t>(*size);
            if (!entry.size) return malformed();
        }
        message.objects.push_back(std::move(entry));
    }
    if (message.objects.empty() || message.objects.size() > static_cast<std::size_t>(limits::kDeleteKeysMax))
        return malformed();
    return message;
}

S3Result<std::vector<engine::CompletedPart>> parse_complete(std::string_view text) {
    TRY(const auto document, open(text, "CompleteMultipartUpload"));
    std::vector<engine::CompletedPart> parts;
    for (const auto& node : document->root.children()) {
        if (name_of(node) != "Part") continue;
        engine::CompletedPart part;
        const auto number = number_of<int>(text_of(node, "PartNumber").value_or(""));
        const auto etag = text_of(node, "ETag");
        if (!number || !etag) return malformed();
        part.number = *number;
        part.etag = *etag;
        for (const auto& child : node.children()) {
            const auto name = name_of(child);
            if (!name.starts_with("Checksum")) continue;
            const auto algorithm = algorithm_from(name.substr(8));
            const auto value = base::base64_decode(base::trim(child.child_value()));
            if (!algorithm || !value) return malformed();
            part.checksums.push_back({*algorithm, false, *value});
        }
        parts.push_back(std::move(part));
    }
    if (parts.empty() || parts.size() > static_cast<std::size_t>(limits::kPartsMax)) return malformed();
    return parts;
}

S3Result<std::string> parse_create_bucket(std::string_view text) {
    TRY(const auto document, open(text, "CreateBucketConfiguration"));
    return std::string(base::trim(text_of(document->root, "LocationConstraint").value_or("")));
}

S3Result<std::vector<CorsRule>> parse_cors(std::string_view text) {
    constexpr std::size_t kRulesMax = 100;
    TRY(const auto document, open(text, "CORSConfiguration"));
    std::vector<CorsRule> rules;
    for (const auto& node : document->root.children()) {
        if (name_of(node) != "CORSRule") continue;
        CorsRule rule;
        for (const auto& child : node.children()) {
            const auto name = name_of(child);
            const std::string value(base::trim(child.child_value()));
            if (name == "ID") rule.id = value;
            if (name == "AllowedOrigin") rule.origins.push_back(value);
            if (name == "AllowedMethod") rule.methods.push_back(value);
            if (name == "AllowedHeader") rule.headers.push_back(value);
            if (name == "ExposeHeader") rule.expose.push_back(value);
            if (name == "MaxAgeSeconds") rule.max_age = number_of<int>(value);
        }
        if (rule.origins.empty() || rule.methods.empty()) return malformed();
        for (const auto& method : rule.methods) {
            static constexpr std::string_view known[] = {"GET", "PUT", "HEAD", "POST", "DELETE"};
            if (std::find(std::begin(known), std::end(known), method) == std::end(known)) {
                return std::unexpected(s3_error(
                    "InvalidRequest", "Found unsupported HTTP method in CORS config. Unsupported method is " + method));
            }
        }
        for (const auto* list : {&rule.origins, &rule.headers}) {
            for (const auto& pattern : *list) {
                if (std::count(pattern.begin(), pattern.end(), '*') > 1) {
                    return std::unexpected(
                        s3_error("InvalidRequest", "\"" + pattern + "\" can not have more than one wildcard."));
                }
            }
        }
        rules.push_back(std::move(rule));
    }
    if (rules.empty() || rules.size() > kRulesMax) return malformed();
    return rules;
}

S3Result<engine::NamedValues> parse_tagging(std::string_view text) {
    TRY(const auto document, open(text, "Tagging"));
    engine::NamedValues tags;
    for (const auto& set : document->root.children()) {
        if (name_of(set) != "TagSet") continue;
        for (const auto& node : set.children()) {
            if (name_of(node) != "Tag") continue;
            const auto key = text_of(node, "Key");
            const auto value = text_of(node, "Value");
            if (!key || !value) return malformed();
            if (key->empty() || key->size() > 128 || value->size() > 256)
                return std::unexpected(s3_error("InvalidTag"));
            for (const auto& [known, ignored] : tags) {
                if (known == *key) {
                    return std::unexpected(s3_error("InvalidTag", "Cannot provide multiple Tags with the same key"));
                }
            }
            tags.emplace_back(*key, *value);
        }
    }
    return tags;
}

S3Result<std::string> parse_versioning(std::string_view text) {
    TRY(const auto document, open(text, "VersioningConfiguration"));
    auto status = text_of(document->root, "Status").value_or("");
    if (status != "Enabled" && status != "Suspended") return malformed();
    return status;
}

}  // namespace larder::s3
