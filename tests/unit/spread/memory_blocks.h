// A node's block store in memory, for clusters on virtual time: what it has committed survives the node's death, what
// was under way does not. Bytes can be made to rot.
#pragma once

#include "replication/block/local_blocks.h"
#include "src/io/task_group.h"
#include "tests/sim/world.h"

#include <map>
#include <set>

namespace larder::spread {

// What a node's disk holds.
struct Shelf {
    struct Stored {
        block::Packed packed;
        std::set<block::Owner> owners;
    };
    std::map<base::Hash256, Stored> blocks;
    std::uint64_t capacity = UINT64_MAX;  // blocks
    std::map<std::string, std::string> marks;

    // Flips a bit of the stored bytes.
    void rot(const base::Hash256& name);
    bool is_good(const base::Hash256& name) const;
    std::set<block::Reference> references() const;
};

class MemoryBlocks final : public block::LocalBlocks {
 public:
    MemoryBlocks(sim::World& world, io::Env& env, Shelf& shelf) : world_(world), env_(env), shelf_(shelf) {}

    io::Task<base::Result<base::Hash256>> put(base::Buffer plain, block::Owner owner,
                                              std::optional<base::Hash256> expected, bool trusted) override;
    io::Task<base::Result<base::Buffer>> get(base::Hash256 name, std::uint64_t offset, std::uint64_t length) override;
    io::Task<base::Result<void>> add_references(std::vector<base::Hash256> names, block::Owner owner) override;
    std::vector<block::Owner> recovered_owners() const override { return {}; }
    io::Task<base::Result<void>> accept_recovery() override { co_return base::Result<void>(); }
    io::Task<base::Result<void>> drop_references(block::Owner owner) override;
    std::unique_ptr<block::Lease> lease(std::vector<block::Owner> owners) override;
    block::StoreStatus status() const override;
    io::Task<base::Result<std::uint64_t>> reclaim(base::Instant) override { co_return std::uint64_t{0}; }
    io::Task<base::Result<block::VerifyReport>> verify() override { co_return block::VerifyReport(); }
    io::Task<base::Result<void>> close() override { co_return base::Result<void>(); }

    io::Task<base::Result<block::Packed>> pack_block(base::Buffer plain, block::Owner owner,
                                                     std::optional<base::Hash256> expected, bool trusted) override;
    io::Task<base::Result<void>> put_packed(block::Packed packed) override;
    io::Task<base::Result<bool>> refer_checked(base::Hash256 name, block::Owner owner) override;
    base::Result<bool> contains(base::Hash256 name) override { return shelf_.blocks.contains(name); }
    base::Result<bool> refers(base::Hash256 name, block::Owner owner) override;
    io::Task<base::Result<block::Packed>> read_whole(base::Hash256 name) override;
    io::Task<base::Result<block::Excerpt>> read_excerpt(base::Hash256 name, std::uint64_t offset,
                                                        std::uint64_t length) override;
    io::Task<base::Result<bool>> mend(block::Packed packed) override;
    bool leased(const block::Owner& owner) const override { return leased_->contains(owner); }
    io::Task<base::Result<block::ReferencePage>> references(std::string after, std::size_t limit,
                                                            block::NameFilter filter) override;
    io::Task<base::Result<void>> release(std::vector<block::Reference> references) override;
    io::Task<base::Result<block::NamePage>> names(std::string after, std::size_t limit) override;
    base::Result<std::string> recall(std::string worker) override { return shelf_.marks[worker]; }
    io::Task<base::Result<void>> remember(std::string worker, std::string bytes) override;

 private:
    // The time that a disk takes.
    io::Task<void> disk() { return env_.clock.sleep_for(base::Duration(world_.dice.below(2'000'000))); }
    base::Result<block::Packed> good(const base::Hash256& name) const;
    void unrefer(const base::Hash256& name, const block::Owner& owner);

    sim::World& world_;
    io::Env& env_;
    Shelf& shelf_;
    std::shared_ptr<std::multiset<block::Owner>> leased_ = std::make_shared<std::multiset<block::Owner>>();
};

}  // namespace larder::spread
