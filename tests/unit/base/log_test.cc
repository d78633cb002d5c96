#include "src/base/log.h"

#include "tests/unit/base/capture.h"

#include <catch2/catch.hpp>

#include <regex>

namespace larder::base {
namespace {

// What is logged under a configuration; the usual one is back afterwards.
std::string logged(log::Level least, log::Format format, const std::function<void()>& work) {
    log::configure(least, format);
    auto out = captured_errors(work);
    log::configure(log::Level::info, log::Format::text);
    return out;
}

// The line with its time taken off, which must have the usual form.
std::string without_time(const std::string& line, const std::string& before = "") {
    const std::regex form(before + R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})");
    std::smatch found;
    REQUIRE(std::regex_search(line, found, form, std::regex_constants::match_continuous));
    return found.suffix();
}

TEST_CASE("a line of text: time, level, sentence, fields", "[log]") {
    const auto line = logged(log::Level::info, log::Format::text, [] {
        log::info("bucket made", {{"bucket", "photos"}, {"objects", 12}, {"share", std::string("a b")}});
    });
    CHECK(without_time(line) == " info bucket made  bucket=photos  objects=12  share=a b\n");
}

TEST_CASE("an error tells its cure", "[log]") {
    const auto text = logged(log::Level::info, log::Format::text,
                             [] { log::error("disk full", "free some space", {{"path", "/d"}}); });
    CHECK(without_time(text) == " error disk full \u2014 cure: free some space  path=/d\n");
    const auto json = logged(log::Level::info, log::Format::json,
                             [] { log::error("disk full", "free some space", {{"path", "/d"}}); });
    CHECK(without_time(json, R"(\{"time":")") ==
          R"(","level":"error","message":"disk full","cure":"free some space","path":"/d"})"
          "\n");
}

TEST_CASE("a line of JSON: numbers stay numbers, texts are escaped", "[log]") {
    const auto line = logged(log::Level::debug, log::Format::json,
                             [] { log::warning("odd", {{"n", -3}, {"text", "q\"b\\s\nl\x01{}%v"}}); });
    CHECK(without_time(line, R"(\{"time":")") ==
          R"(","level":"warning","message":"odd","n":-3,"text":"q\"b\\s\u000al\u0001{}%v"})"
          "\n");
}

// A name that a stranger chose must not look like a second line.
TEST_CASE("control characters cannot forge a line of text", "[log]") {
    const auto line = logged(log::Level::info, log::Format::text,
                             [] { log::info("seen", {{"key", "a\n2026 error forged\r\x1b[0m\t"}}); });
    CHECK(without_time(line) == " info seen  key=a?2026 error forged??[0m?\n");
}

TEST_CASE("what is below the least level is not written", "[log]") {
    const auto all = [] {
        log::debug("d");
        log::info("i");
        log::warning("w");
        log::error("e", "");
    };
    const auto lines = [&](log::Level least) {
        const auto text = logged(least, log::Format::text, all);
        return std::count(text.begin(), text.end(), '\n');
    };
    CHECK(lines(log::Level::debug) == 4);
    CHECK(lines(log::Level::info) == 3);
    CHECK(lines(log::Level::warning) == 2);
    CHECK(lines(log::Level::error) == 1);
    log::configure(log::Level::warning, log::Format::text);
    CHECK_FALSE(log::enabled(log::Level::info));
    CHECK(log::enabled(log::Level::warning));
    log::configure(log::Level::info, log::Format::text);
    CHECK(log::enabled(log::Level::info));
    CHECK_FALSE(log::enabled(log::Level::debug));
}

}  // namespace
}  // namespace larder::base
