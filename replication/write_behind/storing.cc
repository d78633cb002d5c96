// How what was promised comes into the store.
#include "replication/write_behind/store.h"
#include "src/base/log.h"

namespace larder::behind {

using base::Code;
using base::fail;
using base::Subject;

bool may_pass(const base::Error& error) {
    switch (error.code) {
        case Code::timeout:
        case Code::disconnected:
        case Code::overloaded:
        case Code::quorum_not_reached:
        case Code::conflict:
        case Code::unknown_outcome:
        case Code::shutting_down:
            return true;
        default:
            return false;
    }
}

namespace {

// Removed or replaced through another door.
bool is_gone(const base::Error& error) {
    return error.is(Code::not_found, Subject::object);
}

}  // namespace

void WriteBehind::want(const FilePtr& file) {
    pending_.emplace(file->key, file);
    if (!std::exchange(file->storing, true)) tasks_.spawn(store_file(file));
}

// One journey to the disk, and one batch for the store, for files that are closed one after another.
Task<void> WriteBehind::hurry_gathered() {
    co_await env_.clock.sleep_for(options_.gather);
    journal_->hand_over();
    for (const auto& file : std::exchange(gathered_, {})) {
        if (!file->pending()) continue;
        file->hurry = true;
        file->wake();
    }
}

void WriteBehind::hurry_soon(const FilePtr& file) {
    gathered_.push_back(file);
    if (gathered_.size() == 1) tasks_.spawn(hurry_gathered());
}

// What is soon followed by more is stored with it.
Task<void> WriteBehind::linger(FilePtr file) {
    const auto over = std::make_shared<bool>(false);
    const auto timer = env_.clock.call_at(env_.clock.after(options_.linger), [file, over] {
        *over = true;
        file->wake();
    });
    while (!file->hurry && !*over && file->pending()) {
        const auto more = file->waiting.emplace_back(env_.executor);
        co_await more.future();
    }
    env_.clock.cancel(timer);
    file->hurry = false;
}

Task<void> WriteBehind::store_file(FilePtr file) {
    while (file->pending()) {
        co_await linger(file);
        if (!file->pending()) break;
        const auto stored = co_await store_once(file);
        if (stored) continue;
        if (!may_pass(stored.error()) && !file->error) {
            file->error = stored.error();
            base::log::error("a file of the mount could not be stored",
                             "make room or allow it; it is kept in the mount's journal and tried again",
                             {{"reason", stored.error().message}});
        }
        file->wake();
        co_await env_.clock.sleep_for(options_.pause);
    }
    file->storing = false;
    leave(file);
}

void WriteBehind::leave(const FilePtr& file) {
    const auto known = pending_.find(file->key);
    if (known != pending_.end() && known->second == file) pending_.erase(known);
    file->wake();
    for (const auto& waiter : std::exchange(room_, {})) waiter.set(io::Done{});
}

void WriteBehind::give_up(const FilePtr& file) {
    finished(file, file->wanted, file->records.size());
    leave(file);
}

Task<Result<void>> WriteBehind::store_once(FilePtr file) {
    const auto slot = co_await slots_.acquire();
    if (!file->pending()) co_return Result<void>();
    file->asking = true;
    const auto done = file->creation ? co_await store_creation(file) : co_await store_writes(file);
    file->asking = false;
    file->wake();
    co_return done;
}

// The file at this key is this content, whatever stood there.
Task<Result<FileEntry>> WriteBehind::put_whole(NewFile file) {
    CO_TRY(const auto handle, co_await below_.open(file.key));
    CO_TRY_VOID(co_await handle->truncate(0));
    if (!file.content.empty()) CO_TRY_VOID(co_await handle->write(0, base::Buffer::copy_of(file.content)));
    // What else was set on the file meanwhile stays.
    FileAttributes times;
    times.mtime_ns = file.attributes.mtime_ns;
    times.ctime_ns = file.attributes.ctime_ns;
    co_return co_await handle->commit(std::move(times));
}

// Content that nobody has committed yet is for this mount alone: then others see an empty file.
Task<Result<void>> WriteBehind::store_creation(FilePtr file) {
    const auto wanted = file->wanted;
    const auto changes = file->changes;
    const auto records = file->records.size();
    const bool whole = changes == file->committed;
    auto image = *file->creation;
    if (!whole) image.content.clear();
    Result<FileEntry> made;
    if (!file->made) made = co_await below_.create(image);
    // Another door was faster, or an earlier try was answered too late.
    const bool there = file->made || (!made && made.error().is(Code::already_exists));
    if (there && (whole || !file->made)) made = co_await put_whole(std::move(image));
    CO_TRY_VOID(made);
    file->made = true;
    if (!made->key.empty()) {
        made->size = file->entry.size;
        file->entry = std::move(*made);
        own_[file->key] = file->entry.state;
    }
    // Of an earlier content.
    file->handle.reset();
    if (whole && file->changes == changes) file->creation.reset();
    if (file->handles > 0) {
        // While the name is known to be this file's. Removed through another door: the next call will say so.
        const auto order = co_await file->order.acquire();
        static_cast<void>(co_await need_handle(file));
    }
    finished(file, wanted, records);
    co_return Result<void>();
}

Task<Result<void>> WriteBehind::store_writes(FilePtr file) {
    const auto ready = co_await hand_over(file);
    if (!ready && !is_gone(ready.error())) co_return fail(ready.error());
    const auto handle = file->handle;
    const auto wanted = file->wanted;
    const auto records = file->records.size();
    const auto count = file->writes.size();
    const auto sent = std::exchange(file->sending, std::make_shared<BehindFile::Sending>());
    Result<FileEntry> entry = ready ? co_await handle->commit(file->attributes) : fail(ready.error());
    while (sent->under_way > 0) {
        const auto more = file->waiting.emplace_back(env_.executor);
        co_await more.future();
    }
    if (sent->failed) {
        // The version lacks what did not arrive: another handle gets all that is kept.
        if (file->handle == handle) file->handle.reset();
        co_return fail(Code::disconnected, Subject::object, "a write of the file did not arrive.");
    }
    if (!entry && entry.error().is(Code::disconnected) && !file->through) file->handle.reset();
    // Removed or replaced through another door: nothing is made again.
    if (!entry && !is_gone(entry.error())) co_return fail(entry.error());
    if (entry) {
        entry->size = file->entry.size;
        file->entry = std::move(*entry);
        own_[file->key] = file->entry.state;
    }
    file->drop_writes(count);
    finished(file, wanted, records);
    co_return Result<void>();
}

// From here on the content is the handle's.
Task<Result<void>> WriteBehind::hand_over(FilePtr file) {
    if (file->creation) CO_TRY_VOID(co_await store_now(file));
    const auto order = co_await file->order.acquire();
    CO_TRY_VOID(co_await need_handle(file));
    if (!file->creation) co_return Result<void>();
    if (!file->made) co_return fail(Code::internal, Subject::object, "\"" + file->key + "\" was given up.");
    // Not committed yet, and not kept any more.
    const auto content = std::exchange(file->creation, std::nullopt)->content;
    file->stop_keeping();
    const auto handle = file->handle;
    if (handle->size() > 0) CO_TRY_VOID(co_await handle->truncate(0));
    if (!content.empty()) CO_TRY_VOID(co_await handle->write(0, base::Buffer::copy_of(content)));
    co_return Result<void>();
}

void WriteBehind::finished(const FilePtr& file, std::uint64_t upto, std::size_t records) {
    file->done = std::max(file->done, upto);
    for (std::size_t i = 0; i < records; ++i) journal_->stored(file->records[i]);
    file->records.erase(file->records.begin(), file->records.begin() + static_cast<std::ptrdiff_t>(records));
    file->error.reset();
    file->wake();
}

Task<Result<void>> WriteBehind::need_handle(FilePtr file) {
    if (file->handle) co_return Result<void>();
    CO_TRY(auto handle, co_await below_.open(file->key));
    if (handle->entry().inode != file->entry.inode) {
        co_return fail(Code::not_found, Subject::object, "\"" + file->key + "\" is another file by now.");
    }
    // What is kept was written to a handle that is lost with its connection.
    for (std::size_t i = 0; i < file->writes.size(); ++i) {
        const auto [offset, data] = file->writes[i];
        CO_TRY_VOID(co_await handle->write(offset, data));
    }
    file->handle = std::move(handle);
    co_return Result<void>();
}

void WriteBehind::send(FilePtr file, std::uint64_t offset, base::Buffer data) {
    // Without a handle the next one gets what is kept.
    if (file->handle) tasks_.spawn(sent(std::move(file), offset, std::move(data)));
}

Task<void> WriteBehind::sent(FilePtr file, std::uint64_t offset, base::Buffer data) {
    const auto handle = file->handle;
    const auto sending = file->sending;
    ++sending->under_way;
    const auto done = co_await handle->write(offset, std::move(data));
    --sending->under_way;
    if (!done && !file->through) {
        sending->failed = true;
        if (file->handle == handle) file->handle.reset();
    }
    file->wake();
}

// What is promised of the file now, as a record.
Result<void> WriteBehind::note(const FilePtr& file) {
    Unstored unstored;
    if (file->creation) {
        unstored = Made{*file->creation};
    } else {
        const auto from = file->writes.begin() + static_cast<std::ptrdiff_t>(file->journalled);
        unstored = Changed{file->key, file->entry.inode, file->attributes, {from, file->writes.end()}};
    }
    TRY(const auto sequence, journal_->append(encode(unstored)));
    file->records.push_back(sequence);
    file->journalled = file->writes.size();
    return {};
}

Task<Result<FileEntry>> WriteBehind::commit_through(FilePtr file, FileAttributes changes, bool only_current) {
    CO_TRY_VOID(co_await store_now(file));
    const auto order = co_await file->order.acquire();
    CO_TRY_VOID(co_await need_handle(file));
    const auto count = file->writes.size();
    const auto round = file->changes;
    const auto handle = file->handle;
    // Opened only now, or anew after the connection was lost.
    if (only_current && handle->entry().version != file->entry.version) {
        co_return fail(Code::conflict, Subject::object, "\"" + file->key + "\" has changed since it was opened.");
    }
    CO_TRY(auto entry, only_current ? co_await handle->commit_if_current(std::move(changes))
                                    : co_await handle->commit(std::move(changes)));
    file->drop_writes(count);
    file->committed = round;
    if (file->changes == round) file->through = false;
    file->entry = entry;
    own_[file->key] = entry.state;
    co_return entry;
}

Task<Result<FileEntry>> WriteBehind::commit(FilePtr file, FileAttributes changes, Commit how) {
    if (file->error) co_return fail(*file->error);
    const auto other = pending(file->key);
    if (other && other != file) CO_TRY_VOID(co_await store_now(other));
    // Only the store knows whether a version is current; of a file that it has not heard of this is the only one.
    const bool kept = !file->through && !file->writes.empty() && how != Commit::if_current;
    if (!file->creation && !kept) {
        co_return co_await commit_through(file, std::move(changes), how == Commit::if_current);
    }
    const bool durable = how != Commit::soon;
    const auto set = [](auto& into, const auto& from) {
        if (from) into = from;
    };
    auto& stored = file->creation ? file->creation->attributes : file->attributes;
    set(stored.mtime_ns, changes.mtime_ns);
    set(stored.ctime_ns, changes.ctime_ns);
    set(file->entry.attributes.mtime_ns, changes.mtime_ns);
    set(file->entry.attributes.ctime_ns, changes.ctime_ns);
    file->committed = file->changes;
    // Without it (the journal is full or broken) the store itself is waited for.
    bool noted = note(file).has_value();
    ++file->wanted;
    want(file);
    file->wake();
    if (!durable) hurry_soon(file);
    if (noted && durable) noted = (co_await journal_->sync()).has_value();
    if (!noted) CO_TRY_VOID(co_await store_now(file));
    co_return file->entry;
}

}  // namespace larder::behind
