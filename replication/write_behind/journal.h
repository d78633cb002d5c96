// What a mount that writes behind has promised and the store does not have yet: one file, appended to, whose records a
// later life of the mount reads back. The bytes are described in docs/formats.md ("Journal of a mount"). Loop thread.
#pragma once

#include "src/io/env.h"
#include "src/io/task_group.h"

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace larder::behind {

using Sequence = std::uint64_t;  // of a record; rises

struct JournalOptions {
    std::string path;                        // of the file; its folder is made
    std::uint64_t bytes_max = 256ull << 20;  // then nothing is taken until all is stored
};

class Journal {
 public:
    struct Record {
        Sequence sequence = 0;
        std::string body;
    };

    // Locks the file and reads what a former life left. conflict: another process has it.
    static io::Task<base::Result<std::unique_ptr<Journal>>> open(io::Env& env, JournalOptions options);
    ~Journal();

    // Records not marked as stored, in order of appending.
    const std::vector<Record>& left() const { return left_; }
    // Sets what was left aside, in a file beside this one, and begins anew. Returns that file's path.
    io::Task<base::Result<std::string>> set_aside();
    // What was left is in the store.
    void forget_left();

    // Takes the record; on the disk only after write() or sync(). no_space: full. io_failure: the file could not be
    // written before, nothing is taken any more.
    base::Result<Sequence> append(std::string body);
    // The store has it now, or nobody wants it any more.
    void stored(Sequence sequence);
    // What was appended and marked so far is on its way; when write() ends it outlives this process.
    void hand_over() { start(); }
    io::Task<base::Result<void>> write();
    // The same, and a power cut.
    io::Task<base::Result<void>> sync();
    // Whether a power cut would bring back what stored() was told of.
    bool forgets_marks() const { return marked_ > synced_; }
    std::size_t live() const { return live_.size(); }

 private:
    Journal(io::Env& env, JournalOptions options) : env_(env), options_(std::move(options)), tasks_(env.executor) {}
    void read_left(std::string_view bytes);
    void put(Sequence sequence, std::string_view body);
    io::Task<base::Result<void>> reached(const Sequence& mark, Sequence target);
    void start();
    io::Task<void> write_all();
    io::Task<void> tidy_later();
    io::Task<base::Result<void>> begin_anew();
    void wake();

    io::Env& env_;
    JournalOptions options_;
    std::unique_ptr<io::FileLock> lock_;
    std::shared_ptr<io::File> file_;
    std::vector<Record> left_;
    std::set<Sequence> live_;
    std::uint64_t epoch_ = 0;   // of the file since it was last emptied; records of another are no part of it
    std::uint64_t end_ = 0;     // of what was handed to the file
    std::uint64_t zeroed_ = 0;  // up to here the file need not grow
    std::string buffer_;        // not handed to it yet
    Sequence last_ = 0;         // taken
    Sequence written_ = 0;      // all up to here
    Sequence synced_ = 0;
    Sequence marked_ = 0;  // the newest mark of stored()
    Sequence wanted_ = 0;  // to be synced
    bool writing_ = false;
    bool tidying_ = false;
    std::optional<base::Error> error_;
    std::vector<io::Promise<io::Done>> waiting_;
    io::TaskGroup tasks_;
};

}  // namespace larder::behind
