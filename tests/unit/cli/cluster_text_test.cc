// The cluster as people read it.
#include "src/cli/cluster_text.h"

#include "src/base/time.h"

#include <catch2/catch.hpp>

namespace larder::cli {
namespace {

namespace json = boost::json;

json::object parsed(std::string_view text) {
    return json::parse(text).as_object();
}

constexpr std::int64_t kNow = 1'800'000'000'000;

TEST_CASE("members stand in a table", "[cli]") {
    const auto members = json::parse(R"([
        {"place":"home","name":"attic","state":"up","self":true,"in_layout":true,"gateway":false,
         "used_bytes":214000000000,"capacity_bytes":730000000000},
        {"place":"office","name":"office","state":"up","self":false,"in_layout":true,"gateway":false,
         "used_bytes":61000000000,"capacity_bytes":900000000000,
         "catching_up":{"share":0.28,"seconds_left":7200}},
        {"place":"shed","name":"shed","state":"down","self":false,"in_layout":true,"gateway":false,
         "used_bytes":0,"capacity_bytes":1800000000000,"last_seen":"2027-01-15T07:55:00.000Z"},
        {"place":"shed","name":"door","state":"up","self":false,"in_layout":true,"gateway":true,
         "used_bytes":0,"capacity_bytes":0}])");
    CHECK(members_text(members.as_array(), kNow) ==
          "PLACE   MACHINE  STATE    USED / MAY USE  COPIES HERE                   LAST SEEN\n"
          "home    attic    up      214 GB / 730 GB  100 %                         now\n"
          "office  office   up     61.0 GB / 900 GB  28 %  [==        ]  2 h left  now\n"
          "shed    shed     down       0 B / 1.8 TB  –                             5 min ago\n"
          "shed    door     up              gateway  –                             now\n");
}

TEST_CASE("spans, ids and what may fail are short", "[cli]") {
    CHECK(duration_text(59) == "59 s");
    CHECK(duration_text(61) == "1 min");
    CHECK(duration_text(7300) == "2 h");
    CHECK(duration_text(86'400 * 3) == "3 days");
    CHECK(short_id("563e1ac8ff") == "563e-1ac8");
    CHECK(short_id("5") == "5-");
    CHECK(may_fail_text(0) == "no place may fail");
    CHECK(may_fail_text(1) == "any one place may fail");
    CHECK(may_fail_text(2) == "any 2 places may fail");
    CHECK(health_text(parsed(R"({"serving":true,"catching_up":true})"), false) == "healthy, catching up");
    CHECK(health_text(parsed(R"({"serving":true,"catching_up":false})"), true) == "degraded");
    CHECK(health_text(parsed(R"({"serving":false})"), true) == "not everything can be served");
}

TEST_CASE("a plan tells what moves, what fits, and what may fail", "[cli]") {
    const auto text = plan_text(parsed(R"({"current":3,"next":4,"nodes":[
        {"name":"attic","place_before":"home","place_after":"home","capacity_before":730000000000,
         "capacity_after":730000000000,"partitions_before":1024,"partitions_after":1024,"bytes_in":0,"bytes_out":0},
        {"name":"shed","place_before":"shed","place_after":"","capacity_before":1800000000000,"capacity_after":0,
         "partitions_before":1024,"partitions_after":0,"bytes_in":0,"bytes_out":214000000000}],
        "usable_before":730000000000,"usable_after":700000000000,
        "may_fail_before":{"places_serving":1},"may_fail_after":{"places_serving":0},
        "bytes_moved":1000000,"seconds":90,"notes":["Afterwards the loss of one place loses data."]})"));
    CHECK(text ==
          "PLACE  MACHINE          MAY USE   PARTITIONS  MOVES IN  MOVES OUT\n"
          "home   attic    730 GB → 730 GB  1024 → 1024       0 B        0 B\n"
          "shed   shed          1.8 TB → –     1024 → 0       0 B     214 GB\n"
          "\n"
          "Layout 3 → 4.  Room for content: 730 GB → 700 GB.\n"
          "Now any one place may fail; then no place may fail.\n"
          "1.0 MB to copy, about 2 min.\n"
          "note: Afterwards the loss of one place loses data.\n");
}

TEST_CASE("a layout shows what is staged apart from what is in force", "[cli]") {
    auto layout = parsed(R"({"epoch":3,"live":[2,3],"copies":3,"zone_redundancy":"maximum",
        "in_force":{"copies":2,"places":2},"may_fail":{"places_serving":0},"partitions":1024,"partition_bytes":1000000,
        "usable_bytes":1024000000,
        "nodes":[{"name":"attic","place":"home","capacity_bytes":730000000000,"gateway":false,"partitions":1024,"tags":[]}]})");
    const auto plain = layout_text(layout);
    CHECK(plain.starts_with("Layout 3   2 copies of everything, each in a place of its own   no place may fail\n"));
    CHECK(plain.find("2 layouts are in force together") != std::string::npos);
    CHECK(plain.find("Staged") == std::string::npos);
    layout["staged"] = parsed(R"({"nodes":[{"name":"shed","removed":true},
        {"name":"attic","removed":false,"place":"home","capacity_bytes":1000,"gateway":false,"tags":["ssd","new"]}],
        "copies":2,"zone_redundancy":2})");
    const auto staged = layout_text(layout);
    CHECK(staged.find("  shed  taken out\n") != std::string::npos);
    CHECK(staged.find("  attic  home  1.0 kB  ssd, new\n") != std::string::npos);
    CHECK(staged.find("  copies  2, in at least 2 places\n") != std::string::npos);
}

TEST_CASE("names cannot move the cursor", "[cli]") {
    const auto members = json::parse(R"([{"place":"a\u001bb","name":"x\u0007","state":"up","self":true,
        "in_layout":true,"gateway":false,"used_bytes":0,"capacity_bytes":1}])");
    const auto text = members_text(members.as_array(), kNow);
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find('\a') == std::string::npos);
}

TEST_CASE("a loss is told in sentences", "[cli]") {
    CHECK(loss_text(parsed(R"({"partitions":1024,"partitions_lost":0,"partitions_at_risk":0,"bytes_lost":0})")) ==
          "Nothing would be lost: the others have everything.");
    CHECK(loss_text(parsed(R"({"partitions":1024,"partitions_lost":3,"partitions_at_risk":0,"bytes_lost":2000})")) ==
          "3 of 1024 partitions lie there alone: 2.0 kB of content would be lost.");
}

}  // namespace
}  // namespace larder::cli
