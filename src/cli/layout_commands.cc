#include "src/base/encoding.h"
#include "src/cli/ask.h"
#include "src/cli/cluster_text.h"
#include "src/cli/commands.h"
#include "src/cli/json_fields.h"
#include "src/cli/show.h"

#include <charconv>
#include <iostream>

namespace larder::cli {

namespace json = boost::json;

namespace {

std::unexpected<Problem> usage(std::string message, std::string fix) {
    auto problem = admin::make_problem("usage", std::move(message));
    problem.fix = {std::move(fix)};
    return std::unexpected(std::move(problem));
}

// A number from 1, or "max" as null.
Outcome<json::value> zones_of(const std::string& text) {
    if (text == "max" || text == "maximum") return json::value("maximum");
    unsigned number = 0;
    const auto end = text.data() + text.size();
    if (std::from_chars(text.data(), end, number).ptr != end || number == 0) {
        return usage("\"" + text + "\" is neither a number of places nor \"max\".", "larder layout set --places max");
    }
    return json::value(number);
}

Outcome<json::object> role_of(const LayoutWish& wish) {
    json::object wanted{{"node", wish.node}};
    if (wish.remove) wanted["remove"] = true;
    if (wish.place) wanted["place"] = *wish.place;
    if (wish.capacity) {
        const auto size = parse_size(*wish.capacity);
        if (!size)
            return usage("\"" + *wish.capacity + "\" is not a size like 4TB.", "larder layout set NODE --capacity 4TB");
        wanted["capacity"] = *size;
    }
    if (wish.gateway) wanted["gateway"] = true;
    if (wish.stores) wanted["gateway"] = false;
    if (!wish.tags.empty()) {
        json::array tags;
        for (const auto& tag : wish.tags) {
            if (!tag.empty()) tags.emplace_back(tag);
        }
        wanted["tags"] = std::move(tags);
    }
    return wanted;
}

Outcome<json::object> policy_of(const LayoutWish& wish) {
    json::object wanted;
    if (wish.copies) wanted["copies"] = *wish.copies;
    if (wish.places) {
        TRY(wanted["zone_redundancy"], zones_of(*wish.places));
    }
    return wanted;
}

}  // namespace

Done show_layout(Session& session) {
    TRY(const auto layout, session.call("GET", "/v1/layout"));
    if (!session.show_json(layout)) std::cout << layout_text(layout);
    return Exit::done;
}

Done plan_layout(Session& session) {
    TRY(const auto plan, session.call("GET", "/v1/layout/plan"));
    if (!session.show_json(plan)) std::cout << plan_text(plan) << "Make it so: larder layout apply\n";
    return Exit::done;
}

Done set_layout(Session& session, const LayoutWish& wish) {
    const bool policy = wish.copies || wish.places;
    if (policy == !wish.node.empty()) {
        return usage("name a machine and what changes of it, or give --copies or --places.",
                     "larder layout set NODE --capacity 4TB");
    }
    TRY(const auto wanted, policy ? policy_of(wish) : role_of(wish));
    if (!policy && wanted.size() == 1) return usage("say what changes of it.", "larder layout set --help");
    TRY(const auto layout, session.call("POST", "/v1/layout/stage", wanted));
    if (session.show_json(layout)) return Exit::done;
    if (layout.contains("staged")) {
        std::cout << "Staged; nothing moves yet. See what it would do: larder layout plan\n";
    } else {
        std::cout << "That is how it is already; nothing is staged.\n";
    }
    return Exit::done;
}

Done apply_layout(Session& session, std::optional<std::uint64_t> if_version) {
    TRY(const auto plan, session.call("GET", "/v1/layout/plan"));
    const auto current = plan.at("current").to_number<std::uint64_t>();
    if (if_version && *if_version != current) {
        return std::unexpected(admin::make_problem(
            "layout-changed",
            "layout " + std::to_string(current) + " is in force, not " + std::to_string(*if_version) + "."));
    }
    if (!session.globals().json && !session.globals().quiet) std::cout << plan_text(plan) << std::flush;
    TRY_VOID(ask_yes(session, "Apply this layout?", "larder layout apply"));
    const json::object wanted{{"current", current}, {"staged", plan.at("staged")}};
    TRY(const auto made, session.call("POST", "/v1/layout/apply", wanted));
    if (session.show_json(made)) return Exit::done;
    std::cout << "Layout " << made.at("epoch").to_number<std::uint64_t>()
              << " is in force. Watch it: larder status --watch\n";
    return Exit::done;
}

Done discard_layout(Session& session) {
    TRY(const auto layout, session.call("POST", "/v1/layout/discard"));
    if (!session.show_json(layout)) std::cout << "Nothing is staged any more.\n";
    return Exit::done;
}

Done layout_history(Session& session) {
    TRY(const auto result, session.call("GET", "/v1/layout/history"));
    if (!session.show_json(result)) std::cout << history_text(result.at("layouts").as_array());
    return Exit::done;
}

Done explain_layout(Session& session, const std::string& node, std::optional<std::uint64_t> partition) {
    std::string target = "/v1/layout/explain";
    if (partition) target += "?partition=" + std::to_string(*partition);
    if (!partition && !node.empty()) target += "?node=" + base::percent_encode(node, false);
    TRY(const auto result, session.call("GET", target));
    if (session.show_json(result)) return Exit::done;
    for (const auto& line : result.at("lines").as_array())
        std::cout << printable(std::string_view(line.as_string())) << '\n';
    return Exit::done;
}

}  // namespace larder::cli
