// The row of a file whose content or attributes change: what else it says stays.
#include "replication/local_engine.h"
#include "replication/model/posix.h"
#include "src/base/hash.h"

namespace larder::engine {

namespace {

constexpr int kAttempts = 64;

Result<model::Object> present_object(const table::Row& current, const std::string& key) {
    if (!current.exists()) return fail(Code::not_found, Subject::object, "there is no object \"" + key + "\"");
    TRY(auto object, model::decode_object(current.value->row));
    if (object.link) return fail(Code::conflict, Subject::row, "the file has got another name");
    return object;
}

}  // namespace

// Where the content of what stands at `key` lies: there, or at a row that several names share.
Task<Result<table::RowKey>> LocalEngine::content_row(std::shared_ptr<BucketState> bucket, std::string key) {
    auto place = object_row(*bucket, key);
    CO_TRY(const auto row, co_await object_rows_->read(place, false));
    if (!row.exists()) co_return place;
    CO_TRY(const auto object, model::decode_object(row.value->row));
    if (object.link) place = link_row(*bucket, key, *object.link);
    co_return place;
}

// Again while the file gets its second name, or loses it, in between.
Task<Result<LocalEngine::ContentRow>> LocalEngine::edit_content_row(std::shared_ptr<BucketState> bucket,
                                                                    std::string key, ContentEdit edit) {
    const Writing writing(bucket);
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        CO_TRY(const auto place, co_await content_row(bucket, key));
        ContentRow out;
        bool elsewhere = false;
        const auto decide = [&](const table::Row& current, Tag version) -> Result<table::Decision> {
            auto present = present_object(current, key);
            elsewhere = !present && (present.error().is(Code::conflict) ||
                                     (present.error().is(Code::not_found) && place.sort_key != key));
            TRY(out.object, std::move(present));
            std::string body = current.value->body;
            TRY_VOID(edit(out.object, version, body));
            return table::Decision{table::Value{model::encode_object(out.object), std::move(body)}};
        };
        const auto done = co_await object_rows_->update(place, decide);
        if (!done && elsewhere) continue;
        CO_TRY_VOID(done);
        out.state = done->version;
        co_return out;
    }
    co_return fail(Code::conflict, Subject::object, "the file changed again and again meanwhile");
}

Task<Result<LocalEngine::ContentRow>> LocalEngine::replace_content(BucketId bucket, std::string key,
                                                                   NewContent content) {
    CO_TRY(const auto state, bucket_for_write(bucket));
    CO_TRY_VOID(co_await check_quota(state, key, content.size));
    const auto edit = [&](model::Object& object, Tag version, std::string& body) -> Result<void> {
        if (content.base && object.version != *content.base) {
            return fail(Code::conflict, Subject::object, "the object changed meanwhile");
        }
        object.inode = model::inode_of(object);
        object.version = version;
        object.modified = env_.clock.wall_now();
        object.size = content.size;
        object.etag = content.etag;
        object.is_inline = content.is_inline;
        object.pieces = content.pieces;
        // They told of the bytes that were there, and of how those came.
        object.checksums.clear();
        object.parts.clear();
        object.upload = {};
        model::merge(object.attributes, content.changes);
        body = content.body;
        return {};
    };
    co_return co_await edit_content_row(state, std::move(key), edit);
}

Task<Result<LocalEngine::ContentRow>> LocalEngine::merge_attributes(BucketId bucket, std::string key,
                                                                    FileAttributes changes) {
    CO_TRY(const auto state, bucket_for_write(bucket));
    const auto edit = [&](model::Object& object, Tag, std::string&) -> Result<void> {
        model::merge(object.attributes, changes);
        return {};
    };
    co_return co_await edit_content_row(state, std::move(key), edit);
}

}  // namespace larder::engine
