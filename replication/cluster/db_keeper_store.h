// The record of a node's keeper in its own store: tree 53, key "standing", shard 0.
#pragma once

#include "replication/cluster/keeper.h"
#include "src/db/db.h"

namespace larder::cluster {

class DbKeeperStore final : public KeeperStore {
 public:
    explicit DbKeeperStore(db::Db& db) : db_(db) {}
    base::Result<std::optional<std::string>> load() override;
    io::Task<base::Result<void>> save(std::string record) override;

 private:
    db::Db& db_;
};

}  // namespace larder::cluster
