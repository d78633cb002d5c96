// Buckets themselves.
#include "s3/acl.h"
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

io::Task<base::Result<void>> set_bucket_acl(engine::Engine& engine, base::BucketId bucket, std::string acl) {
    const auto edit = [acl](engine::Bucket& edited) -> base::Result<void> {
        edited.settings["acl"] = acl;
        return {};
    };
    CO_TRY_VOID(co_await engine.update_bucket(bucket, edit));
    co_return base::Result<void>();
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
    const auto acl = requested_acl(call);
    if (!acl) co_return std::unexpected(acl.error());
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
        if (!call.rights_on(call.bucket->id).owner) co_return refuse("BucketAlreadyExists");
        // In its first region S3 answers a repeated creation as it did the first.
        if (call.options.region == "us-east-1") co_return Reply{};
        co_return refuse("BucketAlreadyOwnedByYou");
    }
    if (!call.key->may_create_buckets) co_return refuse("AccessDenied");
    S3_TRY(const auto bucket, co_await call.engine.create_bucket(name, call.key->id));
    if (*acl != "private") S3_TRY_VOID(co_await set_bucket_acl(call.engine, bucket->id, *acl));
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
    std::string acl(bucket_acl(*call.bucket));
    if (!call.request.key.empty()) {
        S3_TRY(const auto info, co_await call.engine.head_object(call.bucket->id, call.request.key));
        acl = object_acl(info);
    }
    const auto owner = call.engine.find_key(call.bucket->owner_key);
    co_return xml_reply(acl_xml(acl, owner ? owner->id : call.bucket->owner_key, owner ? owner->name : std::string()));
}

io::Task<Outcome> put_acl(Call& call) {
    auto acl = requested_acl(call);
    if (!acl) co_return std::unexpected(acl.error());
    auto document = co_await read_document(call, kDocumentMax);
    if (!document) co_return std::unexpected(document.error());
    if (!document->empty() || !call.header(kAclHeader)) {
        co_return refuse("NotImplemented",
                         "Access control lists of single grants are not implemented; give keys rights instead");
    }
    if (call.request.key.empty()) {
        S3_TRY_VOID(co_await set_bucket_acl(call.engine, call.bucket->id, std::move(*acl)));
        co_return Reply{};
    }
    const auto edit = [acl = *acl](engine::ObjectProperties& properties) -> base::Result<void> {
        std::erase_if(properties.headers, [](const auto& header) { return header.first == kAclHeader; });
        if (acl != "private") properties.headers.emplace_back(kAclHeader, acl);
        return {};
    };
    S3_TRY_VOID(co_await call.engine.update_properties(call.bucket->id, call.request.key, edit));
    co_return Reply{};
}

}  // namespace larder::s3::ops
