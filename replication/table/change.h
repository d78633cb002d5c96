// Changes under way at a replica. Inside replication/table only.
#pragma once

#include "replication/table/replica.h"

#include <utility>

namespace larder::table {

// A change under way: a newer layout is adopted only when those that were begun before are over.
class Replica::Change {
 public:
    explicit Change(Replica& owner) : owner_(owner) { ++owner_.changes_; }
    ~Change() {
        if (--owner_.changes_ > 0) return;
        for (const auto& waiter : std::exchange(owner_.quiet_, {})) waiter.set(io::Done{});
    }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

 private:
    Replica& owner_;
};

}  // namespace larder::table
