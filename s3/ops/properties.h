// Between headers and what the engine keeps of an object.
#pragma once

#include "s3/call.h"

namespace larder::s3::ops {

// Headers, user metadata, tags and storage class of a request that makes an object. MetadataTooLarge, InvalidTag,
// InvalidStorageClass; NotImplemented naming a header whose meaning would otherwise be lost.
S3Result<engine::ObjectProperties> properties_of(const Call& call);
// The same from POST form fields (names lower case).
S3Result<engine::ObjectProperties> properties_of_form(const std::vector<std::pair<std::string, std::string>>& fields);
// "a=1&b=2", URL encoded.
S3Result<engine::NamedValues> parse_tags(std::string_view text);

// Headers of an answer that shows the object: ETag, Last-Modified, metadata, … `response_overrides` applies response-*.
S3Result<http::Headers> object_headers(const Call& call, const engine::ObjectInfo& info);
// Those of the whole object, or of one of its parts.
void add_checksum_headers(const Call& call, const engine::ObjectInfo& info, const engine::PartInfo* part,
                          http::Headers& headers);

// If-None-Match: * and If-Match of a write.
S3Result<engine::Condition> write_condition(const Call& call);
// An ETag as given: quoted, unquoted, or with &quot; from XML.
std::string bare_etag(std::string_view text);

// If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since of a read. nullopt: go on; else the status, 304 or
// 412.
S3Result<std::optional<int>> judge_read(const Call& call, const engine::ObjectInfo& info);

// What a Range or partNumber asks of an object.
struct Part {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool partial = false;  // answer 206
    std::optional<int> parts_count;
    const engine::PartInfo* stored = nullptr;  // the part of the upload that partNumber names
};
S3Result<Part> requested_part(const Call& call, const engine::ObjectInfo& info);

// "bytes=a-b" against a size: nullopt when it is no single satisfiable-looking range and is to be ignored; InvalidRange
// when nothing of it lies inside.
struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};
S3Result<std::optional<ByteRange>> parse_range(std::string_view text, std::uint64_t size);

}  // namespace larder::s3::ops
