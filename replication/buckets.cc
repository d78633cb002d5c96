// Buckets and access keys: control rows, written conditionally, read from memory.
#include "replication/local_engine.h"
#include "src/base/encoding.h"
#include "src/base/limits.h"

namespace larder::engine {

namespace {

constexpr auto kDrainPause = std::chrono::milliseconds(1);

std::unexpected<base::Error> no_bucket() {
    return fail(Code::not_found, Subject::bucket, "the bucket does not exist");
}
std::unexpected<base::Error> no_key() {
    return fail(Code::not_found, Subject::access_key, "the access key does not exist");
}

}  // namespace

std::shared_ptr<const Bucket> LocalEngine::find_bucket(std::string_view name) const {
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : find_bucket(found->second);
}

std::shared_ptr<const Bucket> LocalEngine::find_bucket(const BucketId& id) const {
    const auto state = bucket_state(id);
    return state && !state->row.deleting ? state->shown : nullptr;
}

std::vector<std::shared_ptr<const Bucket>> LocalEngine::buckets() const {
    std::vector<std::shared_ptr<const Bucket>> out;
    std::set<BucketId> seen;
    for (const auto& [name, id] : names_) {
        auto bucket = find_bucket(id);
        if (bucket && seen.insert(id).second) out.push_back(std::move(bucket));
    }
    return out;
}

std::shared_ptr<const AccessKey> LocalEngine::find_key(std::string_view id) const {
    const auto found = keys_.find(id);
    return found == keys_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const AccessKey>> LocalEngine::keys() const {
    std::vector<std::shared_ptr<const AccessKey>> out;
    for (const auto& [id, key] : keys_) out.push_back(key);
    return out;
}

std::shared_ptr<LocalEngine::BucketState> LocalEngine::bucket_state(const BucketId& id) const {
    const auto found = buckets_.find(id);
    return found == buckets_.end() ? nullptr : found->second;
}

Result<std::shared_ptr<LocalEngine::BucketState>> LocalEngine::bucket_for_read(const BucketId& id) const {
    auto state = bucket_state(id);
    if (!state) return no_bucket();
    return state;
}

Result<std::shared_ptr<LocalEngine::BucketState>> LocalEngine::bucket_for_write(const BucketId& id) {
    auto state = bucket_state(id);
    if (!state || state->row.deleting) return no_bucket();
    return state;
}

Result<std::shared_ptr<LocalEngine::BucketState>> LocalEngine::bucket_for_object(const BucketId& id,
                                                                                 std::string_view key) {
    const bool is_key = !key.empty() && key.size() <= base::limits::kKeyBytesMax && base::is_text(key);
    if (!is_key) {
        return fail(Code::invalid_argument, Subject::object,
                    "a key is 1 to " + std::to_string(base::limits::kKeyBytesMax) + " bytes of UTF-8 without NUL");
    }
    return bucket_for_write(id);
}

// Takes a bucket's row into memory.
void LocalEngine::show(model::BucketRow row) {
    const auto id = row.bucket.id;
    auto& state = buckets_[id];
    if (!state) state = std::make_shared<BucketState>();
    std::erase_if(names_, [&](const auto& entry) { return entry.second == id; });
    for (const auto& name : row.bucket.names) names_[name] = id;
    state->shown = std::make_shared<const Bucket>(row.bucket);
    state->row = std::move(row);
}

void LocalEngine::forget(const BucketId& id) {
    std::erase_if(names_, [&](const auto& entry) { return entry.second == id; });
    buckets_.erase(id);
}

Task<Result<void>> LocalEngine::claim_name(std::string name, BucketId id) {
    const auto decide = [this, name, id](const table::Row& current, Tag) -> Result<table::Decision> {
        if (current.exists()) {
            const auto holder = BucketId::from(current.value->row);
            // A name whose bucket was never finished, or is gone, is free.
            if (holder && *holder != id && buckets_.contains(*holder)) {
                return fail(Code::already_exists, Subject::bucket, "bucket name \"" + name + "\" is taken");
            }
        }
        return table::Decision{table::Value{std::string(id.view()), {}}};
    };
    const auto done = co_await name_rows_->update(model::name_row(name), decide);
    if (!done) co_return fail(done.error());
    co_return Result<void>();
}

Task<void> LocalEngine::release_name(std::string name, BucketId id) {
    const auto decide = [id](const table::Row& current, Tag) -> Result<table::Decision> {
        if (!current.exists() || current.value->row != id.view()) {
            return fail(Code::precondition_failed, "the name is another bucket's");
        }
        return table::Decision{};
    };
    (void)co_await name_rows_->update(model::name_row(name), decide);
}

Task<Result<std::shared_ptr<const Bucket>>> LocalEngine::create_bucket(std::string name, std::string owner_key) {
    if (find_bucket(name)) {
        co_return fail(Code::already_exists, Subject::bucket, "bucket name \"" + name + "\" is taken");
    }
    if (!owner_key.empty() && !find_key(owner_key)) co_return no_key();
    model::BucketRow row;
    row.bucket.id = env_.random.id<BucketId>();
    row.bucket.names = {name};
    row.bucket.created = env_.clock.wall_now();
    row.bucket.owner_key = owner_key;
    const auto id = row.bucket.id;
    CO_TRY_VOID(co_await bucket_rows_->write(model::bucket_row(id), table::Value{model::encode_bucket(row), {}}));
    if (auto claimed = co_await claim_name(name, id); !claimed) {
        (void)co_await bucket_rows_->write(model::bucket_row(id), std::nullopt);
        co_return fail(claimed.error());
    }
    show(std::move(row));
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
    const auto before = state->row.bucket.names;
    auto wanted = state->row.bucket;
    CO_TRY_VOID(edit(wanted));
    // New names are claimed before the row shows them; old ones are let go after.
    std::vector<std::string> claimed;
    Result<void> ready;
    for (const auto& name : wanted.names) {
        if (std::find(before.begin(), before.end(), name) != before.end()) continue;
        ready = co_await claim_name(name, id);
        if (!ready) break;
        claimed.push_back(name);
    }
    const auto decide = [&edit](const table::Row& current, Tag) -> Result<table::Decision> {
        if (!current.exists()) return no_bucket();
        TRY(auto row, model::decode_bucket(current.value->row));
        TRY_VOID(edit(row.bucket));
        return table::Decision{table::Value{model::encode_bucket(row), {}}};
    };
    auto written =
        ready ? co_await bucket_rows_->update(model::bucket_row(id), decide) : Result<table::Row>(fail(ready.error()));
    if (!written) {
        // Of a row that may have changed after all, the names may be in use.
        const bool unchanged = !written.error().is(Code::unknown_outcome);
        for (const auto& name : claimed) {
            if (unchanged && !names_.contains(name)) co_await release_name(name, id);
        }
        co_return fail(written.error());
    }
    CO_TRY(auto row, model::decode_bucket(written->value->row));
    const auto after = row.bucket.names;
    show(std::move(row));
    for (const auto& name : before) {
        if (std::find(after.begin(), after.end(), name) == after.end()) co_await release_name(name, id);
    }
    co_return find_bucket(id);
}

Task<Result<void>> LocalEngine::set_deleting(BucketId id, bool deleting) {
    const auto decide = [deleting](const table::Row& current, Tag) -> Result<table::Decision> {
        if (!current.exists()) return no_bucket();
        TRY(auto row, model::decode_bucket(current.value->row));
        row.deleting = deleting;
        return table::Decision{table::Value{model::encode_bucket(row), {}}};
    };
    CO_TRY(const auto written, co_await bucket_rows_->update(model::bucket_row(id), decide));
    CO_TRY(auto row, model::decode_bucket(written.value->row));
    show(std::move(row));
    co_return Result<void>();
}

Task<Result<void>> LocalEngine::delete_bucket(BucketId id) {
    CO_TRY(const auto state, bucket_for_write(id));
    auto emptied = co_await set_deleting(id, true);
    if (emptied) emptied = co_await empty_bucket(id, state);
    if (emptied) {
        const auto removed = co_await bucket_rows_->write(model::bucket_row(id), std::nullopt);
        if (!removed) emptied = fail(removed.error());
    }
    if (!emptied) {
        // The bucket stays. Should the row not take it back now, the next start does.
        (void)co_await set_deleting(id, false);
        state->row.deleting = false;
        co_return emptied;
    }
    const auto names = state->row.bucket.names;
    forget(id);
    for (const auto& name : names) co_await release_name(name, id);
    for (const auto& key : keys()) {
        if (!key->rights.contains(id)) continue;
        (void)co_await update_key(key->id, [id](AccessKey& edited) -> Result<void> {
            edited.rights.erase(id);
            return {};
        });
    }
    co_return Result<void>();
}

// No write begins any more; those under way are waited for, so that "empty" stays true.
Task<Result<void>> LocalEngine::empty_bucket(BucketId id, std::shared_ptr<BucketState> state) {
    while (state->writes > 0) co_await env_.clock.sleep_for(kDrainPause);
    ListQuery any;
    any.limit = 1;
    CO_TRY(const auto page, co_await list_objects(id, any));
    if (!page.objects.empty()) co_return fail(Code::conflict, Subject::bucket, "the bucket is not empty");
    co_return co_await abort_bucket_uploads(id);
}

// A deletion that was cut off has not happened. Not even a full disk keeps the node from starting with it undone.
Task<void> LocalEngine::undo_deletions() {
    for (const auto& [id, state] : std::map(buckets_)) {
        if (!state->row.deleting) continue;
        (void)co_await set_deleting(id, false);
        state->row.deleting = false;
    }
}

Task<Result<BucketUsage>> LocalEngine::bucket_usage(BucketId id) {
    CO_TRY_VOID(bucket_for_read(id));
    CO_TRY(auto usage, counted_usage(id));
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
    CO_TRY(const auto usage, counted_usage(bucket->row.bucket.id));
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
    CO_TRY_VOID(co_await key_rows_->update(model::access_key_row(wanted.id), decide));
    auto shown = std::make_shared<const AccessKey>(wanted);
    keys_[wanted.id] = shown;
    co_return shown;
}

Task<Result<std::shared_ptr<const AccessKey>>> LocalEngine::update_key(std::string id,
                                                                       std::function<Result<void>(AccessKey&)> edit) {
    const auto decide = [&edit](const table::Row& current, Tag) -> Result<table::Decision> {
        if (!current.exists()) return no_key();
        TRY(auto key, model::decode_access_key(current.value->row));
        TRY_VOID(edit(key));
        return table::Decision{table::Value{model::encode_access_key(key), {}}};
    };
    CO_TRY(const auto written, co_await key_rows_->update(model::access_key_row(id), decide));
    CO_TRY(auto key, model::decode_access_key(written.value->row));
    auto shown = std::make_shared<const AccessKey>(std::move(key));
    keys_[id] = shown;
    co_return shown;
}

Task<Result<void>> LocalEngine::delete_key(std::string id) {
    if (!find_key(id)) co_return no_key();
    CO_TRY_VOID(co_await key_rows_->write(model::access_key_row(id), std::nullopt));
    keys_.erase(id);
    co_return Result<void>();
}

}  // namespace larder::engine
