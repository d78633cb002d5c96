// Every node has what it ought to have, and nothing for long that it ought not to: references and blocks are fetched
// from other nodes when the layout changed, when a data folder was lost, and now and then; what lies here although the
// layout puts it elsewhere is handed over and then released.
#pragma once

#include "replication/spread/fetcher.h"
#include "replication/spread/pace.h"

#include <memory>

namespace larder::spread {

struct Progress {
    enum class Phase { idle, comparing, fetching, handing_over };
    Phase phase = Phase::idle;
    std::uint64_t blocks_done = 0;
    std::uint64_t blocks_total = 0;
    std::uint64_t bytes_done = 0;
    std::uint64_t bytes_total = 0;
};

class Resync {
 public:
    Resync(const Context& context, Fetcher& fetcher, base::Metrics& metrics);

    // Looks soon, now and then, and again until all is well. Once.
    void start();
    void stop() { tasks_.stop(); }
    // Something may be missing here, or the layout has changed.
    void wake();
    // What is here may be incomplete: it does not count towards the quorums of a round until one was whole.
    void distrust() { whole_ = false; }

    // The operator's word: what is here is all that can be had.
    void vouch() { whole_ = true; }

    // One round of fetching. True when this node has everything that was acknowledged before it began: from every
    // partition it holds, enough nodes answered to every live layout, and everything they named came.
    io::Task<base::Result<bool>> fetch_all();
    // Hands over what this node holds by no live layout, and releases what every holder has confirmed. True when
    // nothing is left.
    io::Task<base::Result<bool>> hand_over();
    // Both; what start() does.
    io::Task<bool> round();

    const Progress& progress() const { return progress_; }
    // The layout up to which this node is known to have everything; nothing since the start, or distrust().
    std::optional<quorum::Epoch> complete_epoch() const { return complete_epoch_; }
    // Whether what is here is known to be whole: it answers for itself.
    bool whole() const { return whole_; }
    void on_whole(std::function<io::Task<void>()> done) { on_whole_ = std::move(done); }

 private:
    struct Walk;
    struct Missing;

    io::Task<void> run();
    io::Task<base::Result<void>> walk(Walk& walk);
    io::Task<base::Result<std::vector<block::ReferencePage>>> pages(Walk& walk);
    static std::vector<Missing> missing_of(const Walk& walk, const std::vector<block::ReferencePage>& pages,
                                           const std::optional<std::string>& until);
    io::Task<void> take(Walk& walk, std::vector<Missing> missing);
    io::Task<void> take_one(Walk& walk, Missing missing);
    bool enough_answered(const Walk& walk) const;
    Partitions mine() const;
    io::Task<base::Result<void>> count_foreign(block::NameFilter foreign);
    io::Task<std::vector<block::Reference>> confirmed(std::vector<block::Reference> references);
    block::NameFilter held(Partitions partitions, bool wanted) const;

    const Context& context_;
    Fetcher& fetcher_;
    Pace pace_;
    base::Gauge missing_blocks_, missing_bytes_;
    Progress progress_;
    bool whole_ = true;
    std::optional<quorum::Epoch> complete_epoch_;
    std::function<io::Task<void>()> on_whole_;
    bool wanted_ = true;
    std::optional<io::Promise<io::Done>> wake_;
    io::TaskGroup tasks_;
};

}  // namespace larder::spread
