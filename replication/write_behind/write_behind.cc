#include "replication/write_behind/write_behind.h"

#include "replication/write_behind/store.h"
#include "src/base/limits.h"
#include "src/io/timeout.h"

#include <sys/stat.h>

namespace larder::behind {

using base::Code;
using base::fail;
using base::Subject;

namespace {

constexpr auto kAskAgain = std::chrono::milliseconds(20);
constexpr auto kFreshFor = std::chrono::milliseconds(100);
constexpr std::size_t kFreshMax = 256;

// A mount that was unmounted a moment ago holds the journal until it has stored what is in it.
Task<Result<std::unique_ptr<Journal>>> open_journal(io::Env& env, Options options) {
    const auto end = env.clock.after(options.patience);
    while (true) {
        auto journal = co_await Journal::open(env, {options.journal, options.journal_bytes});
        if (journal || !journal.error().is(Code::conflict) || env.clock.now() >= end) co_return journal;
        co_await env.clock.sleep_for(kAskAgain);
    }
}

}  // namespace

Task<Result<std::unique_ptr<FileStore>>> open_write_behind(io::Env& env, FileStore& below, Options options) {
    CO_TRY(auto journal, co_await open_journal(env, options));
    auto store = std::make_unique<WriteBehind>(env, below, std::move(journal), std::move(options));
    CO_TRY_VOID(co_await store->recover());
    co_return store;
}

WriteBehind::WriteBehind(io::Env& env, FileStore& below, std::unique_ptr<Journal> journal, Options options)
    : env_(env),
      below_(below),
      journal_(std::move(journal)),
      options_(std::move(options)),
      slots_(env.executor, options_.at_once),
      tasks_(env.executor) {}

FilePtr WriteBehind::pending(const std::string& key) const {
    const auto found = pending_.find(key);
    return found == pending_.end() ? nullptr : found->second;
}

Task<Result<engine::FoundPath>> WriteBehind::find(std::string path) {
    if (const auto made = pending(path); made && made->creation && !made->made) {
        engine::FoundPath found;
        found.object = made->entry;
        co_return found;
    }
    auto found = co_await below_.find(path);
    const auto file = pending(path);
    if (!file || !found || !found->object || found->object->inode != file->entry.inode) co_return found;
    // Newer here are content and times; what else was set went to the store at once.
    auto attributes = std::move(found->object->attributes);
    attributes.mtime_ns = file->entry.attributes.mtime_ns;
    attributes.ctime_ns = file->entry.attributes.ctime_ns;
    file->entry.attributes = std::move(attributes);
    found->object = file->entry;
    co_return found;
}

Task<Result<engine::DirectoryPage>> WriteBehind::list(std::string directory, std::string after, int limit) {
    CO_TRY_VOID(co_await settle(directory));
    co_return co_await below_.list(std::move(directory), std::move(after), limit);
}

Task<Result<FileEntry>> WriteBehind::create(NewFile file) {
    while (pending_.size() >= options_.files_max) {
        const auto room = room_.emplace_back(env_.executor);
        co_await room.future();
    }
    if (pending(file.key)) co_return fail(Code::already_exists, Subject::object, "\"" + file.key + "\" is there.");
    if (!file.may_wait) co_return co_await create_now(std::move(file));
    while (file.inode <= 1) file.inode = env_.random.next();
    const auto made = std::make_shared<BehindFile>(env_, file.key);
    made->entry.key = file.key;
    made->entry.inode = file.inode;
    made->entry.attributes = file.attributes;
    made->entry.size = file.content.size();
    made->entry.modified = env_.clock.wall_now();
    made->creation = std::move(file);
    made->wanted = 1;
    want(made);
    co_return made->entry;
}

Task<Result<FileEntry>> WriteBehind::create_now(NewFile file) {
    const bool empty = file.content.empty();
    CO_TRY(auto made, co_await below_.create(std::move(file)));
    if (fresh_.size() >= kFreshMax) fresh_.clear();
    if (empty) fresh_.insert_or_assign(made.key, Fresh{made, env_.clock.after(kFreshFor)});
    co_return made;
}

std::optional<FileEntry> WriteBehind::take_fresh(const std::string& key) {
    const auto found = fresh_.extract(key);
    if (found.empty() || env_.clock.now() > found.mapped().until) return std::nullopt;
    return std::move(found.mapped().entry);
}

Task<Result<FileEntry>> WriteBehind::set_attributes(std::string key, FileAttributes changes) {
    CO_TRY_VOID(co_await settle_names({key}));
    co_return co_await below_.set_attributes(std::move(key), std::move(changes));
}

Task<Result<FileEntry>> WriteBehind::set_xattr(std::string key, std::string name, std::optional<std::string> value,
                                               engine::XattrMode mode, std::int64_t ctime_ns) {
    CO_TRY_VOID(co_await settle_names({key}));
    co_return co_await below_.set_xattr(std::move(key), std::move(name), std::move(value), mode, ctime_ns);
}

Task<Result<FileEntry>> WriteBehind::remove(std::string key, std::int64_t ctime_ns) {
    const auto file = pending(key);
    if (file && file->creation && !file->made && !file->asking) {
        // The store has never heard of it.
        give_up(file);
        if (journal_->forgets_marks()) CO_TRY_VOID(co_await journal_->sync());
        file->entry.links = 0;
        co_return file->entry;
    }
    CO_TRY_VOID(co_await settle_names({key}));
    co_return co_await below_.remove(std::move(key), ctime_ns);
}

Task<Result<FileEntry>> WriteBehind::rename(std::string from, std::string to, bool exclusive, std::int64_t ctime_ns) {
    CO_TRY_VOID(co_await settle_names({from, to}));
    co_return co_await below_.rename(std::move(from), std::move(to), exclusive, ctime_ns);
}

Task<Result<void>> WriteBehind::exchange(std::string first, std::string second, std::int64_t ctime_ns) {
    CO_TRY_VOID(co_await settle_names({first, second}));
    co_return co_await below_.exchange(std::move(first), std::move(second), ctime_ns);
}

Task<Result<void>> WriteBehind::rename_directory(std::string from, std::string to, std::int64_t ctime_ns) {
    CO_TRY_VOID(co_await settle_names({from, to}));
    co_return co_await below_.rename_directory(std::move(from), std::move(to), ctime_ns);
}

Task<Result<FileEntry>> WriteBehind::link(std::string from, std::string to, std::int64_t ctime_ns) {
    CO_TRY_VOID(co_await settle_names({from, to}));
    co_return co_await below_.link(std::move(from), std::move(to), ctime_ns);
}

Task<Result<std::unique_ptr<engine::FileHandle>>> WriteBehind::open(std::string key) {
    if (const auto file = pending(key)) {
        CO_TRY_VOID(co_await find(key));
        co_return make_handle(*this, file);
    }
    if (auto made = take_fresh(key)) {
        const auto file = std::make_shared<BehindFile>(env_, std::move(key));
        file->entry = std::move(*made);
        co_return make_handle(*this, file);
    }
    CO_TRY(auto handle, co_await below_.open(key));
    // Made behind while this waited for the store: both are one file.
    if (const auto file = pending(key)) co_return make_handle(*this, file);
    const auto file = std::make_shared<BehindFile>(env_, std::move(key));
    file->entry = handle->entry();
    file->handle = std::move(handle);
    co_return make_handle(*this, file);
}

Task<Result<engine::ChangePage>> WriteBehind::watch(std::string since, base::Instant deadline) {
    auto page = co_await below_.watch(std::move(since), deadline);
    if (!page) co_return page;
    std::vector<engine::ChangeEvent> others;
    for (auto& event : page->events) {
        // The event may come before the answer to the call that made it.
        for (auto file = pending(event.key); file && file->asking; file = pending(event.key)) {
            const auto more = file->waiting.emplace_back(env_.executor);
            co_await more.future();
        }
        const auto own = own_.find(event.key);
        if (own != own_.end() && own->second == event.version) {
            own_.erase(own);
        } else {
            others.push_back(std::move(event));
        }
    }
    if (page->missed) own_.clear();
    // While only this mount is busy, it is told of its own changes a few at a time.
    const bool only_own = others.empty() && !page->events.empty();
    page->events = std::move(others);
    if (only_own) co_await env_.clock.sleep_for(options_.gather);
    co_return page;
}

Task<Result<void>> WriteBehind::settle_file(FilePtr file) {
    const auto target = file->wanted;
    while (file->done < target) {
        if (file->error) co_return fail(*file->error);
        if (!std::exchange(file->hurry, true)) file->wake();
        const auto more = file->waiting.emplace_back(env_.executor);
        co_await more.future();
    }
    co_return Result<void>();
}

Task<Result<void>> WriteBehind::store_now(FilePtr file) {
    if (!file->pending()) co_return Result<void>();
    co_return co_await io::with_deadline(env_.executor, env_.clock, env_.clock.after(options_.patience),
                                         settle_file(file));
}

Task<Result<void>> WriteBehind::settle(std::string prefix) {
    std::vector<FilePtr> files;
    for (auto at = pending_.lower_bound(prefix); at != pending_.end() && at->first.starts_with(prefix); ++at) {
        files.push_back(at->second);
        at->second->hurry = true;
        at->second->wake();
    }
    for (const auto& file : files) CO_TRY_VOID(co_await store_now(file));
    co_return Result<void>();
}

Task<Result<void>> WriteBehind::settle_names(std::vector<std::string> keys) {
    fresh_.clear();
    for (const auto& key : keys) {
        // Of a folder all that is below it.
        if (key.ends_with('/')) {
            CO_TRY_VOID(co_await settle(key));
        } else if (const auto file = pending(key)) {
            CO_TRY_VOID(co_await store_now(file));
        }
    }
    if (journal_->forgets_marks()) CO_TRY_VOID(co_await journal_->sync());
    co_return Result<void>();
}

}  // namespace larder::behind
