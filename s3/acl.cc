#include "s3/acl.h"

#include "s3/xml/xml_writer.h"
#include "src/base/encoding.h"

#include <algorithm>

namespace larder::s3 {

namespace {

constexpr std::string_view kCanned[] = {"private",           "public-read",
                                        "public-read-write", "authenticated-read",
                                        "bucket-owner-read", "bucket-owner-full-control"};
constexpr std::string_view kEverybody = "http://acs.amazonaws.com/groups/global/AllUsers";
constexpr std::string_view kAnyKey = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

bool allows_reading(std::string_view acl, bool anonymous) {
    return acl == "public-read" || acl == "public-read-write" || (acl == "authenticated-read" && !anonymous);
}

}  // namespace

bool is_canned_acl(std::string_view acl) {
    return std::find(std::begin(kCanned), std::end(kCanned), acl) != std::end(kCanned);
}

S3Result<std::string> requested_acl(const Call& call) {
    for (const auto& [name, value] : call.exchange.request().headers.fields()) {
        const auto lower = base::to_lower(name);
        if (lower == kAclHeader && !is_canned_acl(value)) return std::unexpected(s3_error("InvalidArgument"));
        if (!lower.starts_with("x-amz-grant-")) continue;
        auto error = s3_error("NotImplemented",
                              "Access control lists of single grants are not implemented; give keys rights instead");
        error.extra.emplace_back("Header", lower);
        return std::unexpected(std::move(error));
    }
    return std::string(call.header(kAclHeader).value_or("private"));
}

std::string_view bucket_acl(const engine::Bucket& bucket) {
    const auto found = bucket.settings.find("acl");
    return found == bucket.settings.end() ? std::string_view("private") : std::string_view(found->second);
}

std::string_view object_acl(const engine::ObjectInfo& info) {
    for (const auto& [name, value] : info.properties.headers) {
        if (name == kAclHeader) return value;
    }
    return "private";
}

engine::Rights public_rights(const Call& call) {
    const auto acl = bucket_acl(*call.bucket);
    engine::Rights rights;
    rights.read = allows_reading(acl, call.auth.anonymous);
    rights.write = acl == "public-read-write";
    return rights;
}

S3Result<void> check_object_readable(const Call& call, const engine::ObjectInfo& info) {
    if (call.rights_on(call.bucket->id).read || allows_reading(object_acl(info), call.auth.anonymous)) return {};
    return std::unexpected(s3_error("AccessDenied"));
}

namespace {

void write_group_grant(XmlWriter& xml, std::string_view group, std::string_view permission) {
    xml.open("Grant");
    xml.open_with("Grantee", "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"Group\"");
    xml.element("URI", group);
    xml.close("Grantee");
    xml.element("Permission", permission);
    xml.close("Grant");
}

}  // namespace

std::string acl_xml(std::string_view acl, std::string_view owner_id, std::string_view owner_name) {
    XmlWriter xml;
    xml.open("AccessControlPolicy", kXmlNamespace);
    xml.open("Owner");
    xml.element("ID", owner_id);
    xml.element("DisplayName", owner_name);
    xml.close("Owner");
    xml.open("AccessControlList");
    xml.open("Grant");
    xml.open_with("Grantee", "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"");
    xml.element("ID", owner_id);
    xml.element("DisplayName", owner_name);
    xml.close("Grantee");
    xml.element("Permission", "FULL_CONTROL");
    xml.close("Grant");
    if (acl == "public-read" || acl == "public-read-write") write_group_grant(xml, kEverybody, "READ");
    if (acl == "public-read-write") write_group_grant(xml, kEverybody, "WRITE");
    if (acl == "authenticated-read") write_group_grant(xml, kAnyKey, "READ");
    xml.close("AccessControlList");
    xml.close("AccessControlPolicy");
    return xml.take();
}

}  // namespace larder::s3
