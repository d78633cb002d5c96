// What a piece of work writes to the standard error of this process, by way of a file, so that nothing can block.
#pragma once

#include <functional>
#include <string>

namespace larder::base {

// The bytes that `work` wrote to descriptor 2.
std::string captured_errors(const std::function<void()>& work);

}  // namespace larder::base
