// What tags of buckets and objects may be, however they come: as a header, a form field or a document.
#pragma once

#include "replication/engine.h"
#include "s3/error.h"

namespace larder::s3 {

// InvalidTag for a name that is empty, over 128 UTF-16 units or given twice, a value over 256, one that is no text, and
// more than `most` of them.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
S3Result<void> check_tags(const engine::NamedValues& tags, std::size_t most);

}  // namespace larder::s3
