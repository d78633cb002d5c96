// Blocks and references on their way to all their holders: done at the quorum, the rest goes on behind.
#pragma once

#include "replication/spread/debts.h"
#include "replication/spread/fetcher.h"

namespace larder::spread {

class Writer {
 public:
    Writer(const Context& context, Fetcher& fetcher, Debts& debts);

    // Stores the block, with the reference in its header, on a quorum of its holders. Errors: quorum_not_reached;
    // no_space when only full disks keep it from the quorum. Goes on when its caller goes away.
    io::Task<base::Result<void>> store(block::Packed packed);
    // The same without its bytes: false when too few holders have a good copy. Nothing is fetched.
    io::Task<base::Result<bool>> offer(block::Reference reference);
    // References to blocks that are in the cluster: holders that lack one fetch it. not_found/block when no node has
    // one of them.
    io::Task<base::Result<void>> refer(std::vector<Hash256> names, Owner owner);

    std::size_t behind_bytes() const { return behind_; }
    // Ends when nothing is on its way.
    io::Task<void> idle() { return tasks_.join(); }
    void stop() { tasks_.stop(); }

 private:
    struct Round;
    struct Batch;

    io::Task<void> drive(std::shared_ptr<Round> round);
    io::Task<void> send(Round& round, io::NodeNumber node);
    base::Error why_not(const Round& round) const;
    io::Task<base::Result<void>> refer_some(std::vector<Hash256> names, Owner owner, bool fetch);
    std::shared_ptr<Batch> start(const std::vector<Hash256>& names, Owner owner, bool fetch);
    io::Task<void> refer_at(std::shared_ptr<Batch> batch, io::NodeNumber node, std::vector<Hash256> names);
    base::Result<void> judge(const Batch& batch) const;
    void owe(const Batch& batch);

    const Context& context_;
    Fetcher& fetcher_;
    Debts& debts_;
    std::size_t behind_ = 0;
    io::TaskGroup tasks_;
};

}  // namespace larder::spread
