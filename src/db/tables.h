// The tables in memory above SQLite: the one being filled and, while it is poured into SQLite, the one before it. What
// a reader sees is both at one sequence, and SQLite below. Inside src/db only.
#pragma once

#include "src/db/connection.h"
#include "src/db/memtable.h"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace larder::db {

// Writes not yet durable: stored key → value, or nothing for an erased row.
using Overlay = std::map<std::string, std::optional<std::string>, std::less<>>;

struct Layers {
    std::shared_ptr<const Memtable> active;
    std::shared_ptr<const Memtable> pouring;  // may be null
    Sequence at = 0;

    // As Memtable::find.
    std::optional<std::optional<std::string_view>> find(std::string_view stored_key) const;
};

class Tables {
 public:
    // Any thread. A key that these layers do not know is in SQLite as it was when they were taken, or as it became
    // since: good for reading one row.
    Layers layers() const;
    // The same with a transaction of `connection` opened on SQLite as it is below them: good for reading many.
    base::Result<Layers> open_view(Connection& connection) const;

    // The committing thread. Readers see all rows of a group at once.
    void add(const Overlay& group, Sequence sequence);
    bool nothing_active() const { return active_->empty(); }
    // The active table becomes the one that is poured; there must be none.
    void freeze();
    // The pouring thread: its rows are in SQLite.
    void poured();
    std::shared_ptr<const Memtable> pouring() const;

 private:
    mutable std::mutex mutex_;
    std::shared_ptr<Memtable> active_ = std::make_shared<Memtable>();
    std::shared_ptr<const Memtable> pouring_;
    std::atomic<Sequence> visible_ = 0;
};

}  // namespace larder::db
