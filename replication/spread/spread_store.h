// Content on several machines: a BlockStore over the store of this node and those of its peers. A block lies on every
// node that holds its partition; it is stored when a quorum of them has it durably, with its reference. A node that is
// the only holder calls its own store and nothing else.
//
// Whoever owns it tells it when the layout or the members change (layout_changed), brackets row reads that end in a
// lease with the gate, and gives it the book of owners. Engine thread.
#pragma once

#include "replication/spread/context.h"
#include "replication/spread/dropper.h"
#include "replication/spread/read_gate.h"
#include "replication/spread/resync.h"
#include "replication/spread/scrub.h"
#include "src/db/db.h"

#include <memory>

namespace larder::spread {

// What a node's content needs besides its own store. All outlive it.
struct World {
    io::Env& env;
    base::Metrics& metrics;
    const quorum::Placement& placement;
    const Members& members;
    const quorum::Distances* distances = nullptr;  // or nothing: all are equally near
    quorum::Epochs* epochs = nullptr;              // or nothing: the layout never changes
};

class SpreadStore : public block::BlockStore {
 public:
    // Answers the peers' method "blocks" from now on.
    static std::unique_ptr<SpreadStore> make(World world, std::unique_ptr<block::LocalBlocks> local, Options options);
    // The same over the store of this node, opened as BlockStore::open does.
    static io::Task<base::Result<std::unique_ptr<SpreadStore>>> open(World world, db::Db& db, block::StoreOptions store,
                                                                     Options options);

    // Begins comparing, handing over and scrubbing behind. Once.
    virtual void start() = 0;

    // A pass is taken before a row is read and kept until the lease on what it names is taken.
    virtual ReadGate& gate() = 0;
    // Gives owners up everywhere (dropper.h). The caller has seen by a quorum read that no row names them.
    // drop_references() is the same for one owner: conflict/block when it is left for later.
    virtual io::Task<Drop> drop_everywhere(std::vector<block::Owner> owners) = 0;
    // What this node's rows name; without one, peers' questions fail and nothing is taken for an orphan.
    virtual void set_book(OwnerBook* book) = 0;
    // Looks for owners that have references here and that nobody names, and gives them up.
    virtual io::Task<base::Result<Orphans::Report>> collect_orphans() = 0;

    // The layout or the members have changed: compares and hands over soon.
    virtual void layout_changed() = 0;
    // What is here may not be all that was acknowledged here: a lost folder, a restored copy. It counts again once it
    // was compared with enough others.
    virtual void distrust() = 0;
    virtual Resync& resync() = 0;
    virtual Scrub& scrub() = 0;
    // Ends when nothing is on its way to other nodes, but for what is owed to those that do not answer.
    virtual io::Task<void> settle() = 0;
    // References that others lack, as far as known.
    virtual std::size_t owed() const = 0;
};

}  // namespace larder::spread
