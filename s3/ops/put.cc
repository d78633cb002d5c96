// PutObject, DeleteObject, DeleteObjects, CopyObject.
#include "s3/ops/body.h"
#include "s3/ops/copy_source.h"
#include "s3/ops/ops.h"
#include "s3/ops/properties.h"
#include "s3/xml/messages.h"
#include "s3/xml/xml_writer.h"
#include "src/base/encoding.h"
#include "src/base/limits.h"

namespace larder::s3::ops {

namespace {

// Conditions and quotas are judged again at the commit; looking first saves the body of a request that must fail.
io::Task<S3Result<void>> refuse_early(Call& call, engine::Condition condition) {
    if (condition.none()) co_return S3Result<void>();
    const auto present = co_await call.engine.head_object(call.bucket->id, call.request.key);
    if (!present && present.error().code != base::Code::not_found) co_return refuse(present.error());
    if (condition.if_absent && present) co_return refuse("PreconditionFailed");
    if ((condition.if_present || condition.if_etag) && !present) co_return refuse("NoSuchKey");
    if (condition.if_etag && present && present->etag != *condition.if_etag) co_return refuse("PreconditionFailed");
    co_return S3Result<void>();
}

}  // namespace

io::Task<Outcome> put_object(Call& call) {
    auto properties = properties_of(call);
    if (!properties) co_return std::unexpected(properties.error());
    auto condition = write_condition(call);
    if (!condition) co_return std::unexpected(condition.error());
    auto asked = checksum_request(call.exchange.request());
    if (!asked) co_return std::unexpected(asked.error());
    auto payload = make_payload(call.env, call.exchange, call.auth);
    if (!payload) co_return std::unexpected(payload.error());
    auto early = co_await refuse_early(call, *condition);
    if (!early) co_return std::unexpected(early.error());
    auto writer = call.engine.put_object(call.bucket->id, call.request.key, (*payload)->decoded_length());
    std::vector<engine::ChecksumAlgorithm> algorithms;
    if (asked->algorithm) algorithms.push_back(*asked->algorithm);
    auto received = co_await receive_body(call, **payload, *writer, algorithms, base::limits::kSinglePutBytesMax);
    if (!received) co_return std::unexpected(received.error());
    auto checked = check_digests(*asked, (*payload)->trailers(), received->md5, received->checksums);
    if (!checked) co_return std::unexpected(checked.error());
    engine::PutResultFacts facts;
    facts.etag = base::hex_encode(received->md5);
    facts.checksums = received->checksums;
    facts.properties = std::move(*properties);
    facts.condition = std::move(*condition);
    S3_TRY(const auto info, co_await writer->commit(std::move(facts)));
    Reply reply;
    reply.headers.add("ETag", quoted(info.etag));
    for (const auto& sum : info.checksums) {
        reply.headers.add(header_name(sum.algorithm), checksum_text(sum, 0));
        reply.headers.set("x-amz-checksum-type", "FULL_OBJECT");
    }
    co_return reply;
}

io::Task<Outcome> delete_object(Call& call) {
    engine::DeleteRequest request;
    request.key = call.request.key;
    if (const auto match = call.header("if-match")) {
        if (base::trim(*match) == "*") {
            request.condition.if_present = true;
        } else {
            request.condition.if_etag = bare_etag(*match);
        }
    }
    if (const auto size = call.header("x-amz-if-match-size")) {
        request.condition.if_size = std::strtoull(std::string(*size).c_str(), nullptr, 10);
    }
    if (const auto time = call.header("x-amz-if-match-last-modified-time")) {
        request.condition.if_modified_second = base::parse_http_date(*time);
        if (!request.condition.if_modified_second) co_return refuse("InvalidArgument");
    }
    if (const auto version = call.request.parameter("versionId"); version && !version->empty() && *version != "null") {
        co_return refuse("NoSuchVersion");
    }
    Reply reply;
    reply.status = 204;
    const auto outcome = co_await call.engine.delete_object(call.bucket->id, std::move(request));
    // What is not there cannot be deleted wrongly: S3 answers as if it had been.
    if (!outcome && outcome.error().code != base::Code::not_found) co_return refuse(outcome.error());
    if (!outcome && outcome.error().subject == base::Subject::bucket) co_return refuse(outcome.error());
    co_return reply;
}

namespace {

S3Result<engine::DeleteRequest> delete_request_of(const DeleteEntry& entry) {
    engine::DeleteRequest request;
    request.key = entry.key;
    if (entry.key.empty() || entry.key.size() > base::limits::kKeyBytesMax) return refuse("UserKeyMustBeSpecified");
    if (entry.version_id && !entry.version_id->empty() && *entry.version_id != "null") return refuse("NoSuchVersion");
    if (entry.etag) {
        if (*entry.etag == "*") {
            request.condition.if_present = true;
        } else {
            request.condition.if_etag = bare_etag(*entry.etag);
        }
    }
    request.condition.if_size = entry.size;
    if (entry.last_modified) {
        request.condition.if_modified_second = base::parse_iso8601(*entry.last_modified);
        if (!request.condition.if_modified_second) {
            request.condition.if_modified_second = base::parse_http_date(*entry.last_modified);
        }
        if (!request.condition.if_modified_second) return refuse("InvalidArgument");
    }
    return request;
}

void write_failure(XmlWriter& xml, const DeleteEntry& entry, const S3Error& error) {
    xml.open("Error");
    xml.element("Key", entry.key);
    xml.element("VersionId", entry.version_id.value_or(""));
    xml.element("Code", error.code);
    xml.element("Message", error.message);
    xml.close("Error");
}

}  // namespace

io::Task<Outcome> delete_objects(Call& call) {
    auto document = co_await read_document(call, base::limits::kXmlBytesMax, DocumentDigests::required);
    if (!document) co_return std::unexpected(document.error());
    auto message = parse_delete(*document);
    if (!message) co_return std::unexpected(message.error());
    std::vector<engine::DeleteRequest> requests;
    std::vector<std::optional<S3Error>> failures(message->objects.size());
    for (std::size_t i = 0; i < message->objects.size(); ++i) {
        auto request = delete_request_of(message->objects[i]);
        if (!request) failures[i] = request.error();
        requests.push_back(request ? std::move(*request) : engine::DeleteRequest{});
    }
    // Refused entries take no part; the others go together.
    std::vector<engine::DeleteRequest> wanted;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        if (!failures[i]) wanted.push_back(std::move(requests[i]));
    }
    const auto outcomes = co_await call.engine.delete_objects(call.bucket->id, std::move(wanted));
    XmlWriter xml;
    xml.open("DeleteResult", kXmlNamespace);
    for (std::size_t i = 0, done = 0; i < message->objects.size(); ++i) {
        const auto& entry = message->objects[i];
        if (!failures[i]) {
            const auto& outcome = outcomes[done++];
            const bool missing = !outcome && outcome.error().is(base::Code::not_found, base::Subject::object);
            if (!outcome && !missing) failures[i] = s3_error_of(outcome.error());
        }
        if (failures[i]) {
            write_failure(xml, entry, *failures[i]);
        } else if (!message->quiet) {
            xml.open("Deleted");
            xml.element("Key", entry.key);
            if (entry.version_id) xml.element("VersionId", *entry.version_id);
            xml.close("Deleted");
        }
    }
    xml.close("DeleteResult");
    co_return xml_reply(xml.take());
}

}  // namespace larder::s3::ops
