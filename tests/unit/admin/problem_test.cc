// The table of problems, and what errors of the engine and the cluster come to.
#include "src/admin/protocol.h"

#include <catch2/catch.hpp>

#include <set>

namespace larder::admin {
namespace {

using base::Code;
using base::Subject;

TEST_CASE("every kind of problem has one row, and something to do about it", "[problem]") {
    std::set<std::string_view> codes;
    for (const auto& kind : problem_kinds()) {
        INFO(kind.code);
        CHECK(codes.insert(kind.code).second);
        CHECK_FALSE(kind.fix.empty());
        CHECK(kind.http_status >= 400);
        CHECK(kind.exit != Exit::done);
    }
}

TEST_CASE("errors of the cluster have codes of their own", "[problem]") {
    const auto code = [](Code code, Subject subject) { return problem_of({code, subject, "x"}).code; };
    CHECK(code(Code::not_found, Subject::node) == "no-such-node");
    CHECK(code(Code::invalid_argument, Subject::node) == "ambiguous-node");
    CHECK(code(Code::conflict, Subject::node) == "still-up");
    CHECK(code(Code::already_exists, Subject::node) == "already-member");
    CHECK(code(Code::permission_denied, Subject::node) == "removed-node");
    CHECK(code(Code::already_exists, Subject::token) == "token-used");
    CHECK(code(Code::permission_denied, Subject::token) == "token-used");
    CHECK(code(Code::precondition_failed, Subject::token) == "token-expired");
    CHECK(code(Code::precondition_failed, Subject::clock) == "clock-skew");
    CHECK(code(Code::precondition_failed, Subject::zone) == "same-place");
    CHECK(code(Code::precondition_failed, Subject::node) == "would-lose-data");
    CHECK(code(Code::not_found, Subject::config) == "nothing-staged");
    CHECK(code(Code::invalid_argument, Subject::config) == "bad-layout");
    CHECK(code(Code::conflict, Subject::config) == "layout-changed");
    CHECK(code(Code::not_found, Subject::token) == "no-such-invite");
    CHECK(code(Code::conflict, Subject::bucket) == "bucket-not-empty");
    CHECK(code(Code::conflict, Subject::none) == "changed-meanwhile");
    CHECK(code(Code::invalid_argument, Subject::request) == "bad-request");
    CHECK(problem_of({Code::precondition_failed, Subject::node, "x"}).exit == Exit::refused);
}

}  // namespace
}  // namespace larder::admin
