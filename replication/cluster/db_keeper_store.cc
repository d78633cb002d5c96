#include "replication/cluster/db_keeper_store.h"

namespace larder::cluster {

namespace {
constexpr db::TreeId kStandingTree = 53;
constexpr const char* kKey = "standing";
}  // namespace

base::Result<std::optional<std::string>> DbKeeperStore::load() {
    return db_.get(0, kStandingTree, kKey);
}

io::Task<base::Result<void>> DbKeeperStore::save(std::string record) {
    return db_.commit(0,
                      [record = std::move(record)](db::Writer& rows) { return rows.put(kStandingTree, kKey, record); });
}

}  // namespace larder::cluster
