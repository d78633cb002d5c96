// Buckets and access keys: control rows, written conditionally, read from memory.
#include "replication/local_engine.h"
#include "src/base/encoding.h"
#include "src/base/limits.h"

namespace larder::engine {

namespace {

std::unexpected<base::Error> no_bucket() {
    return fail(Code::not_found, Subject::bucket, "the bucket does not exist");
}
std::unexpected<base::Error> no_key() {
    return fail(Code::not_found, Subject::access_key, "the access key does not exist");
}

}  // namespace

Result<std::shared_ptr<BucketState>> LocalEngine::bucket_for_read(const BucketId& id) const {
    auto state = bucket_state(id);
    if (!state) return no_bucket();
    return state;
}

Result<std::shared_ptr<BucketState>> LocalEngine::bucket_for_write(const BucketId& id) {
    auto state = bucket_state(id);
    if (!state || state->row.deleting) return no_bucket();
    return state;
}

Result<std::shared_ptr<BucketState>> LocalEngine::bucket_for_object(const BucketId& id, std::string_view key) {
    const bool is_key = !key.empty() && key.size() <= base::limits::kKeyBytesMax && base::is_text(key);
    if (!is_key) {
        return fail(Code::invalid_argument, Subject::object,
                    "a key is 1 to " + std::to_string(base::limits::kKeyBytesMax) + " bytes of UTF-8 without NUL");
    }
    return bucket_for_write(id);
}

// Whether a name that points to this bucket is taken: one whose bucket was never finished, or is gone, is free.
Task<Result<bool>> LocalEngine::is_taken(BucketId holder) {
    if (members_->alone()) co_return bucket_state(holder) != nullptr;
    CO_TRY(const auto row, co_await read_control(model::kBuckets, model::bucket_row(holder)));
    co_return row.exists();
}

Task<Result<void>> LocalEngine::claim_name(std::string name, BucketId id) {
    std::optional<BucketId> gone;
    for (;;) {
        std::optional<BucketId> holder;
        const auto decide = [&](const table::Row& current, Tag) -> Result<table::Decision> {
            holder = current.exists() ? BucketId::from(current.value->row) : std::nullopt;
            if (holder && *holder != id && holder != gone) {
                return fail(Code::already_exists, Subject::bucket, "bucket name \"" + name + "\" is taken");
            }
            return table::Decision{table::Value{std::string(id.view()), {}}};
        };
        const auto done = co_await update_control(model::kBucketNames, model::name_row(name), decide);
        if (done) co_return Result<void>();
        if (!done.error().is(Code::already_exists)) co_return fail(done.error());
        CO_TRY(const bool taken, co_await is_taken(*holder));
        if (taken) co_return fail(done.error());
        gone = holder;
    }
}

Task<void> LocalEngine::release_name(std::string name, BucketId id) {
    const auto decide = [id](const table::Row& current, Tag) -> Result<table::Decision> {
        if (!current.exists() || current.value->row != id.view()) {
            return fail(Code::precondition_failed, "the name is another bucket's");
        }
        return table::Decision{};
    };
    (void)co_await update_control(model::kBucketNames, model::name_row(name), decide);
}

Task<Result<std::shared_ptr<const Bucket>>> LocalEngine::create_bucket(std::string name, std::string owner_key) {
    if (const auto there = find_bucket(name)) {
        CO_TRY(const bool taken, co_await is_taken(there->id));
        if (taken) co_return fail(Code::already_exists, Subject::bucket, "bucket name \"" + name + "\" is taken");
    }
    if (!owner_key.empty()) {
        CO_TRY(const auto owner, co_await look_up_key(owner_key));
        if (!owner) co_return no_key();
    }
    model::BucketRow row;
    row.bucket.id = env_.random.id<BucketId>();
    row.bucket.names = {name};
    row.bucket.created = env_.clock.wall_now();
    row.bucket.owner_key = owner_key;
    const auto id = row.bucket.id;
    const auto place = model::bucket_row(id);
    const auto made = [&row](const table::Row&, Tag) -> Result<table::Decision> {
        return table::Decision{table::Value{model::encode_bucket(row), {}}};
    };
    CO_TRY_VOID(co_await update_control(model::kBuckets, place, made));
    if (auto claimed = co_await claim_name(name, id); !claimed) {
        // Of an unknown fate: the name is free again without its bucket.
        (void)co_await remove_control(model::kBuckets, place);
        co_return fail(claimed.error());
    }
    if (!owner_key.empty()) {
        CO_TRY_VOID(co_await update_key(owner_key, [id](AccessKey& key) -> Result<void> {
            key.rights[id] = {true, true, true};
            return {};
        }));
    }
    co_return find_bucket(id);
}

Task<Result<std::shared_ptr<const Bucket>>> LocalEngine::update_bucket(BucketId id,
                                                                       std::function<Result<void>(Bucket&)> edit) {
    CO_TRY(const auto state, bucket_for_write(id));
    const auto lists = [](const std::vector<std::string>& names, const std::string& name) {
        return std::ranges::find(names, name) != names.end();
    };
    std::vector<std::string> claimed;
    std::vector<std::string> before;
    auto wanted = state->row.bucket;
    CO_TRY_VOID(edit(wanted));
    auto missing = wanted.names;
    std::erase_if(missing, [&](const auto& name) { return lists(state->row.bucket.names, name); });
    // New names are claimed before the row shows them; old ones are let go after.
    const auto decide = [&](const table::Row& current, Tag) -> Result<table::Decision> {
        if (!current.exists()) return no_bucket();
        TRY(auto row, model::decode_bucket(current.value->row));
        before = row.bucket.names;
        TRY_VOID(edit(row.bucket));
        missing = row.bucket.names;
        std::erase_if(missing, [&](const auto& name) { return lists(before, name) || lists(claimed, name); });
        if (!missing.empty()) return fail(Code::conflict, Subject::row, "the bucket needs another name");
        return table::Decision{table::Value{model::encode_bucket(row), {}}};
    };
    Result<table::Row> written = fail(Code::conflict, Subject::row, "");
    while (!written && written.error().is(Code::conflict, Subject::row)) {
        Result<void> ready;
        for (const auto& name : std::exchange(missing, {})) {
            ready = co_await claim_name(name, id);
            if (!ready) break;
            claimed.push_back(name);
        }
        written = fail(Code::internal, "");
        if (!ready) written = fail(ready.error());
        if (ready) written = co_await update_control(model::kBuckets, model::bucket_row(id), decide);
    }
    if (!written) {
        // Of a row that may have changed after all, the names may be in use.
        const bool unchanged = !written.error().is(Code::unknown_outcome);
        for (const auto& name : claimed) {
            if (unchanged && !lists(state->row.bucket.names, name)) co_await release_name(name, id);
        }
        co_return fail(written.error());
    }
    CO_TRY(const auto row, model::decode_bucket(written->value->row));
    for (const auto& name : before) {
        if (!lists(row.bucket.names, name)) co_await release_name(name, id);
    }
    co_return find_bucket(id);
}

Task<Result<BucketUsage>> LocalEngine::bucket_usage(BucketId id) {
    CO_TRY_VOID(bucket_for_read(id));
    CO_TRY(auto usage, co_await counted_usage(id));
    UploadsQuery query;
    for (;;) {
        CO_TRY(const auto page, co_await list_uploads(id, query));
        usage.uploads += page.uploads.size();
        if (!page.truncated) co_return usage;
        query.key_marker = page.next_key;
        query.id_marker = page.next_id;
    }
}

// Whether an object of `bytes` may be written under the key, in place of the one that is there.
Task<Result<void>> LocalEngine::check_quota(std::shared_ptr<BucketState> bucket, std::string key, std::uint64_t bytes) {
    const auto quota = bucket->row.bucket.quota;
    if (!quota.bytes_max && !quota.objects_max) co_return Result<void>();
    const auto row = co_await object_rows_->read(object_row(*bucket, key), false);
    // What a damaged row counted for is not known; the write that heals it is not refused for that.
    if (!row && row.error().code != Code::corrupted) co_return fail(row.error());
    std::uint64_t replaced = 0;
    if (row && row->exists()) {
        CO_TRY(const auto object, model::decode_summary(row->value->row));
        replaced = object.size;
    }
    CO_TRY(const auto usage, co_await counted_usage(bucket->row.bucket.id));
    if (quota.bytes_max && bytes > replaced && usage.bytes + bytes - replaced > *quota.bytes_max) {
        co_return fail(Code::quota_exceeded, Subject::bucket, "the bucket's size limit would be exceeded");
    }
    if (quota.objects_max && row && !row->exists() && usage.objects + 1 > *quota.objects_max) {
        co_return fail(Code::quota_exceeded, Subject::bucket, "the bucket's limit of objects would be exceeded");
    }
    co_return Result<void>();
}

Task<Result<std::shared_ptr<const AccessKey>>> LocalEngine::create_key(AccessKey wanted) {
    if (wanted.id.empty()) wanted.id = "LK" + env_.random.id<base::Id<struct AccessKeyIdKind, 12>>().hex();
    if (wanted.secret.empty()) wanted.secret = env_.random.id<base::Id<struct SecretKind, 32>>().hex();
    wanted.created = env_.clock.wall_now();
    const auto decide = [&wanted](const table::Row& current, Tag) -> Result<table::Decision> {
        if (current.exists()) {
            return fail(Code::already_exists, Subject::access_key, "access key " + wanted.id + " exists");
        }
        return table::Decision{table::Value{model::encode_access_key(wanted), {}}};
    };
    CO_TRY_VOID(co_await update_control(model::kAccessKeys, model::access_key_row(wanted.id), decide));
    co_return std::make_shared<const AccessKey>(wanted);
}

Task<Result<std::shared_ptr<const AccessKey>>> LocalEngine::update_key(std::string id,
                                                                       std::function<Result<void>(AccessKey&)> edit) {
    const auto decide = [&edit](const table::Row& current, Tag) -> Result<table::Decision> {
        if (!current.exists()) return no_key();
        TRY(auto key, model::decode_access_key(current.value->row));
        TRY_VOID(edit(key));
        return table::Decision{table::Value{model::encode_access_key(key), {}}};
    };
    CO_TRY(const auto written, co_await update_control(model::kAccessKeys, model::access_key_row(id), decide));
    CO_TRY(auto key, model::decode_access_key(written.value->row));
    co_return std::make_shared<const AccessKey>(std::move(key));
}

Task<Result<void>> LocalEngine::delete_key(std::string id) {
    CO_TRY(const auto key, co_await look_up_key(id));
    if (!key) co_return no_key();
    CO_TRY_VOID(co_await remove_control(model::kAccessKeys, model::access_key_row(id)));
    co_return Result<void>();
}

}  // namespace larder::engine
