// Objects as rows: finding, writing under a condition, deleting, listing, tags.
#include "replication/local_engine.h"
#include "replication/model/posix.h"
#include "src/base/crc.h"

namespace larder::engine {

namespace {

constexpr int kAttempts = 16;

std::unexpected<base::Error> no_object(std::string_view key) {
    return fail(Code::not_found, Subject::object, "there is no object \"" + std::string(key) + "\"");
}
std::unexpected<base::Error> another_version() {
    return fail(Code::conflict, Subject::version, "the object changed meanwhile");
}
std::unexpected<base::Error> another_place() {
    return fail(Code::conflict, Subject::row, "the file got another name, or lost one");
}

}  // namespace

Result<void> judge(const Condition& condition, const model::Object* current, const std::string& key) {
    if (condition.none()) return {};
    if (condition.if_absent) {
        if (current == nullptr) return {};
        return fail(Code::precondition_failed, Subject::object, "the object exists");
    }
    if (condition.if_not_etag) {
        // Satisfied by an object that is not there.
        if (current == nullptr || *condition.if_not_etag != current->etag) return {};
        return fail(Code::precondition_failed, Subject::object, "the object has this ETag");
    }
    if (current == nullptr) return no_object(key);
    if (condition.if_etag && *condition.if_etag != current->etag) {
        return fail(Code::precondition_failed, Subject::object, "the object's ETag is another");
    }
    if (condition.if_size && *condition.if_size != current->size) {
        return fail(Code::precondition_failed, Subject::object, "the object's size is another");
    }
    if (condition.if_modified_second && condition.if_modified_second->seconds() != current->modified.seconds()) {
        return fail(Code::precondition_failed, Subject::object, "the object was modified at another time");
    }
    return {};
}

table::RowKey LocalEngine::object_row(const BucketState& bucket, std::string_view key) const {
    // One index shard until a bucket outgrows it; the shard of a key is then a function of the key alone.
    const auto shards = bucket.row.index_shards;
    const auto shard = shards == 1 ? 0 : base::crc32c(key) % shards;
    return {model::index_shard(bucket.row.bucket.id, static_cast<std::uint16_t>(shard)), std::string(key)};
}

Task<Result<LocalEngine::Found>> LocalEngine::find_object(table::Registers& rows, BucketId bucket, std::string key,
                                                          bool with_body) {
    CO_TRY(const auto state, bucket_for_read(bucket));
    CO_TRY(auto row, co_await rows.read(object_row(*state, key), with_body));
    if (!row.exists()) co_return no_object(key);
    Found found;
    found.row = key;
    CO_TRY(found.object, model::decode_object(row.value->row));
    if (found.object.link) {
        auto place = link_row(*state, key, *found.object.link);
        found.row = place.sort_key;
        CO_TRY(row, co_await rows.read(std::move(place), with_body));
        if (!row.exists()) co_return no_object(key);
        CO_TRY(found.object, model::decode_object(row.value->row));
    }
    found.state = row.version;
    found.body = std::move(row.value->body);
    co_return found;
}

table::RowKey LocalEngine::link_row(const BucketState& bucket, std::string_view name, const model::LinkId& link) const {
    return {object_row(bucket, name).partition_key, model::link_key(link)};
}

Task<Result<model::Object>> LocalEngine::follow_link(BucketId bucket, std::string key, model::LinkId link) {
    CO_TRY(const auto state, bucket_for_read(bucket));
    CO_TRY(const auto row, co_await object_rows_->read(link_row(*state, key, link), false));
    if (!row.exists()) co_return no_object(key);
    co_return model::decode_object(row.value->row);
}

Task<Result<LocalEngine::Found>> LocalEngine::find_content(table::Registers& rows, BucketId bucket, std::string key) {
    for (;;) {
        // Of several nodes whoever gives content up waits for the reads under way (spread/read_gate.h): what is leased
        // now is there, without a second look.
        const auto pass = company_ ? company_->content().gate().enter() : spread::ReadGate::Pass();
        CO_TRY(auto found, co_await find_object(rows, bucket, key, true));
        if (found.object.is_inline) co_return found;
        found.lease = blocks_->lease(found.object.owners());
        if (company_ && !members_->alone()) co_return found;
        // Before it was leased the object may have been replaced, and its blocks given back.
        CO_TRY(const auto now, co_await find_object(rows, bucket, key, false));
        if (now.object.version == found.object.version && now.row == found.row) co_return found;
    }
}

Task<Result<ObjectInfo>> LocalEngine::head_object(BucketId bucket, std::string key) {
    CO_TRY(auto found, co_await find_object(*object_rows_, bucket, key, false));
    co_return model::shown_info_of(std::move(key), std::move(found.object));
}

// Judged on what the key shows. A name of a file with several is taken from its content in the same step.
Task<Result<void>> LocalEngine::write_judged(std::shared_ptr<BucketState> bucket, std::string key, Judged judged,
                                             std::optional<Tag> over) {
    const auto place = object_row(*bucket, key);
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        std::optional<model::LinkId> link;
        const auto alone = [&](const table::Row& current, Tag version) -> Result<table::Decision> {
            link.reset();
            if (over && current.version != *over) return another_version();
            std::optional<model::Object> present;
            if (current.exists()) {
                TRY(present, model::decode_object(current.value->row));
                link = present->link;
            }
            if (link) return another_place();
            TRY(auto value, judged(present ? &*present : nullptr, version));
            return table::Decision{std::move(value)};
        };
        const auto written = co_await object_rows_->update(place, alone);
        if (!link) {
            CO_TRY_VOID(written);
            co_return Result<void>();
        }
        const auto shared = [&](const std::vector<table::Row>& rows, Tag version) -> Result<table::Decided> {
            if (!rows[0].exists() || !rows[1].exists()) return another_place();
            if (over && rows[0].version != *over) return another_version();
            TRY(const auto name, model::decode_object(rows[0].value->row));
            if (name.link != link) return another_place();
            TRY(auto content, model::decode_object(rows[1].value->row));
            TRY(auto value, judged(&content, version));
            table::Decided out{std::move(value), std::nullopt};
            std::erase(content.names, key);
            if (!content.names.empty()) {
                out[1] = table::Value{model::encode_object(content), rows[1].value->body};
            }
            return out;
        };
        std::vector<table::RowKey> keys{place, link_row(*bucket, key, *link)};
        const auto done = co_await object_rows_->update_rows(std::move(keys), shared);
        if (!done && done.error().is(Code::conflict, Subject::row)) continue;
        CO_TRY_VOID(done);
        co_return Result<void>();
    }
    co_return fail(Code::conflict, Subject::object, "the object changed again and again meanwhile");
}

// The one way by which an object row comes to be: plain when there is no condition, else judged and written at once.
Task<Result<ObjectInfo>> LocalEngine::write_object(std::shared_ptr<BucketState> bucket, std::string key,
                                                   model::Object object, std::string body, Guard guard) {
    const Writing writing(bucket);
    if (bucket->row.deleting) co_return fail(Code::not_found, Subject::bucket, "the bucket does not exist");
    CO_TRY_VOID(co_await check_quota(bucket, key, object.size));
    const auto make = [this, &object, &body](Tag version) -> std::optional<table::Value> {
        object.version = version;
        object.modified = env_.clock.wall_now();
        return table::Value{model::encode_object(object), body};
    };
    if (guard.condition.none() && !guard.over) {
        CO_TRY_VOID(co_await object_rows_->write_made(object_row(*bucket, key), make));
    } else {
        const auto decide = [&](const model::Object* present, Tag version) -> Result<std::optional<table::Value>> {
            TRY_VOID(judge(guard.condition, present, key));
            return make(version);
        };
        CO_TRY_VOID(co_await write_judged(bucket, key, decide, guard.over));
    }
    co_return model::info_of(std::move(key), std::move(object));
}

Task<Result<DeleteOutcome>> LocalEngine::delete_object(BucketId bucket, DeleteRequest request) {
    CO_TRY(const auto state, bucket_for_write(bucket));
    const Writing writing(state);
    const auto place = object_row(*state, request.key);
    DeleteOutcome outcome;
    const auto decide = [&](const model::Object* present, Tag) -> Result<std::optional<table::Value>> {
        outcome = {};
        outcome.existed = present != nullptr;
        if (present != nullptr) outcome.version = present->version;
        TRY_VOID(judge(request.condition, present, request.key));
        return std::nullopt;
    };
    if (request.condition.none()) {
        const auto row = co_await object_rows_->read(place, false);
        // A damaged row is deleted unread; one that was never there needs no tombstone.
        if (!row && row.error().code != Code::corrupted) co_return fail(row.error());
        outcome.existed = !row || row->exists();
        if (!outcome.existed) co_return outcome;
        const auto object = row ? model::decode_summary(row->value->row) : Result<model::Summary>(fail(row.error()));
        if (object) outcome.version = object->version;
        if (object && object->is_link) {
            const auto taken = co_await write_judged(state, request.key, decide);
            if (taken) co_return outcome;
            // Without its content the name can only go by itself.
            if (taken.error().code != Code::corrupted && taken.error().code != Code::conflict) {
                co_return fail(taken.error());
            }
        }
        CO_TRY_VOID(co_await object_rows_->write(place, std::nullopt));
        co_return outcome;
    }
    CO_TRY_VOID(co_await write_judged(state, request.key, decide));
    co_return outcome;
}

Task<std::vector<Result<DeleteOutcome>>> LocalEngine::delete_objects(BucketId bucket,
                                                                     std::vector<DeleteRequest> requests) {
    std::vector<Result<DeleteOutcome>> outcomes(requests.size(), fail(Code::shutting_down, "not carried out"));
    // All at once: they share the syncs of their group.
    io::TaskGroup group(env_.executor);
    const auto one = [](LocalEngine& self, BucketId id, DeleteRequest request,
                        Result<DeleteOutcome>& outcome) -> Task<void> {
        outcome = co_await self.delete_object(id, std::move(request));
    };
    for (std::size_t i = 0; i < requests.size(); ++i) {
        group.spawn(one(*this, bucket, std::move(requests[i]), outcomes[i]));
    }
    co_await group.join();
    co_return outcomes;
}

Task<Result<void>> LocalEngine::update_properties(BucketId bucket, std::string key,
                                                  std::function<Result<void>(ObjectProperties&)> edit) {
    CO_TRY(const auto state, bucket_for_write(bucket));
    const auto change = [&](model::Object& object, Tag, std::string&) { return edit(object.properties); };
    CO_TRY_VOID(co_await edit_content_row(state, std::move(key), change));
    co_return Result<void>();
}

}  // namespace larder::engine
