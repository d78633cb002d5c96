// Files under other keys: renamed, exchanged. All rows of a step change together.
#include "replication/file_rows.h"

namespace larder::engine {

using namespace files;

// A file on its way to another key. Its content moves with its row, under an owner of its own; or, of a file with
// several names, stays where it is and hears of the new one.
struct LocalFileStore::Moving {
    std::string from;
    std::string to;
    Standing there;
    Owned owned;                  // unless it has several names
    std::size_t content_row = 0;  // among the rows that change, if it has
    LocalEngine::Target target;
    model::Object object;  // as it became

    bool shared() const { return there.place.link.has_value(); }
};

Task<Result<LocalFileStore::Moving>> LocalFileStore::begin_move(std::string from, std::string to, Standing there) {
    Moving moving;
    moving.target = {bucket_->row.bucket.id, to, std::nullopt, 0};
    moving.from = std::move(from);
    moving.to = std::move(to);
    moving.there = std::move(there);
    if (moving.shared()) co_return moving;
    CO_TRY(moving.owned, co_await own_content(moving.from, moving.there.object.version, moving.target));
    moving.owned.object.inode = model::inode_of(moving.owned.object);
    co_return moving;
}

// What the new key's row becomes; the row of shared content is put into `out`.
Result<std::optional<table::Value>> LocalFileStore::moved(Moving& moving, const table::Row& from,
                                                          const std::vector<table::Row>& rows, Step step,
                                                          table::Decided& out) {
    if (!moving.shared()) {
        if (!is_still(from, moving.there.state)) return changed_meanwhile();
        moving.object = moving.owned.object;
        // Its blocks have another owner: who goes on from the version before must not take it for this one.
        moving.object.version = step.version;
        if (step.ctime_ns) moving.object.attributes.ctime_ns = step.ctime_ns;
        return value_of(moving.object, moving.owned.body);
    }
    const auto& content = rows[moving.content_row];
    if (!from.exists() || !content.exists()) return changed_meanwhile();
    TRY(const auto name, model::decode_object(from.value->row));
    if (name.link != moving.there.place.link) return changed_meanwhile();
    TRY(moving.object, model::decode_object(content.value->row));
    std::erase(moving.object.names, moving.from);
    add_name(moving.object, moving.to);
    if (step.ctime_ns) moving.object.attributes.ctime_ns = step.ctime_ns;
    out[moving.content_row] = value_of(moving.object, content.value->body);
    return from.value;
}

void LocalFileStore::end_move(const Moving& moving, const Result<std::vector<table::Row>>& done) {
    Result<ObjectInfo> outcome = ObjectInfo();
    if (!done) outcome = fail(done.error());
    if (moving.owned.owner) engine_.settle_write(*moving.owned.owner, moving.target, outcome);
}

Task<Result<FileEntry>> LocalFileStore::rename(std::string from, std::string to, bool exclusive,
                                               std::int64_t ctime_ns) {
    if (is_directory(from) || is_directory(to)) co_return wrong("a directory is renamed with all that is below it");
    co_return co_await rename_row(std::move(from), std::move(to), exclusive, {ctime_ns, std::nullopt});
}

Task<Result<FileEntry>> LocalFileStore::rename_row(std::string from, std::string to, bool exclusive, Renaming how) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto renamed = co_await rename_once(from, to, exclusive, how);
        if (renamed || !lost_race(renamed.error())) co_return renamed;
    }
    co_return changed_meanwhile();
}

// Up to four rows change together: both names, the content that the moved name shares with others, and the content that
// loses the name replaced.
Task<Result<FileEntry>> LocalFileStore::rename_once(std::string from, std::string to, bool exclusive, Renaming how) {
    CO_TRY(const auto bucket, engine_.bucket_for_object(bucket_->row.bucket.id, to));
    const LocalEngine::Writing writing(bucket);
    CO_TRY(auto there, co_await stand(from));
    if (!there) co_return nothing_at(from);
    auto replaced = co_await stand(to);
    // What cannot be read can be replaced.
    if (!replaced && !replaced.error().is(Code::corrupted)) co_return fail(replaced.error());
    const bool stands = !replaced || replaced->has_value();
    if (stands && exclusive) co_return taken(to);
    const auto freed = replaced && *replaced ? (*replaced)->place.link : std::nullopt;
    if (from == to || (freed && there->place.link == freed)) co_return file_entry(to, there->object, there->state);
    CO_TRY(auto moving, co_await begin_move(from, to, std::move(*there)));
    std::vector<table::RowKey> keys{row_of(from), row_of(to)};
    if (moving.shared()) {
        moving.content_row = keys.size();
        keys.push_back(moving.there.place.row);
    }
    if (freed) keys.push_back((*replaced)->place.row);
    const auto decide = [&](const std::vector<table::Row>& rows, Tag version) -> Result<table::Decided> {
        if (!rows[0].exists() || (how.before && rows[0].version >= *how.before)) return nothing_at(from);
        if (rows[1].exists() && exclusive) return taken(to);
        table::Decided out(rows.size());
        TRY(out[1], moved(moving, rows[0], rows, {version, how.ctime_ns}, out));
        if (!freed) return out;
        if (!rows[1].exists() || !rows.back().exists()) return changed_meanwhile();
        TRY(const auto name, model::decode_object(rows[1].value->row));
        if (name.link != freed) return changed_meanwhile();
        TRY(auto left, model::decode_object(rows.back().value->row));
        std::erase(left.names, to);
        if (how.ctime_ns) left.attributes.ctime_ns = how.ctime_ns;
        if (!left.names.empty()) out.back() = value_of(left, rows.back().value->body);
        return out;
    };
    const auto done = co_await rows_.update_rows(keys, decide);
    end_move(moving, done);
    CO_TRY_VOID(done);
    co_return file_entry(std::move(to), moving.object, (*done)[moving.shared() ? moving.content_row : 1].version);
}

Task<Result<void>> LocalFileStore::exchange(std::string first, std::string second, std::int64_t ctime_ns) {
    if (is_directory(first) != is_directory(second)) co_return wrong("a file and a directory do not change places");
    if (is_directory(first)) {
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
    // Two names of one file show the same before and after.
    if (first == second || (one->place.link && one->place.link == two->place.link)) co_return Result<void>();
    CO_TRY(auto up, co_await begin_move(first, second, std::move(*one)));
    auto begun = co_await begin_move(second, first, std::move(*two));
    if (!begun) {
        end_move(up, fail(begun.error()));
        co_return fail(begun.error());
    }
    auto& down = *begun;
    std::vector<table::RowKey> keys{row_of(first), row_of(second)};
    for (auto* side : {&up, &down}) {
        if (!side->shared()) continue;
        side->content_row = keys.size();
        keys.push_back(side->there.place.row);
    }
    const auto decide = [&](const std::vector<table::Row>& rows, Tag version) -> Result<table::Decided> {
        table::Decided out(rows.size());
        const Step step{version, ctime_ns};
        TRY(out[0], moved(down, rows[1], rows, step, out));
        TRY(out[1], moved(up, rows[0], rows, step, out));
        return out;
    };
    const auto done = co_await rows_.update_rows(keys, decide);
    end_move(up, done);
    end_move(down, done);
    CO_TRY_VOID(done);
    co_return Result<void>();
}

}  // namespace larder::engine
