#include "replication/layout/layout.h"

#include <catch2/catch.hpp>

namespace larder::layout {
namespace {

base::NodeId node(std::uint8_t n) {
    base::NodeId id;
    id.bytes[0] = n;
    return id;
}

Layout sample() {
    Roles roles;
    roles[node(1)] = {"home", 1000, false, {"ssd", "attic"}};
    roles[node(2)] = {"shed", 2000, false, {}};
    roles[node(3)] = {"office", 1500, false, {}};
    roles[node(4)] = {"office", 0, true, {}};
    Layout former;
    former.epoch = 6;
    former.replicas.resize(8);
    const auto made = place(former, Policy{3, Policy::kMaximum}, roles);
    REQUIRE(made);
    return *made;
}

TEST_CASE("a layout is read as it was written") {
    const Layout layout = sample();
    const auto again = decode(encode(layout));
    REQUIRE(again);
    CHECK(*again == layout);
    CHECK(again->epoch == 7);
}

TEST_CASE("damaged bytes of a layout are refused") {
    const std::string bytes = encode(sample());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        CHECK_FALSE(decode(std::string_view(bytes).substr(0, i)));
        std::string other = bytes;
        other[i] = static_cast<char>(other[i] ^ 4);
        const auto read = decode(other);
        REQUIRE_FALSE(read);
        CHECK(read.error().is(base::Code::corrupted));
    }
    CHECK_FALSE(decode(bytes + '\0'));
}

TEST_CASE("a layout that breaks its own policy is refused") {
    Layout two_on_one = sample();
    two_on_one.replicas[3][0] = two_on_one.replicas[3][1];
    CHECK_FALSE(decode(encode(two_on_one)));
    Layout on_gateway = sample();
    on_gateway.replicas[0][0] = node(4);
    CHECK_FALSE(decode(encode(on_gateway)));
    Layout too_full = sample();
    too_full.partition_bytes *= 2;
    CHECK_FALSE(decode(encode(too_full)));
    Layout odd = sample();
    odd.replicas.pop_back();
    CHECK_FALSE(decode(encode(odd)));
    Layout no_epoch = sample();
    no_epoch.epoch = 0;
    CHECK_FALSE(decode(encode(no_epoch)));
}

}  // namespace
}  // namespace larder::layout
