// What opening does before the first request: the index is made to agree with the segments.
#pragma once

#include "replication/block/folder_set.h"

#include <set>

namespace larder::block {

struct Recovered {
    std::set<Owner> owners;           // named by the records of the shards that were made anew
    std::vector<db::ShardId> shards;  // that are complete again, once their references are (Index::mark_whole)
};

// With a whole index only the ends of the youngest segments are looked through: records that no entry names were never
// acknowledged and are dead. Shards that are lost, or damaged where they are needed, are made anew from every record of
// every segment, with the references that the records carry. A segment that cannot be read is reported and left out,
// and the shards then stay marked as lost. Errors: those of the store alone.
io::Task<base::Result<Recovered>> recover(io::Env& env, Index& index, FolderSet& folders);

}  // namespace larder::block
