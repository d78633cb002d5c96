// S3's errors, and what becomes of the errors beneath.
#include "s3/xml/xml_reader.h"
#include "tests/unit/s3/harness.h"

namespace larder::s3 {

TEST_CASE("errors beneath have a code and a status of S3") {
    using base::Code;
    using base::Subject;
    struct Expected {
        base::Error error;
        std::string code;
        int status;
    };
    const Expected all[] = {
        {{Code::not_found, Subject::bucket, ""}, "NoSuchBucket", 404},
        {{Code::not_found, Subject::object, ""}, "NoSuchKey", 404},
        {{Code::not_found, Subject::upload, ""}, "NoSuchUpload", 404},
        {{Code::not_found, Subject::row, ""}, "InternalError", 500},
        {{Code::precondition_failed, Subject::object, ""}, "PreconditionFailed", 412},
        {{Code::conflict, Subject::object, ""}, "ConditionalRequestConflict", 409},
        {{Code::conflict, Subject::bucket, ""}, "BucketNotEmpty", 409},
        {{Code::permission_denied, Subject::bucket, ""}, "AccessDenied", 403},
        {{Code::quota_exceeded, Subject::bucket, "full"}, "QuotaExceeded", 403},
        {{Code::no_space, Subject::disk, "full"}, "InsufficientStorage", 507},
        {{Code::unsupported, Subject::none, "x"}, "NotImplemented", 501},
        {{Code::too_large, Subject::object, ""}, "EntityTooLarge", 400},
        {{Code::timeout, Subject::node, "slow"}, "ServiceUnavailable", 503},
        {{Code::quorum_not_reached, Subject::node, "x"}, "ServiceUnavailable", 503},
        {{Code::overloaded, Subject::node, "x"}, "SlowDown", 503},
        {{Code::corrupted, Subject::block, "x"}, "InternalError", 500},
        {{Code::disconnected, Subject::request, ""}, "IncompleteBody", 400},
    };
    for (const auto& [error, code, status] : all) {
        const auto made = s3_error_of(error);
        CHECK(made.code == code);
        CHECK(made.status == status);
        CHECK_FALSE(made.message.empty());
    }
}

TEST_CASE("failures to read a body are the client's") {
    CHECK(s3_error_of_body({base::Code::disconnected, {}, ""}).code == "IncompleteBody");
    CHECK(s3_error_of_body({base::Code::timeout, {}, ""}).code == "RequestTimeout");
    CHECK(s3_error_of_body({base::Code::invalid_argument, {}, "bad framing"}).code == "InvalidRequest");
    CHECK(s3_error_of_body({base::Code::internal, {}, "x"}).status == 500);
}

TEST_CASE("an error document names all that is known, escaped") {
    auto error = s3_error("SignatureDoesNotMatch");
    error.extra = {{"StringToSign", "a\n<b>"}, {"AWSAccessKeyId", "GK"}};
    const auto document = error_xml(error, "/home/a&b", "R1");
    CHECK(
        document.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SignatureDoesNotMatch</Code>"));
    for (const auto* piece : {"<StringToSign>a\n&lt;b&gt;</StringToSign><AWSAccessKeyId>GK</AWSAccessKeyId>",
                              "<Resource>/home/a&amp;b</Resource>", "<RequestId>R1</RequestId>"}) {
        CHECK(document.find(piece) != std::string::npos);
    }
    CHECK(s3_error("NoSuchKey", "said so").message == "said so");
}

TEST_CASE("an error document can be read, whatever the request said") {
    auto error = s3_error("InvalidAccessKeyId", "key \xff");
    error.extra.emplace_back("AWSAccessKeyId", std::string("a\0\xc3\xa9\x01<", 6));
    const auto document = error_xml(error, "/b/\xc3\xa9\xfe", "id");
    XmlReader xml(document);
    REQUIRE(xml.enter_root("Error"));
    std::vector<std::string> texts;
    while (xml.next()) texts.push_back(xml.text());
    REQUIRE(xml.finished());
    CHECK(texts == std::vector<std::string>{"InvalidAccessKeyId", "key ?", "a?\xc3\xa9\x01<", "/b/???", "id", "id"});
}

}  // namespace larder::s3
