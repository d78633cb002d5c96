// The process_* metrics against what the process can see of itself.
#include "src/io/process.h"

#include <catch2/catch.hpp>

#include <ctime>
#include <fstream>
#include <string>
#include <vector>

namespace larder::io {
namespace {

double value_of(const std::string& page, const std::string& name) {
    const auto at = page.find("\n" + name + " ");
    REQUIRE(at != std::string::npos);
    return std::stod(page.substr(at + name.size() + 2));
}

TEST_CASE("process metrics are those of this process", "[process]") {
    const auto page = process_metrics();
    CHECK(value_of(page, "process_resident_memory_bytes") > 1e6);
    CHECK(value_of(page, "process_virtual_memory_bytes") >= value_of(page, "process_resident_memory_bytes"));
    CHECK(value_of(page, "process_cpu_seconds_total") >= 0);
    const auto started = value_of(page, "process_start_time_seconds");
    CHECK(started <= static_cast<double>(std::time(nullptr)) + 2);
    CHECK(started > static_cast<double>(std::time(nullptr)) - 3600 * 24);
    const auto open = value_of(page, "process_open_fds");
    const std::ifstream one("/proc/self/stat");
    CHECK(value_of(process_metrics(), "process_open_fds") == open + 1);
    CHECK(value_of(page, "process_max_fds") >= open);
}

}  // namespace
}  // namespace larder::io
