// The content of one file while it is open: one handle of the store, shared by all who have the file open in this
// mount, and the newest bytes on their way to it. Loop thread.
#pragma once

#include "fuse/errors.h"
#include "replication/files.h"
#include "src/io/sync.h"
#include "src/io/task_group.h"

#include <optional>

namespace larder::fuse {

class Content {
 public:
    Content(io::Env& env, std::uint64_t size);

    int opens = 0;
    // Content was written (or cut, or punched) that no commit() has made durable.
    bool changed() const { return changed_; }
    std::uint64_t size() const { return size_; }

    // Goes on with this handle; what was written to an earlier one must have been committed. Calls under way end on the
    // handle they began with.
    void adopt(std::unique_ptr<engine::FileHandle> handle);
    // The same, taking along what was written and not committed: the file has got another key.
    io::Task<base::Result<void>> move_to(std::unique_ptr<engine::FileHandle> handle);
    bool is_open() const { return handle_ != nullptr; }
    // Whether the handle belongs to this key; a rename leaves it at the old one, good for reading only.
    bool bound_to(std::string_view key) const { return handle_ && bound_ == key; }

    // All below need is_open(). Small writes are gathered and sent as one. When the store refuses one of them, or a
    // change is given up half-way, every later call fails: a version that misses bytes is never committed, the old one
    // stays.
    io::Task<base::Result<base::Buffer>> read(std::uint64_t offset, std::uint64_t length);
    io::Task<base::Result<void>> write(std::uint64_t offset, base::Buffer data);
    // At the end, wherever that is when it is committed: other doors may append at the same time.
    io::Task<base::Result<void>> append(base::Buffer data);
    io::Task<base::Result<void>> truncate(std::uint64_t size);
    io::Task<base::Result<void>> punch(std::uint64_t offset, std::uint64_t length);
    io::Task<base::Result<std::uint64_t>> seek(std::uint64_t offset, bool hole);
    io::Task<base::Result<void>> copy_from(Content& source, std::uint64_t source_offset, std::uint64_t offset,
                                           std::uint64_t length);
    // `soon`: FileHandle::commit_soon. conflict/object: nothing but append() was done since the last one, and another
    // door has changed the file; follow_on() and again.
    io::Task<base::Result<engine::FileEntry>> commit(engine::FileAttributes changes, bool soon);
    // Goes on with this handle of the file as it is now; what was appended and not committed is appended to it.
    io::Task<base::Result<void>> follow_on(std::unique_ptr<engine::FileHandle> handle);
    bool only_appended() const { return appended_from_.has_value(); }

 private:
    static constexpr std::size_t kRunBytes = 1 << 20;
    static constexpr std::size_t kWindowBytes = 8 << 20;  // on their way to the store

    // What is not committed becomes the handle's: what was appended behind its end, else everything in its place. The
    // content goes on with it. Held: the turn; all is sent.
    io::Task<base::Result<void>> take_along(std::shared_ptr<engine::FileHandle> to);
    io::Task<base::Result<void>> put(std::uint64_t offset, base::Buffer data);
    io::Task<base::Result<void>> send_run();
    io::Task<base::Result<void>> send_all();
    io::Task<void> send(std::shared_ptr<engine::FileHandle> handle, std::uint64_t offset, base::Buffer data,
                        io::Semaphore::Permit permit);
    // Carries out a change of the handle's content, after which the file has `size` bytes.
    io::Task<base::Result<void>> change(io::Task<base::Result<void>> task, std::uint64_t size);
    void note(const base::Result<void>& outcome);
    base::Result<void> check() const;

    io::Env& env_;
    std::shared_ptr<engine::FileHandle> handle_;  // held by every call that uses it
    std::string bound_;
    std::uint64_t size_;
    bool changed_ = false;
    std::optional<std::uint64_t> appended_from_;  // all that is not committed was appended from here on
    // The run of adjacent writes not sent yet.
    std::uint64_t run_offset_ = 0;
    base::Buffer run_;
    std::size_t run_size_ = 0;
    std::size_t next_run_ = 0;  // room for the next run: more when runs have been long
    std::optional<base::Error> error_;
    // The order of effect is the order of calls: held while something is handed to the handle, not until it is done.
    io::Semaphore turn_;
    io::Semaphore window_;
    io::TaskGroup sending_;
};

}  // namespace larder::fuse
