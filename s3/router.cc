#include "s3/router.h"

#include "s3/ops/ops.h"

#include <algorithm>

namespace larder::s3 {

namespace {

constexpr Route kRoutes[] = {
    {"GET", Level::service, "", "ListBuckets", Right::none, ops::list_buckets},

    {"PUT", Level::bucket, "cors", "PutBucketCors", Right::owner, ops::put_cors},
    {"GET", Level::bucket, "cors", "GetBucketCors", Right::owner, ops::get_cors},
    {"DELETE", Level::bucket, "cors", "DeleteBucketCors", Right::owner, ops::delete_cors},
    {"PUT", Level::bucket, "tagging", "PutBucketTagging", Right::owner, ops::put_bucket_tagging},
    {"GET", Level::bucket, "tagging", "GetBucketTagging", Right::owner, ops::get_bucket_tagging},
    {"DELETE", Level::bucket, "tagging", "DeleteBucketTagging", Right::owner, ops::delete_bucket_tagging},
    {"GET", Level::bucket, "location", "GetBucketLocation", Right::read, ops::get_bucket_location},
    {"GET", Level::bucket, "versioning", "GetBucketVersioning", Right::read, ops::get_bucket_versioning},
    {"PUT", Level::bucket, "versioning", "PutBucketVersioning", Right::owner, ops::put_bucket_versioning},
    {"GET", Level::bucket, "acl", "GetBucketAcl", Right::read, ops::get_acl},
    {"PUT", Level::bucket, "acl", "PutBucketAcl", Right::owner, ops::put_acl},
    {"GET", Level::bucket, "versions", "ListObjectVersions", Right::read, ops::list_object_versions},
    {"GET", Level::bucket, "uploads", "ListMultipartUploads", Right::read, ops::list_multipart_uploads},
    {"POST", Level::bucket, "delete", "DeleteObjects", Right::write, ops::delete_objects},
    {"GET", Level::bucket, "list-type", "ListObjectsV2", Right::read, ops::list_objects_v2},
    {"GET", Level::bucket, "", "ListObjects", Right::read, ops::list_objects_v1},
    {"PUT", Level::bucket, "", "CreateBucket", Right::none, ops::create_bucket},
    {"HEAD", Level::bucket, "", "HeadBucket", Right::read, ops::head_bucket},
    {"DELETE", Level::bucket, "", "DeleteBucket", Right::owner, ops::delete_bucket},
    {"POST", Level::bucket, "", "PostObject", Right::none, ops::post_object},

    {"GET", Level::object, "tagging", "GetObjectTagging", Right::read, ops::get_object_tagging},
    {"PUT", Level::object, "tagging", "PutObjectTagging", Right::write, ops::put_object_tagging},
    {"DELETE", Level::object, "tagging", "DeleteObjectTagging", Right::write, ops::delete_object_tagging},
    {"GET", Level::object, "acl", "GetObjectAcl", Right::read, ops::get_acl},
    {"PUT", Level::object, "acl", "PutObjectAcl", Right::owner, ops::put_acl},
    {"GET", Level::object, "attributes", "GetObjectAttributes", Right::read, ops::get_object_attributes},
    {"POST", Level::object, "uploads", "CreateMultipartUpload", Right::write, ops::create_multipart_upload},
    {"POST", Level::object, "uploadId", "CompleteMultipartUpload", Right::write, ops::complete_multipart_upload},
    {"DELETE", Level::object, "uploadId", "AbortMultipartUpload", Right::write, ops::abort_multipart_upload},
    {"GET", Level::object, "uploadId", "ListParts", Right::read, ops::list_parts},
    {"PUT", Level::object, "uploadId", "UploadPart", Right::write, ops::upload_part},
    {"GET", Level::object, "", "GetObject", Right::read, ops::get_object},
    {"HEAD", Level::object, "", "HeadObject", Right::read, ops::head_object},
    {"PUT", Level::object, "", "PutObject", Right::write, ops::put_object},
    {"DELETE", Level::object, "", "DeleteObject", Right::write, ops::delete_object},
};

constexpr Route kUploadPartCopy = {"PUT",        Level::object,        "uploadId", "UploadPartCopy",
                                   Right::write, ops::upload_part_copy};
constexpr Route kCopyObject = {"PUT", Level::object, "", "CopyObject", Right::write, ops::copy_object};
constexpr Route kUnconfigured = {"GET",       Level::bucket,        "", "GetBucketConfiguration",
                                 Right::read, ops::get_unconfigured};
constexpr Route kDeleteUnconfigured = {"DELETE",     Level::bucket,           "", "DeleteBucketConfiguration",
                                       Right::owner, ops::delete_unconfigured};
constexpr Route kNotOffered = {"", Level::bucket, "", "NotImplemented", Right::none, ops::not_offered};

// Sub-resources of S3 that this door does not serve: asking for one must never be taken for a listing or an object.
constexpr std::string_view kOtherSubresources[] = {
    "accelerate",
    "analytics",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "torrent",
    "website",
    "metadataTable",
    "metadataConfiguration",
};

Level level_of(const S3Request& request) {
    if (request.bucket.empty()) return Level::service;
    return request.key.empty() ? Level::bucket : Level::object;
}

}  // namespace

S3Result<const Route*> find_route(const S3Request& request, const http::RequestHead& head) {
    const auto level = level_of(request);
    // The parameters of a signature name no sub-resource, and often there are no others.
    const bool named =
        std::ranges::any_of(request.query, [](const auto& item) { return !item.first.starts_with("X-Amz-"); });
    const auto has = [&](std::string_view name) { return named && request.has(name); };
    for (const auto name : kOtherSubresources) {
        if (!has(name)) continue;
        if (level == Level::bucket && request.method == "GET") return &kUnconfigured;
        if (level == Level::bucket && request.method == "DELETE") return &kDeleteUnconfigured;
        return &kNotOffered;
    }
    const Route* plain = nullptr;
    for (const auto& route : kRoutes) {
        if (route.level != level || request.method != route.method) continue;
        if (*route.parameter == '\0') {
            plain = &route;
        } else if (has(route.parameter)) {
            const bool copies = route.run == ops::upload_part && head.headers.has("x-amz-copy-source");
            return copies ? &kUploadPartCopy : &route;
        }
    }
    // A sub-resource that other methods know, but not this one.
    for (const auto& route : kRoutes) {
        const std::string_view parameter = route.parameter;
        if (route.level == level && !parameter.empty() && parameter != "list-type" && has(parameter)) {
            return std::unexpected(s3_error("MethodNotAllowed"));
        }
    }
    if (plain == nullptr) return std::unexpected(s3_error("MethodNotAllowed"));
    if (plain->run == ops::put_object && head.headers.has("x-amz-copy-source")) return &kCopyObject;
    return plain;
}

}  // namespace larder::s3
