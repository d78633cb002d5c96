// Changes under way at a replica. Inside replication/table only.
#pragma once

#include "replication/table/replica.h"

#include <utility>

namespace larder::table {

// A change under way: a newer layout is adopted only when those that were begun before are over.
class Replica::Change {
 public:
    explicit Change(Replica& owner) : changes_(owner.changes_) { ++changes_->under_way; }
    ~Change() {
        if (--changes_->under_way > 0) return;
        for (const auto& waiter : std::exchange(changes_->waiting, {})) waiter.set(io::Done{});
    }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

 private:
    std::shared_ptr<Changes> changes_;  // a request may outlive the replica that it was asked of
};

}  // namespace larder::table
