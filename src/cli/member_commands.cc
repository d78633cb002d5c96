#include "src/base/encoding.h"
#include "src/cli/ask.h"
#include "src/cli/cluster_text.h"
#include "src/cli/commands.h"
#include "src/cli/json_fields.h"

#include <chrono>
#include <iostream>

namespace larder::cli {

namespace json = boost::json;

namespace {

std::string node_target(std::string_view name, std::string_view rest = "") {
    return "/v1/nodes/" + base::percent_encode(name, false) + std::string(rest);
}

bool is_some(const json::object& loss, std::string_view name) {
    const auto* value = loss.if_contains(name);
    return value != nullptr && value->is_number() && value->to_number<double>() > 0;
}

}  // namespace

std::int64_t now_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

Done list_nodes(Session& session) {
    TRY(const auto result, session.call("GET", "/v1/nodes"));
    if (session.show_json(result)) return Exit::done;
    const auto& nodes = result.at("nodes").as_array();
    if (!session.globals().quiet) {
        std::cout << members_text(nodes, now_ms());
        return Exit::done;
    }
    for (const auto& node : nodes) std::cout << text_of(node.as_object(), "name") << '\n';
    return Exit::done;
}

Done show_node(Session& session, const std::string& name) {
    TRY(const auto node, session.call("GET", node_target(name)));
    if (!session.show_json(node)) std::cout << member_text(node, now_ms());
    return Exit::done;
}

Done drain_node(Session& session, const std::string& name) {
    TRY(const auto node, session.call("GET", node_target(name)));
    const auto shown = text_of(node, "name");
    TRY_VOID(ask_yes(session,
                     "Everything that " + shown + " holds is brought to the others, and it stores nothing more.",
                     "larder node drain " + name));
    TRY(const auto after, session.call("POST", node_target(name, "/drain")));
    if (session.show_json(after)) return Exit::done;
    const bool done = text_of(after, "state") == "drained";
    std::cout << shown
              << (done ? " holds nothing that counts: larder node forget " + shown
                       : " is being drained; it serves until that is done. Watch it: larder status --watch")
              << '\n';
    return Exit::done;
}

Done forget_node(Session& session, const ForgetWish& wish) {
    TRY(const auto node, session.call("GET", node_target(wish.node)));
    TRY(const auto loss, session.call("GET", node_target(wish.node, "/loss")));
    const auto name = text_of(node, "name");
    if ((is_some(loss, "partitions_lost") || is_some(loss, "partitions_at_risk")) && !wish.allow_loss) {
        auto problem =
            admin::make_problem("would-lose-data", "forgetting " + name + " would lose data.", {loss_text(loss)});
        problem.fix = {"larder node show " + name, "larder node forget " + name + " --allow-loss"};
        return std::unexpected(std::move(problem));
    }
    const auto command = "larder node forget " + wish.node + (wish.allow_loss ? " --allow-loss" : "");
    TRY_VOID(ask_name(name + " never comes back under its key. " + loss_text(loss), name, wish.confirm, command));
    TRY(const auto done,
        session.call("POST", node_target(wish.node, "/forget"), json::object{{"allow_loss", wish.allow_loss}}));
    if (!session.show_json(done)) std::cout << name << " is no member any more.\n";
    return Exit::done;
}

Done leave_cluster(Session& session) {
    TRY_VOID(ask_yes(session, "This machine leaves the cluster: everything it holds is brought to the others.",
                     "larder leave"));
    TRY(const auto node, session.call("POST", "/v1/leave"));
    if (session.show_json(node)) return Exit::done;
    std::cout << (text_of(node, "state") == "gone"
                      ? "This machine is no member any more. Its service can be stopped, and its data folder removed."
                      : "This machine is being drained; it serves until that is done (larder status). Then, once more: "
                        "larder "
                        "leave")
              << '\n';
    return Exit::done;
}

}  // namespace larder::cli
