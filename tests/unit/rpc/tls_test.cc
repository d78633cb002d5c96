// Keys of nodes, and who gets in over TLS.
#include "src/rpc/tls.h"

#include "src/base/encoding.h"
#include "tests/unit/rpc/node_pair.h"

#include <sys/socket.h>
#include <sys/stat.h>

using namespace larder;
using base::Code;
using rpc::NodeKey;

TEST_CASE("a node's key is made once and kept for itself", "[tls]") {
    test::World world;
    test::TempFolder folder;
    auto& env = world.env();
    const auto first = NodeKey::open(env.disk, env.random, folder.path());
    REQUIRE(first);
    const auto again = NodeKey::open(env.disk, env.random, folder.path());
    REQUIRE(again);
    CHECK(first->id() == again->id());
    CHECK_FALSE(first->id().is_zero());
    const auto path = folder.path() + "/node.key";
    struct stat info{};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    test::TempFolder other;
    CHECK(NodeKey::open(env.disk, env.random, other.path())->id() != first->id());
    REQUIRE(env.disk.write_file(path, "-----BEGIN PRIVATE KEY-----\n"));
    CHECK(NodeKey::open(env.disk, env.random, folder.path()).error().is(Code::corrupted, base::Subject::config));
}

TEST_CASE("signatures of nodes (RFC 8032, test 1)", "[tls]") {
    const auto seed = *base::hex_decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    const auto key = NodeKey::from_seed(seed);
    CHECK(key.id().hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    const auto signature = key.sign("");
    CHECK(base::hex_encode(signature).starts_with("e5564300c360ac729086e2cc806e828a"));
    CHECK(rpc::is_signed_by(key.id(), "", signature));
    CHECK_FALSE(rpc::is_signed_by(key.id(), "x", signature));
    CHECK_FALSE(rpc::is_signed_by(test::key_of('b').id(), "", signature));
    CHECK_FALSE(rpc::is_signed_by(key.id(), "", ""));
    CHECK_FALSE(rpc::is_signed_by({}, "", signature));
}

TEST_CASE("two nodes that know each other", "[tls]") {
    test::World world;
    rpc::Tls a(test::key_of('a'));
    rpc::Tls b(test::key_of('b'));
    const auto shaken = test::shake(world, a, b, test::only(b.id()), test::only(a.id()));
    REQUIRE(*shaken.dialled);
    REQUIRE(*shaken.accepted);
    CHECK((*shaken.dialled)->peer == b.id());
    CHECK((*shaken.accepted)->peer == a.id());
    CHECK((*shaken.accepted)->purpose == rpc::Purpose::peer);
    CHECK((*shaken.dialled)->binding.size() == 32);
    CHECK((*shaken.dialled)->binding == (*shaken.accepted)->binding);
    const auto other = test::shake(world, a, b, test::only(b.id()), test::only(a.id()));
    CHECK((*other.dialled)->binding != (*shaken.dialled)->binding);
}

TEST_CASE("a stranger is refused, and so is the wrong node", "[tls]") {
    test::World world;
    rpc::Tls a(test::key_of('a'));
    rpc::Tls b(test::key_of('b'));
    const auto c = test::key_of('c').id();
    SECTION("who dials is not known") {
        const auto shaken = test::shake(world, a, b, test::only(b.id()), test::only(c));
        CHECK(shaken.accepted->error().is(Code::permission_denied, base::Subject::node));
        CHECK(shaken.accepted->error().message.contains(a.id().hex()));
    }
    SECTION("who answers is another than was meant") {
        const auto shaken = test::shake(world, a, b, test::only(c), test::only(a.id()));
        CHECK(shaken.dialled->error().is(Code::permission_denied, base::Subject::node));
        CHECK(shaken.accepted->error().is(Code::disconnected));
    }
}

TEST_CASE("what is no TLS of a node comes to nothing", "[tls]") {
    test::World world;
    rpc::Tls b(test::key_of('b'));
    const auto anybody = [](rpc::Purpose, const base::NodeId&) { return true; };
    const auto ends = test::connect_loopback(world);
    SECTION("other words") {
        const std::string_view http = "GET / HTTP/1.1\r\n\r\n";
        REQUIRE(::send(ends.from, http.data(), http.size(), 0) == ssize_t(http.size()));
        CHECK(world.run(b.accept(world.real(), ends.to, anybody, test::soon(world))).error().is(Code::disconnected));
    }
    SECTION("silence") {
        const auto at_once = world.env().clock.after(std::chrono::milliseconds(1));
        CHECK(world.run(b.accept(world.real(), ends.to, anybody, at_once)).error().is(Code::timeout));
    }
    SECTION("the end") {
        ::shutdown(ends.from, SHUT_WR);
        CHECK(world.run(b.accept(world.real(), ends.to, anybody, test::soon(world))).error().is(Code::disconnected));
    }
    ::close(ends.from);
}
