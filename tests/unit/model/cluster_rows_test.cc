// Rows of members, invitations and layouts, byte for byte as docs/formats.md lays them out.
#include "replication/model/invitation.h"
#include "replication/model/joiner.h"
#include "replication/model/layout_rows.h"
#include "replication/model/membership.h"
#include "tests/unit/model/bytes.h"

namespace larder::model {
namespace {

using base::Code;
using base::Subject;

MemberRow some_member(io::NodeNumber number = 2) {
    MemberRow row;
    row.number = number;
    row.id = id_of<base::NodeId>(static_cast<std::uint8_t>(number));
    row.name = "shed";
    row.zone = "s";
    row.capacity = 300;
    row.addresses = {"a:1", "b:2"};
    row.release = "1.0";
    row.joined = {1};
    row.invitation = "ab";
    row.stage = MemberStage::leaving;
    row.changed = {2};
    return row;
}

layout::Layout some_layout(layout::Epoch epoch) {
    layout::Layout former;
    former.epoch = epoch - 1;
    former.replicas.resize(2);
    layout::Roles roles;
    roles[id_of<base::NodeId>(2)] = {"s", 300, false, {}};
    const auto made = layout::place(former, layout::Policy(), roles);
    REQUIRE(made);
    return *made;
}

TEST_CASE("bytes of a member", "[model]") {
    const auto bytes = encode_member(some_member());
    CHECK(hex(bytes) == "01" + std::string("02000000") + repeated("02", 32) +
                            "0473686564"
                            "0173"
                            "ac02"
                            "00"
                            "02"
                            "03613a31"
                            "03623a32"
                            "03312e30"
                            "0100000000000000"
                            "026162"
                            "01"
                            "0200000000000000");
    const auto back = decode_member(bytes);
    REQUIRE(back);
    CHECK(*back == some_member());
    reads_only_whole(bytes, decode_member);
    CHECK(hex(encode_number(7)) == "0107000000");
    CHECK(decode_number(encode_number(7)) == 7u);
    reads_only_whole(encode_number(7), decode_number);
    CHECK_FALSE(decode_number(encode_number(0)));
    CHECK(hex(member_row(258).sort_key) == "6100000102");
    CHECK(member_id_row(id_of<base::NodeId>(3)).sort_key == "i" + std::string(32, '\3'));
}

TEST_CASE("a member row that none of ours wrote is damage", "[model]") {
    const auto refused = [](auto change) {
        auto row = some_member();
        change(row);
        const auto got = decode_member(encode_member(row));
        return !got && got.error().is(Code::corrupted, Subject::row);
    };
    CHECK(refused([](MemberRow& row) { row.number = 0; }));
    CHECK(refused([](MemberRow& row) { row.name = ""; }));
    CHECK(refused([](MemberRow& row) { row.name = std::string(65, 'x'); }));
    CHECK(refused([](MemberRow& row) { row.name = "a\nb"; }));
    CHECK(refused([](MemberRow& row) { row.addresses.assign(17, "a:1"); }));
    CHECK(refused([](MemberRow& row) { row.addresses = {""}; }));
    CHECK(refused([](MemberRow& row) { row.addresses = {std::string(301, 'x')}; }));
    CHECK(refused([](MemberRow& row) { row.stage = static_cast<MemberStage>(3); }));
}

InvitationRow some_invitation() {
    InvitationRow row;
    row.name = id_of<InvitationName>(0xab);
    row.key = id_of<base::NodeId>(0xcd);
    row.made_by = "me";
    row.made = {1};
    row.expires = {10'000};
    row.uses_max = 2;
    row.uses = {{id_of<base::NodeId>(5), {3}}};
    return row;
}

TEST_CASE("bytes of an invitation", "[model]") {
    const auto bytes = encode_invitation(some_invitation());
    CHECK(hex(bytes) == "01" + repeated("ab", 8) + repeated("cd", 32) +
                            "026d65"
                            "0100000000000000"
                            "1027000000000000"
                            "02000000"
                            "00"
                            "01" +
                            repeated("05", 32) + "0300000000000000");
    CHECK(decode_invitation(bytes) == some_invitation());
    reads_only_whole(bytes, decode_invitation);
}

TEST_CASE("who may use an invitation", "[model]") {
    auto row = some_invitation();
    const auto old = id_of<base::NodeId>(5);
    const auto other = id_of<base::NodeId>(6);
    CHECK(use_invitation(row, old, {20'000}));  // it has its use already, however late
    CHECK(row == some_invitation());
    CHECK(use_invitation(row, other, {10'000}).error().is(Code::precondition_failed, Subject::token));
    CHECK(use_invitation(row, other, {9'999}));
    CHECK(row.uses.back() == InvitationRow::Use{other, {9'999}});
    CHECK(row.uses_left() == 0);
    CHECK(use_invitation(row, id_of<base::NodeId>(7), {1}).error().is(Code::already_exists, Subject::token));
    row.revoked = true;
    CHECK(use_invitation(row, old, {1}).error().is(Code::permission_denied, Subject::token));
    CHECK(span_text(1) == "1 second");
    CHECK(span_text(119'000) == "1 minute");
    CHECK(span_text(2 * 86'400'000LL) == "2 days");
}

TEST_CASE("a layout is a log and a body", "[model]") {
    const LayoutRow row{some_layout(3), {{2, {7}, "me", "x", 1}, {3, {8}, "", "yy", 300}}, {}};
    const auto value = encode_layout_row(row);
    CHECK(hex(value.row) ==
          "01"
          "02"
          "02"
          "0700000000000000"
          "026d65"
          "0178"
          "01"
          "03"
          "0800000000000000"
          "00"
          "027979"
          "ac02"
          "00");
    CHECK(value.body == layout::encode(row.newest));
    CHECK(decode_layout_row(value) == row);
    reads_only_whole(value.row,
                     [&](std::string_view log) { return decode_layout_row({std::string(log), value.body}); });
    CHECK_FALSE(decode_layout_row({value.row, {}}));
    // The last of the log is of the layout.
    CHECK_FALSE(decode_layout_row({value.row, layout::encode(some_layout(4))}));
    CHECK_FALSE(decode_layout_row(encode_layout_row({some_layout(3), {}, {}})));
}

TEST_CASE("a layout follows the one before it, or is refused", "[model]") {
    LayoutRow row{some_layout(1), {{1, {1}, "", "", 0}}, StagedRow{{{}, layout::Policy{2, 2}}, "me", {1}}};
    CHECK(append_layout(row, some_layout(3), {}).error().is(Code::conflict, Subject::config));
    CHECK(append_layout(row, some_layout(1), {}).error().is(Code::conflict, Subject::config));
    for (layout::Epoch epoch = 2; epoch < 130; ++epoch) {
        const auto next = append_layout(row, some_layout(epoch), {0, {2}, "me", "more", 5});
        REQUIRE(next);
        row = *next;
    }
    CHECK(row.newest.epoch == 129);
    CHECK(row.notes.size() == LayoutRow::kNotesMax);
    CHECK(row.staged->changes.policy == layout::Policy{2, 2});
    CHECK(decode_layout_row(encode_layout_row(row)) == row);
    CHECK(row.notes.front().epoch == 30);
    CHECK(row.notes.back() == LayoutNote{129, {2}, "me", "more", 5});
}

TEST_CASE("bytes of what is staged", "[model]") {
    StagedRow row;
    row.by = "me";
    row.when = {1};
    row.changes.policy = layout::Policy{2, 1};
    row.changes.roles[id_of<base::NodeId>(1)] = std::nullopt;
    row.changes.roles[id_of<base::NodeId>(2)] = layout::Role{"s", 300, false, {"t"}};
    const auto bytes = encode_staged(row);
    CHECK(hex(bytes) == std::string("01") + "026d65" + "0100000000000000" + "010201" + "02" + repeated("01", 32) +
                            "00" + repeated("02", 32) + "01" + "0173" + "ac02" + "00" + "01" + "0174");
    CHECK(decode_staged(bytes) == row);
    reads_only_whole(bytes, decode_staged);
    row.changes = {};
    CHECK(decode_staged(encode_staged(row)) == row);
}

Membership some_membership() {
    Membership out;
    out.cluster_name = "quiet-heron";
    out.self = 2;
    out.members = {some_member(1), some_member(2)};
    out.live = {{3, some_layout(3)}, {4, some_layout(4)}};
    out.given_up = {{id_of<base::NodeId>(9), 4}};
    return out;
}

TEST_CASE("a membership and a welcome are read as they were written", "[model]") {
    const auto membership = some_membership();
    const auto bytes = encode_membership(membership);
    CHECK(decode_membership(bytes) == membership);
    reads_only_whole(bytes, decode_membership);
    auto flipped = bytes;
    flipped[5] ^= 1;
    CHECK_FALSE(decode_membership(flipped));
    const Welcome welcome{membership, 300, 7};
    CHECK(decode_welcome(encode_welcome(welcome)) == welcome);
    reads_only_whole(encode_welcome(welcome), decode_welcome);
    CHECK(membership.find(1)->number == 1);
    CHECK(membership.find(3) == nullptr);
}

TEST_CASE("what a machine says of itself", "[model]") {
    JoinerFacts facts{"shed", "s", 300, false, {"a:1"}, "1.0", {1}, true};
    const auto bytes = encode_joiner(facts);
    CHECK(hex(bytes) == "01" + std::string("0473686564") + "0173" + "ac02" + "00" + "01" + "03613a31" + "03312e30" +
                            "0100000000000000" + "01");
    CHECK(decode_joiner(bytes) == facts);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        CHECK(decode_joiner(bytes.substr(0, cut)).error().is(Code::invalid_argument, Subject::node));
    }
    CHECK_FALSE(decode_joiner(bytes + "x"));
    CHECK_FALSE(decode_joiner("\2" + bytes.substr(1)));
}

TEST_CASE("a membership that contradicts itself is damage", "[model]") {
    auto membership = some_membership();
    membership.self = 3;
    CHECK_FALSE(decode_membership(encode_membership(membership)));
    membership = some_membership();
    membership.members = {some_member(2), some_member(1)};
    CHECK_FALSE(decode_membership(encode_membership(membership)));
    membership = some_membership();
    membership.live = {{3, some_layout(3)}, {5, some_layout(5)}};
    CHECK_FALSE(decode_membership(encode_membership(membership)));
}

}  // namespace
}  // namespace larder::model
