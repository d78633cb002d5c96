#include "src/base/error.h"

namespace larder::base {

std::string_view name_of(Code code) {
    switch (code) {
        case Code::invalid_argument:
            return "invalid_argument";
        case Code::not_found:
            return "not_found";
        case Code::already_exists:
            return "already_exists";
        case Code::precondition_failed:
            return "precondition_failed";
        case Code::permission_denied:
            return "permission_denied";
        case Code::unsupported:
            return "unsupported";
        case Code::too_large:
            return "too_large";
        case Code::timeout:
            return "timeout";
        case Code::disconnected:
            return "disconnected";
        case Code::overloaded:
            return "overloaded";
        case Code::quorum_not_reached:
            return "quorum_not_reached";
        case Code::conflict:
            return "conflict";
        case Code::unknown_outcome:
            return "unknown_outcome";
        case Code::corrupted:
            return "corrupted";
        case Code::no_space:
            return "no_space";
        case Code::quota_exceeded:
            return "quota_exceeded";
        case Code::io_failure:
            return "io_failure";
        case Code::shutting_down:
            return "shutting_down";
        case Code::internal:
            return "internal";
    }
    return "internal";
}

std::string_view name_of(Subject subject) {
    switch (subject) {
        case Subject::none:
            return "none";
        case Subject::bucket:
            return "bucket";
        case Subject::object:
            return "object";
        case Subject::upload:
            return "upload";
        case Subject::part:
            return "part";
        case Subject::version:
            return "version";
        case Subject::access_key:
            return "access_key";
        case Subject::block:
            return "block";
        case Subject::row:
            return "row";
        case Subject::node:
            return "node";
        case Subject::disk:
            return "disk";
        case Subject::config:
            return "config";
        case Subject::request:
            return "request";
        case Subject::token:
            return "token";
        case Subject::clock:
            return "clock";
        case Subject::zone:
            return "zone";
    }
    return "none";
}

}  // namespace larder::base
