#include "src/admin/cluster_json.h"
#include "src/admin/json.h"
#include "src/admin/routes.h"

namespace larder::admin {

namespace json = boost::json;

namespace {

using Text = base::Result<std::string>;

io::Task<Text> list_invites(Call& call) {
    CO_TRY(const auto all, co_await call.cluster.invitations());
    json::array out;
    for (const auto& invitation : all) out.push_back(invitation_json(invitation));
    co_return json::serialize(json::object{{"invites", std::move(out)}});
}

// {"valid_seconds":86400,"uses":1}
io::Task<Text> make_invite(Call& call) {
    CO_TRY(const auto body, co_await read_body(call));
    CO_TRY(const auto wanted, parse_object(body));
    CO_TRY(const auto seconds, count_member(wanted, "valid_seconds"));
    CO_TRY(const auto uses, count_member(wanted, "uses"));
    cluster::InvitationWish wish;
    // What is more than any number that is allowed stays so.
    if (seconds) wish.valid = std::chrono::seconds(std::min<std::uint64_t>(*seconds, INT32_MAX));
    if (uses) wish.uses = static_cast<std::uint32_t>(std::min<std::uint64_t>(*uses, UINT32_MAX));
    wish.by = asker(call);
    CO_TRY(const auto made, co_await call.cluster.invite(std::move(wish)));
    auto out = invitation_json(made.invitation);
    out["token"] = made.token;
    co_return json::serialize(out);
}

io::Task<Text> revoke_invite(Call& call, std::string id) {
    CO_TRY(const auto revoked, co_await call.cluster.revoke(std::move(id)));
    co_return json::serialize(invitation_json(revoked));
}

io::Task<Text> dispatch(Call& call) {
    if (call.path.size() == 1 && call.method == "GET") return list_invites(call);
    if (call.path.size() == 1 && call.method == "POST") return make_invite(call);
    if (call.path.size() == 2 && call.method == "DELETE") return revoke_invite(call, call.path[1]);
    return refuse_method(call);
}

}  // namespace

io::Task<void> invites_route(Call& call) {
    return answer_result(call, dispatch(call));
}

}  // namespace larder::admin
