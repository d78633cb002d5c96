// PostObject: an HTML form that uploads a file under a signed policy.
#include "s3/acl.h"
#include "s3/auth/post_policy.h"
#include "s3/ops/body.h"
#include "s3/ops/ops.h"
#include "s3/ops/properties.h"
#include "s3/xml/messages.h"
#include "s3/xml/xml_writer.h"
#include "src/base/encoding.h"
#include "src/base/limits.h"

namespace larder::s3::ops {

namespace {

std::string_view field(const PostForm& form, std::string_view name) {
    return form.field(name).value_or("");
}

// 204 unless the form asks for 200, 201 (with a document) or a redirect.
Reply success(const Call& call, const PostForm& form, const engine::ObjectInfo& info) {
    Reply reply;
    reply.headers.add("ETag", quoted(info.etag));
    const std::string location = "/" + call.request.bucket + "/" + url_encode_key(info.key);
    auto redirect = field(form, "success_action_redirect");
    if (redirect.empty()) redirect = field(form, "redirect");
    const bool safe = redirect.starts_with("http://") || redirect.starts_with("https://");
    if (safe && redirect.find_first_of("\r\n") == std::string_view::npos) {
        reply.status = 303;
        const char* joint = redirect.find('?') == std::string_view::npos ? "?" : "&";
        reply.headers.add("Location",
                          std::string(redirect) + joint + "bucket=" + base::percent_encode(call.request.bucket, false) +
                              "&key=" + base::percent_encode(info.key, false) + "&etag=%22" + info.etag + "%22");
        return reply;
    }
    const auto status = field(form, "success_action_status");
    reply.status = status == "200" ? 200 : status == "201" ? 201 : 204;
    reply.headers.add("Location", location);
    if (reply.status != 201) return reply;
    XmlWriter xml;
    xml.open("PostResponse");
    xml.element("Location", location);
    xml.element("Bucket", call.request.bucket);
    xml.element("Key", info.key);
    xml.element("ETag", quoted(info.etag));
    xml.close("PostResponse");
    reply.headers.add("Content-Type", "application/xml");
    reply.body = xml.take();
    return reply;
}

}  // namespace

io::Task<Outcome> post_object(Call& call) {
    const auto type = call.header("content-type").value_or("");
    if (!base::to_lower(type).starts_with("multipart/form-data")) {
        co_return refuse("PreconditionFailed", "Bucket POST must be of the enclosure-type multipart/form-data");
    }
    FormReader reader(call.exchange, std::string(type));
    auto form = co_await reader.read_fields();
    if (!form) co_return std::unexpected(form.error());
    const std::string key(field(*form, "key"));
    if (key.empty()) co_return refuse("InvalidArgument", "Bucket POST must contain a field named 'key'.");
    if (key.size() > base::limits::kKeyBytesMax) co_return refuse("KeyTooLongError");
    if (!base::is_text(key)) co_return refuse("InvalidArgument", "The field 'key' must be UTF-8.");
    if (!call.bucket) co_return refuse("NoSuchBucket");
    std::string missing;
    const auto lookup = [&call, &missing](std::string_view id) -> std::optional<std::string> {
        const auto found = call.engine.find_key(id);
        if (!found) missing = id;
        const bool good =
            found && !found->disabled && !(found->expires && *found->expires <= call.env.clock.wall_now());
        return good ? std::optional(found->secret) : std::nullopt;
    };
    auto grant =
        check_policy(*form, call.request.bucket, key, lookup, {call.options.region, call.env.clock.wall_now()});
    if (!grant && !missing.empty()) {
        // Another node may have made the key just now.
        S3_TRY(const auto made, co_await call.engine.look_up_key(missing));
        if (made)
            grant =
                check_policy(*form, call.request.bucket, key, lookup, {call.options.region, call.env.clock.wall_now()});
    }
    if (!grant) co_return std::unexpected(grant.error());
    call.key = grant->who.anonymous ? nullptr : call.engine.find_key(grant->who.key_id);
    call.auth.anonymous = grant->who.anonymous;
    if (!call.rights_on(call.bucket->id).write && !public_rights(call).write) co_return refuse("AccessDenied");
    auto properties = properties_of_form(form->fields);
    if (!properties) co_return std::unexpected(properties.error());
    if (const auto tagging = field(*form, "tagging"); !tagging.empty()) {
        auto tags = parse_tagging(tagging, base::limits::kTagsMax);
        if (!tags) co_return std::unexpected(tags.error());
        properties->tags = std::move(*tags);
    }
    auto asked = checksum_of_fields(form->fields);
    if (!asked) co_return std::unexpected(asked.error());
    std::vector<engine::ChecksumAlgorithm> algorithms;
    if (asked->algorithm) algorithms.push_back(*asked->algorithm);
    const auto most = std::min(grant->length.most, base::limits::kSinglePutBytesMax);
    auto writer = call.engine.put_object(call.bucket->id, key, std::nullopt);
    auto received = co_await receive_bytes(
        call, [&reader](std::span<std::byte> out) { return reader.read_file(out); }, *writer, algorithms, most);
    if (!received) co_return std::unexpected(received.error());
    if (received->size < grant->length.least) co_return refuse("EntityTooSmall");
    auto checked = check_digests(*asked, {}, received->md5, received->checksums);
    if (!checked) co_return std::unexpected(checked.error());
    engine::PutResultFacts facts;
    facts.etag = base::hex_encode(received->md5);
    facts.checksums = received->checksums;
    facts.properties = std::move(*properties);
    S3_TRY(const auto info, co_await writer->commit(std::move(facts)));
    co_return success(call, *form, info);
}

}  // namespace larder::s3::ops
