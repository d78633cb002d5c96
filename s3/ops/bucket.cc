// Buckets themselves.
#include "s3/ops/ops.h"
#include "s3/xml/messages.h"
#include "s3/xml/xml_writer.h"
#include "src/base/limits.h"

namespace larder::s3::ops {

namespace {

constexpr std::size_t kDocumentMax = 64 * 1024;

void write_owner(XmlWriter& xml, const Call& call) {
    xml.open("Owner");
    xml.element("ID", call.key ? call.key->id : std::string());
    xml.element("DisplayName", call.key ? call.key->name : std::string());
    xml.close("Owner");
}

}  // namespace

io::Task<Outcome> list_buckets(Call& call) {
    auto limit = number_parameter(call.request, "max-buckets");
    if (!limit) co_return std::unexpected(limit.error());
    const auto prefix = call.request.parameter("prefix").value_or("");
    const auto after = call.request.parameter("continuation-token").value_or("");
    const auto most = limit->value_or(10'000);
    if (*limit && (most < 1 || most > 10'000)) co_return refuse("InvalidArgument");
    std::vector<std::pair<std::string, base::WallTime>> shown;
    for (const auto& bucket : call.engine.buckets()) {
        if (!call.rights_on(bucket->id).any()) continue;
        for (const auto& name : bucket->names) {
            if (name.starts_with(prefix) && name > after) shown.emplace_back(name, bucket->created);
        }
    }
    std::sort(shown.begin(), shown.end());
    XmlWriter xml;
    xml.open("ListAllMyBucketsResult", kXmlNamespace);
    write_owner(xml, call);
    xml.open("Buckets");
    const auto count = std::min<std::uint64_t>(most, shown.size());
    for (std::size_t i = 0; i < count; ++i) {
        xml.open("Bucket");
        xml.element("Name", shown[i].first);
        xml.element("CreationDate", base::format_iso8601(shown[i].second));
        xml.close("Bucket");
    }
    xml.close("Buckets");
    if (!prefix.empty()) xml.element("Prefix", prefix);
    if (count < shown.size()) xml.element("ContinuationToken", shown[count - 1].first);
    xml.close("ListAllMyBucketsResult");
    co_return xml_reply(xml.take());
}

io::Task<Outcome> create_bucket(Call& call) {
    const auto& name = call.request.bucket;
    if (!is_valid_bucket_name(name)) co_return refuse("InvalidBucketName");
    if (const auto acl = call.header("x-amz-acl"); acl && *acl != "private") {
        co_return refuse("NotImplemented", "The x-amz-acl header \"" + std::string(*acl) + "\" is not implemented");
    }
    if (call.header("x-amz-bucket-object-lock-enabled").value_or("") == "true") {
        co_return refuse("NotImplemented", "The x-amz-bucket-object-lock-enabled header is not implemented");
    }
    auto document = co_await read_document(call, kDocumentMax);
    if (!document) co_return std::unexpected(document.error());
    if (!document->empty()) {
        auto location = parse_create_bucket(*document);
        if (!location) co_return std::unexpected(location.error());
        if (!location->empty() && *location != call.options.region && *location != "us-east-1" &&
            *location != "default") {
            co_return refuse("InvalidLocationConstraint");
        }
    }
    if (call.bucket) {
        co_return refuse(call.rights_on(call.bucket->id).owner ? "BucketAlreadyOwnedByYou" : "BucketAlreadyExists");
    }
    if (!call.key->may_create_buckets) co_return refuse("AccessDenied");
    S3_TRY(const auto bucket, co_await call.engine.create_bucket(name, call.key->id));
    (void)bucket;
    Reply reply;
    reply.headers.add("Location", "/" + name);
    co_return reply;
}

io::Task<Outcome> head_bucket(Call& call) {
    Reply reply;
    reply.headers.add("x-amz-bucket-region", call.options.region);
    reply.headers.add("Content-Type", "application/xml");
    co_return reply;
}

io::Task<Outcome> delete_bucket(Call& call) {
    S3_TRY_VOID(co_await call.engine.delete_bucket(call.bucket->id));
    Reply reply;
    reply.status = 204;
    co_return reply;
}

io::Task<Outcome> get_bucket_location(Call& call) {
    XmlWriter xml;
    // us-east-1 is told as an empty constraint.
    xml.open("LocationConstraint", kXmlNamespace);
    if (call.options.region != "us-east-1") xml.text(call.options.region);
    xml.close("LocationConstraint");
    co_return xml_reply(xml.take());
}

io::Task<Outcome> get_bucket_versioning(Call&) {
    XmlWriter xml;
    xml.open("VersioningConfiguration", kXmlNamespace);
    xml.close("VersioningConfiguration");
    co_return xml_reply(xml.take());
}

io::Task<Outcome> put_bucket_versioning(Call& call) {
    auto document = co_await read_document(call, kDocumentMax);
    if (!document) co_return std::unexpected(document.error());
    auto status = parse_versioning(*document);
    if (!status) co_return std::unexpected(status.error());
    co_return refuse("NotImplemented", "Bucket versioning (" + *status + ") is not implemented");
}

io::Task<Outcome> not_offered(Call& call) {
    std::string name = call.request.query.empty() ? call.request.method : call.request.query.front().first;
    auto error =
        s3_error("NotImplemented", "The operation \"" + call.request.method + " ?" + name + "\" is not implemented");
    co_return std::unexpected(std::move(error));
}

io::Task<Outcome> get_unconfigured(Call& call) {
    static const std::map<std::string_view, std::string_view> codes = {
        {"lifecycle", "NoSuchLifecycleConfiguration"},
        {"policy", "NoSuchBucketPolicy"},
        {"policyStatus", "NoSuchBucketPolicy"},
        {"website", "NoSuchWebsiteConfiguration"},
        {"encryption", "ServerSideEncryptionConfigurationNotFoundError"},
        {"publicAccessBlock", "NoSuchPublicAccessBlockConfiguration"},
        {"object-lock", "ObjectLockConfigurationNotFoundError"},
        {"ownershipControls", "OwnershipControlsNotFoundError"},
        {"replication", "ReplicationConfigurationNotFoundError"},
    };
    for (const auto& [name, value] : call.request.query) {
        if (const auto found = codes.find(name); found != codes.end()) co_return refuse(found->second);
        // An answer without content is the truth for these.
        if (name == "logging" || name == "notification" || name == "requestPayment" || name == "accelerate") {
            XmlWriter xml;
            const std::string root = name == "logging"          ? "BucketLoggingStatus"
                                     : name == "notification"   ? "NotificationConfiguration"
                                     : name == "requestPayment" ? "RequestPaymentConfiguration"
                                                                : "AccelerateConfiguration";
            xml.open(root, kXmlNamespace);
            if (name == "requestPayment") xml.element("Payer", "BucketOwner");
            xml.close(root);
            co_return xml_reply(xml.take());
        }
    }
    co_return co_await not_offered(call);
}

// Removing what cannot have been configured changes nothing and is done.
io::Task<Outcome> delete_unconfigured(Call&) {
    Reply reply;
    reply.status = 204;
    co_return reply;
}

io::Task<Outcome> get_acl(Call& call) {
    if (!call.request.key.empty()) {
        S3_TRY_VOID(co_await call.engine.head_object(call.bucket->id, call.request.key));
    }
    XmlWriter xml;
    xml.open("AccessControlPolicy", kXmlNamespace);
    write_owner(xml, call);
    xml.open("AccessControlList");
    xml.open("Grant");
    xml.open_with("Grantee", "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"");
    xml.element("ID", call.key ? call.key->id : std::string());
    xml.element("DisplayName", call.key ? call.key->name : std::string());
    xml.close("Grantee");
    xml.element("Permission", "FULL_CONTROL");
    xml.close("Grant");
    xml.close("AccessControlList");
    xml.close("AccessControlPolicy");
    co_return xml_reply(xml.take());
}

io::Task<Outcome> put_acl(Call& call) {
    const auto acl = call.header("x-amz-acl");
    auto document = co_await read_document(call, kDocumentMax);
    if (!document) co_return std::unexpected(document.error());
    if (acl && *acl == "private" && document->empty()) co_return Reply{};
    co_return refuse("NotImplemented",
                     "Access control lists other than \"private\" are not implemented; give keys rights instead");
}

}  // namespace larder::s3::ops
