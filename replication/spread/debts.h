// What replicas lack that should have it: their copy failed, or was given up to bound memory, while the write had its
// quorum. They are told, again and again, until they have fetched it. Kept in memory alone and no more than so much of
// it: what is forgotten is found when nodes compare what they have.
#pragma once

#include "replication/spread/context.h"
#include "replication/spread/messages.h"
#include "src/base/metrics.h"
#include "src/io/task_group.h"

#include <map>
#include <set>

namespace larder::spread {

class Debts {
 public:
    Debts(const Context& context, base::Metrics& metrics);

    void note(io::NodeNumber node, block::Reference reference);
    // The owner is dropped: nobody needs its blocks.
    void forget(const Owner& owner);
    std::size_t size() const;
    // Bounds the waiting of tests; else it tries by itself, every Options::retry.
    io::Task<void> pay_now();
    void stop() { paying_.stop(); }

 private:
    struct Account {
        std::set<block::Reference> references;
        bool overflowed = false;  // more was owed than fits: the node must look for itself
    };

    void wake();
    io::Task<void> pay_loop();
    io::Task<void> pay(io::NodeNumber node);
    io::Task<bool> pay_page(io::NodeNumber node);

    const Context& context_;
    base::Gauge owed_;
    std::map<io::NodeNumber, Account> accounts_;
    bool running_ = false;
    io::TaskGroup paying_;
};

}  // namespace larder::spread
