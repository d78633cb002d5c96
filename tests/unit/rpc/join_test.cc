// Invitations as texts, and how they let a machine in: once, in time, and only with both sides proved.
#include "src/rpc/join.h"

#include "src/base/encoding.h"
#include "src/rpc/bech32.h"
#include "src/rpc/dial.h"
#include "src/rpc/join_words.h"
#include "tests/unit/rpc/node_pair.h"

#include <map>

using namespace larder;
using base::Code;
using base::Result;
using io::Task;
using rpc::Invitation;
using test::until;

namespace {

constexpr base::WallTime kNow{1'790'000'000'000};
constexpr std::int64_t kDayMs = 86'400'000;

Invitation sample() {
    Invitation out;
    out.expires = {kNow.ms + kDayMs};
    out.cluster.bytes.fill(7);
    out.secret.bytes.fill(9);
    out.addresses = {"192.168.1.20:3901", "[2001:db8:7::20]:3901"};
    return out;
}

std::string code_of(std::string_view token, base::WallTime now = kNow) {
    const auto read = rpc::decode_token(token, now);
    return read ? "good" : read.error().code;
}

// A cluster of one node, with what it keeps of its invitations.
struct Cluster {
    explicit Cluster(test::World& w, char name = 'a')
        : world(w), key(test::key_of(name)), tls(key), door(w.real(), tls) {
        fingerprint.bytes.fill(static_cast<std::uint8_t>(name));
        rpc::JoinRules rules;
        rules.cluster = fingerprint;
        rules.find = [this](rpc::InvitationId id) { return find(this, id); };
        rules.accept = [this](rpc::Joiner joiner) { return accept(this, std::move(joiner)); };
        joining.emplace(w.real(), door, key.id(), std::move(rules));
        REQUIRE(door.listen("127.0.0.1:0"));
    }
    static Task<Result<rpc::KeptInvitation>> find(Cluster* self, rpc::InvitationId id) {
        const auto found = self->open.find(id);
        if (found == self->open.end()) co_return base::fail(Code::not_found, "none");
        co_return found->second;
    }
    static Task<Result<std::string>> accept(Cluster* self, rpc::Joiner joiner) {
        if (self->open.erase(joiner.invitation) == 0) co_return base::fail(Code::not_found, "used");
        self->joined.push_back(joiner);
        if (joiner.facts == "impossible") co_return base::fail(Code::conflict, "another machine has this name");
        co_return "welcome, " + joiner.facts;
    }
    Invitation invite(std::int64_t valid_ms = kDayMs) {
        Invitation out;
        out.expires = {(world.env().clock.wall_now().ms + valid_ms) / 1000 * 1000};
        out.cluster = fingerprint;
        out.secret = world.env().random.id<rpc::InvitationSecret>();
        out.addresses = {door.addresses().at(0)};
        open[rpc::kept(out).id()] = rpc::kept(out);
        return out;
    }
    test::World& world;
    rpc::NodeKey key;
    rpc::Tls tls;
    rpc::NodeDoor door;
    rpc::Fingerprint fingerprint;
    std::map<rpc::InvitationId, rpc::KeptInvitation> open;
    std::vector<rpc::Joiner> joined;
    std::optional<rpc::JoinDoor> joining;
};

std::expected<rpc::Welcome, rpc::JoinTrouble> join(test::World& world, const Invitation& invitation,
                                                   std::string facts = "shed", rpc::JoinOptions options = {}) {
    return world.run(rpc::ask_to_join(world.real(), test::key_of('j'), invitation, std::move(facts), options));
}

// A connection for joining, in the hands of the test.
struct ByHand {
    ByHand(test::World& w, Cluster& cluster, const Invitation& i) : world(w), tls(test::key_of('j')), invitation(i) {
        const auto anybody = [](rpc::Purpose, const base::NodeId&) { return true; };
        auto secured = w.run(rpc::dial(w.real(), tls, cluster.door.addresses().at(0), rpc::Purpose::join, anybody,
                                       std::chrono::seconds(20)));
        REQUIRE(secured);
        context = {secured->binding, cluster.fingerprint, secured->peer, tls.id()};
        link = std::make_unique<rpc::Link>(w.real(), std::move(secured->transport), rpc::Side::connected,
                                           rpc::join_link_options(std::chrono::seconds(20)));
        link->start();
        REQUIRE(w.run(link->ready()));
    }
    rpc::Link::Content say(const rpc::JoinRequest& words) {
        return world.run(link->call({rpc::encode_join(words), {}}, test::soon(world)));
    }
    rpc::Link::Content begin() { return say(rpc::JoinBegin{rpc::kept(invitation).id()}); }
    std::string signature() { return rpc::key_of(invitation.secret).sign(rpc::words_to_sign(context, "f")); }
    test::World& world;
    rpc::Tls tls;
    Invitation invitation;
    rpc::JoinContext context;
    std::unique_ptr<rpc::Link> link;
};

}  // namespace

TEST_CASE("check letters as in BIP 350", "[join]") {
    const auto fits = [](std::string text) {
        text = base::to_lower(text);
        const auto one = text.rfind('1');
        std::vector<std::uint8_t> values;
        for (const char c : text.substr(one + 1)) values.push_back(rpc::bech32_value(c).value());
        return rpc::bech32_fits(text.substr(0, one), values);
    };
    CHECK(fits("A1LQFN3A"));
    CHECK(fits("abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx"));
    CHECK(fits("split1checkupstagehandshakeupstreamerranterredcaperredlc445v"));
    CHECK(fits("?1v759aa"));
    CHECK_FALSE(fits("A1LQFN3Q"));
    CHECK(rpc::bech32_encode("abcdef", "").starts_with("abcdef1"));
}

TEST_CASE("a token says what went in", "[join]") {
    auto invitation = sample();
    const auto token = rpc::encode_token(invitation);
    REQUIRE(token);
    CHECK(token->size() == 119);
    for (const auto& text : {*token, "  " + *token + "\n", base::to_lower(*token)}) {
        const auto read = rpc::decode_token(text, kNow);
        REQUIRE(read);
        CHECK(read->addresses == invitation.addresses);
        CHECK(read->cluster == invitation.cluster);
        CHECK(read->secret == invitation.secret);
        CHECK(read->expires == invitation.expires);
        CHECK(read->role == rpc::InvitationRole::machine);
    }
    std::string upper = *token;
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    CHECK(code_of(upper) == "good");
    invitation.addresses = {"attic.example.net:3901", "[::1]:1", "10.0.0.1:65535"};
    CHECK(rpc::decode_token(*rpc::encode_token(invitation), kNow)->addresses == invitation.addresses);
    invitation.addresses = {};
    CHECK(rpc::encode_token(invitation).error().is(Code::invalid_argument));
    invitation.addresses = {"nowhere"};
    CHECK(rpc::encode_token(invitation).error().is(Code::invalid_argument));
    invitation.addresses = {std::string(101, 'x') + ":1"};
    CHECK(rpc::encode_token(invitation).error().is(Code::invalid_argument));
}

TEST_CASE("what is wrong with a token is said", "[join]") {
    const auto token = *rpc::encode_token(sample());
    const auto cut = rpc::decode_token(token.substr(0, token.size() - 1), kNow);
    CHECK(cut.error().code == "token-typo");
    CHECK(cut.error().message.contains("incomplete"));
    CHECK(cut.error().facts.at(0).contains("should have 119 characters; this has 118"));
    CHECK(rpc::decode_token(token + "qq", kNow).error().facts.at(0).contains("this has 121"));
    auto wrong = token;
    wrong[50] = wrong[50] == 'q' ? 'p' : 'q';
    CHECK(rpc::decode_token(wrong, kNow).error().facts.at(0).contains("letter 51"));
    wrong[51] = 'b';
    CHECK(rpc::decode_token(wrong, kNow).error().facts.at(0).contains("letter 52"));
    CHECK(code_of("") == "token-typo");
    CHECK(code_of("larder1") == "token-typo");
    CHECK(code_of("bitcoin1qqqqqq") == "token-typo");
    CHECK(code_of(rpc::bech32_encode("larder", "")) == "token-typo");
    CHECK(code_of(rpc::bech32_encode("larder", "\1\2")) == "token-typo");
    CHECK(code_of(rpc::bech32_encode("larder", "\2\2")) == "token-newer");
    const auto late = rpc::decode_token(token, {kNow.ms + kDayMs + 2 * 3'600'000});
    CHECK(late.error().code == "token-expired");
    CHECK(late.error().message.contains("2 hours ago"));
    CHECK(late.error().message.contains("valid until 2026-09-22"));
}

TEST_CASE("a machine joins with an invitation, once", "[join]") {
    test::World world;
    Cluster cluster(world);
    const auto token = rpc::encode_token(cluster.invite());
    const auto invitation = rpc::decode_token(*token, world.env().clock.wall_now());
    REQUIRE(invitation);
    const auto welcome = join(world, *invitation);
    REQUIRE(welcome);
    CHECK(welcome->bytes == "welcome, shed");
    CHECK(welcome->from == cluster.key.id());
    REQUIRE(cluster.joined.size() == 1);
    CHECK(cluster.joined[0].id == test::key_of('j').id());
    CHECK(cluster.joined[0].address.starts_with("127.0.0.1:"));
    const auto again = join(world, *invitation);
    CHECK(again.error().code == "token-used");
    CHECK(cluster.joined.size() == 1);
    CHECK(join(world, cluster.invite(), "impossible").error().code == "not-accepted");
}

TEST_CASE("nobody joins who proved nothing, nor where nothing was proved", "[join]") {
    test::World world;
    Cluster cluster(world);
    auto invitation = cluster.invite();
    SECTION("withdrawn") {
        cluster.open.clear();
        CHECK(join(world, invitation).error().code == "token-used");
    }
    SECTION("too late by the cluster's clock") {
        cluster.open.begin()->second.expires.ms = 1000;
        CHECK(join(world, invitation).error().code == "token-expired");
    }
    SECTION("a cluster of another fingerprint, though it keeps the invitation") {
        Cluster other(world, 'o');
        invitation.addresses = other.door.addresses();
        other.joining.reset();
        rpc::JoinRules rules;
        rules.cluster = cluster.fingerprint;
        rules.find = [&other, id = rpc::kept(invitation).id()](rpc::InvitationId) { return other.find(&other, id); };
        rules.accept = [&other](rpc::Joiner joiner) { return other.accept(&other, std::move(joiner)); };
        other.open[rpc::kept(invitation).id()] = rpc::kept(invitation);
        rules.cluster.bytes[0] ^= 1;
        other.joining.emplace(world.real(), other.door, other.key.id(), std::move(rules));
        const auto refused = join(world, invitation);
        CHECK(refused.error().code == "wrong-cluster");
        CHECK(other.joined.empty());
        // The next address leads to the right one.
        invitation.addresses.push_back(cluster.door.addresses().at(0));
        invitation.addresses.insert(invitation.addresses.begin(), "127.0.0.1:1");
        CHECK(join(world, invitation));
    }
    SECTION("nobody there") {
        invitation.addresses = {"127.0.0.1:1", "[::1]:1"};
        const auto alone = join(world, invitation);
        CHECK(alone.error().code == "cannot-reach");
        CHECK(alone.error().facts.size() == 2);
        CHECK(alone.error().facts.at(0).starts_with("tried 127.0.0.1:1: "));
    }
    SECTION("clocks too far apart") {
        rpc::JoinOptions options;
        options.clocks_apart = std::chrono::milliseconds(-1);
        CHECK(join(world, invitation, "shed", options).error().code == "clock-skew");
        CHECK(cluster.joined.empty());
    }
}

TEST_CASE("a proof is good for its own connection alone", "[join]") {
    test::World world;
    Cluster cluster(world);
    const auto invitation = cluster.invite();
    ByHand first(world, cluster, invitation);
    ByHand second(world, cluster, invitation);
    REQUIRE(first.begin());
    REQUIRE(second.begin());
    const auto overheard = first.signature();
    // Replayed, signed with another key, for other facts, before its time, twice.
    CHECK(second.say(rpc::JoinProve{overheard, "f"}).error().is(Code::permission_denied));
    CHECK(second.say(rpc::JoinProve{second.signature(), "f"}).error().is(Code::permission_denied));
    ByHand third(world, cluster, invitation);
    CHECK(third.say(rpc::JoinProve{third.signature(), "f"}).error().is(Code::permission_denied));
    ByHand fourth(world, cluster, invitation);
    REQUIRE(fourth.begin());
    CHECK(fourth.begin().error().is(Code::permission_denied));
    CHECK(fourth.say(rpc::JoinProve{fourth.signature(), "other facts"}).error().is(Code::permission_denied));
    ByHand fifth(world, cluster, invitation);
    REQUIRE(fifth.begin());
    const auto by_another = test::key_of('x').sign(rpc::words_to_sign(fifth.context, "f"));
    CHECK(fifth.say(rpc::JoinProve{by_another, "f"}).error().is(Code::permission_denied));
    CHECK(cluster.joined.empty());
    CHECK(first.say(rpc::JoinProve{overheard, "f"})->body == "welcome, f");
    CHECK(first.say(rpc::JoinProve{overheard, "f"}).error().is(Code::permission_denied));
    CHECK(cluster.joined.size() == 1);
}
