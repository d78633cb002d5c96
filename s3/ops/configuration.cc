// Documents kept with a bucket or an object: CORS rules and tags.
#include "s3/cors.h"
#include "s3/ops/ops.h"
#include "s3/ops/properties.h"
#include "s3/xml/messages.h"
#include "src/base/limits.h"

namespace larder::s3::ops {

namespace {

constexpr std::size_t kDocumentMax = 64 * 1024;
constexpr std::size_t kBucketTagsMax = 50;

io::Task<Outcome> store_setting(Call& call, std::string name, std::optional<std::string> document) {
    const auto edit = [=](engine::Bucket& bucket) -> base::Result<void> {
        if (document) {
            bucket.settings[name] = *document;
        } else {
            bucket.settings.erase(name);
        }
        return {};
    };
    S3_TRY_VOID(co_await call.engine.update_bucket(call.bucket->id, edit));
    Reply reply;
    reply.status = document ? 200 : 204;
    co_return reply;
}

Outcome show_setting(const Call& call, const std::string& name, std::string_view missing) {
    const auto found = call.bucket->settings.find(name);
    if (found == call.bucket->settings.end()) return refuse(missing);
    return xml_reply(found->second);
}

io::Task<base::Result<void>> set_tags(Call& call, engine::NamedValues tags) {
    return call.engine.update_properties(call.bucket->id, call.request.key,
                                         [tags](engine::ObjectProperties& properties) -> base::Result<void> {
                                             properties.tags = tags;
                                             return {};
                                         });
}

}  // namespace

io::Task<Outcome> get_cors(Call& call) {
    co_return show_setting(call, "cors", "NoSuchCORSConfiguration");
}

io::Task<Outcome> put_cors(Call& call) {
    auto document = co_await read_document(call, kDocumentMax);
    if (!document) co_return std::unexpected(document.error());
    auto rules = parse_cors(*document);
    if (!rules) co_return std::unexpected(rules.error());
    co_return co_await store_setting(call, "cors", cors_xml(*rules));
}

io::Task<Outcome> delete_cors(Call& call) {
    return store_setting(call, "cors", std::nullopt);
}

io::Task<Outcome> get_bucket_tagging(Call& call) {
    co_return show_setting(call, "tagging", "NoSuchTagSet");
}

io::Task<Outcome> put_bucket_tagging(Call& call) {
    auto document = co_await read_document(call, kDocumentMax);
    if (!document) co_return std::unexpected(document.error());
    auto tags = parse_tagging(*document, kBucketTagsMax);
    if (!tags) co_return std::unexpected(tags.error());
    auto stored = co_await store_setting(call, "tagging", tagging_xml(*tags));
    if (stored) stored->status = 204;
    co_return stored;
}

io::Task<Outcome> delete_bucket_tagging(Call& call) {
    return store_setting(call, "tagging", std::nullopt);
}

io::Task<Outcome> get_object_tagging(Call& call) {
    S3_TRY(const auto info, co_await call.engine.head_object(call.bucket->id, call.request.key));
    co_return xml_reply(tagging_xml(info.properties.tags));
}

io::Task<Outcome> put_object_tagging(Call& call) {
    auto document = co_await read_document(call, kDocumentMax);
    if (!document) co_return std::unexpected(document.error());
    auto tags = parse_tagging(*document, base::limits::kTagsMax);
    if (!tags) co_return std::unexpected(tags.error());
    S3_TRY_VOID(co_await set_tags(call, std::move(*tags)));
    co_return Reply{};
}

io::Task<Outcome> delete_object_tagging(Call& call) {
    S3_TRY_VOID(co_await set_tags(call, {}));
    Reply reply;
    reply.status = 204;
    co_return reply;
}

}  // namespace larder::s3::ops
