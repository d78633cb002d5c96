// The routes of the cluster, as the command line asks them.
#include "tests/unit/admin/harness.h"

#include <catch2/catch.hpp>

namespace larder::admin {
namespace {

namespace json = boost::json;

std::uint64_t number(const json::value& value) {
    return value.to_number<std::uint64_t>();
}

TEST_CASE("the status tells of the cluster and its members", "[admin]") {
    AdminWorld at;
    const auto alone = at.ask("GET", "/v1/status");
    REQUIRE(alone.status == 200);
    CHECK(alone.body.at("cluster") == "quiet-heron");
    CHECK(alone.body.at("healthy") == true);
    CHECK(number(alone.body.at("health").at("machines")) == 1);
    REQUIRE(alone.body.at("members").as_array().size() == 1);
    const auto& attic = alone.body.at("members").at(0);
    CHECK(attic.at("name") == "attic");
    CHECK(attic.at("self") == true);
    CHECK(attic.at("state") == "up");
    CHECK(attic.at("addresses").at(0) == "10.0.0.1:3901");

    at.join(2, "shed", "shed");
    const auto two = at.ask("GET", "/v1/status");
    CHECK(number(two.body.at("health").at("places")) == 2);
    CHECK(number(two.body.at("health").at("may_fail_now").at("places_kept")) == 1);
    CHECK(two.body.at("health").at("catching_up") == true);
    const auto& shed = two.body.at("members").at(1);
    CHECK(shed.at("rtt_ms").to_number<double>() == 31.5);
    CHECK(shed.at("catching_up").at("share").to_number<double>() == 0.25);
    CHECK(number(shed.at("catching_up").at("seconds_left")) == 7200);
    CHECK(number(shed.at("used_bytes")) == 102'400);
}

TEST_CASE("nodes are listed, shown, drained and forgotten", "[admin]") {
    AdminWorld at;
    at.join(2, "shed", "home");
    CHECK(at.ask("GET", "/v1/nodes").body.at("nodes").as_array().size() == 2);
    CHECK(at.ask("GET", "/v1/nodes/shed").body == at.ask("GET", "/v1/nodes/2").body);
    CHECK(at.ask("GET", "/v1/nodes/cellar").code() == "no-such-node");
    const auto loss = at.ask("GET", "/v1/nodes/shed/loss");
    CHECK(number(loss.body.at("partitions")) == 1024);
    CHECK(at.ask("POST", "/v1/nodes/shed/forget").code() == "still-up");
    const auto drained = at.ask("POST", "/v1/nodes/shed/drain");
    CHECK(drained.body.at("state") == "drained");
    CHECK(number(at.ask("POST", "/v1/nodes/shed/forget").body.at("partitions_lost")) == 0);
    CHECK(at.ask("GET", "/v1/nodes/shed").body.at("state") == "gone");
    CHECK(at.ask("POST", "/v1/leave").code() == "would-lose-data");
    CHECK(at.ask("POST", "/v1/nodes/attic/drain").code() == "would-lose-data");
    CHECK(at.ask("DELETE", "/v1/nodes/attic").code() == "bad-request");
}

TEST_CASE("a machine that leaves is drained, and then no member", "[admin]") {
    AdminWorld at;
    at.join(2, "shed", "shed");
    CHECK(at.ask("POST", "/v1/leave").body.at("state") == "gone");
    CHECK(at.ask("GET", "/v1/nodes").body.at("nodes").as_array().size() == 1);
}

TEST_CASE("invitations are made, listed and withdrawn", "[admin]") {
    AdminWorld at;
    const auto made = at.ask("POST", "/v1/invites", R"({"valid_seconds":3600,"uses":3})");
    REQUIRE(made.status == 200);
    const auto id = std::string(made.body.at("id").as_string());
    CHECK(made.body.at("token") == "token");
    CHECK(number(made.body.at("uses_max")) == 3);
    CHECK(made.body.at("made_by") == "root on attic");
    auto listed = at.ask("GET", "/v1/invites").body.at("invites").as_array();
    REQUIRE(listed.size() == 1);
    CHECK_FALSE(listed.at(0).as_object().contains("token"));
    CHECK(at.ask("DELETE", "/v1/invites/" + id.substr(0, 6)).body.at("revoked") == true);
    CHECK(at.ask("DELETE", "/v1/invites/zzzz").code() == "no-such-invite");
    CHECK(at.ask("POST", "/v1/invites", R"({"uses":0})").status == 400);
    CHECK(at.ask("POST", "/v1/invites", R"({"valid_seconds":99999999999})").status == 400);
    CHECK(at.ask("POST", "/v1/invites", R"({"uses":"one"})").code() == "bad-request");
}

TEST_CASE("a layout is staged, planned and applied", "[admin]") {
    AdminWorld at;
    auto layout = at.ask("GET", "/v1/layout");
    CHECK(number(layout.body.at("epoch")) == 1);
    CHECK(layout.body.at("zone_redundancy") == "maximum");
    CHECK_FALSE(layout.body.contains("staged"));
    CHECK(at.ask("GET", "/v1/layout/plan").code() == "nothing-staged");

    layout = at.ask("POST", "/v1/layout/stage", R"({"node":"attic","capacity":2000000000,"tags":["ssd"]})");
    REQUIRE(layout.status == 200);
    CHECK(number(layout.body.at("staged").at("nodes").at(0).at("capacity_bytes")) == 2'000'000'000);
    CHECK(layout.body.at("staged_by") == "root on attic");
    layout = at.ask("POST", "/v1/layout/stage", R"({"copies":2,"zone_redundancy":"maximum"})");
    CHECK(number(layout.body.at("staged").at("copies")) == 2);

    const auto plan = at.ask("GET", "/v1/layout/plan");
    REQUIRE(plan.status == 200);
    CHECK(number(plan.body.at("current")) == 1);
    CHECK(number(plan.body.at("next")) == 2);
    CHECK(number(plan.body.at("nodes").at(0).at("capacity_after")) == 2'000'000'000);
    const auto staged = std::string(plan.body.at("staged").as_string());
    CHECK(at.ask("POST", "/v1/layout/apply", R"({"current":2,"staged":")" + staged + "\"}").code() == "layout-changed");
    CHECK(at.ask("POST", "/v1/layout/apply", R"({"current":1,"staged":"other"})").code() == "layout-changed");
    CHECK(at.ask("POST", "/v1/layout/apply", "{}").code() == "bad-request");
    CHECK(number(at.ask("POST", "/v1/layout/apply", R"({"current":1,"staged":")" + staged + "\"}").body.at("epoch")) ==
          2);

    const auto history = at.ask("GET", "/v1/layout/history").body.at("layouts").as_array();
    REQUIRE(history.size() == 2);
    CHECK(history.at(0).at("by") == "root on attic");
    CHECK(at.ask("GET", "/v1/layout/explain").body.at("lines").as_array().size() >= 2);
    CHECK(at.ask("GET", "/v1/layout/explain?node=attic").status == 200);
    CHECK(at.ask("GET", "/v1/layout/explain?partition=3").status == 200);
    CHECK(at.ask("GET", "/v1/layout/explain?partition=x").status == 404);
}

TEST_CASE("what a layout cannot be is refused, and what is staged can be dropped", "[admin]") {
    AdminWorld at;
    const auto stage = [&](const std::string& body) { return at.ask("POST", "/v1/layout/stage", body).code(); };
    CHECK(stage(R"({"node":"attic","capacity":0})") == "bad-layout");
    CHECK(stage(R"({"node":"cellar","capacity":1})") == "no-such-node");
    CHECK(stage(R"({"node":"attic","tags":"ssd"})") == "bad-request");
    CHECK(stage(R"({"node":"attic","tags":[1]})") == "bad-request");
    CHECK(stage(R"({"copies":0})") == "bad-request");
    CHECK(stage(R"({"copies":300})") == "bad-request");
    CHECK(stage(R"({"copies":9})") == "bad-layout");
    CHECK(stage("{}") == "bad-request");
    CHECK(stage(R"({"node":"attic","remove":true})").empty());
    CHECK(at.ask("GET", "/v1/layout/plan").code() == "bad-layout");
    CHECK_FALSE(at.ask("POST", "/v1/layout/discard").body.contains("staged"));
    CHECK(at.ask("POST", "/v1/layout").code() == "bad-request");
    CHECK(at.ask("GET", "/v1/layout/other").code() == "bad-request");
}

}  // namespace
}  // namespace larder::admin
