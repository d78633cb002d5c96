// A file's content under way in this process (files.h, FileHandle): the version opened is leased, what is written waits
// in memory or goes to blocks of an owner of its own, and commit() names both in one row. Inside replication/ only.
#pragma once

#include "replication/local_engine.h"

namespace larder::engine {

// not_found/object. The engine outlives the handle.
Task<Result<std::unique_ptr<FileHandle>>> open_file(LocalEngine& engine, BucketId bucket, std::string key);

}  // namespace larder::engine
