#include "src/daemon/cluster_door.h"

#include "src/base/hash.h"
#include "src/codec/codec.h"
#include "src/rpc/errors.h"

#include <algorithm>

namespace larder::daemon {
namespace {

using base::Code;
using base::Result;
using base::Subject;
using io::Task;
using Asked = std::expected<Joined, admin::Problem>;

// The first byte of an answer.
constexpr std::uint8_t kWelcome = 1;
constexpr std::uint8_t kRefusal = 2;

Task<Result<rpc::KeptInvitation>> find_invitation(control::ClusterControl& cluster, rpc::InvitationId id) {
    const auto name = model::InvitationName::from(id.view());
    auto row = co_await cluster.open_invitation(*name);
    if (!row) co_return base::fail(row.error());
    co_return rpc::KeptInvitation{row->key, row->expires};
}

Task<Result<model::Welcome>> admit(control::ClusterControl& cluster, const rpc::Joiner joiner) {
    CO_TRY(auto facts, model::decode_joiner(joiner.facts));
    control::Joiner wanted;
    wanted.id = joiner.id;
    wanted.machine = {facts.name, facts.zone, facts.capacity, facts.gateway, facts.addresses, facts.release};
    wanted.clock = facts.clock;
    wanted.zone_agreed = facts.zone_agreed;
    const auto name = model::InvitationName::from(joiner.invitation.view());
    co_return co_await cluster.admit(*name, std::move(wanted));
}

Task<Result<std::string>> answer(control::ClusterControl& cluster, rpc::Joiner joiner) {
    const auto welcome = co_await admit(cluster, std::move(joiner));
    if (welcome) co_return codec::Writer().u8(kWelcome).raw(model::encode_welcome(*welcome)).take();
    co_return codec::Writer().u8(kRefusal).raw(rpc::encode_error(welcome.error())).take();
}

admin::Problem problem_of(const rpc::JoinTrouble& trouble) {
    return admin::make_problem(trouble.code, trouble.message, trouble.facts);
}

std::string facts_of(const control::Machine& machine, base::WallTime clock, bool zone_agreed) {
    model::JoinerFacts facts;
    facts.name = machine.name;
    facts.zone = machine.zone;
    facts.capacity = machine.capacity;
    facts.gateway = machine.gateway;
    facts.addresses = machine.addresses;
    facts.release = machine.release;
    facts.clock = clock;
    facts.zone_agreed = zone_agreed;
    return model::encode_joiner(facts);
}

Asked take_answer(rpc::Welcome said) {
    codec::Reader in(said.bytes);
    const auto kind = in.u8();
    if (kind == kRefusal) {
        const auto error = rpc::decode_error(in.rest());
        return std::unexpected(admin::problem_of(error ? *error : error.error()));
    }
    auto welcome = model::decode_welcome(in.rest());
    if (kind != kWelcome || !welcome) {
        return std::unexpected(admin::make_problem("unsupported",
                                                   "the cluster's answer is not understood: it may be of "
                                                   "another release than this machine."));
    }
    return Joined{std::move(*welcome), said.address, said.round_trip};
}

}  // namespace

rpc::Fingerprint fingerprint_of(const base::NodeId& founder) {
    const auto hash = base::sha256(std::string("larder cluster of ").append(founder.view()));
    return *rpc::Fingerprint::from(hash.view().substr(0, rpc::Fingerprint::kSize));
}

Result<control::Token> make_token(io::Random& random, const rpc::Fingerprint& cluster,
                                  const std::vector<std::string>& addresses, base::WallTime expires) {
    rpc::Invitation invitation;
    invitation.expires = expires;
    invitation.cluster = cluster;
    invitation.secret = random.id<rpc::InvitationSecret>();
    invitation.addresses = addresses;
    if (invitation.addresses.size() > rpc::kInvitationAddressesMax) {
        invitation.addresses.resize(rpc::kInvitationAddressesMax);
    }
    control::Token out;
    auto text = rpc::encode_token(invitation);
    if (!text) return base::fail(Code::invalid_argument, Subject::token, text.error().message);
    out.text = std::move(*text);
    const auto kept = rpc::kept(invitation);
    out.key = kept.key;
    out.name = *model::InvitationName::from(kept.id().view());
    return out;
}

rpc::JoinRules join_rules(control::ClusterControl& cluster, const rpc::Fingerprint& fingerprint) {
    rpc::JoinRules rules;
    rules.cluster = fingerprint;
    rules.find = [&cluster](rpc::InvitationId id) { return find_invitation(cluster, id); };
    rules.accept = [&cluster](rpc::Joiner joiner) { return answer(cluster, std::move(joiner)); };
    return rules;
}

Task<Asked> ask_for_membership(io::RealEnv& world, rpc::NodeKey key, std::string token, control::Machine machine,
                               bool zone_agreed) {
    const auto now = world.env().clock.wall_now();
    auto invitation = rpc::decode_token(token, now);
    if (!invitation) co_return std::unexpected(problem_of(invitation.error()));
    auto said = co_await rpc::ask_to_join(world, std::move(key), std::move(*invitation),
                                          facts_of(machine, now, zone_agreed), {});
    if (!said) co_return std::unexpected(problem_of(said.error()));
    co_return take_answer(std::move(*said));
}

}  // namespace larder::daemon
