// Objects as rows: finding, writing under a condition, deleting, listing, tags, attributes.
#include "replication/local_engine.h"
#include "src/base/crc.h"

namespace larder::engine {

namespace {

std::unexpected<base::Error> no_object(std::string_view key) {
    return fail(Code::not_found, Subject::object, "there is no object \"" + std::string(key) + "\"");
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

Task<Result<LocalEngine::Found>> LocalEngine::find_object(BucketId bucket, std::string key, bool with_body) {
    CO_TRY(const auto state, bucket_for_read(bucket));
    CO_TRY(auto row, co_await object_rows_->read(object_row(*state, key), with_body));
    if (!row.exists()) co_return no_object(key);
    Found found;
    CO_TRY(found.object, model::decode_object(row.value->row));
    found.body = std::move(row.value->body);
    co_return found;
}

Task<Result<LocalEngine::Found>> LocalEngine::find_content(BucketId bucket, std::string key) {
    for (;;) {
        CO_TRY(auto found, co_await find_object(bucket, key, true));
        if (found.object.is_inline) co_return found;
        found.lease = blocks_->lease(found.object.owners());
        // Before it was leased the object may have been replaced, and its blocks given back.
        CO_TRY(const auto now, co_await find_object(bucket, key, false));
        if (now.object.version == found.object.version) co_return found;
    }
}

Task<Result<ObjectInfo>> LocalEngine::head_object(BucketId bucket, std::string key) {
    CO_TRY(auto found, co_await find_object(bucket, key, false));
    co_return model::info_of(std::move(key), std::move(found.object));
}

// The one way by which an object row comes to be: plain when there is no condition, else judged and written at once.
Task<Result<ObjectInfo>> LocalEngine::write_object(std::shared_ptr<BucketState> bucket, std::string key,
                                                   model::Object object, std::string body, Condition condition) {
    const Writing writing(bucket);
    if (bucket->row.deleting) co_return fail(Code::not_found, Subject::bucket, "the bucket does not exist");
    CO_TRY_VOID(co_await check_quota(bucket, key, object.size));
    const auto make = [this, &object, &body](Tag version) -> std::optional<table::Value> {
        object.version = version;
        object.modified = env_.clock.wall_now();
        return table::Value{model::encode_object(object), body};
    };
    const auto place = object_row(*bucket, key);
    if (condition.none()) {
        CO_TRY_VOID(co_await object_rows_->write_made(place, make));
    } else {
        const auto decide = [&](const table::Row& current, Tag version) -> Result<table::Decision> {
            std::optional<model::Object> present;
            if (current.exists()) {
                TRY(present, model::decode_object(current.value->row));
            }
            TRY_VOID(judge(condition, present ? &*present : nullptr, key));
            return table::Decision{make(version)};
        };
        CO_TRY_VOID(co_await object_rows_->update(place, decide));
    }
    co_return model::info_of(std::move(key), std::move(object));
}

Task<Result<DeleteOutcome>> LocalEngine::delete_object(BucketId bucket, DeleteRequest request) {
    CO_TRY(const auto state, bucket_for_write(bucket));
    const Writing writing(state);
    const auto place = object_row(*state, request.key);
    DeleteOutcome outcome;
    if (request.condition.none()) {
        const auto row = co_await object_rows_->read(place, false);
        // A damaged row is deleted unread; one that was never there needs no tombstone.
        if (!row && row.error().code != Code::corrupted) co_return fail(row.error());
        outcome.existed = !row || row->exists();
        if (!outcome.existed) co_return outcome;
        const auto object = row ? model::decode_summary(row->value->row) : Result<model::Object>(fail(row.error()));
        if (object) outcome.version = object->version;
        CO_TRY_VOID(co_await forget_attributes(place));
        CO_TRY_VOID(co_await object_rows_->write(place, std::nullopt));
        co_return outcome;
    }
    const auto decide = [&](const table::Row& current, Tag) -> Result<table::Decision> {
        outcome = {};
        std::optional<model::Object> present;
        if (current.exists()) {
            TRY(present, model::decode_object(current.value->row));
            outcome.existed = true;
            outcome.version = present->version;
        }
        TRY_VOID(judge(request.condition, present ? &*present : nullptr, request.key));
        return table::Decision{};
    };
    CO_TRY_VOID(co_await object_rows_->update(place, decide));
    CO_TRY_VOID(co_await forget_attributes(place));
    co_return outcome;
}

// An object made later under the same key starts without them.
Task<Result<void>> LocalEngine::forget_attributes(table::RowKey place) {
    CO_TRY(const auto row, co_await attribute_rows_->read(place, false));
    if (!row.exists()) co_return Result<void>();
    CO_TRY_VOID(co_await attribute_rows_->write(place, std::nullopt));
    tombstones_.emplace_back(model::kAttributes, place);
    co_return Result<void>();
}

Task<Result<void>> LocalEngine::move_attributes(table::RowKey from, table::RowKey to) {
    CO_TRY(const auto row, co_await attribute_rows_->read(from, false));
    if (!row.exists()) co_return co_await forget_attributes(std::move(to));
    CO_TRY_VOID(co_await attribute_rows_->write(std::move(to), row.value));
    co_return co_await forget_attributes(std::move(from));
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

namespace {

// Common prefixes count as entries: one that is not greater than the place to start after is over, with all it folds.
void start_after(table::RangeQuery& range, const ListQuery& query) {
    range.start_after = query.start_after;
    if (query.delimiter.empty() || !query.start_after.starts_with(query.prefix)) return;
    const auto at = query.start_after.find(query.delimiter, query.prefix.size());
    if (at == std::string::npos) return;
    range.start_at = table::after_prefix(query.start_after.substr(0, at + query.delimiter.size()));
    // Nothing is greater than a prefix of bytes 0xff only.
    if (range.start_at.empty()) range.limit = 0;
}

}  // namespace

Task<Result<ListPage>> LocalEngine::list_objects(BucketId bucket, ListQuery query) {
    CO_TRY(const auto state, bucket_for_read(bucket));
    table::RangeQuery range;
    range.prefix = query.prefix;
    range.delimiter = query.delimiter;
    range.limit = static_cast<std::size_t>(std::max(query.limit, 0));
    start_after(range, query);
    if (!query.with_properties) range.row_bytes = model::kSummaryBytes;
    std::vector<table::RangeEntry> entries;
    ListPage page;
    for (std::uint16_t shard = 0; shard < state->row.index_shards; ++shard) {
        range.partition_key = model::index_shard(bucket, shard);
        CO_TRY(auto part, co_await object_rows_->range(range));
        page.truncated = page.truncated || part.truncated;
        if (shard == 0) {
            entries = std::move(part.entries);
            continue;
        }
        // Several shards: merged in order; a prefix that stands in more than one is one entry.
        for (auto& entry : part.entries) entries.push_back(std::move(entry));
        const auto less = [](const auto& a, const auto& b) { return a.sort_key < b.sort_key; };
        const auto same = [](const auto& a, const auto& b) { return a.sort_key == b.sort_key; };
        std::sort(entries.begin(), entries.end(), less);
        entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());
        if (entries.size() > range.limit) {
            entries.resize(range.limit);
            page.truncated = true;
        }
    }
    page.objects.reserve(entries.size());
    for (auto& entry : entries) {
        if (entry.is_prefix) {
            page.prefixes.push_back(entry.sort_key);
            continue;
        }
        if (entry.damaged) {
            // Left out it would look deleted; so it is listed with what is known, and reading it tells the rest.
            page.objects.emplace_back().key = entry.sort_key;
            continue;
        }
        CO_TRY(auto object, query.with_properties ? model::decode_object(entry.row.value->row)
                                                  : model::decode_summary(entry.row.value->row));
        page.objects.push_back(model::info_of(entry.sort_key, std::move(object)));
    }
    if (!entries.empty()) page.next = entries.back().sort_key;
    co_return page;
}

Task<Result<void>> LocalEngine::update_properties(BucketId bucket, std::string key,
                                                  std::function<Result<void>(ObjectProperties&)> edit) {
    CO_TRY(const auto state, bucket_for_write(bucket));
    const Writing writing(state);
    const auto decide = [&](const table::Row& current, Tag) -> Result<table::Decision> {
        if (!current.exists()) return no_object(key);
        TRY(auto object, model::decode_object(current.value->row));
        TRY_VOID(edit(object.properties));
        return table::Decision{table::Value{model::encode_object(object), current.value->body}};
    };
    CO_TRY_VOID(co_await object_rows_->update(object_row(*state, key), decide));
    co_return Result<void>();
}

Task<Result<ObjectInfo>> LocalEngine::rename_object(BucketId bucket, std::string from, std::string to,
                                                    Condition condition) {
    CO_TRY(const auto state, bucket_for_object(bucket, to));
    const auto source = object_row(*state, from);
    const auto target = object_row(*state, to);
    if (source.partition_key != target.partition_key) {
        co_return fail(Code::unsupported, Subject::object, "a rename between index shards is not supported");
    }
    if (from == to) co_return co_await head_object(bucket, from);
    // The content gets an owner of its own first: an owner is named by one row for ever, so that what a half-finished
    // write of the old name leaves behind can be cleaned up without looking for where it went.
    CO_TRY(auto found, co_await find_content(bucket, from));
    const auto seen = found.object.version;
    const auto size = found.object.size;
    CO_TRY(auto copied, co_await copy_content(std::move(found), 0, size, Target{bucket, to, std::nullopt, 0}));
    const Writing writing(state);
    ObjectInfo info;
    const auto decide = [&](const table::Row& first, const table::Row& second,
                            Tag version) -> Result<table::PairDecision> {
        if (!first.exists()) return no_object(from);
        TRY(auto object, model::decode_object(first.value->row));
        if (object.version != seen) return fail(Code::conflict, Subject::object, "the object changed meanwhile");
        std::optional<model::Object> replaced;
        if (second.exists()) {
            TRY(replaced, model::decode_object(second.value->row));
        }
        TRY_VOID(judge(condition, replaced ? &*replaced : nullptr, to));
        object.version = version;
        object.is_inline = copied.content.is_inline;
        object.pieces = copied.content.pieces;
        info = model::info_of(to, object);
        return table::PairDecision{std::nullopt, table::Value{model::encode_object(object), first.value->body}};
    };
    const auto done =
        co_await object_rows_->update_pair(source.partition_key, source.sort_key, target.sort_key, decide);
    Result<ObjectInfo> renamed = info;
    if (!done) renamed = fail(done.error());
    if (copied.owner) settle_write(*copied.owner, Target{bucket, to, std::nullopt, 0}, renamed);
    if (renamed) CO_TRY_VOID(co_await move_attributes(source, target));
    co_return renamed;
}

Task<Result<PosixAttributes>> LocalEngine::posix_attributes(BucketId bucket, std::string key) {
    CO_TRY(const auto state, bucket_for_read(bucket));
    CO_TRY(const auto row, co_await attribute_rows_->read(object_row(*state, key), false));
    if (!row.exists()) co_return PosixAttributes{};
    co_return model::decode_attributes(row.value->row);
}

Task<Result<void>> LocalEngine::set_posix_attributes(BucketId bucket, std::string key, PosixAttributes changes) {
    CO_TRY(const auto state, bucket_for_write(bucket));
    const auto decide = [&changes](const table::Row& current, Tag) -> Result<table::Decision> {
        PosixAttributes merged;
        if (current.exists()) {
            TRY(merged, model::decode_attributes(current.value->row));
        }
        if (changes.mode) merged.mode = changes.mode;
        if (changes.uid) merged.uid = changes.uid;
        if (changes.gid) merged.gid = changes.gid;
        if (changes.mtime_ns) merged.mtime_ns = changes.mtime_ns;
        if (changes.atime_ns) merged.atime_ns = changes.atime_ns;
        for (const auto& [name, value] : changes.xattrs) merged.xattrs[name] = value;
        return table::Decision{table::Value{model::encode_attributes(merged), {}}};
    };
    CO_TRY_VOID(co_await attribute_rows_->update(object_row(*state, key), decide));
    co_return Result<void>();
}

}  // namespace larder::engine
