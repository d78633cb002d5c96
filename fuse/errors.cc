#include "fuse/errors.h"

#include "src/base/log.h"

#include <cerrno>

namespace larder::fuse {

int errno_of(const base::Error& error) {
    using base::Code;
    switch (error.code) {
        case Code::invalid_argument:
            return EINVAL;
        case Code::not_found:
            return ENOENT;
        case Code::already_exists:
            return EEXIST;
        case Code::precondition_failed:
        case Code::conflict:
            return EBUSY;
        case Code::permission_denied:
            return EACCES;
        case Code::unsupported:
            return EOPNOTSUPP;
        case Code::too_large:
            return EFBIG;
        case Code::no_space:
            return ENOSPC;
        case Code::quota_exceeded:
            return EDQUOT;
        case Code::timeout:
            return ETIMEDOUT;
        default:
            base::log::warning("a request of the mount failed",
                               {{"code", base::name_of(error.code)}, {"reason", error.message}});
            return EIO;
    }
}

}  // namespace larder::fuse
