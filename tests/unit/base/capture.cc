#include "tests/unit/base/capture.h"

#include <catch2/catch.hpp>

#include <cstdio>
#include <unistd.h>

namespace larder::base {

std::string captured_errors(const std::function<void()>& work) {
    std::FILE* file = std::tmpfile();
    REQUIRE(file != nullptr);
    const int kept = ::dup(2);
    ::dup2(::fileno(file), 2);
    work();
    std::fflush(stderr);
    ::dup2(kept, 2);
    ::close(kept);
    std::rewind(file);
    std::string out;
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) out.push_back(static_cast<char>(c));
    std::fclose(file);
    return out;
}

}  // namespace larder::base
