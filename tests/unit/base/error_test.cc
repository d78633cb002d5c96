#include "src/base/error.h"

#include <catch2/catch.hpp>

#include <memory>
#include <set>

namespace larder::base {
namespace {

TEST_CASE("the names of codes and subjects are those that logs and JSON show", "[error]") {
    const std::pair<Code, const char*> codes[] = {
        {Code::invalid_argument, "invalid_argument"},
        {Code::not_found, "not_found"},
        {Code::already_exists, "already_exists"},
        {Code::precondition_failed, "precondition_failed"},
        {Code::permission_denied, "permission_denied"},
        {Code::unsupported, "unsupported"},
        {Code::too_large, "too_large"},
        {Code::timeout, "timeout"},
        {Code::disconnected, "disconnected"},
        {Code::overloaded, "overloaded"},
        {Code::quorum_not_reached, "quorum_not_reached"},
        {Code::conflict, "conflict"},
        {Code::unknown_outcome, "unknown_outcome"},
        {Code::corrupted, "corrupted"},
        {Code::no_space, "no_space"},
        {Code::quota_exceeded, "quota_exceeded"},
        {Code::io_failure, "io_failure"},
        {Code::shutting_down, "shutting_down"},
        {Code::internal, "internal"},
    };
    for (const auto& [code, name] : codes) CHECK(name_of(code) == name);
    std::set<std::string_view> subjects;
    for (int i = 0; i <= static_cast<int>(Subject::request); ++i) subjects.insert(name_of(static_cast<Subject>(i)));
    CHECK(subjects == std::set<std::string_view>{"none", "bucket", "object", "upload", "part", "version", "access_key",
                                                 "block", "row", "node", "disk", "config", "request"});
}

TEST_CASE("an error is asked for its code, or for code and subject", "[error]") {
    const Result<int> failed = fail(Code::not_found, Subject::bucket, "There is no such bucket.");
    REQUIRE_FALSE(failed);
    CHECK(failed.error().is(Code::not_found));
    CHECK(failed.error().is(Code::not_found, Subject::bucket));
    CHECK_FALSE(failed.error().is(Code::not_found, Subject::object));
    CHECK_FALSE(failed.error().is(Code::conflict));
    CHECK(failed.error().message == "There is no such bucket.");
    const Result<int> plain = fail(Code::timeout, "late");
    CHECK(plain.error().is(Code::timeout, Subject::none));
}

Result<int> half(int n) {
    if (n % 2 != 0) return fail(Code::invalid_argument, Subject::request, std::to_string(n) + " is odd");
    return n / 2;
}
Result<void> even(int n) {
    TRY_VOID(half(n));
    return {};
}
Result<std::string> quarter(int n) {
    TRY(const int once, half(n));
    TRY(const int twice, half(once));
    return std::to_string(twice);
}
Result<std::unique_ptr<int>> boxed(int n) {
    TRY(auto box, Result<std::unique_ptr<int>>(std::make_unique<int>(n)));
    return box;
}

TEST_CASE("TRY hands a value on and an error back, through other types", "[error]") {
    CHECK(quarter(12) == "3");
    CHECK(quarter(7).error().message == "7 is odd");
    CHECK(quarter(6).error().message == "3 is odd");
    CHECK(quarter(6).error().is(Code::invalid_argument, Subject::request));
    CHECK(even(4));
    CHECK(even(5).error().message == "5 is odd");
    CHECK(**boxed(5) == 5);  // values that cannot be copied
}

}  // namespace
}  // namespace larder::base
