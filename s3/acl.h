// Canned access control lists of buckets and objects: what anybody, or any key, may do beyond the rights given to keys.
// Lists of single grants are not offered.
#pragma once

#include "s3/call.h"

#include <optional>
#include <string_view>

namespace larder::s3 {

constexpr std::string_view kAclHeader = "x-amz-acl";  // also the name under which it is kept

// Whether this is a canned list that can be honoured. On objects "bucket-owner-…" is the same as private: the bucket's
// owner is who has rights on it.
bool is_canned_acl(std::string_view acl);
// NotImplemented naming the header, for any x-amz-grant-* or another canned list.
S3Result<std::string> requested_acl(const Call& call);

// The bucket's canned list; "private" unless set.
std::string_view bucket_acl(const engine::Bucket& bucket);
std::string_view object_acl(const engine::ObjectInfo& info);

// What the bucket's list allows to whoever asks: listing by public-read, writing by public-read-write.
engine::Rights public_rights(const Call& call);
// AccessDenied unless the asker has the right to read, or the object's list allows it.
S3Result<void> check_object_readable(const Call& call, const engine::ObjectInfo& info);

std::string acl_xml(std::string_view acl, std::string_view owner_id, std::string_view owner_name);

}  // namespace larder::s3
