#include "s3/error.h"

#include "s3/xml/xml_writer.h"
#include "src/base/assert.h"
#include "src/base/encoding.h"

#include <algorithm>

namespace larder::s3 {

namespace {

struct Kind {
    std::string_view code;
    int status;
    std::string_view message;
};

// AWS "Error responses", as far as this door can meet them.
constexpr Kind kKinds[] = {
    {"AccessDenied", 403, "Access Denied"},
    {"AccessForbidden", 403, "Access forbidden"},
    {"AuthorizationHeaderMalformed", 400, "The authorization header you provided is invalid."},
    {"AuthorizationQueryParametersError", 400, "Error parsing the X-Amz-Credential parameter."},
    {"BadDigest", 400, "The digest or checksum you specified did not match what was received."},
    {"BadRequest", 400, "Bad request"},
    {"BucketAlreadyExists", 409, "The requested bucket name is not available. Select a different name and try again."},
    {"BucketAlreadyOwnedByYou", 409,
     "Your previous request to create the named bucket succeeded and you already own it."},
    {"BucketNotEmpty", 409, "The bucket you tried to delete is not empty"},
    {"ConditionalRequestConflict", 409,
     "A conflicting conditional operation is in progress against this resource. Try again."},
    {"EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size"},
    {"EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size"},
    {"IncompleteBody", 400, "You did not provide the number of bytes specified by the Content-Length HTTP header"},
    {"InsufficientStorage", 507, "The storage of this server is full."},
    {"InternalError", 500, "An internal error occurred. Try again."},
    {"InvalidAccessKeyId", 403, "The access key Id you provided does not exist in our records."},
    {"InvalidArgument", 400, "Invalid Argument"},
    {"InvalidBucketName", 400, "The specified bucket is not valid."},
    {"InvalidChunkSizeError", 400, "Only the last chunk is allowed to have a size less than 8192 bytes"},
    {"InvalidDigest", 400, "The Content-MD5 or checksum value that you specified is not valid."},
    {"InvalidLocationConstraint", 400, "The specified location constraint is not valid"},
    {"InvalidPart", 400, "One or more of the specified parts could not be found or did not match."},
    {"InvalidPartOrder", 400, "The list of parts was not in ascending order."},
    {"InvalidPolicyDocument", 400,
     "The content of the form does not meet the conditions specified in the policy document."},
    {"InvalidRange", 416, "The requested range is not satisfiable"},
    {"InvalidRequest", 400, "Invalid Request"},
    {"InvalidStorageClass", 400, "The storage class you specified is not valid"},
    {"InvalidTag", 400, "The tag provided was not a valid tag."},
    {"InvalidToken", 400, "The provided token is malformed or otherwise not valid."},
    {"InvalidURI", 400, "Couldn't parse the specified URI."},
    {"KeyTooLongError", 400, "Your key is too long"},
    {"MalformedPOSTRequest", 400, "The body of your POST request is not well-formed multipart/form-data."},
    {"MalformedTrailerError", 400,
     "The request contained trailing data that was not well-formed or did not conform to our published schema."},
    {"MalformedXML", 400, "The XML you provided was not well-formed or did not validate against our published schema"},
    {"MaxPostPreDataLengthExceeded", 400, "Your POST request fields preceding the upload file were too large."},
    {"MaxMessageLengthExceeded", 400, "Your request was too big."},
    {"MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size"},
    {"MethodNotAllowed", 405, "The specified method is not allowed against this resource."},
    {"MissingContentLength", 411, "You must provide the Content-Length HTTP header."},
    {"NoSuchBucket", 404, "The specified bucket does not exist"},
    {"NoSuchBucketPolicy", 404, "The bucket policy does not exist"},
    {"NoSuchCORSConfiguration", 404, "The CORS configuration does not exist"},
    {"NoSuchKey", 404, "The specified key does not exist."},
    {"NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist"},
    {"NoSuchPublicAccessBlockConfiguration", 404, "The public access block configuration was not found"},
    {"NoSuchTagSet", 404, "The TagSet does not exist"},
    {"NoSuchUpload", 404,
     "The specified multipart upload does not exist. The upload ID might be invalid, or the multipart upload might "
     "have been aborted or completed."},
    {"NoSuchVersion", 404, "The specified version does not exist."},
    {"NoSuchWebsiteConfiguration", 404, "The specified bucket does not have a website configuration"},
    {"NotImplemented", 501, "A header or operation you asked for implies functionality that is not implemented."},
    {"ObjectLockConfigurationNotFoundError", 404, "Object Lock configuration does not exist for this bucket"},
    {"OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found"},
    {"PreconditionFailed", 412, "At least one of the preconditions you specified did not hold."},
    {"QuotaExceeded", 403, "The limit set for this bucket would be exceeded."},
    {"ReplicationConfigurationNotFoundError", 404, "The replication configuration was not found"},
    {"RequestTimeout", 400,
     "Your socket connection to the server was not read from or written to within the timeout period."},
    {"RequestTimeTooSkewed", 403, "The difference between the request time and the server's time is too large."},
    {"ServerSideEncryptionConfigurationNotFoundError", 404, "The server side encryption configuration was not found"},
    {"ServiceUnavailable", 503, "Service is unable to handle request. Try again."},
    {"SignatureDoesNotMatch", 403,
     "The request signature we calculated does not match the signature you provided. Check your key and signing "
     "method."},
    {"SlowDown", 503, "Reduce your request rate."},
    {"UserKeyMustBeSpecified", 400,
     "The bucket POST must contain the specified field name. If it is specified, check the order of the fields."},
    {"XAmzContentSHA256Mismatch", 400, "The provided 'x-amz-content-sha256' header does not match what was computed."},
};

// The part errors of the engine begin with their S3 code.
std::string_view part_code(std::string_view message) {
    for (const std::string_view code : {"EntityTooSmall", "InvalidPartOrder"}) {
        if (message.starts_with(code)) return code;
    }
    return "InvalidPart";
}

std::string_view code_of(const base::Error& error) {
    using base::Code;
    using base::Subject;
    switch (error.code) {
        case Code::not_found:
            if (error.subject == Subject::bucket) return "NoSuchBucket";
            if (error.subject == Subject::upload) return "NoSuchUpload";
            if (error.subject == Subject::object) return "NoSuchKey";
            return "InternalError";
        case Code::invalid_argument:
            return error.subject == Subject::part ? part_code(error.message) : "InvalidArgument";
        case Code::already_exists:
            return "BucketAlreadyExists";
        case Code::precondition_failed:
            return "PreconditionFailed";
        case Code::conflict:
            return error.subject == Subject::bucket ? "BucketNotEmpty" : "ConditionalRequestConflict";
        case Code::permission_denied:
            return "AccessDenied";
        case Code::unsupported:
            return "NotImplemented";
        case Code::too_large:
            return "EntityTooLarge";
        case Code::quota_exceeded:
            return "QuotaExceeded";
        case Code::no_space:
            return "InsufficientStorage";
        case Code::disconnected:
            return "IncompleteBody";
        case Code::overloaded:
            return "SlowDown";
        case Code::timeout:
        case Code::quorum_not_reached:
        case Code::unknown_outcome:
        case Code::shutting_down:
            return "ServiceUnavailable";
        case Code::corrupted:
        case Code::io_failure:
        case Code::internal:
            return "InternalError";
    }
    return "InternalError";
}

}  // namespace

S3Error s3_error(std::string_view code, std::string message) {
    for (const auto& kind : kKinds) {
        if (kind.code != code) continue;
        return {std::string(code), kind.status, message.empty() ? std::string(kind.message) : std::move(message), {}};
    }
    ENSURE(false && "an S3 error code outside the table");
    return {};
}

S3Error s3_error_of(const base::Error& error) {
    const auto code = code_of(error);
    // What went wrong inside is worth telling; what the client did is better told in S3's own words.
    const bool inside = code == "InternalError" || code == "ServiceUnavailable" || code == "NotImplemented" ||
                        code == "InsufficientStorage" || code == "QuotaExceeded" ||
                        error.subject == base::Subject::part;
    return s3_error(code, inside ? error.message : std::string());
}

S3Error s3_error_of_body(const base::Error& error) {
    switch (error.code) {
        case base::Code::disconnected:
            return s3_error("IncompleteBody");
        case base::Code::timeout:
            return s3_error("RequestTimeout");
        case base::Code::invalid_argument:
            return s3_error("InvalidRequest", error.message);
        default:
            return s3_error_of(error);
    }
}

namespace {

// Errors repeat what the request said, which need not be text: such bytes would make the document unreadable.
std::string as_text(std::string_view said) {
    std::string out(said);
    const bool is_text = base::is_utf8(said);
    std::ranges::replace_if(
        out, [is_text](char c) { return c == '\0' || (!is_text && static_cast<std::uint8_t>(c) >= 0x80); }, '?');
    return out;
}

}  // namespace

std::string error_xml(const S3Error& error, std::string_view resource, std::string_view request_id) {
    XmlWriter xml;
    xml.open("Error");
    xml.element("Code", error.code);
    xml.element("Message", as_text(error.message));
    for (const auto& [name, value] : error.extra) xml.element(name, as_text(value));
    xml.element("Resource", as_text(resource));
    xml.element("RequestId", request_id);
    xml.element("HostId", request_id);
    xml.close("Error");
    return xml.take();
}

}  // namespace larder::s3
