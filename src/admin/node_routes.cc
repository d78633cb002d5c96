#include "src/admin/cluster_json.h"
#include "src/admin/json.h"
#include "src/admin/routes.h"

namespace larder::admin {

namespace json = boost::json;

namespace {

using Text = base::Result<std::string>;

io::Task<Text> list_nodes(Call& call) {
    CO_TRY(const auto seen, co_await call.cluster.overview());
    co_return json::serialize(json::object{{"nodes", members_json(seen.members)}});
}

io::Task<Text> show_node(Call& call, std::string name) {
    CO_TRY(const auto member, co_await call.cluster.member(name));
    co_return json::serialize(member_json(member));
}

io::Task<Text> drain_node(Call& call, std::string name) {
    CO_TRY_VOID(co_await call.cluster.drain(name, asker(call)));
    co_return co_await show_node(call, name);
}

io::Task<Text> loss_of_node(Call& call, std::string name) {
    CO_TRY(const auto loss, co_await call.cluster.loss_of(name));
    co_return json::serialize(loss_json(loss));
}

// {"allow_loss":true}
io::Task<Text> forget_node(Call& call, std::string name) {
    CO_TRY(const auto body, co_await read_body(call));
    CO_TRY(const auto wanted, parse_object(body));
    CO_TRY(const auto allow_loss, bool_member(wanted, "allow_loss"));
    CO_TRY(const auto loss, co_await call.cluster.forget(name, allow_loss.value_or(false), asker(call)));
    co_return json::serialize(loss_json(loss));
}

// Drains this node, and once it is drained ends its membership.
io::Task<Text> leave(Call& call) {
    const auto self = call.cluster.self_name();
    CO_TRY_VOID(co_await call.cluster.drain(self, asker(call)));
    CO_TRY(const auto member, co_await call.cluster.member(self));
    if (member.state == cluster::State::drained) {
        CO_TRY_VOID(co_await call.cluster.forget(self, false, asker(call)));
    }
    CO_TRY(const auto after, co_await call.cluster.member(std::to_string(member.number)));
    co_return json::serialize(member_json(after));
}

io::Task<Text> dispatch(Call& call) {
    const auto& path = call.path;
    if (path.size() == 1 && call.method == "GET") return list_nodes(call);
    if (path.size() == 2 && call.method == "GET") return show_node(call, path[1]);
    if (path.size() == 3 && path[2] == "loss" && call.method == "GET") return loss_of_node(call, path[1]);
    if (path.size() == 3 && path[2] == "drain" && call.method == "POST") return drain_node(call, path[1]);
    if (path.size() == 3 && path[2] == "forget" && call.method == "POST") return forget_node(call, path[1]);
    return refuse_method(call);
}

}  // namespace

io::Task<void> nodes_route(Call& call) {
    return answer_result(call, dispatch(call));
}

io::Task<void> leave_route(Call& call) {
    const bool asked = call.method == "POST" && call.path.size() == 1;
    return answer_result(call, asked ? leave(call) : refuse_method(call));
}

}  // namespace larder::admin
