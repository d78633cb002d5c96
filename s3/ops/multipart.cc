// Multipart uploads.
#include "s3/ops/body.h"
#include "s3/ops/copy_source.h"
#include "s3/ops/ops.h"
#include "s3/ops/properties.h"
#include "s3/xml/messages.h"
#include "s3/xml/xml_writer.h"
#include "src/base/encoding.h"
#include "src/base/hash.h"
#include "src/base/limits.h"

#include <charconv>

namespace larder::s3::ops {

namespace {

namespace limits = base::limits;

// The upload id travels as hexadecimal; one that cannot be ours does not exist.
S3Result<base::UploadId> upload_id(const Call& call) {
    const auto raw = base::hex_decode(call.request.parameter("uploadId").value_or(""));
    const auto id = raw ? base::UploadId::from(*raw) : std::nullopt;
    if (!id) return refuse("NoSuchUpload");
    return *id;
}

S3Result<int> part_number(const Call& call) {
    TRY(const auto number, number_parameter(call.request, "partNumber"));
    if (!number || *number < 1 || *number > static_cast<std::uint64_t>(limits::kPartsMax)) {
        return refuse("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive");
    }
    return static_cast<int>(*number);
}

void write_owner(XmlWriter& xml, std::string_view tag, std::string_view id, std::string_view name) {
    xml.open(tag);
    xml.element("ID", id);
    xml.element("DisplayName", name);
    xml.close(tag);
}

}  // namespace

io::Task<Outcome> create_multipart_upload(Call& call) {
    auto properties = properties_of(call);
    if (!properties) co_return std::unexpected(properties.error());
    engine::UploadInfo wanted;
    wanted.bucket = call.bucket->id;
    wanted.key = call.request.key;
    wanted.owner_key = call.key ? call.key->id : std::string();
    wanted.properties = std::move(*properties);
    if (const auto name = call.header("x-amz-checksum-algorithm")) {
        wanted.checksum_algorithm = algorithm_from(*name);
        if (!wanted.checksum_algorithm)
            co_return refuse("InvalidRequest", "Checksum algorithm provided is unsupported.");
        // CRC-64 has no composite form; the digests have no other.
        wanted.checksum_composite = *wanted.checksum_algorithm != engine::ChecksumAlgorithm::crc64nvme;
        if (const auto type = call.header("x-amz-checksum-type")) wanted.checksum_composite = *type == "COMPOSITE";
        const bool is_crc = *wanted.checksum_algorithm <= engine::ChecksumAlgorithm::crc64nvme;
        if (!is_crc && !wanted.checksum_composite) {
            co_return refuse("InvalidRequest", "The FULL_OBJECT checksum type cannot be used with the " +
                                                   algorithm_name(*wanted.checksum_algorithm) + " checksum algorithm.");
        }
        if (*wanted.checksum_algorithm == engine::ChecksumAlgorithm::crc64nvme && wanted.checksum_composite) {
            co_return refuse("InvalidRequest",
                             "The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm.");
        }
    }
    S3_TRY(const auto upload, co_await call.engine.create_upload(std::move(wanted)));
    XmlWriter xml;
    xml.open("InitiateMultipartUploadResult", kXmlNamespace);
    xml.element("Bucket", call.request.bucket);
    xml.element("Key", call.request.key);
    xml.element("UploadId", upload.id.hex());
    xml.close("InitiateMultipartUploadResult");
    auto reply = xml_reply(xml.take());
    if (upload.checksum_algorithm) {
        reply.headers.add("x-amz-checksum-algorithm", algorithm_name(*upload.checksum_algorithm));
        reply.headers.add("x-amz-checksum-type", upload.checksum_composite ? "COMPOSITE" : "FULL_OBJECT");
    }
    co_return reply;
}

io::Task<Outcome> upload_part(Call& call) {
    auto id = upload_id(call);
    if (!id) co_return std::unexpected(id.error());
    auto number = part_number(call);
    if (!number) co_return std::unexpected(number.error());
    auto asked = checksum_request(call.exchange.request());
    if (!asked) co_return std::unexpected(asked.error());
    auto payload = make_payload(call.env, call.exchange, call.auth);
    if (!payload) co_return std::unexpected(payload.error());
    S3_TRY(const auto upload, co_await call.engine.find_upload(call.bucket->id, call.request.key, *id));
    S3_TRY(auto writer, co_await call.engine.put_part(call.bucket->id, call.request.key, *id, *number,
                                                      (*payload)->decoded_length()));
    // The upload's own kind of checksum is kept for every part, so that the whole can have one at the end.
    std::vector<engine::ChecksumAlgorithm> algorithms;
    if (asked->algorithm) algorithms.push_back(*asked->algorithm);
    if (upload.checksum_algorithm && upload.checksum_algorithm != asked->algorithm) {
        algorithms.push_back(*upload.checksum_algorithm);
    }
    auto received = co_await receive_body(call, **payload, *writer, algorithms, limits::kSinglePutBytesMax);
    if (!received) co_return std::unexpected(received.error());
    auto checked = check_digests(*asked, (*payload)->trailers(), received->md5, received->checksums);
    if (!checked) co_return std::unexpected(checked.error());
    engine::PutResultFacts facts;
    facts.etag = base::hex_encode(received->md5);
    facts.checksums = received->checksums;
    S3_TRY(const auto part, co_await writer->commit(std::move(facts)));
    Reply reply;
    reply.headers.add("ETag", quoted(part.etag));
    if (asked->algorithm) {
        reply.headers.add(header_name(*asked->algorithm), checksum_text(received->checksums.front(), 0));
    }
    co_return reply;
}

namespace {

// "bytes=a-b", both given, within the source.
S3Result<ByteRange> copy_range(std::string_view text, std::uint64_t size) {
    constexpr std::string_view kUnit = "bytes=";
    const auto malformed = [] {
        return refuse("InvalidArgument",
                      "The x-amz-copy-source-range value must be of the form bytes=first-last where "
                      "first and last are the zero-based offsets of the first and last bytes to copy");
    };
    if (!text.starts_with(kUnit)) return malformed();
    const std::string digits(text.substr(kUnit.size()));
    unsigned long long first = 0;
    unsigned long long last = 0;
    int used = 0;
    if (std::sscanf(digits.c_str(), "%llu-%llu%n", &first, &last, &used) != 2 ||
        static_cast<std::size_t>(used) != digits.size() || last < first) {
        return malformed();
    }
    if (last >= size) {
        return refuse("InvalidRange",
                      "Range specified is not valid for source object of size: " + std::to_string(size));
    }
    return ByteRange{first, last - first + 1};
}

// MD5, and the upload's checksum, of a range of an object.
io::Task<S3Result<Received>> digest_range(Call& call, engine::ObjectReader& reader, ByteRange range,
                                          std::vector<engine::ChecksumAlgorithm> algorithms) {
    BodyDigests digests(call.env, algorithms);
    for (std::uint64_t done = 0; done < range.length;) {
        S3_TRY(const auto piece, co_await reader.read(range.offset + done, range.length - done));
        if (piece.empty()) co_return refuse("InternalError");
        done += piece.size();
        co_await digests.update(piece);
    }
    Received out{digests.md5(), {}, range.length};
    for (const auto algorithm : algorithms) out.checksums.push_back(digests.checksum(algorithm));
    co_return out;
}

}  // namespace

io::Task<Outcome> upload_part_copy(Call& call) {
    auto id = upload_id(call);
    if (!id) co_return std::unexpected(id.error());
    auto number = part_number(call);
    if (!number) co_return std::unexpected(number.error());
    auto source = co_await copy_source(call);
    if (!source) co_return std::unexpected(source.error());
    S3_TRY(const auto upload, co_await call.engine.find_upload(call.bucket->id, call.request.key, *id));
    S3_TRY(const auto reader, co_await call.engine.open_object(source->bucket, source->key));
    ByteRange range{0, reader->info().size};
    if (const auto text = call.header("x-amz-copy-source-range")) {
        auto parsed = copy_range(*text, reader->info().size);
        if (!parsed) co_return std::unexpected(parsed.error());
        range = *parsed;
    }
    std::vector<engine::ChecksumAlgorithm> algorithms;
    if (upload.checksum_algorithm) algorithms.push_back(*upload.checksum_algorithm);
    // A part's ETag is the MD5 of its bytes, so they are read once; none are written.
    auto digests = co_await digest_range(call, *reader, range, algorithms);
    if (!digests) co_return std::unexpected(digests.error());
    if (!source->if_etag) source->if_etag = reader->info().etag;
    S3_TRY(const auto part, co_await call.engine.copy_part(std::move(*source), range.offset, range.length,
                                                           call.bucket->id, call.request.key, *id, *number,
                                                           base::hex_encode(digests->md5), digests->checksums));
    XmlWriter xml;
    xml.open("CopyPartResult", kXmlNamespace);
    xml.element("LastModified", base::format_iso8601(part.modified));
    xml.element("ETag", quoted(part.etag));
    for (const auto& sum : part.checksums) xml.element(xml_name(sum.algorithm), checksum_text(sum, 0));
    xml.close("CopyPartResult");
    co_return xml_reply(xml.take());
}

namespace {

// MD5 of the parts' MD5s, and how many (the ETag of a multipart object).
std::string multipart_etag(const std::vector<engine::CompletedPart>& parts) {
    std::string digests;
    for (const auto& part : parts) digests += base::hex_decode(part.etag).value_or(part.etag);
    return base::hex_encode(base::md5(digests)) + "-" + std::to_string(parts.size());
}

// The checksum of the whole, from those of the parts; checked against what the client says it should be.
io::Task<S3Result<std::vector<engine::Checksum>>> whole_checksum(Call& call, engine::UploadInfo upload,
                                                                 std::vector<engine::CompletedPart> wanted) {
    std::vector<engine::Checksum> out;
    if (!upload.checksum_algorithm) co_return out;
    std::vector<engine::PartInfo> parts;
    for (int after = 0;;) {
        S3_TRY(const auto page, co_await call.engine.list_parts(upload.bucket, upload.key, upload.id, after, 1000));
        for (const auto& part : page.parts) {
            after = part.number;
            const auto named = [&](const engine::CompletedPart& w) { return w.number == part.number; };
            if (std::any_of(wanted.begin(), wanted.end(), named)) parts.push_back(part);
        }
        if (!page.truncated) break;
    }
    auto combined = combine(*upload.checksum_algorithm, upload.checksum_composite, parts);
    if (!combined) co_return std::unexpected(combined.error());
    const auto given = call.header(header_name(*upload.checksum_algorithm));
    if (given) {
        auto text = checksum_text(*combined, parts.size());
        const auto dash = given->rfind('-');
        const bool same = *given == text || (combined->composite && dash == std::string_view::npos &&
                                             *given == text.substr(0, text.rfind('-')));
        if (!same)
            co_return refuse("BadDigest", "The " + algorithm_name(*upload.checksum_algorithm) +
                                              " you specified did not match the calculated checksum.");
    }
    out.push_back(std::move(*combined));
    co_return out;
}

io::Task<S3Result<engine::CompleteOptions>> complete_options(Call& call, base::UploadId id,
                                                             const std::vector<engine::CompletedPart>& parts) {
    engine::CompleteOptions options;
    auto condition = write_condition(call);
    if (!condition) co_return std::unexpected(condition.error());
    options.condition = std::move(*condition);
    options.part_bytes_min = limits::kPartBytesMin;
    if (const auto text = call.header("x-amz-mp-object-size")) {
        std::uint64_t size = 0;
        const auto end = text->data() + text->size();
        if (std::from_chars(text->data(), end, size).ptr != end || text->empty()) co_return refuse("InvalidRequest");
        options.size = size;
    }
    options.etag = multipart_etag(parts);
    const auto upload = co_await call.engine.find_upload(call.bucket->id, call.request.key, id);
    // A repeated completion finds no open upload; the engine knows what became of it.
    if (!upload) co_return options;
    auto checksums = co_await whole_checksum(call, *upload, parts);
    if (!checksums) co_return std::unexpected(checksums.error());
    options.checksums = std::move(*checksums);
    co_return options;
}

}  // namespace

io::Task<Outcome> complete_multipart_upload(Call& call) {
    auto id = upload_id(call);
    if (!id) co_return std::unexpected(id.error());
    auto document = co_await read_document(call, limits::kXmlBytesMax, DocumentDigests::not_of_the_document);
    if (!document) co_return std::unexpected(document.error());
    auto parts = parse_complete(*document);
    if (!parts) co_return std::unexpected(parts.error());
    for (auto& part : *parts) part.etag = bare_etag(part.etag);
    auto options = co_await complete_options(call, *id, *parts);
    if (!options) co_return std::unexpected(options.error());
    const auto completed = co_await call.engine.complete_upload(call.bucket->id, call.request.key, *id,
                                                                std::move(*parts), std::move(*options));
    if (!completed && completed.error().is(base::Code::invalid_argument, base::Subject::request)) {
        co_return refuse("InvalidRequest",
                         "The provided 'x-amz-mp-object-size' header does not match what was computed");
    }
    S3_TRY(const auto info, completed);
    XmlWriter xml;
    xml.open("CompleteMultipartUploadResult", kXmlNamespace);
    const auto host = std::string(call.header("host").value_or("localhost"));
    xml.element("Location", "http://" + host + "/" + call.request.bucket + "/" + url_encode_key(call.request.key));
    xml.element("Bucket", call.request.bucket);
    xml.element("Key", call.request.key);
    xml.element("ETag", quoted(info.etag));
    for (const auto& sum : info.checksums) {
        xml.element(xml_name(sum.algorithm), checksum_text(sum, info.parts.size()));
        xml.element("ChecksumType", sum.composite ? "COMPOSITE" : "FULL_OBJECT");
    }
    xml.close("CompleteMultipartUploadResult");
    co_return xml_reply(xml.take());
}

io::Task<Outcome> abort_multipart_upload(Call& call) {
    auto id = upload_id(call);
    if (!id) co_return std::unexpected(id.error());
    S3_TRY_VOID(co_await call.engine.abort_upload(call.bucket->id, call.request.key, *id));
    Reply reply;
    reply.status = 204;
    co_return reply;
}

io::Task<Outcome> list_parts(Call& call) {
    auto id = upload_id(call);
    if (!id) co_return std::unexpected(id.error());
    auto after = number_parameter(call.request, "part-number-marker");
    auto limit = number_parameter(call.request, "max-parts");
    if (!after || !limit) co_return std::unexpected(after ? limit.error() : after.error());
    const auto most = std::min<std::uint64_t>(limit->value_or(1000), 1000);
    S3_TRY(const auto upload, co_await call.engine.find_upload(call.bucket->id, call.request.key, *id));
    S3_TRY(const auto page,
           co_await call.engine.list_parts(call.bucket->id, call.request.key, *id, static_cast<int>(after->value_or(0)),
                                           static_cast<int>(most)));
    XmlWriter xml;
    xml.open("ListPartsResult", kXmlNamespace);
    xml.element("Bucket", call.request.bucket);
    xml.element("Key", call.request.key);
    xml.element("UploadId", id->hex());
    write_owner(xml, "Initiator", upload.owner_key, upload.owner_key);
    write_owner(xml, "Owner", upload.owner_key, upload.owner_key);
    xml.element("StorageClass", upload.properties.storage_class.empty() ? "STANDARD" : upload.properties.storage_class);
    if (upload.checksum_algorithm) {
        xml.element("ChecksumAlgorithm", algorithm_name(*upload.checksum_algorithm));
        xml.element("ChecksumType", upload.checksum_composite ? "COMPOSITE" : "FULL_OBJECT");
    }
    xml.element("PartNumberMarker", after->value_or(0));
    xml.element("NextPartNumberMarker",
                page.parts.empty() ? std::uint64_t{0} : static_cast<std::uint64_t>(page.parts.back().number));
    xml.element("MaxParts", most);
    xml.element("IsTruncated", page.truncated ? "true" : "false");
    for (const auto& part : page.parts) {
        xml.open("Part");
        xml.element("PartNumber", static_cast<std::uint64_t>(part.number));
        xml.element("LastModified", base::format_iso8601(part.modified));
        xml.element("ETag", quoted(part.etag));
        xml.element("Size", part.size);
        for (const auto& sum : part.checksums) xml.element(xml_name(sum.algorithm), checksum_text(sum, 0));
        xml.close("Part");
    }
    xml.close("ListPartsResult");
    co_return xml_reply(xml.take());
}

io::Task<Outcome> list_multipart_uploads(Call& call) {
    auto limit = number_parameter(call.request, "max-uploads");
    if (!limit) co_return std::unexpected(limit.error());
    const bool encode = call.request.parameter("encoding-type").value_or("") == "url";
    const auto text = [encode](std::string_view key) { return encode ? url_encode_key(key) : std::string(key); };
    engine::UploadsQuery query;
    query.prefix = call.request.parameter("prefix").value_or("");
    query.delimiter = call.request.parameter("delimiter").value_or("");
    query.key_marker = call.request.parameter("key-marker").value_or("");
    query.limit = static_cast<int>(std::min<std::uint64_t>(limit->value_or(1000), 1000));
    const auto id_marker = call.request.parameter("upload-id-marker").value_or("");
    if (const auto raw = base::hex_decode(id_marker); raw && !raw->empty())
        query.id_marker = base::UploadId::from(*raw);
    S3_TRY(const auto page, co_await call.engine.list_uploads(call.bucket->id, query));
    XmlWriter xml;
    xml.open("ListMultipartUploadsResult", kXmlNamespace);
    xml.element("Bucket", call.request.bucket);
    xml.element("KeyMarker", text(query.key_marker));
    xml.element("UploadIdMarker", id_marker);
    if (page.truncated) {
        xml.element("NextKeyMarker", text(page.next_key));
        xml.element("NextUploadIdMarker", page.next_id ? page.next_id->hex() : std::string());
    }
    xml.element("Prefix", text(query.prefix));
    if (!query.delimiter.empty()) xml.element("Delimiter", text(query.delimiter));
    if (encode) xml.element("EncodingType", "url");
    xml.element("MaxUploads", static_cast<std::uint64_t>(query.limit));
    xml.element("IsTruncated", page.truncated ? "true" : "false");
    for (const auto& upload : page.uploads) {
        xml.open("Upload");
        xml.element("Key", text(upload.key));
        xml.element("UploadId", upload.id.hex());
        write_owner(xml, "Initiator", upload.owner_key, upload.owner_key);
        write_owner(xml, "Owner", upload.owner_key, upload.owner_key);
        xml.element("StorageClass",
                    upload.properties.storage_class.empty() ? "STANDARD" : upload.properties.storage_class);
        xml.element("Initiated", base::format_iso8601(upload.created));
        xml.close("Upload");
    }
    for (const auto& prefix : page.prefixes) {
        xml.open("CommonPrefixes");
        xml.element("Prefix", text(prefix));
        xml.close("CommonPrefixes");
    }
    xml.close("ListMultipartUploadsResult");
    co_return xml_reply(xml.take());
}

}  // namespace larder::s3::ops
