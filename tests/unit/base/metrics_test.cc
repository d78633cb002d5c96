#include "src/base/metrics.h"

#include <catch2/catch.hpp>

#include <sstream>

namespace larder::base {
namespace {

// Whether the page has exactly this line.
bool has_line(const std::string& page, const std::string& wanted) {
    std::istringstream in(page);
    for (std::string line; std::getline(in, line);) {
        if (line == wanted) return true;
    }
    return false;
}

TEST_CASE("a counter and a gauge show with help, type, prefix and labels", "[metrics]") {
    Metrics metrics;
    auto requests = metrics.counter("requests_total", "Requests answered.", {{"method", "GET"}, {"code", "200"}});
    auto depth = metrics.gauge("queue_depth", "Waiting changes.");
    requests.add();
    requests.add(2);
    depth.set(5);
    depth.add(-7);
    CHECK(requests.value() == 3);
    const auto page = metrics.render();
    INFO(page);
    CHECK(has_line(page, "# HELP larder_requests_total Requests answered."));
    CHECK(has_line(page, "# TYPE larder_requests_total counter"));
    CHECK(has_line(page, R"(larder_requests_total{code="200",method="GET"} 3)"));
    CHECK(has_line(page, "# TYPE larder_queue_depth gauge"));
    CHECK(has_line(page, "larder_queue_depth -2"));
}

TEST_CASE("the same name and labels are the same metric, other labels are another", "[metrics]") {
    Metrics metrics;
    auto one = metrics.counter("seen_total", "Seen.", {{"kind", "a"}});
    auto again = metrics.counter("seen_total", "Seen.", {{"kind", "a"}});
    auto other = metrics.counter("seen_total", "Seen.", {{"kind", "b"}});
    one.add();
    again.add();
    CHECK(one.value() == 2);
    CHECK(other.value() == 0);
    const auto page = metrics.render();
    INFO(page);
    CHECK(has_line(page, R"(larder_seen_total{kind="a"} 2)"));
    CHECK(has_line(page, R"(larder_seen_total{kind="b"} 0)"));
    // A second heading of one name would make the page unreadable to a scraper.
    CHECK(page.find("# TYPE larder_seen_total") == page.rfind("# TYPE larder_seen_total"));
}

TEST_CASE("a histogram counts below each step of the one ladder", "[metrics]") {
    Metrics metrics;
    auto took = metrics.histogram("took_seconds", "Time.");
    took.observe(0.0005);
    took.observe(0.001);
    took.observe(0.3);
    took.observe(100);
    const auto page = metrics.render();
    INFO(page);
    CHECK(has_line(page, "# TYPE larder_took_seconds histogram"));
    CHECK(has_line(page, R"(larder_took_seconds_bucket{le="0.001"} 2)"));
    CHECK(has_line(page, R"(larder_took_seconds_bucket{le="0.2"} 2)"));
    CHECK(has_line(page, R"(larder_took_seconds_bucket{le="0.5"} 3)"));
    CHECK(has_line(page, R"(larder_took_seconds_bucket{le="60"} 3)"));
    CHECK(has_line(page, R"(larder_took_seconds_bucket{le="+Inf"} 4)"));
    CHECK(has_line(page, "larder_took_seconds_count 4"));
}

TEST_CASE("labels that could break a line are escaped", "[metrics]") {
    Metrics metrics;
    metrics.gauge("free_bytes", "Free.", {{"path", "a\"b\\c\nd"}}).set(1);
    CHECK(has_line(metrics.render(), R"(larder_free_bytes{path="a\"b\\c\nd"} 1)"));
}

TEST_CASE("a handle without a metric may be used and does nothing", "[metrics]") {
    Counter counter;
    counter.add();
    CHECK(counter.value() == 0);
    Gauge().set(1);
    Histogram().observe(1);
}

}  // namespace
}  // namespace larder::base
