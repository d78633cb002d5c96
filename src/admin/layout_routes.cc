#include "src/admin/cluster_json.h"
#include "src/admin/json.h"
#include "src/admin/routes.h"

#include <charconv>

namespace larder::admin {

namespace json = boost::json;

namespace {

using Text = base::Result<std::string>;

std::unexpected<base::Error> wrong(std::string message) {
    return base::fail(base::Code::invalid_argument, std::move(message));
}

io::Task<Text> answer_state(Call& call, cluster::LayoutState state) {
    CO_TRY(const auto seen, co_await call.cluster.overview());
    co_return json::serialize(layout_json(state, seen.members));
}

io::Task<Text> show_layout(Call& call) {
    CO_TRY(auto state, co_await call.cluster.layout());
    co_return co_await answer_state(call, std::move(state));
}

io::Task<Text> plan_layout(Call& call) {
    CO_TRY(const auto plan, co_await call.cluster.plan());
    CO_TRY(const auto seen, co_await call.cluster.overview());
    co_return json::serialize(plan_json(plan, seen.members));
}

base::Result<std::optional<std::vector<std::string>>> texts_member(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    std::vector<std::string> out;
    const auto* list = value->if_array();
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
        if (const auto* text = (*list)[i].if_string()) out.emplace_back(*text);
    }
    if (list == nullptr || out.size() != list->size()) {
        return wrong("\"" + std::string(name) + "\" must be a list of strings.");
    }
    return out;
}

// A number up to 255, or "maximum".
base::Result<std::optional<std::uint8_t>> small_member(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value != nullptr && value->is_string() && value->get_string() == "maximum") return layout::Policy::kMaximum;
    TRY(const auto count, count_member(object, name));
    if (!count) return std::nullopt;
    if (*count < 1 || *count > UINT8_MAX) return wrong("\"" + std::string(name) + "\" must be a number from 1 to 7.");
    return static_cast<std::uint8_t>(*count);
}

// {"node":…,"place":…,"capacity":…,"gateway":…,"tags":[…]} or {"node":…,"remove":true}
io::Task<Text> stage_role(Call& call, json::object wanted, std::string node) {
    cluster::RoleWish wish;
    wish.node = std::move(node);
    wish.by = asker(call);
    CO_TRY(const auto remove, bool_member(wanted, "remove"));
    CO_TRY(wish.zone, string_member(wanted, "place"));
    CO_TRY(wish.capacity, count_member(wanted, "capacity"));
    CO_TRY(wish.gateway, bool_member(wanted, "gateway"));
    CO_TRY(wish.tags, texts_member(wanted, "tags"));
    wish.remove = remove.value_or(false);
    CO_TRY(auto state, co_await call.cluster.stage(std::move(wish)));
    co_return co_await answer_state(call, std::move(state));
}

// {"copies":…,"zone_redundancy":…}
io::Task<Text> stage_policy(Call& call, json::object wanted) {
    cluster::PolicyWish wish;
    wish.by = asker(call);
    CO_TRY(wish.copies, small_member(wanted, "copies"));
    CO_TRY(wish.zone_redundancy, small_member(wanted, "zone_redundancy"));
    if (!wish.copies && !wish.zone_redundancy) {
        co_return wrong("\"node\", \"copies\" or \"zone_redundancy\" must be given.");
    }
    CO_TRY(auto state, co_await call.cluster.stage(std::move(wish)));
    co_return co_await answer_state(call, std::move(state));
}

io::Task<Text> stage(Call& call) {
    CO_TRY(const auto body, co_await read_body(call));
    CO_TRY(auto wanted, parse_object(body));
    CO_TRY(const auto node, string_member(wanted, "node"));
    if (node) co_return co_await stage_role(call, std::move(wanted), *node);
    co_return co_await stage_policy(call, std::move(wanted));
}

// {"current":N,"staged":"…"}, both as the plan says.
io::Task<Text> apply(Call& call) {
    CO_TRY(const auto body, co_await read_body(call));
    CO_TRY(const auto wanted, parse_object(body));
    CO_TRY(const auto current, count_member(wanted, "current"));
    CO_TRY(const auto staged, string_member(wanted, "staged"));
    if (!current) co_return wrong("\"current\" must be given: the number of the layout that the plan was made from.");
    CO_TRY(const auto made, co_await call.cluster.apply({*current, staged.value_or(""), asker(call)}));
    co_return json::serialize(json::object{{"epoch", made.epoch}});
}

io::Task<Text> discard(Call& call) {
    CO_TRY(auto state, co_await call.cluster.discard());
    co_return co_await answer_state(call, std::move(state));
}

io::Task<Text> show_history(Call& call) {
    CO_TRY(const auto versions, co_await call.cluster.history());
    json::array out;
    for (const auto& version : versions) out.push_back(version_json(version));
    co_return json::serialize(json::object{{"layouts", std::move(out)}});
}

// ?node= or ?partition=
io::Task<base::Result<std::vector<std::string>>> explanation(Call& call) {
    if (const auto node = call.parameter("node"); !node.empty()) return call.cluster.explain_member(node);
    const auto text = call.parameter("partition");
    if (text.empty()) return call.cluster.explain();
    layout::Partition partition = 0;
    const auto end = text.data() + text.size();
    // What is no number is no partition either.
    if (std::from_chars(text.data(), end, partition).ptr != end) partition = UINT32_MAX;
    return call.cluster.explain_partition(partition);
}

io::Task<Text> explain(Call& call) {
    CO_TRY(const auto lines, co_await explanation(call));
    co_return json::serialize(json::object{{"lines", json::array(lines.begin(), lines.end())}});
}

io::Task<Text> dispatch(Call& call) {
    const auto& path = call.path;
    const bool get = call.method == "GET";
    const bool post = call.method == "POST";
    if (path.size() == 1 && get) return show_layout(call);
    if (path.size() != 2) return refuse_method(call);
    if (path[1] == "plan" && get) return plan_layout(call);
    if (path[1] == "stage" && post) return stage(call);
    if (path[1] == "apply" && post) return apply(call);
    if (path[1] == "discard" && post) return discard(call);
    if (path[1] == "history" && get) return show_history(call);
    if (path[1] == "explain" && get) return explain(call);
    return refuse_method(call);
}

}  // namespace

io::Task<void> layout_route(Call& call) {
    return answer_result(call, dispatch(call));
}

}  // namespace larder::admin
