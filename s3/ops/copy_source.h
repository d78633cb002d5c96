// The x-amz-copy-source headers of CopyObject and UploadPartCopy.
#pragma once

#include "s3/call.h"

namespace larder::s3::ops {

// Names, right to read, and conditions of the source. The source is authorised as a read of it would be.
io::Task<S3Result<engine::CopySource>> copy_source(Call& call);

}  // namespace larder::s3::ops
