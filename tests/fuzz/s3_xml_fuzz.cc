// The XML documents that clients send: what is accepted, written again, reads the same. The first byte of the input
// picks the document.
#include "s3/auth/checksum.h"
#include "s3/cors.h"
#include "s3/xml/messages.h"
#include "s3/xml/xml_reader.h"
#include "s3/xml/xml_writer.h"
#include "src/base/assert.h"
#include "src/base/encoding.h"

using namespace larder;
using namespace larder::s3;

namespace {

std::string write_delete(const DeleteMessage& message) {
    XmlWriter xml;
    xml.open("Delete");
    xml.element("Quiet", message.quiet ? "true" : "false");
    for (const auto& object : message.objects) {
        xml.open("Object");
        xml.element("Key", object.key);
        if (object.version_id) xml.element("VersionId", *object.version_id);
        if (object.etag) xml.element("ETag", *object.etag);
        if (object.size) xml.element("Size", *object.size);
        if (object.last_modified) xml.element("LastModifiedTime", *object.last_modified);
        xml.close("Object");
    }
    xml.close("Delete");
    return xml.take();
}

std::string write_complete(const std::vector<engine::CompletedPart>& parts) {
    XmlWriter xml;
    xml.open("CompleteMultipartUpload");
    for (const auto& part : parts) {
        xml.open("Part");
        xml.element("PartNumber", std::to_string(part.number));
        xml.element("ETag", part.etag);
        for (const auto& sum : part.checksums) xml.element(xml_name(sum.algorithm), base::base64_encode(sum.value));
        xml.close("Part");
    }
    xml.close("CompleteMultipartUpload");
    return xml.take();
}

std::string write_create_bucket(const std::string& location) {
    XmlWriter xml;
    xml.open("CreateBucketConfiguration");
    xml.element("LocationConstraint", location);
    xml.close("CreateBucketConfiguration");
    return xml.take();
}

std::string write_versioning(const std::string& status) {
    XmlWriter xml;
    xml.open("VersioningConfiguration");
    xml.element("Status", status);
    xml.close("VersioningConfiguration");
    return xml.take();
}

template <typename Parse, typename Write>
void check(std::string_view document, Parse parse, Write write) {
    const auto first = parse(document);
    if (!first) {
        ENSURE(first.error().status >= 400 && first.error().status <= 501);
        return;
    }
    const std::string written = write(*first);
    const auto second = parse(written);
    ENSURE(second);
    ENSURE(write(*second) == written);
}

// Any text that XML can name comes back through writer and reader.
void check_text(std::string_view text) {
    XmlWriter xml;
    xml.open("r");
    xml.element("a", text);
    xml.element_quoted("b", text);
    xml.close("r");
    const auto document = xml.take();
    XmlReader reader(document);
    const bool readable = base::is_utf8(text) && text.find('\0') == std::string_view::npos;
    const bool entered = reader.enter_root("r") && reader.next() == "a";
    const auto plain = reader.text();
    if (!readable) return;
    ENSURE(entered && plain == text);
    ENSURE(reader.next() == "b" && reader.text() == "\"" + std::string(text) + "\"");
    ENSURE(!reader.next() && reader.finished());
}

bool walk(std::string_view document, bool skipping) {
    XmlReader reader(document);
    if (!reader.enter_root("r")) return false;
    while (reader.next()) {
        if (skipping) {
            reader.skip();
        } else {
            (void)reader.text();
        }
    }
    return reader.finished();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 16 * 1024) return 0;
    const std::string_view document(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0]) {
        case 'd':
            check(document, parse_delete, write_delete);
            break;
        case 'c':
            check(document, parse_complete, write_complete);
            break;
        case 'b':
            check(document, parse_create_bucket, write_create_bucket);
            break;
        case 'o':
            check(document, parse_cors, cors_xml);
            break;
        case 't':
            check(document, [](std::string_view text) { return parse_tagging(text, 50); }, tagging_xml);
            break;
        case 'v':
            check(document, parse_versioning, write_versioning);
            break;
        case 'w':
            // What can be read can be stepped over.
            if (walk(document, false)) ENSURE(walk(document, true));
            break;
        default:
            check_text(document);
    }
    return 0;
}
