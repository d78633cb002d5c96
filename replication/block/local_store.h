// The local store itself: index and folders together. Inside replication/block only. Engine thread.
#pragma once

#include "replication/block/local_blocks.h"
#include "replication/block/reclaim.h"
#include "replication/block/recovery.h"
#include "replication/block/store_metrics.h"
#include "src/io/task_group.h"

#include <set>

namespace larder::block {

class LocalStore final : public LocalBlocks {
 public:
    LocalStore(io::Env& env, db::Db& db, base::Metrics& metrics, StoreOptions options)
        : env_(env),
          options_(std::move(options)),
          metrics_(metrics),
          index_(env, db),
          folders_(env),
          reclaimer_(env, index_, folders_, options_.compact_below),
          storing_(env.executor) {}

    io::Task<base::Result<void>> open();

    io::Task<base::Result<base::Hash256>> put(base::Buffer plain, Owner owner, std::optional<base::Hash256> expected,
                                              bool trusted) override;
    io::Task<base::Result<base::Buffer>> get(base::Hash256 name, std::uint64_t offset, std::uint64_t length) override;
    io::Task<base::Result<void>> add_references(std::vector<base::Hash256> names, Owner owner) override;
    std::vector<Owner> recovered_owners() const override;
    io::Task<base::Result<void>> accept_recovery() override;
    io::Task<base::Result<void>> drop_references(Owner owner) override;
    std::unique_ptr<Lease> lease(std::vector<Owner> owners) override;
    StoreStatus status() const override;
    io::Task<base::Result<std::uint64_t>> reclaim(base::Instant deadline) override { return reclaimer_.run(deadline); }
    io::Task<base::Result<VerifyReport>> verify() override;
    io::Task<base::Result<void>> close() override;

    // local_blocks.cc
    io::Task<base::Result<Packed>> pack_block(base::Buffer plain, Owner owner, std::optional<base::Hash256> expected,
                                              bool trusted) override;
    io::Task<base::Result<void>> put_packed(Packed packed) override;
    io::Task<base::Result<bool>> refer_checked(base::Hash256 name, Owner owner) override;
    base::Result<bool> contains(base::Hash256 name) override;
    base::Result<bool> refers(base::Hash256 name, Owner owner) override { return index_.refers(name, owner); }
    io::Task<base::Result<Packed>> read_whole(base::Hash256 name) override;
    io::Task<base::Result<Excerpt>> read_excerpt(base::Hash256 name, std::uint64_t offset,
                                                 std::uint64_t length) override;
    io::Task<base::Result<bool>> mend(Packed packed) override;
    bool leased(const Owner& owner) const override { return leased_->contains(owner); }
    io::Task<base::Result<ReferencePage>> references(std::string after, std::size_t limit, NameFilter filter) override;
    io::Task<base::Result<void>> release(std::vector<Reference> references) override;
    io::Task<base::Result<NamePage>> names(std::string after, std::size_t limit) override;
    base::Result<std::string> recall(std::string worker) override { return index_.recall(worker); }
    io::Task<base::Result<void>> remember(std::string worker, std::string bytes) override {
        return index_.remember(std::move(worker), std::move(bytes));
    }

 private:
    // What was found of a block: nothing in the index, or a place and what reading it gave.
    template <typename T>
    struct Read {
        std::optional<IndexEntry> entry;
        base::Result<T> data;
    };
    // Runs `read` on the pool at the place of the block. When the block moved or went meanwhile, looks again.
    template <typename T>
    io::Task<base::Result<Read<T>>> read_block(base::Hash256 name,
                                               std::function<base::Result<T>(const Segment&, Place)> read) {
        Read<T> out;
        for (int look_up = 0; look_up < kLookUpsMax; ++look_up) {
            CO_TRY(const auto entry, index_.find(name));
            if (!entry || (out.entry && out.entry->place == entry->place)) {
                out.entry = entry;
                break;
            }
            out.entry = entry;
            const auto segment = folders_.segment(entry->place);
            out.data = segment ? co_await env_.blocking.run(
                                     [segment = *segment, place = entry->place, read] { return read(segment, place); })
                               : base::Result<T>(base::fail(segment.error()));
            if (out.data || out.data.error().code == base::Code::invalid_argument) break;
        }
        co_return out;
    }
    // The data, or why there is none, reported.
    template <typename T>
    base::Result<T> outcome(const base::Hash256& name, Read<T> read) {
        if (!read.entry) return not_here(name);
        if (!read.data) report(read.data.error(), read.entry->place);
        return std::move(read.data);
    }

    static constexpr int kLookUpsMax = 4;  // of one read, while compaction moves the block

    static std::unexpected<base::Error> not_here(const base::Hash256& name);
    io::Task<base::Result<bool>> reuse(base::Hash256 name, Owner owner, std::optional<Place>& damaged);
    io::Task<base::Result<void>> store_packed(Packed packed, std::optional<Place> damaged);
    io::Task<void> store(Packed packed, std::optional<Place> damaged, io::Promise<base::Result<void>> done);
    io::Task<void> replace(Packed packed, Place damaged, io::Promise<base::Result<void>> done);
    io::Task<base::Result<void>> verify_block(base::Hash256 name, VerifyReport& report);
    void report(const base::Error& error, const Place& place);

    io::Env& env_;
    StoreOptions options_;
    StoreMetrics metrics_;
    Index index_;
    FolderSet folders_;
    Reclaimer reclaimer_;
    std::shared_ptr<std::multiset<Owner>> leased_ = std::make_shared<std::multiset<Owner>>();
    Recovered recovered_;
    io::TaskGroup storing_;
};

}  // namespace larder::block
