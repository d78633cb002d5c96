#include "tests/support/memory_files.h"

#include "src/base/limits.h"

#include <charconv>

namespace larder::test {

using base::Buffer;
using base::Code;
using base::fail;
using base::Result;
using base::Subject;
using engine::FileEntry;
using io::Task;

class MemoryHandle final : public engine::FileHandle {
 public:
    using Shared = MemoryFiles::Shared;

    MemoryHandle(std::shared_ptr<MemoryTree> tree, std::shared_ptr<Shared> shared, FileEntry entry,
                 MemoryContent content)
        : tree_(std::move(tree)), shared_(std::move(shared)), entry_(std::move(entry)), content_(std::move(content)) {
        ++shared_->handles;
    }
    ~MemoryHandle() override { --shared_->handles; }

    const FileEntry& entry() const override { return entry_; }
    std::uint64_t size() const override { return content_.size(); }
    bool changed() const override { return changed_; }

    Task<Result<Buffer>> read(std::uint64_t offset, std::uint64_t length) override {
        CO_TRY_VOID(co_await pass("read"));
        if (length > base::limits::kBlockBytes) co_return too_long();
        co_return content_.read(offset, length);
    }
    Task<Result<void>> write(std::uint64_t offset, Buffer data) override {
        CO_TRY_VOID(co_await pass("write"));
        if (data.size() > base::limits::kBlockBytes) co_return too_long();
        CO_TRY_VOID(check_end(offset, data.size()));
        changed_ = changed_ || !data.empty();
        content_.write(offset, std::move(data));
        co_return Result<void>();
    }
    Task<Result<void>> truncate(std::uint64_t size) override {
        CO_TRY_VOID(co_await pass("truncate"));
        CO_TRY_VOID(check_end(size, 0));
        changed_ = changed_ || size != content_.size();
        content_.truncate(size);
        co_return Result<void>();
    }
    Task<Result<void>> punch(std::uint64_t offset, std::uint64_t length) override {
        CO_TRY_VOID(co_await pass("punch"));
        content_.punch(offset, length);
        changed_ = true;
        co_return Result<void>();
    }
    Task<Result<std::uint64_t>> seek(std::uint64_t offset, bool hole) override {
        CO_TRY_VOID(co_await pass("seek"));
        const auto found = content_.seek(offset, hole);
        if (!found) co_return fail(Code::not_found, Subject::none, "there is no data after this offset.");
        co_return *found;
    }
    Task<Result<void>> copy_from(FileHandle& source, std::uint64_t source_offset, std::uint64_t offset,
                                 std::uint64_t length) override {
        auto* const from = dynamic_cast<MemoryHandle*>(&source);
        CO_TRY_VOID(co_await pass("copy_from"));
        if (from == nullptr) co_return fail(Code::invalid_argument, Subject::request, "a handle of another store.");
        CO_TRY_VOID(check_end(offset, length));
        content_.copy(from->content_, source_offset, offset, length);
        changed_ = true;
        co_return Result<void>();
    }
    Task<Result<FileEntry>> commit_if_current(engine::FileAttributes changes) override {
        const auto there = tree_->find(entry_.key).object;
        if (changed_ && there && there->version != entry_.version) {
            co_return fail(Code::conflict, Subject::object, "the object changed meanwhile.");
        }
        co_return co_await commit(std::move(changes));
    }
    Task<Result<FileEntry>> commit(engine::FileAttributes changes) override {
        CO_TRY_VOID(co_await pass("commit"));
        CO_TRY(entry_, tree_->commit(entry_.key, changed_ ? &content_ : nullptr, changes));
        changed_ = false;
        co_return entry_;
    }

 private:
    Task<Result<void>> pass(std::string call) { return MemoryFiles::pass(shared_, std::move(call)); }
    static std::unexpected<base::Error> too_long() {
        return fail(Code::invalid_argument, Subject::request, "at most 1 MiB at once.");
    }
    static Result<void> check_end(std::uint64_t offset, std::uint64_t length) {
        if (offset <= base::limits::kObjectBytesMax && length <= base::limits::kObjectBytesMax - offset) return {};
        return fail(Code::too_large, Subject::object, "a file has at most 5 TiB.");
    }

    std::shared_ptr<MemoryTree> tree_;
    std::shared_ptr<Shared> shared_;
    FileEntry entry_;
    MemoryContent content_;
    bool changed_ = false;
};

MemoryFiles::MemoryFiles(io::Env& env)
    : tree_(std::make_shared<MemoryTree>(env)), shared_(std::make_shared<Shared>()) {}

std::unique_ptr<engine::FileStore> MemoryFiles::another() const {
    return std::unique_ptr<engine::FileStore>(new MemoryFiles(tree_, shared_));
}

Task<Result<void>> MemoryFiles::pass(std::shared_ptr<Shared> shared, std::string call) {
    if (!shared->gate) co_return Result<void>();
    const auto gate = shared->gate;
    co_return co_await gate(std::move(call));
}

Task<Result<engine::FoundPath>> MemoryFiles::find(std::string path) {
    CO_TRY_VOID(co_await pass(shared_, "find"));
    co_return tree_->find(path);
}

Task<Result<engine::DirectoryPage>> MemoryFiles::list(std::string directory, std::string after, int limit) {
    CO_TRY_VOID(co_await pass(shared_, "list"));
    co_return tree_->list(directory, after, limit);
}

Task<Result<FileEntry>> MemoryFiles::create(engine::NewFile file) {
    CO_TRY_VOID(co_await pass(shared_, "create"));
    co_return tree_->create(std::move(file));
}

Task<Result<FileEntry>> MemoryFiles::set_attributes(std::string key, engine::FileAttributes changes) {
    CO_TRY_VOID(co_await pass(shared_, "set_attributes"));
    co_return tree_->set_attributes(key, changes);
}

Task<Result<FileEntry>> MemoryFiles::set_xattr(std::string key, std::string name, std::optional<std::string> value,
                                               engine::XattrMode mode, std::int64_t ctime_ns) {
    CO_TRY_VOID(co_await pass(shared_, "set_xattr"));
    co_return tree_->set_xattr(key, {std::move(name), std::move(value), mode}, ctime_ns);
}

Task<Result<FileEntry>> MemoryFiles::remove(std::string key, std::int64_t ctime_ns) {
    CO_TRY_VOID(co_await pass(shared_, "remove"));
    co_return tree_->remove(key, ctime_ns);
}

Task<Result<FileEntry>> MemoryFiles::rename(std::string from, std::string to, bool exclusive, std::int64_t ctime_ns) {
    CO_TRY_VOID(co_await pass(shared_, "rename"));
    co_return tree_->rename(from, to, exclusive, ctime_ns);
}

Task<Result<void>> MemoryFiles::exchange(std::string first, std::string second, std::int64_t ctime_ns) {
    CO_TRY_VOID(co_await pass(shared_, "exchange"));
    co_return tree_->exchange(first, second, ctime_ns);
}

Task<Result<void>> MemoryFiles::rename_directory(std::string from, std::string to, std::int64_t ctime_ns) {
    CO_TRY_VOID(co_await pass(shared_, "rename_directory"));
    co_return tree_->rename_directory(from, to, ctime_ns);
}

Task<Result<FileEntry>> MemoryFiles::link(std::string from, std::string to, std::int64_t ctime_ns) {
    CO_TRY_VOID(co_await pass(shared_, "link"));
    co_return tree_->link(from, to, ctime_ns);
}

Task<Result<std::unique_ptr<engine::FileHandle>>> MemoryFiles::open(std::string key) {
    CO_TRY_VOID(co_await pass(shared_, "open"));
    const auto inode = tree_->inode_at(key);
    if (!inode) co_return fail(Code::not_found, Subject::object, "nothing stands at \"" + key + "\".");
    co_return std::make_unique<MemoryHandle>(tree_, shared_, MemoryTree::entry_of(key, *inode), inode->content);
}

Task<Result<engine::FileUsage>> MemoryFiles::usage() {
    CO_TRY_VOID(co_await pass(shared_, "usage"));
    engine::FileUsage usage;
    usage.used.objects = tree_->names().size();
    for (const auto& [key, inode] : tree_->names()) usage.used.bytes += inode->content.size();
    usage.quota = tree_->quota;
    usage.total_bytes = 1ull << 40;
    usage.free_bytes = usage.total_bytes - std::min(usage.total_bytes, usage.used.bytes);
    co_return usage;
}

Task<Result<engine::ChangePage>> MemoryFiles::watch(std::string since, base::Instant deadline) {
    CO_TRY_VOID(co_await pass(shared_, "watch"));
    engine::ChangePage page;
    std::uint64_t from = tree_->newest_change();
    const auto parsed = std::from_chars(since.data(), since.data() + since.size(), from);
    if (!since.empty() && (parsed.ec != std::errc() || from > tree_->newest_change()))
        co_return fail(Code::invalid_argument, Subject::request, "a place to watch from was not given by this store.");
    auto& clock = tree_->env.clock;
    while (from == tree_->newest_change() && clock.now() < deadline) {
        const auto woken = tree_->next_change();
        const auto timer = clock.call_at(deadline, [woken] { woken.set(io::Done{}); });
        co_await woken.future();
        clock.cancel(timer);
    }
    page.missed = from < tree_->oldest_change();
    if (!page.missed) page.events = tree_->changes_since(from);
    page.next = std::to_string(tree_->newest_change());
    co_return page;
}

std::optional<std::string> MemoryFiles::content(const std::string& key) const {
    const auto inode = tree_->inode_at(key);
    if (!inode) return std::nullopt;
    return inode->content.text();
}

std::vector<std::string> MemoryFiles::keys() const {
    std::vector<std::string> out;
    for (const auto& [key, inode] : tree_->names()) out.push_back(key);
    return out;
}

}  // namespace larder::test
