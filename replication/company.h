// A cluster whose layout may change, as the engine of one of its nodes sees it: contacts tell who is there, the keeper
// which layouts are in force, and the mover and the reconciler bring this node's rows up to them. Inside replication/.
#pragma once

#include "replication/cluster/db_keeper_store.h"
#include "replication/contacts.h"
#include "replication/members.h"
#include "replication/spread/spread_store.h"
#include "replication/table/db_row_store.h"
#include "replication/table/mover.h"
#include "replication/table/reconciler.h"

namespace larder::engine {

class Company final : public Members {
 public:
    // All outlive it.
    Company(io::Env& env, db::Db& db, quorum::TagSource& tags, const Contacts& contacts, const base::NodeId& self);

    // Reads what is known of layouts; a new cluster begins with `first`. Ends when a layout is in force here, which
    // takes word from the other members unless this node remembers enough.
    io::Task<base::Result<void>> open(table::Replica& replica, table::RowStore& rows, std::uint32_t boot,
                                      std::optional<layout::Layout> first);
    // Content on all members, over the store of this node. Outlived by this. After open().
    io::Task<base::Result<std::unique_ptr<block::BlockStore>>> open_blocks(base::Metrics& metrics,
                                                                           block::StoreOptions options);
    // The work that never ends: rows and content follow the layout, replicas are compared. After open_blocks().
    void start(io::TaskGroup& tasks);

    const quorum::Placement& placement() const override { return *keeper_; }
    quorum::Epochs* epochs() const override { return keeper_.get(); }
    const quorum::Distances* distances() const override { return &contacts_.distances(); }
    const std::vector<io::NodeNumber>& all() const override { return contacts_.all(); }
    bool is_away(io::NodeNumber node) const override { return contacts_.is_away(node); }

    cluster::LayoutKeeper& keeper() { return *keeper_; }
    const table::MoverProgress& rows_moved() const { return mover_->progress(); }
    spread::SpreadStore& content() { return *content_; }

 private:
    class Holders;
    io::Task<void> follow_layouts();

    io::Env& env_;
    db::Db& db_;
    quorum::TagSource& tags_;
    const Contacts& contacts_;
    cluster::DbKeeperStore standing_;
    std::unique_ptr<cluster::LayoutKeeper> keeper_;
    std::unique_ptr<table::Sync> sync_;
    std::unique_ptr<table::Mover> mover_;
    std::unique_ptr<table::Reconciler> reconciler_;
    std::unique_ptr<spread::Members> holders_;
    spread::SpreadStore* content_ = nullptr;
};

}  // namespace larder::engine
