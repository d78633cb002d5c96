// Names of files: removing, renaming, sharing. Of directories: file_moves.cc.
#include "replication/file_store.h"
#include "src/codec/codec.h"

namespace larder::engine {

namespace {

constexpr int kAttempts = 16;
constexpr std::size_t kNamesAtOnce = 64;

std::unexpected<base::Error> nothing_at(std::string_view key) {
    return fail(Code::not_found, Subject::object, "there is nothing at \"" + std::string(key) + "\"");
}
std::unexpected<base::Error> taken(std::string_view key) {
    return fail(Code::already_exists, Subject::object, "\"" + std::string(key) + "\" exists");
}
std::unexpected<base::Error> changed_meanwhile() {
    return fail(Code::conflict, Subject::object, "the file changed meanwhile");
}
bool lost_race(const base::Error& error) {
    return error.is(Code::conflict, Subject::object);
}

// A row that is to hold the object.
std::optional<table::Value> value_of(const model::Object& object, std::string body) {
    return table::Value{model::encode_object(object), std::move(body)};
}
std::optional<table::Value> unchanged(const table::Row& row) {
    return row.value;
}
// Whether the row is still what was read: the version of a row changes with everything in it.
bool is_still(const table::Row& row, Tag state) {
    return row.exists() && row.version == state;
}

model::Object name_of(const model::LinkId& link) {
    model::Object name;
    name.link = link;
    return name;
}

}  // namespace

// The content of what stands at `key` under a new owner, with references taken while a lease holds the old ones.
Task<Result<LocalFileStore::Owned>> LocalFileStore::own_content(std::string key, Tag seen, LocalEngine::Target target) {
    CO_TRY(auto found, co_await engine_.find_content(bucket_->row.bucket.id, std::move(key)));
    if (found.object.version != seen) co_return changed_meanwhile();
    Owned out;
    out.object = found.object;
    const auto size = found.object.size;
    if (found.object.is_inline) {
        out.body = std::move(found.body);
        co_return out;
    }
    CO_TRY(auto copied, co_await engine_.copy_content(std::move(found), 0, size, std::move(target)));
    out.object.pieces = std::move(copied.content.pieces);
    out.owner = copied.owner;
    out.lease = std::move(copied.lease);
    co_return out;
}

Task<Result<FileEntry>> LocalFileStore::remove(std::string key, std::int64_t ctime_ns) {
    if (key.ends_with('/')) {
        CO_TRY(const bool below, co_await has_below(key));
        if (below) co_return fail(Code::conflict, Subject::object, "\"" + key + "\" is not empty");
    }
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        CO_TRY(auto there, co_await stand(key));
        if (!there) co_return nothing_at(key);
        if (there->place.link) {
            auto removed = co_await remove_name(key, std::move(*there), ctime_ns);
            if (!removed && lost_race(removed.error())) continue;
            co_return removed;
        }
        CO_TRY(const auto bucket, engine_.bucket_for_write(bucket_->row.bucket.id));
        const LocalEngine::Writing writing(bucket);
        CO_TRY(const auto state, co_await engine_.object_rows_->write(there->place.row, std::nullopt));
        auto left = file_entry(std::move(key), there->object, state);
        left.links = 0;
        co_return left;
    }
    co_return changed_meanwhile();
}

// One of several names: it and its mention in the content's row go together, the content with the last.
Task<Result<FileEntry>> LocalFileStore::remove_name(std::string key, Standing there, std::int64_t ctime_ns) {
    CO_TRY(const auto bucket, engine_.bucket_for_write(bucket_->row.bucket.id));
    const LocalEngine::Writing writing(bucket);
    model::Object object;
    const auto decide = [&](const std::vector<table::Row>& rows, Tag) -> Result<table::Coordinator::Decided> {
        if (!rows[0].exists()) return nothing_at(key);
        TRY(const auto name, model::decode_object(rows[0].value->row));
        if (name.link != there.place.link || !rows[1].exists()) return changed_meanwhile();
        TRY(object, model::decode_object(rows[1].value->row));
        std::erase(object.names, key);
        object.attributes.ctime_ns = ctime_ns;
        if (object.names.empty()) return table::Coordinator::Decided{std::nullopt, std::nullopt};
        return table::Coordinator::Decided{std::nullopt, value_of(object, rows[1].value->body)};
    };
    std::vector<table::RowKey> keys{row_of(key), there.place.row};
    CO_TRY(const auto rows, co_await engine_.object_rows_->update_rows(std::move(keys), decide));
    auto left = file_entry(std::move(key), object, rows[1].version);
    left.links = static_cast<std::uint32_t>(object.names.size());
    co_return left;
}

Task<Result<FileEntry>> LocalFileStore::link(std::string from, std::string to, std::int64_t ctime_ns) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto linked = co_await link_once(from, to, ctime_ns);
        if (linked || !lost_race(linked.error())) co_return linked;
    }
    co_return changed_meanwhile();
}

Task<Result<FileEntry>> LocalFileStore::link_once(std::string from, std::string to, std::int64_t ctime_ns) {
    CO_TRY(const auto bucket, engine_.bucket_for_object(bucket_->row.bucket.id, to));
    const LocalEngine::Writing writing(bucket);
    CO_TRY(auto there, co_await stand(from));
    if (!there) co_return nothing_at(from);
    const bool first = !there->place.link;
    const auto id = first ? engine_.env().random.id<model::LinkId>() : *there->place.link;
    const auto content_row = engine_.link_row(*bucket, from, id);
    const LocalEngine::Target target{bucket->row.bucket.id, content_row.sort_key, std::nullopt, 0};
    Owned owned;
    if (first) {
        CO_TRY(owned, co_await own_content(from, there->object.version, target));
        owned.object.inode = model::inode_of(owned.object);
        owned.object.names = {from};
    }
    model::Object object;
    const auto decide = [&](const std::vector<table::Row>& rows, Tag version) -> Result<table::Coordinator::Decided> {
        if (!rows[0].exists()) return nothing_at(from);
        if (rows[1].exists()) return taken(to);
        std::string body;
        if (first) {
            if (!is_still(rows[0], there->state)) return changed_meanwhile();
            object = owned.object;
            // Its blocks have another owner: who goes on from the version before must not take it for this one.
            object.version = version;
            body = owned.body;
        } else {
            if (!rows[2].exists()) return changed_meanwhile();
            TRY(object, model::decode_object(rows[2].value->row));
            body = rows[2].value->body;
        }
        object.names.push_back(to);
        object.attributes.ctime_ns = ctime_ns;
        return table::Coordinator::Decided{first ? value_of(name_of(id), {}) : unchanged(rows[0]),
                                           value_of(name_of(id), {}), value_of(object, std::move(body))};
    };
    std::vector<table::RowKey> keys{row_of(from), row_of(to), content_row};
    const auto done = co_await engine_.object_rows_->update_rows(std::move(keys), decide);
    Result<ObjectInfo> outcome = ObjectInfo();
    if (!done) outcome = fail(done.error());
    if (owned.owner) engine_.settle_write(*owned.owner, target, outcome);
    CO_TRY_VOID(done);
    co_return file_entry(std::move(to), object, (*done)[2].version);
}

Task<Result<FileEntry>> LocalFileStore::rename(std::string from, std::string to, bool exclusive,
                                               std::int64_t ctime_ns) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto renamed = co_await rename_once(from, to, exclusive, ctime_ns);
        if (renamed || !lost_race(renamed.error())) co_return renamed;
    }
    co_return changed_meanwhile();
}

// Up to four rows change together: both names, the content that the moved name shares with others, and the content that
// loses the name replaced.
Task<Result<FileEntry>> LocalFileStore::rename_once(std::string from, std::string to, bool exclusive,
                                                    std::optional<std::int64_t> ctime_ns) {
    CO_TRY(const auto bucket, engine_.bucket_for_object(bucket_->row.bucket.id, to));
    const LocalEngine::Writing writing(bucket);
    CO_TRY(auto moved, co_await stand(from));
    if (!moved) co_return nothing_at(from);
    CO_TRY(auto replaced, co_await stand(to));
    if (replaced && exclusive) co_return taken(to);
    const bool shared = moved->place.link.has_value();
    const bool frees = replaced && replaced->place.link;
    if (shared && frees && moved->place.link == replaced->place.link)
        co_return file_entry(to, moved->object, moved->state);
    const LocalEngine::Target target{bucket->row.bucket.id, to, std::nullopt, 0};
    Owned owned;
    if (!shared) {
        CO_TRY(owned, co_await own_content(from, moved->object.version, target));
        owned.object.inode = model::inode_of(owned.object);
    }
    std::vector<table::RowKey> keys{row_of(from), row_of(to)};
    if (shared) keys.push_back(moved->place.row);
    if (frees) keys.push_back(replaced->place.row);
    model::Object object;
    const auto decide = [&](const std::vector<table::Row>& rows, Tag version) -> Result<table::Coordinator::Decided> {
        if (!rows[0].exists()) return nothing_at(from);
        if (rows[1].exists() && exclusive) return taken(to);
        table::Coordinator::Decided out(rows.size());
        if (shared) {
            TRY(const auto name, model::decode_object(rows[0].value->row));
            if (name.link != moved->place.link || !rows[2].exists()) return changed_meanwhile();
            TRY(object, model::decode_object(rows[2].value->row));
            std::erase(object.names, from);
            object.names.push_back(to);
            if (ctime_ns) object.attributes.ctime_ns = ctime_ns;
            out[1] = unchanged(rows[0]);
            out[2] = value_of(object, rows[2].value->body);
        } else {
            if (!is_still(rows[0], moved->state)) return changed_meanwhile();
            object = owned.object;
            object.version = version;
            if (ctime_ns) object.attributes.ctime_ns = ctime_ns;
            out[1] = value_of(object, owned.body);
        }
        if (!frees) return out;
        TRY(const auto name, model::decode_object(rows[1].exists() ? rows[1].value->row : std::string()));
        if (name.link != replaced->place.link || !rows.back().exists()) return changed_meanwhile();
        TRY(auto left, model::decode_object(rows.back().value->row));
        std::erase(left.names, to);
        left.attributes.ctime_ns = ctime_ns ? ctime_ns : left.attributes.ctime_ns;
        if (!left.names.empty()) out.back() = value_of(left, rows.back().value->body);
        return out;
    };
    const auto done = co_await engine_.object_rows_->update_rows(keys, decide);
    Result<ObjectInfo> outcome = ObjectInfo();
    if (!done) outcome = fail(done.error());
    if (owned.owner) engine_.settle_write(*owned.owner, target, outcome);
    CO_TRY_VOID(done);
    co_return file_entry(std::move(to), object, (*done)[shared ? 2 : 1].version);
}

Task<Result<void>> LocalFileStore::exchange(std::string first, std::string second, std::int64_t ctime_ns) {
    if (first.ends_with('/')) {
        co_return fail(Code::unsupported, Subject::object, "directories cannot be exchanged in one step");
    }
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto done = co_await exchange_once(first, second, ctime_ns);
        if (done || !lost_race(done.error())) co_return done;
    }
    co_return changed_meanwhile();
}

Task<Result<void>> LocalFileStore::exchange_once(std::string first, std::string second, std::int64_t ctime_ns) {
    CO_TRY(const auto bucket, engine_.bucket_for_write(bucket_->row.bucket.id));
    const LocalEngine::Writing writing(bucket);
    CO_TRY(auto one, co_await stand(first));
    CO_TRY(auto two, co_await stand(second));
    if (!one || !two) co_return nothing_at(one ? second : first);
    if (one->place.link || two->place.link) {
        co_return fail(Code::unsupported, Subject::object, "a file with several names cannot be exchanged");
    }
    const auto id = bucket->row.bucket.id;
    const LocalEngine::Target to_second{id, second, std::nullopt, 0};
    const LocalEngine::Target to_first{id, first, std::nullopt, 0};
    CO_TRY(auto up, co_await own_content(first, one->object.version, to_second));
    auto down = co_await own_content(second, two->object.version, to_first);
    Result<ObjectInfo> outcome = ObjectInfo();
    if (!down) {
        outcome = fail(down.error());
        if (up.owner) engine_.settle_write(*up.owner, to_second, outcome);
        co_return fail(down.error());
    }
    const auto decide = [&](const std::vector<table::Row>& rows, Tag version) -> Result<table::Coordinator::Decided> {
        if (!is_still(rows[0], one->state) || !is_still(rows[1], two->state)) return changed_meanwhile();
        for (auto* side : {&up, &*down}) {
            side->object.inode = model::inode_of(side->object);
            side->object.version = version;
            side->object.attributes.ctime_ns = ctime_ns;
        }
        return table::Coordinator::Decided{value_of(down->object, down->body), value_of(up.object, up.body)};
    };
    const auto done = co_await engine_.object_rows_->update_rows({row_of(first), row_of(second)}, decide);
    if (!done) outcome = fail(done.error());
    if (up.owner) engine_.settle_write(*up.owner, to_second, outcome);
    if (down->owner) engine_.settle_write(*down->owner, to_first, outcome);
    CO_TRY_VOID(done);
    co_return Result<void>();
}

// Names that were replaced or deleted by a door that does not look at what stood there: the shared content is told.
Task<Result<bool>> LocalEngine::settle_lost_names() {
    bool more = false;
    for (db::ShardId shard = 0; shard < db_->shards(); ++shard) {
        std::vector<std::pair<std::string, std::string>> lost;
        CO_TRY_VOID(db_->look(shard, [&](db::Reader& reader) -> Result<void> {
            TRY(const auto cursor, reader.cursor(kLostNamesTree));
            TRY_VOID(cursor->seek({}));
            while (cursor->valid() && lost.size() < kNamesAtOnce) {
                lost.emplace_back(cursor->key(), cursor->value());
                TRY_VOID(cursor->next());
            }
            return {};
        }));
        more = more || lost.size() == kNamesAtOnce;
        for (const auto& [key, value] : lost) {
            CO_TRY_VOID(co_await settle_lost_name(value));
            CO_TRY_VOID(co_await db_->commit(shard, [key](db::Writer& w) { return w.erase(kLostNamesTree, key); }));
        }
    }
    co_return more;
}

Task<Result<void>> LocalEngine::settle_lost_name(std::string lost) {
    codec::Reader in(lost);
    const std::string partition(in.bytes());
    const std::string name(in.bytes());
    const auto link = in.id<model::LinkId>();
    CO_TRY_VOID(in.finish("lost name"));
    // The name may point there again by now: both rows are judged together.
    const auto decide = [&](const std::vector<table::Row>& rows, Tag) -> Result<table::Coordinator::Decided> {
        const auto nothing_to_do = fail(Code::precondition_failed, "the content's row knows");
        if (!rows[1].exists()) return nothing_to_do;
        TRY(auto content, model::decode_object(rows[1].value->row));
        if (std::find(content.names.begin(), content.names.end(), name) == content.names.end()) return nothing_to_do;
        if (rows[0].exists()) {
            TRY(const auto there, model::decode_object(rows[0].value->row));
            if (there.link == link) return nothing_to_do;
        }
        std::erase(content.names, name);
        if (content.names.empty()) return table::Coordinator::Decided{unchanged(rows[0]), std::nullopt};
        return table::Coordinator::Decided{unchanged(rows[0]), value_of(content, rows[1].value->body)};
    };
    const auto done =
        co_await object_rows_->update_rows({{partition, name}, {partition, model::link_key(link)}}, decide);
    if (!done && !done.error().is(Code::precondition_failed)) co_return fail(done.error());
    co_return Result<void>();
}

}  // namespace larder::engine
