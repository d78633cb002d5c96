// Errors as bytes. The numbers of codes and subjects on the wire are fixed (docs/formats.md, "Links").
#pragma once

#include "src/base/error.h"

#include <string>
#include <string_view>

namespace larder::rpc {

std::string encode_error(const base::Error& error);
// The error that was encoded; corrupted when the bytes are none. A code that is not known here is internal.
base::Result<base::Error> decode_error(std::string_view bytes);

}  // namespace larder::rpc
