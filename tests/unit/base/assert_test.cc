#include "src/base/assert.h"

#include "tests/unit/base/capture.h"

#include <catch2/catch.hpp>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

namespace larder::base {

namespace {

// How a child ended that stated `holds`.
int status_of_child(bool holds) {
    const auto child = ::fork();
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL);  // the test program's own handler would report a failed test
        ENSURE(holds);
        ::_exit(7);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
}

TEST_CASE("a statement that does not hold names itself and its place and ends the process", "[assert]") {
    int status = 0;
    const auto said = captured_errors([&] { status = status_of_child(false); });
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
    CHECK(said.find("holds") != std::string::npos);
    CHECK(said.find("assert_test.cc:") != std::string::npos);
}

TEST_CASE("a statement that holds does nothing", "[assert]") {
    int status = 0;
    const auto said = captured_errors([&] { status = status_of_child(true); });
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
    CHECK(said.empty());
}

}  // namespace
}  // namespace larder::base
