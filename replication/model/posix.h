// POSIX attributes that other programs keep as user metadata of objects, and those we keep ourselves, both ways
// (docs/SEMANTICS.md, "Attributes"). Pure.
#pragma once

#include "replication/model/object.h"

namespace larder::model {

// What is shown: what was set through a mount, else what the metadata says by one of five conventions, in this order:
// AWS "file-*" (S3 Files, FSx, DataSync), s3fs, rclone, Google, s3cmd. Values that make no sense count as absent.
engine::FileAttributes attributes_of(const Object& object);
engine::FileAttributes attributes_in(const engine::NamedValues& metadata);

// What is set in `changes` replaces what is there; extended attributes stay.
void merge(engine::FileAttributes& into, const engine::FileAttributes& changes);

// The metadata that HEAD and GET answer with: the user's, and for attributes set through a mount the AWS set and
// rclone's "mtime", which replace older values of the same names.
engine::NamedValues metadata_with(const engine::FileAttributes& attributes, engine::NamedValues metadata);
// info_of with that metadata: what one object shows of itself.
engine::ObjectInfo shown_info_of(std::string key, Object object);

}  // namespace larder::model
