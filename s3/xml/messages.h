// The XML documents that clients send. Anything else than the documented form is MalformedXML, unknown elements
// included; what is documented and not supported is NotImplemented. Each element is read where it stands: none is taken
// twice, and none is passed over.
#pragma once

#include "replication/engine.h"
#include "s3/error.h"

#include <optional>
#include <string>
#include <vector>

namespace larder::s3 {

struct DeleteEntry {
    std::string key;
    std::optional<std::string> version_id;
    std::optional<std::string> etag;
    std::optional<std::uint64_t> size;
    std::optional<std::string> last_modified;  // as given
};
struct DeleteMessage {
    bool quiet = false;
    std::vector<DeleteEntry> objects;
};
struct CorsRule {
    std::string id;
    std::vector<std::string> origins, methods, headers, expose;
    std::optional<int> max_age;
};

S3Result<DeleteMessage> parse_delete(std::string_view document);
S3Result<std::vector<engine::CompletedPart>> parse_complete(std::string_view document);
// The location constraint; empty when there is none.
S3Result<std::string> parse_create_bucket(std::string_view document);
S3Result<std::vector<CorsRule>> parse_cors(std::string_view document);
// InvalidTag also for more than `most` of them.
S3Result<engine::NamedValues> parse_tagging(std::string_view document, std::size_t most);
// The document that parse_tagging reads.
std::string tagging_xml(const engine::NamedValues& tags);
// "Enabled" or "Suspended".
S3Result<std::string> parse_versioning(std::string_view document);

}  // namespace larder::s3
