// A machine that joins a cluster over the port for nodes: real links, a real node's rows.
#include "src/daemon/cluster_door.h"

#include "replication/control/alone.h"
#include "replication/cluster_rows.h"
#include "tests/support/run_task.h"

#include <catch2/catch.hpp>

namespace larder::daemon {
namespace {

using io::Task;

// Alone, but for the door through which others come in.
class WithDoor final : public control::Surroundings {
 public:
    layout::History history() const override { return alone_.history(); }
    Task<base::Result<void>> adopt(layout::Layout next) override { return alone_.adopt(std::move(next)); }
    Task<base::Result<void>> give_up(std::vector<base::NodeId> dead, bool allow_loss) override {
        return alone_.give_up(std::move(dead), allow_loss);
    }
    void members_are(const std::vector<model::MemberRow>&) override {}
    control::Contact contact(io::NodeNumber) const override { return {true, {}, {}}; }
    std::optional<cluster::CatchingUp> catching_up(io::NodeNumber) const override { return std::nullopt; }
    Task<base::Result<std::vector<std::uint64_t>>> partition_bytes() override { return alone_.partition_bytes(); }
    std::uint64_t bandwidth() const override { return 1; }
    bool makes_tokens() const override { return true; }
    base::Result<control::Token> make_token(base::WallTime expires) override { return make(expires); }

    std::function<base::Result<control::Token>(base::WallTime)> make;

 private:
    control::Alone alone_{[]() -> Task<base::Result<std::uint64_t>> { co_return 0; }};
};

rpc::NodeKey key_of(char letter) {
    return rpc::NodeKey::from_seed(std::string(32, letter));
}

class Founder {
 public:
    Founder() : key_(key_of('f')), tls_(key_), door_(world.real(), tls_), print_(fingerprint_of(key_.id())) {
        engine::Options options;
        options.meta_folder = folder_.path() + "/meta";
        options.data_folders = {folder_.path() + "/data"};
        options.create = true;
        auto opened = world.run(engine::make_engine(world.env(), metrics_, options));
        REQUIRE(opened);
        engine_ = std::move(*opened);
        const auto rows = [this](table::TableId id) -> table::Registers& { return engine::cluster_rows(*engine_, id); };
        const control::Tables tables{rows(model::kMembers), rows(model::kInvitations), rows(model::kLayouts)};
        control = std::make_unique<control::ClusterControl>(world.env(), tables, around_,
                                                            control::Identity{key_.id(), "quiet-heron", "1.0"});
        REQUIRE(world.run(control->found({"attic", "home", 1'000'000'000, false, {}, "1.0"})));
        REQUIRE(door_.listen("127.0.0.1:0"));
        around_.make = [this](base::WallTime expires) {
            return make_token(world.env().random, print_, door_.addresses(), expires);
        };
        joining_.emplace(world.real(), door_, key_.id(), join_rules(*control, print_));
    }
    ~Founder() {
        joining_.reset();
        door_.stop();
        (void)world.run(engine_->close());
    }

    std::string token() {
        const auto made = world.run(control->invite({}));
        REQUIRE(made);
        return made->token;
    }
    std::expected<Joined, admin::Problem> join(char letter, const std::string& token, const std::string& zone,
                                               bool zone_agreed = false) {
        control::Machine machine{"shed", zone, 1'000'000'000, false, {"10.0.0.2:3901"}, "1.0"};
        return world.run(ask_for_membership(world.real(), key_of(letter), token, std::move(machine), zone_agreed));
    }

    test::World world;
    std::unique_ptr<control::ClusterControl> control;

 private:
    test::TempFolder folder_;
    base::Metrics metrics_;
    std::unique_ptr<engine::Engine> engine_;
    WithDoor around_;
    rpc::NodeKey key_;
    rpc::Tls tls_;
    rpc::NodeDoor door_;
    rpc::Fingerprint print_;
    std::optional<rpc::JoinDoor> joining_;
};

std::string code_of(const std::expected<Joined, admin::Problem>& joined) {
    return joined ? "joined" : joined.error().code;
}

TEST_CASE("a machine with a token becomes a member, and is told all it must keep", "[join]") {
    Founder at;
    const auto joined = at.join('j', at.token(), "shed");
    INFO((joined ? "" : joined.error().message));
    REQUIRE(joined);
    const auto& membership = joined->welcome.membership;
    CHECK(membership.cluster_name == "quiet-heron");
    CHECK(membership.self == 2);
    CHECK(membership.find(2)->id == key_of('j').id());
    CHECK(membership.find(2)->addresses == std::vector<std::string>{"10.0.0.2:3901"});
    CHECK(membership.find(1)->id == key_of('f').id());
    CHECK(membership.live.rbegin()->second.roles.size() == 2);
    test::TempFolder folder;
    REQUIRE(model::write_membership(at.world.env().disk, folder.path(), membership));
    CHECK(model::read_membership(at.world.env().disk, folder.path()) == membership);
}

TEST_CASE("a token serves one machine, which may ask again", "[join]") {
    Founder at;
    const auto token = at.token();
    REQUIRE(at.join('j', token, "shed"));
    const auto again = at.join('j', token, "shed");
    REQUIRE(again);
    CHECK(again->welcome.membership.self == 2);
    CHECK(code_of(at.join('k', token, "office")) == "token-used");
    CHECK(code_of(at.join('j', at.token(), "shed")) == "already-member");
}

TEST_CASE("what the cluster has against a machine comes with its code", "[join]") {
    Founder at;
    const auto token = at.token();
    const auto same = at.join('j', token, "home");
    CHECK(code_of(same) == "same-place");
    CHECK(same.error().message.starts_with("home already has attic."));
    CHECK(code_of(at.join('j', token, "")) == "bad-layout");
    CHECK(code_of(at.join('j', "larder1nonsense", "shed")) == "token-typo");
    REQUIRE(at.join('j', token, "home", true));
    const auto id = at.world.run(at.control->invitations())->front().id;
    const auto withdrawn = at.token();
    for (const auto& invitation : *at.world.run(at.control->invitations())) {
        if (invitation.id != id) REQUIRE(at.world.run(at.control->revoke(invitation.id)));
    }
    CHECK(code_of(at.join('k', withdrawn, "shed")) == "token-used");
}

TEST_CASE("a machine that was removed does not come back under its key", "[join]") {
    Founder at;
    REQUIRE(at.join('j', at.token(), "shed"));
    REQUIRE(at.world.run(at.control->drain("shed", "root")));
    REQUIRE(at.world.run(at.control->forget("shed", false, "root")));
    CHECK(code_of(at.join('j', at.token(), "shed")) == "removed-node");
}

}  // namespace
}  // namespace larder::daemon
