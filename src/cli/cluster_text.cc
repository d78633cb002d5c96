#include "src/cli/cluster_text.h"

#include "src/base/time.h"
#include "src/cli/json_fields.h"
#include "src/cli/show.h"

#include <fmt/format.h>

#include <algorithm>

namespace larder::cli {

namespace json = boost::json;

namespace {

std::uint64_t number_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    boost::system::error_code bad;
    const auto number = value == nullptr ? 0 : value->to_number<std::uint64_t>(bad);
    return bad ? 0 : number;
}

bool flag_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_bool() && value->get_bool();
}

const json::object& object_of(const json::object& object, std::string_view name) {
    static const json::object none;
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_object() ? value->get_object() : none;
}

const json::array& list_of(const json::object& object, std::string_view name) {
    static const json::array none;
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_array() ? value->get_array() : none;
}

std::string texts_of(const json::object& object, std::string_view name) {
    std::string out;
    for (const auto& item : list_of(object, name)) {
        if (item.is_string()) out += (out.empty() ? "" : ", ") + printable(std::string_view(item.get_string()));
    }
    return out;
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string room_text(const json::object& role, std::string_view capacity) {
    if (flag_of(role, "gateway")) return "gateway";
    return format_size(number_of(role, capacity));
}

std::string shown_name(const json::object& object) {
    return printable(text_of(object, "name"));
}

std::string shown_place(const json::object& object) {
    return printable(text_of(object, "place"));
}

// "maximum", or a number.
std::string zones_text(const json::object& policy) {
    const auto text = text_of(policy, "zone_redundancy");
    if (text == "maximum") return "each in a place of its own";
    return "in at least " + counted(number_of(policy, "zone_redundancy"), "place", "places");
}

std::string staged_text(const json::object& staged) {
    std::string out = "\nStaged, not in force (larder layout plan):\n";
    for (const auto& item : list_of(staged, "nodes")) {
        const auto& node = item.as_object();
        out += "  " + shown_name(node);
        out += flag_of(node, "removed") ? "  taken out\n"
                                        : fmt::format("  {}  {}  {}\n", shown_place(node),
                                                      room_text(node, "capacity_bytes"), texts_of(node, "tags"));
    }
    if (staged.contains("copies")) {
        out += fmt::format("  copies  {}, {}\n", number_of(staged, "copies"), zones_text(staged));
    }
    return out;
}

std::string before_and_after(const json::object& node, std::string_view field) {
    const auto text = [&](std::string_view when) -> std::string {
        const auto bytes = number_of(node, std::string(field) + std::string(when));
        return bytes == 0 ? "–" : format_size(bytes);
    };
    return text("_before") + " → " + text("_after");
}

}  // namespace

std::string short_id(std::string_view hex) {
    return std::string(hex.substr(0, 4)) + "-" + std::string(hex.substr(std::min<std::size_t>(4, hex.size()), 4));
}

std::string duration_text(std::uint64_t seconds) {
    if (seconds < 60) return fmt::format("{} s", seconds);
    if (seconds < 3600) return fmt::format("{} min", (seconds + 30) / 60);
    if (seconds < 48 * 3600) return fmt::format("{} h", (seconds + 1800) / 3600);
    return fmt::format("{} days", (seconds + 43'200) / 86'400);
}

std::string may_fail_text(std::uint64_t places_serving) {
    if (places_serving == 0) return "no place may fail";
    return places_serving == 1 ? "any one place may fail" : fmt::format("any {} places may fail", places_serving);
}

std::string health_text(const json::object& health, bool has_problems) {
    std::string out = has_problems ? "degraded" : "healthy";
    if (!flag_of(health, "serving")) out = "not everything can be served";
    if (flag_of(health, "catching_up")) out += ", catching up";
    return out;
}

std::string last_seen_text(const json::object& member, std::int64_t now_ms) {
    const auto state = text_of(member, "state");
    if (flag_of(member, "self") || (state != "down" && state != "gone")) return "now";
    const auto seen = base::parse_iso8601(text_of(member, "last_seen"));
    if (!seen) return "–";
    return duration_text(static_cast<std::uint64_t>(std::max<std::int64_t>(0, now_ms - seen->ms)) / 1000) + " ago";
}

std::string copies_text(const json::object& member) {
    // Of one that does not answer nobody knows.
    const bool known = flag_of(member, "in_layout") && text_of(member, "state") != "down";
    if (flag_of(member, "gateway") || !known) return "–";
    const auto* progress = member.if_contains("catching_up");
    if (progress == nullptr || !progress->is_object()) return "100 %";
    const auto& at = progress->get_object();
    const auto* share_value = at.if_contains("share");
    boost::system::error_code bad;
    const double share = share_value == nullptr ? 0 : std::clamp(share_value->to_number<double>(bad), 0.0, 1.0);
    const auto filled = static_cast<std::size_t>(share * 10);
    auto out = fmt::format("{:.0f} %  [{:<10}]", share * 100, std::string(filled, '='));
    if (at.contains("seconds_left")) out += "  " + duration_text(number_of(at, "seconds_left")) + " left";
    return out;
}

std::string members_text(const json::array& members, std::int64_t now_ms) {
    Table table({{"PLACE"}, {"MACHINE"}, {"STATE"}, {"USED / MAY USE", true}, {"COPIES HERE"}, {"LAST SEEN"}});
    for (const auto& item : members) {
        const auto& member = item.as_object();
        const auto room = flag_of(member, "gateway") ? std::string("gateway")
                                                     : format_size(number_of(member, "used_bytes")) + " / " +
                                                           format_size(number_of(member, "capacity_bytes"));
        table.add({shown_place(member), shown_name(member), text_of(member, "state"), room, copies_text(member),
                   last_seen_text(member, now_ms)});
    }
    return table.text();
}

std::string member_text(const json::object& member, std::int64_t now_ms) {
    std::string out = fmt::format("Machine     {}   number {}   id {}\n", shown_name(member),
                                  number_of(member, "number"), short_id(text_of(member, "node")));
    out += fmt::format("State       {}, last seen {}\n", text_of(member, "state"), last_seen_text(member, now_ms));
    out += fmt::format("Place       {}\n", shown_place(member));
    out += fmt::format("May use     {}\n", room_text(member, "capacity_bytes"));
    out += fmt::format("Uses        {} in {}\n", format_size(number_of(member, "used_bytes")),
                       counted(number_of(member, "partitions"), "partition", "partitions"));
    out += fmt::format("Has         {} of its copies\n", copies_text(member));
    if (const auto* rtt = member.if_contains("rtt_ms")) {
        boost::system::error_code bad;
        out += fmt::format("Round trip  {:.1f} ms\n", rtt->to_number<double>(bad));
    }
    if (const auto tags = texts_of(member, "tags"); !tags.empty()) out += "Tags        " + tags + "\n";
    if (const auto at = texts_of(member, "addresses"); !at.empty()) out += "Reached at  " + at + "\n";
    out += fmt::format("Joined      {}, as larder {}\n", text_of(member, "joined"), text_of(member, "version"));
    return out + fmt::format("Full id     {}\n", text_of(member, "node"));
}

std::string layout_text(const json::object& layout) {
    const auto& in_force = object_of(layout, "in_force");
    const auto copies = number_of(in_force, "copies");
    std::string out = fmt::format("Layout {}   {} of everything{}   {}\n", number_of(layout, "epoch"),
                                  counted(copies, "copy", "copies"), copies > 1 ? ", " + zones_text(layout) : "",
                                  may_fail_text(number_of(object_of(layout, "may_fail"), "places_serving")));
    if (list_of(layout, "live").size() > 1) {
        out += fmt::format("Data is moving: {} layouts are in force together.\n", list_of(layout, "live").size());
    }
    Table table({{"PLACE"}, {"MACHINE"}, {"MAY USE", true}, {"PARTITIONS", true}, {"TAGS"}});
    for (const auto& item : list_of(layout, "nodes")) {
        const auto& node = item.as_object();
        table.add({shown_place(node), shown_name(node), room_text(node, "capacity_bytes"),
                   std::to_string(number_of(node, "partitions")), texts_of(node, "tags")});
    }
    out += "\n" + table.text();
    out += fmt::format("\nRoom for {} of content, in {} partitions of at most {}.\n",
                       format_size(number_of(layout, "usable_bytes")), number_of(layout, "partitions"),
                       format_size(number_of(layout, "partition_bytes")));
    if (const auto* staged = layout.if_contains("staged")) out += staged_text(staged->as_object());
    return out;
}

std::string plan_text(const json::object& plan) {
    Table table(
        {{"PLACE"}, {"MACHINE"}, {"MAY USE", true}, {"PARTITIONS", true}, {"MOVES IN", true}, {"MOVES OUT", true}});
    for (const auto& item : list_of(plan, "nodes")) {
        const auto& node = item.as_object();
        const auto after = text_of(node, "place_after");
        table.add({printable(after.empty() ? text_of(node, "place_before") : after), shown_name(node),
                   before_and_after(node, "capacity"),
                   fmt::format("{} → {}", number_of(node, "partitions_before"), number_of(node, "partitions_after")),
                   format_size(number_of(node, "bytes_in")), format_size(number_of(node, "bytes_out"))});
    }
    std::string out = table.text();
    out += fmt::format("\nLayout {} → {}.  Room for content: {} → {}.\n", number_of(plan, "current"),
                       number_of(plan, "next"), format_size(number_of(plan, "usable_before")),
                       format_size(number_of(plan, "usable_after")));
    out += fmt::format("Now {}; then {}.\n",
                       may_fail_text(number_of(object_of(plan, "may_fail_before"), "places_serving")),
                       may_fail_text(number_of(object_of(plan, "may_fail_after"), "places_serving")));
    if (const auto bytes = number_of(plan, "bytes_moved"); bytes > 0) {
        out += fmt::format("{} to copy, about {}.\n", format_size(bytes), duration_text(number_of(plan, "seconds")));
    }
    for (const auto& note : list_of(plan, "notes")) {
        if (note.is_string()) out += "note: " + printable(std::string_view(note.get_string())) + "\n";
    }
    return out;
}

std::string history_text(const json::array& layouts) {
    Table table({{"LAYOUT", true}, {"MADE"}, {"BY"}, {"COPIES MOVED", true}, {"WHAT"}});
    for (const auto& item : layouts) {
        const auto& layout = item.as_object();
        table.add({std::to_string(number_of(layout, "epoch")) + (flag_of(layout, "live") ? "*" : " "),
                   text_of(layout, "when").substr(0, 19), printable(text_of(layout, "by")),
                   std::to_string(number_of(layout, "copies_moved")), printable(text_of(layout, "what"))});
    }
    return table.text() + "* in force\n";
}

std::string loss_text(const json::object& loss) {
    const auto of = fmt::format(" of {} partitions", number_of(loss, "partitions"));
    std::string out;
    if (const auto lost = number_of(loss, "partitions_lost"); lost > 0) {
        out = fmt::format("{}{} lie there alone: {} of content would be lost. ", lost, of,
                          format_size(number_of(loss, "bytes_lost")));
    }
    if (const auto risk = number_of(loss, "partitions_at_risk"); risk > 0) {
        out +=
            fmt::format("{}{} would be left with fewer copies than a majority: last writes may be missing. ", risk, of);
    }
    if (out.empty()) return "Nothing would be lost: the others have everything.";
    out.pop_back();
    return out;
}

}  // namespace larder::cli
