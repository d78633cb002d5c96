// The cluster as people read it, from the daemon's JSON. Pure, for tests.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace larder::cli {

// "563e-1ac8": how an id is shown.
std::string short_id(std::string_view hex);
// "2 h", "3 min": rounded to one unit.
std::string duration_text(std::uint64_t seconds);
// "any one place may fail"; of `health` or of a plan.
std::string may_fail_text(std::uint64_t places_serving);
// "healthy, catching up".
std::string health_text(const boost::json::object& health, bool has_problems);
// "2 min ago", "now"; `now_ms` since 1970.
std::string last_seen_text(const boost::json::object& member, std::int64_t now_ms);
// "28 %  [===       ]  2 h left".
std::string copies_text(const boost::json::object& member);
// PLACE, MACHINE, STATE, USED / MAY USE, COPIES HERE, LAST SEEN.
std::string members_text(const boost::json::array& members, std::int64_t now_ms);
// All of one member.
std::string member_text(const boost::json::object& member, std::int64_t now_ms);
// What a layout says, with what is staged.
std::string layout_text(const boost::json::object& layout);
// PLACE, MACHINE, NOW, NEXT, MOVES IN, MOVES OUT; room, what may fail, time, notes.
std::string plan_text(const boost::json::object& plan);
std::string history_text(const boost::json::array& layouts);
// What giving up a machine would lose, in sentences; "nothing" when none.
std::string loss_text(const boost::json::object& loss);

}  // namespace larder::cli
