#include "s3/acl.h"
#include "s3/ops/body.h"
#include "s3/ops/copy_source.h"
#include "s3/ops/ops.h"
#include "s3/ops/properties.h"
#include "s3/xml/xml_writer.h"
#include "src/base/encoding.h"
#include "src/base/limits.h"

namespace larder::s3::ops {

io::Task<S3Result<engine::CopySource>> copy_source(Call& call) {
    std::string_view text = call.header("x-amz-copy-source").value_or("");
    if (const auto question = text.find('?'); question != std::string_view::npos) {
        const auto version = text.substr(question + 1);
        if (version != "versionId=null" && version != "versionId=") co_return refuse("NoSuchVersion");
        text = text.substr(0, question);
    }
    auto decoded = base::percent_decode(text, false);
    if (!decoded) co_return refuse("InvalidArgument", "Invalid copy source encoding.");
    std::string_view path = *decoded;
    if (path.starts_with('/')) path.remove_prefix(1);
    const auto slash = path.find('/');
    if (slash == std::string_view::npos || slash == 0 || slash + 1 == path.size()) {
        co_return refuse("InvalidArgument", "Invalid copy source object key");
    }
    S3_TRY(const auto bucket, co_await call.engine.look_up_bucket(std::string(path.substr(0, slash))));
    if (!bucket) co_return refuse("NoSuchBucket");
    if (!call.rights_on(bucket->id).read) co_return refuse("AccessDenied");
    engine::CopySource source;
    source.bucket = bucket->id;
    source.key = path.substr(slash + 1);
    if (const auto value = call.header("x-amz-copy-source-if-match")) source.if_etag = bare_etag(*value);
    if (const auto value = call.header("x-amz-copy-source-if-none-match")) source.if_not_etag = bare_etag(*value);
    if (const auto value = call.header("x-amz-copy-source-if-modified-since")) {
        source.if_modified_since = base::parse_http_date(*value);
    }
    if (const auto value = call.header("x-amz-copy-source-if-unmodified-since")) {
        source.if_unmodified_since = base::parse_http_date(*value);
    }
    co_return source;
}

namespace {

// The checksum asked for, computed from the source's bytes: the one reason for a copy to read content.
io::Task<S3Result<std::optional<engine::Checksum>>> checksum_of_source(Call& call, const engine::CopySource& source) {
    const auto name = call.header("x-amz-checksum-algorithm");
    if (!name) co_return std::nullopt;
    const auto algorithm = algorithm_from(*name);
    if (!algorithm) co_return refuse("InvalidRequest", "Checksum algorithm provided is unsupported.");
    S3_TRY(const auto reader, co_await call.engine.open_object(source.bucket, source.key));
    for (const auto& sum : reader->info().checksums) {
        if (sum.algorithm == *algorithm && !sum.composite) co_return sum;
    }
    BodyDigests digests(call.env, {*algorithm}, false);
    for (std::uint64_t at = 0; at < reader->info().size;) {
        S3_TRY(const auto piece, co_await reader->read(at, base::limits::kBlockBytes));
        if (piece.empty()) break;
        at += piece.size();
        co_await digests.update(piece);
    }
    co_return digests.checksum(*algorithm);
}

bool replaces(const Call& call, std::string_view directive) {
    return base::equal_ignoring_case(call.header(directive).value_or(""), "REPLACE");
}

S3Result<engine::CopyOptions> copy_options(const Call& call, const engine::CopySource& source,
                                           const std::optional<engine::Checksum>& checksum) {
    engine::CopyOptions options;
    TRY(auto properties, properties_of(call));
    TRY(options.condition, write_condition(call));
    const bool onto_itself = source.bucket == call.bucket->id && source.key == call.request.key;
    const bool new_class = call.header("x-amz-storage-class").has_value();
    if (onto_itself && !replaces(call, "x-amz-metadata-directive") && !replaces(call, "x-amz-tagging-directive") &&
        !new_class && !checksum) {
        return refuse("InvalidRequest",
                      "This copy request is illegal because it is trying to copy an object to itself without changing "
                      "the object's metadata, storage class, website redirect location or encryption attributes.");
    }
    if (replaces(call, "x-amz-tagging-directive")) options.tags = properties.tags;
    if (replaces(call, "x-amz-metadata-directive")) options.properties = std::move(properties);
    if (checksum) options.checksums = std::vector{*checksum};
    // A copy is private unless it is asked to be something else, whatever its source is.
    options.headers_dropped = {std::string(kAclHeader)};
    if (const auto acl = call.header(kAclHeader); acl && *acl != "private")
        options.headers_added.emplace_back(kAclHeader, *acl);
    return options;
}

}  // namespace

io::Task<Outcome> copy_object(Call& call) {
    auto source = co_await copy_source(call);
    if (!source) co_return std::unexpected(source.error());
    auto checksum = co_await checksum_of_source(call, *source);
    if (!checksum) co_return std::unexpected(checksum.error());
    auto options = copy_options(call, *source, *checksum);
    if (!options) co_return std::unexpected(options.error());
    S3_TRY(const auto info, co_await call.engine.copy_object(std::move(*source), call.bucket->id, call.request.key,
                                                             std::move(*options)));
    XmlWriter xml;
    xml.open("CopyObjectResult", kXmlNamespace);
    xml.element("LastModified", base::format_iso8601(info.modified));
    xml.element("ETag", quoted(info.etag));
    for (const auto& sum : info.checksums) xml.element(xml_name(sum.algorithm), checksum_text(sum, info.parts.size()));
    xml.close("CopyObjectResult");
    co_return xml_reply(xml.take());
}

}  // namespace larder::s3::ops
