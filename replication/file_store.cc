// Files found, listed, made and changed. Names that move or are shared: file_names.cc.
#include "replication/file_handle.h"
#include "replication/file_rows.h"
#include "replication/model/posix.h"
#include "src/base/encoding.h"
#include "src/base/hash.h"
#include "src/base/limits.h"

namespace larder::engine {

using namespace files;

FileEntry file_entry(std::string key, const model::Object& object, Tag state) {
    FileEntry entry;
    entry.key = std::move(key);
    entry.version = object.version;
    entry.state = state;
    entry.modified = object.modified;
    entry.size = object.size;
    entry.etag = object.etag;
    entry.inode = model::inode_of(object);
    entry.links = static_cast<std::uint32_t>(std::max<std::size_t>(object.names.size(), 1));
    entry.attributes = model::attributes_of(object);
    return entry;
}

LocalFileStore::LocalFileStore(LocalEngine& engine, std::shared_ptr<BucketState> bucket, table::Registers& rows)
    : engine_(engine), rows_(rows), bucket_(std::move(bucket)), shown_(bucket_->shown) {}

Result<std::unique_ptr<FileStore>> LocalEngine::files(BucketId bucket) {
    TRY(auto state, bucket_for_read(bucket));
    return std::make_unique<LocalFileStore>(*this, std::move(state), *object_rows_);
}

std::uint64_t LocalFileStore::implied_inode(std::string_view key) const {
    std::uint64_t inode = 0;
    const auto digest = base::sha256(std::string(bucket_->row.bucket.id.view()).append(key));
    std::memcpy(&inode, digest.bytes.data(), sizeof inode);
    return std::max<std::uint64_t>(inode, 2);
}

FileEntry LocalFileStore::implied(std::string key) const {
    FileEntry entry;
    entry.implied = true;
    entry.inode = implied_inode(key);
    entry.key = std::move(key);
    return entry;
}

// It is shown with what is known; reading it tells the rest.
FileEntry LocalFileStore::unreadable(std::string key) const {
    FileEntry entry;
    entry.inode = implied_inode(key);
    entry.key = std::move(key);
    return entry;
}

Task<Result<std::optional<LocalFileStore::Standing>>> LocalFileStore::stand(std::string key) {
    Standing there{{row_of(key), std::nullopt}, {}, {}};
    // Content that names share lies where no key of an object is.
    if (key.starts_with('\0')) co_return std::nullopt;
    CO_TRY(auto row, co_await rows_.read(there.place.row, false));
    if (!row.exists()) co_return std::nullopt;
    CO_TRY(there.object, model::decode_object(row.value->row));
    if (there.object.link) {
        there.place = {engine_.link_row(*bucket_, key, *there.object.link), there.object.link};
        CO_TRY(row, co_await rows_.read(there.place.row, false));
        if (!row.exists()) co_return std::nullopt;
        CO_TRY(there.object, model::decode_object(row.value->row));
    }
    there.state = row.version;
    co_return there;
}

Task<Result<bool>> LocalFileStore::has_below(std::string directory) {
    ListQuery query;
    query.prefix = directory;
    query.start_after = directory;
    query.limit = 1;
    CO_TRY(const auto range, co_await engine_.list_rows(bucket_->row.bucket.id, std::move(query)));
    co_return !range.entries.empty();
}

Task<Result<FoundPath>> LocalFileStore::find(std::string path) {
    FoundPath out;
    if (path.empty()) {
        out.directory = implied("");
        co_return out;
    }
    CO_TRY(const auto file, co_await stand(path));
    if (file) out.object = file_entry(path, file->object, file->state);
    auto key = path + '/';
    CO_TRY(const auto marker, co_await stand(key));
    if (marker) {
        out.directory = file_entry(std::move(key), marker->object, marker->state);
    } else {
        CO_TRY(const bool below, co_await has_below(key));
        if (below) out.directory = implied(std::move(key));
    }
    co_return out;
}

Task<Result<std::optional<FileEntry>>> LocalFileStore::shown(std::string key) {
    const auto there = co_await stand(key);
    if (!there && there.error().is(Code::corrupted)) co_return unreadable(std::move(key));
    if (!there) co_return fail(there.error());
    if (!*there) co_return std::nullopt;
    co_return file_entry(std::move(key), (*there)->object, (*there)->state);
}

Task<Result<DirectoryPage>> LocalFileStore::list(std::string directory, std::string after, int limit) {
    ListQuery query;
    query.prefix = directory;
    query.delimiter = "/";
    query.start_after = after.empty() ? directory : after;
    query.limit = limit;
    query.with_properties = true;
    CO_TRY(const auto range, co_await engine_.list_rows(bucket_->row.bucket.id, std::move(query)));
    DirectoryPage page;
    page.truncated = range.truncated;
    page.entries.reserve(range.entries.size());
    for (const auto& entry : range.entries) {
        std::string key(entry.sort_key);
        page.next = key;
        if (entry.damaged) {
            page.entries.push_back(unreadable(std::move(key)));
            continue;
        }
        std::optional<FileEntry> there;
        bool follow = entry.is_prefix;
        if (!follow) {
            const auto object = model::decode_object(entry.row);
            follow = !object || object->link;
            if (!follow) there = file_entry(key, *object, entry.version);
        }
        if (follow) {
            CO_TRY(there, co_await shown(key));
        }
        if (!there && entry.is_prefix) there = implied(std::move(key));
        if (there) page.entries.push_back(std::move(*there));
    }
    co_return page;
}

Task<Result<FileEntry>> LocalFileStore::create(NewFile file) {
    if (file.content.size() > base::limits::kInlineBytesMax) {
        co_return fail(Code::too_large, Subject::object, "a new file begins with at most 16 KiB");
    }
    CO_TRY(const auto bucket, engine_.bucket_for_object(bucket_->row.bucket.id, file.key));
    model::Object object;
    if (is_directory(file.key)) {
        if (!file.content.empty()) co_return fail(Code::too_large, Subject::object, "a directory has no content");
        // What was implied so far keeps its identity.
        CO_TRY(const bool below, co_await has_below(file.key));
        if (below) object.inode = implied_inode(file.key);
    }
    if (!is_directory(file.key)) object.inode = file.inode;
    object.size = file.content.size();
    object.etag = base::hex_encode(base::md5(file.content));
    object.attributes = file.attributes;
    Condition condition;
    condition.if_absent = file.exclusive;
    auto made = co_await engine_.write_object(bucket, file.key, object, std::move(file.content), condition);
    if (!made && made.error().is(Code::precondition_failed)) {
        co_return taken(file.key);
    }
    CO_TRY_VOID(made);
    object.version = made->version;
    object.modified = made->modified;
    co_return file_entry(std::move(file.key), object, made->version);
}

Task<Result<FileEntry>> LocalFileStore::edit(std::string key, std::function<Result<void>(model::Object&)> change) {
    if (key.starts_with('\0')) co_return nothing_at(key);
    CO_TRY(const auto bucket, engine_.bucket_for_write(bucket_->row.bucket.id));
    const auto edit = [&change](model::Object& object, Tag, std::string&) { return change(object); };
    CO_TRY(const auto row, co_await engine_.edit_content_row(bucket, key, edit));
    co_return file_entry(std::move(key), row.object, row.state);
}

Task<Result<FileEntry>> LocalFileStore::set_attributes(std::string key, FileAttributes changes) {
    auto done = co_await edit(key, [&changes](model::Object& object) -> Result<void> {
        model::merge(object.attributes, changes);
        return {};
    });
    if (done || !is_directory(key) || !done.error().is(Code::not_found)) co_return done;
    CO_TRY(const bool below, co_await has_below(key));
    if (!below) co_return done;
    CO_TRY(const auto bucket, engine_.bucket_for_object(bucket_->row.bucket.id, key));
    model::Object marker;
    marker.etag = base::hex_encode(base::md5(""));
    marker.inode = implied_inode(key);
    model::merge(marker.attributes, changes);
    Condition absent;
    absent.if_absent = true;
    auto made = co_await engine_.write_object(bucket, key, marker, {}, absent);
    if (!made && made.error().is(Code::precondition_failed)) co_return co_await set_attributes(key, changes);
    CO_TRY_VOID(made);
    marker.version = made->version;
    marker.modified = made->modified;
    co_return file_entry(std::move(key), marker, made->version);
}

Task<Result<FileEntry>> LocalFileStore::set_xattr(std::string key, std::string name, std::optional<std::string> value,
                                                  XattrMode mode, std::int64_t ctime_ns) {
    const auto change = [&](model::Object& object) -> Result<void> {
        auto& xattrs = object.attributes.xattrs;
        const bool there = xattrs.contains(name);
        if (there && value && mode == XattrMode::create) return fail(Code::already_exists, "the attribute exists");
        if (!there && (mode == XattrMode::replace || !value))
            return fail(Code::not_found, "there is no such attribute");
        if (value) {
            xattrs[name] = *value;
        } else {
            xattrs.erase(name);
        }
        object.attributes.ctime_ns = ctime_ns;
        return {};
    };
    auto done = co_await edit(key, change);
    if (done || !is_directory(key) || !done.error().is(Code::not_found, Subject::object)) co_return done;
    // A directory that is only implied gets an object to hold it.
    CO_TRY(const bool below, co_await has_below(key));
    model::Object none;
    if (below) CO_TRY_VOID(change(none));
    CO_TRY_VOID(co_await set_attributes(key, {}));
    co_return co_await edit(std::move(key), change);
}

Task<Result<std::unique_ptr<FileHandle>>> LocalFileStore::open(std::string key) {
    return open_file(engine_, bucket_->row.bucket.id, std::move(key));
}

Task<Result<FileUsage>> LocalFileStore::usage() {
    FileUsage out;
    CO_TRY(out.used, co_await engine_.bucket_usage(bucket_->row.bucket.id));
    out.quota = bucket_->row.bucket.quota;
    for (const auto& folder : engine_.blocks_->status().folders) {
        out.total_bytes += folder.total_bytes;
        out.free_bytes += folder.free_bytes;
    }
    co_return out;
}

Task<Result<ChangePage>> LocalFileStore::watch(std::string since, base::Instant deadline) {
    CO_TRY(auto page, co_await engine_.watch(bucket_->row.bucket.id, "", std::move(since), deadline));
    std::vector<ChangeEvent> events;
    for (auto& event : page.events) {
        if (!event.key.starts_with('\0')) {
            events.push_back(std::move(event));
            continue;
        }
        // Content that several names share: a change of each.
        const table::RowKey place{row_of(event.key).partition_key, event.key};
        const auto row = co_await rows_.read(place, false);
        // Unreadable or gone: who looks at a name learns of that there.
        if (!row || !row->exists()) continue;
        const auto object = model::decode_object(row->value->row);
        if (!object) continue;
        for (const auto& name : object->names) events.push_back({event.bucket, name, event.version, false});
    }
    page.events = std::move(events);
    co_return page;
}

}  // namespace larder::engine
