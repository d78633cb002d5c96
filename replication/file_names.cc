// Names of files: removing, sharing. Renaming: file_renames.cc. Of directories: file_moves.cc.
#include "replication/file_rows.h"

namespace larder::engine {

using namespace files;

// The content of what stands at `key` under a new owner, with references taken while a lease holds the old ones.
Task<Result<LocalFileStore::Owned>> LocalFileStore::own_content(std::string key, Tag seen, LocalEngine::Target target) {
    CO_TRY(auto found, co_await engine_.find_content(rows_, bucket_->row.bucket.id, std::move(key)));
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
    if (is_directory(key)) {
        CO_TRY(const bool below, co_await has_below(key));
        if (below) co_return not_empty(key);
    }
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto there = co_await stand(key);
        // What cannot be read can still be removed.
        if (!there && there.error().is(Code::corrupted)) co_return co_await remove_row(std::move(key));
        CO_TRY_VOID(there);
        if (!*there) co_return nothing_at(key);
        if ((*there)->place.link) {
            auto removed = co_await remove_name(key, std::move(**there), ctime_ns);
            if (!removed && lost_race(removed.error())) continue;
            co_return removed;
        }
        CO_TRY(auto removed, co_await remove_row(key));
        auto left = file_entry(std::move(key), (*there)->object, removed.state);
        left.links = 0;
        co_return left;
    }
    co_return changed_meanwhile();
}

Task<Result<FileEntry>> LocalFileStore::remove_row(std::string key) {
    CO_TRY(const auto bucket, engine_.bucket_for_write(bucket_->row.bucket.id));
    const LocalEngine::Writing writing(bucket);
    auto left = unreadable(key);
    CO_TRY(left.state, co_await rows_.write(row_of(key), std::nullopt));
    left.links = 0;
    co_return left;
}

// One of several names: it and its mention in the content's row go together, the content with the last.
Task<Result<FileEntry>> LocalFileStore::remove_name(std::string key, Standing there, std::int64_t ctime_ns) {
    CO_TRY(const auto bucket, engine_.bucket_for_write(bucket_->row.bucket.id));
    const LocalEngine::Writing writing(bucket);
    model::Object object;
    const auto decide = [&](const std::vector<table::Row>& rows, Tag) -> Result<table::Decided> {
        if (!rows[0].exists()) return nothing_at(key);
        TRY(const auto name, model::decode_object(rows[0].value->row));
        if (name.link != there.place.link || !rows[1].exists()) return changed_meanwhile();
        TRY(object, model::decode_object(rows[1].value->row));
        std::erase(object.names, key);
        object.attributes.ctime_ns = ctime_ns;
        if (object.names.empty()) return table::Decided{std::nullopt, std::nullopt};
        return table::Decided{std::nullopt, value_of(object, rows[1].value->body)};
    };
    std::vector<table::RowKey> keys{row_of(key), there.place.row};
    CO_TRY(const auto rows, co_await rows_.update_rows(std::move(keys), decide));
    auto left = file_entry(std::move(key), object, rows[1].version);
    left.links = static_cast<std::uint32_t>(object.names.size());
    co_return left;
}

Task<Result<FileEntry>> LocalFileStore::link(std::string from, std::string to, std::int64_t ctime_ns) {
    if (is_directory(from) || is_directory(to)) co_return wrong("a directory has one name");
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
    if (from == to) co_return taken(to);
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
    const auto decide = [&](const std::vector<table::Row>& rows, Tag version) -> Result<table::Decided> {
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
        add_name(object, to);
        object.attributes.ctime_ns = ctime_ns;
        return table::Decided{first ? value_of(name_of(id), {}) : rows[0].value, value_of(name_of(id), {}),
                              value_of(object, std::move(body))};
    };
    std::vector<table::RowKey> keys{row_of(from), row_of(to), content_row};
    const auto done = co_await rows_.update_rows(std::move(keys), decide);
    Result<ObjectInfo> outcome = ObjectInfo();
    if (!done) outcome = fail(done.error());
    if (owned.owner) engine_.settle_write(*owned.owner, target, outcome);
    CO_TRY_VOID(done);
    co_return file_entry(std::move(to), object, (*done)[2].version);
}

}  // namespace larder::engine
