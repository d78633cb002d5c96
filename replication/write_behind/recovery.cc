// What a former life of the mount promised and did not store.
#include "replication/write_behind/store.h"
#include "src/base/log.h"

namespace larder::behind {

using base::Code;

namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

}  // namespace

Task<Result<void>> store_left(io::Env& env, FileStore& below, Options options) {
    const auto path = options.journal;
    const auto there = [disk = &env.disk, path] { return disk->exists(path); };
    CO_TRY(const auto left, co_await env.blocking.run(there));
    if (!left) co_return Result<void>();
    // Its lock is held until the file is gone.
    CO_TRY(const auto store, co_await open_write_behind(env, below, std::move(options)));
    co_return co_await env.blocking.run([disk = &env.disk, path] { return disk->remove(path); });
}

bool is_newer(const FileEntry& there, const FileAttributes& promised) {
    const auto when = promised.ctime_ns.value_or(0);
    if (there.attributes.ctime_ns) return *there.attributes.ctime_ns >= when;
    return there.modified.ms > when / kNsPerMs;
}

Task<Result<void>> WriteBehind::recover() {
    if (journal_->left().empty()) co_return Result<void>();
    std::size_t lost = 0;
    const auto count = journal_->left().size();
    for (std::size_t i = 0; i < count; ++i) {
        auto unstored = decode_unstored(journal_->left()[i].body);
        auto done = unstored ? co_await replay(std::move(*unstored)) : base::fail(unstored.error());
        if (done) continue;
        // Without the store there is no mount either.
        if (may_pass(done.error())) co_return done;
        base::log::error("what was written before the mount ended could not be stored",
                         "see the file that the next line names", {{"reason", done.error().message}});
        ++lost;
    }
    base::log::info("what was written before the mount ended is stored", {{"changes", count - lost}});
    if (lost > 0) {
        CO_TRY(const auto aside, co_await journal_->set_aside());
        base::log::error("changes of the mount's last life were set aside",
                         "larder mount keeps them in this file; write them again", {{"file", aside}});
    } else {
        journal_->forget_left();
    }
    co_return co_await journal_->sync();
}

Task<Result<void>> WriteBehind::replay(Unstored unstored) {
    if (auto* const made = std::get_if<Made>(&unstored)) return replay_made(std::move(made->file));
    return replay_changed(std::get<Changed>(std::move(unstored)));
}

Task<Result<void>> WriteBehind::replay_made(NewFile file) {
    auto made = co_await below_.create(file);
    if (!made && made.error().is(Code::already_exists)) {
        CO_TRY(const auto there, co_await below_.find(file.key));
        if (there.object && is_newer(*there.object, file.attributes)) co_return Result<void>();
        made = co_await put_whole(std::move(file));
    }
    CO_TRY_VOID(made);
    co_return Result<void>();
}

Task<Result<void>> WriteBehind::replay_changed(Changed changed) {
    CO_TRY(const auto there, co_await below_.find(changed.key));
    // Removed or replaced meanwhile, or stored already.
    if (!there.object || there.object->inode != changed.inode) co_return Result<void>();
    if (is_newer(*there.object, changed.attributes)) co_return Result<void>();
    CO_TRY(const auto handle, co_await below_.open(changed.key));
    for (const auto& [offset, data] : changed.writes) CO_TRY_VOID(co_await handle->write(offset, data));
    CO_TRY_VOID(co_await handle->commit(changed.attributes));
    co_return Result<void>();
}

}  // namespace larder::behind
