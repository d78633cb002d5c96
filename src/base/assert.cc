#include "src/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace larder::base {

void ensure_failed(const char* condition, const char* file, int line) noexcept {
    std::fprintf(stderr, "larder: broken invariant at %s:%d: %s\n", file, line, condition);
    std::abort();
}

}  // namespace larder::base
