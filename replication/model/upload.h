// Rows of multipart uploads, and of writes that may be left half done.
#pragma once

#include "replication/model/object.h"

namespace larder::model {

// Who may still change the upload. Moves: open → completing → completed, open → aborted (the row is deleted),
// completing → open when the completion was refused.
enum class UploadState : std::uint8_t { open = 0, completing = 1, completed = 2 };

struct Upload {
    engine::UploadInfo info;
    UploadState state = UploadState::open;
    // Whose completion it is while it is being completed. Zero where a Larder of one node wrote it.
    std::uint32_t completer = 0;
    base::UploadId attempt;
    base::Tag began;             // version of the row when it began, where the attempt was taken over since
    std::string completed_etag;  // of the object made, once completed
};
std::string encode_upload(const Upload& upload);
base::Result<Upload> decode_upload(std::string_view bytes);

// A large write in progress: what to clean up if its node dies.
struct Intent {
    base::BucketId bucket;
    std::string key;
    base::UploadId upload;  // with `part`, when it is a part
    std::uint32_t part = 0;
    std::uint32_t boot = 0;
};
std::string encode_intent(const Intent& intent);
base::Result<Intent> decode_intent(std::string_view bytes);

}  // namespace larder::model
