#include "replication/table/messages.h"

#include "src/base/encoding.h"

#include <catch2/catch.hpp>

namespace larder::table {
namespace {

using base::Code;
using base::hex_encode;

const RowKey kKey{"p", "sk"};
constexpr base::Tag kTag{1, 2, 3};
const std::string kKeyHex =
    "0170"
    "02736b";
const std::string kTagHex = "00000000000000010000000200000003";
constexpr TableId kAnyTable = 4;

// The part behind the envelope, which must name the table and the operation.
std::string opened(const std::string& bytes, Operation operation) {
    const auto envelope = open_envelope(bytes);
    REQUIRE(envelope);
    CHECK(envelope->table == kAnyTable);
    CHECK(envelope->operation == operation);
    return std::string(envelope->rest);
}

// Every cut of the bytes, and the bytes with something behind, must be refused.
template <typename Decode>
void refuses_all_but(const std::string& bytes, Decode decode) {
    REQUIRE(decode(bytes));
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        INFO("cut to " << cut << " of " << hex_encode(bytes));
        CHECK_FALSE(decode(std::string_view(bytes).substr(0, cut)));
    }
    const auto longer = decode(bytes + "x");
    REQUIRE_FALSE(longer);
    CHECK(longer.error().code == Code::corrupted);
}

TEST_CASE("bytes of a read request", "[messages]") {
    const auto bytes = encode(kAnyTable, ReadRequest{kKey, true});
    CHECK(hex_encode(bytes) == "01040100" + kKeyHex + "01");
    const auto rest = opened(bytes, Operation::read);
    const auto back = decode_read(rest);
    CHECK(back->key == kKey);
    CHECK(back->with_body);
    CHECK_FALSE(decode_read(opened(encode(kAnyTable, ReadRequest{kKey, false}), Operation::read))->with_body);
    refuses_all_but(rest, decode_read);
}

TEST_CASE("bytes of a prepare request", "[messages]") {
    const auto bytes = encode(kAnyTable, PrepareRequest{{kKey, {"p", ""}}, kTag});
    CHECK(hex_encode(bytes) == "01040200" + kTagHex + "02" + kKeyHex + "017000");
    const auto rest = opened(bytes, Operation::prepare);
    const auto back = decode_prepare(rest);
    CHECK(back->ballot == kTag);
    CHECK(back->keys == std::vector<RowKey>{kKey, {"p", ""}});
    refuses_all_but(rest, decode_prepare);
}

TEST_CASE("bytes of an accept request", "[messages]") {
    const base::Tag version{9, 9, 9};
    const AcceptRequest request{AcceptKind::write_back, kTag, {{kKey, version, true, {"row", "body"}}}};
    const auto bytes = encode(kAnyTable, request);
    CHECK(hex_encode(bytes) ==
          "01040300"
          "03" +
              kTagHex + "01" + kKeyHex + version.hex() +
              "01"
              "03726f77"
              "04626f6479");
    const auto rest = opened(bytes, Operation::accept);
    const auto back = decode_accept(rest);
    CHECK(back->kind == AcceptKind::write_back);
    CHECK(back->tag == kTag);
    REQUIRE(back->proposals.size() == 1);
    CHECK(back->proposals[0].key == kKey);
    CHECK(back->proposals[0].version == version);
    CHECK(back->proposals[0].tombstone);
    CHECK(back->proposals[0].value.row == "row");
    CHECK(back->proposals[0].value.body == "body");
    refuses_all_but(rest, decode_accept);
}

TEST_CASE("kinds of accept are 1 to 4", "[messages]") {
    for (int kind = 0; kind < 256; ++kind) {
        auto rest = opened(encode(kAnyTable, AcceptRequest{AcceptKind::optimistic, kTag, {}}), Operation::accept);
        rest[0] = static_cast<char>(kind);
        CHECK(decode_accept(rest).has_value() == (kind >= 1 && kind <= 4));
    }
}

TEST_CASE("bytes of a range request", "[messages]") {
    RangeQuery query{"pk", "pre", "after", "at", "end", "/", 300, true, 256};
    const auto bytes = encode(kAnyTable, query);
    CHECK(hex_encode(bytes) ==
          "01040400"
          "02706b"
          "03707265"
          "056166746572"
          "026174"
          "03656e64"
          "012f"
          "ac02"
          "01"
          "8002");
    const auto rest = opened(bytes, Operation::range);
    const auto back = decode_range(rest);
    CHECK(back->partition_key == "pk");
    CHECK(back->prefix == "pre");
    CHECK(back->start_after == "after");
    CHECK(back->start_at == "at");
    CHECK(back->end_before == "end");
    CHECK(back->delimiter == "/");
    CHECK(back->limit == 300);
    CHECK(back->with_bodies);
    CHECK(back->row_bytes == 256);
    refuses_all_but(rest, decode_range);
}

TEST_CASE("bytes of the requests of collection", "[messages]") {
    const CollectRequest request{kKey, kTag};
    CHECK(hex_encode(encode(kAnyTable, Operation::raise_low, request)) == "01040500" + kKeyHex + kTagHex);
    const auto bytes = encode(kAnyTable, Operation::collect, request);
    CHECK(hex_encode(bytes) == "01040600" + kKeyHex + kTagHex);
    const auto rest = opened(bytes, Operation::collect);
    CHECK(decode_collect(rest)->key == kKey);
    CHECK(decode_collect(rest)->tag == kTag);
    refuses_all_but(rest, decode_collect);
}

TEST_CASE("an envelope of another format or operation is refused", "[messages]") {
    CHECK_FALSE(open_envelope(""));
    CHECK_FALSE(open_envelope("\1\4"));
    CHECK_FALSE(open_envelope("\1\4\1"));
    CHECK(open_envelope("\1\4\1\7")->epoch == 7);
    CHECK_FALSE(open_envelope("\2\4\1\7"));
    for (int operation = 0; operation < 256; ++operation) {
        const std::string bytes{'\1', '\4', static_cast<char>(operation), '\7'};
        CHECK(open_envelope(bytes).has_value() == (operation >= 1 && operation <= 6));
    }
    CHECK_FALSE(open_envelope(std::string("\0\4\1\7", 4)));
}

TEST_CASE("bytes of a reply", "[messages]") {
    Reply reply;
    reply.ok = true;
    RowReply row;
    row.ok = true;
    row.superseded = true;
    row.low = {5, 5, 5};
    row.row.acc = row.row.version = kTag;
    row.row.row = "r";
    row.body = "bo";
    reply.rows = {row, RowReply{}};
    const auto bytes = encode(reply);
    const std::string empty_row = "0104" + std::string(32, '0') + "00";
    CHECK(hex_encode(bytes) ==
          "0101"
          "02"
          "0101" +
              row.low.hex() +
              "14"
              "0104" +
              kTagHex +
              "00"
              "72"
              "02626f" +
              "0000" + std::string(32, '0') + "13" + empty_row + "00");
    const auto back = decode_reply(bytes);
    REQUIRE(back);
    CHECK(back->ok);
    REQUIRE(back->rows.size() == 2);
    CHECK(back->rows[0].ok);
    CHECK(back->rows[0].superseded);
    CHECK(back->rows[0].low == row.low);
    CHECK(back->rows[0].row.acc == kTag);
    CHECK(back->rows[0].row.row == "r");
    CHECK(back->rows[0].body == "bo");
    CHECK_FALSE(back->rows[1].ok);
    refuses_all_but(bytes, decode_reply);
    CHECK_FALSE(decode_reply("\2" + bytes.substr(1)));
}

TEST_CASE("bytes of a range reply", "[messages]") {
    RangeReply reply;
    reply.more = true;
    reply.resume = "go";
    RangeItem item{"a/", true, "a/b", {}, "B"};
    item.row.acc = item.row.version = kTag;
    reply.items.push_back(item);
    const auto bytes = encode(reply);
    CHECK(hex_encode(bytes) ==
          "0101"
          "02676f"
          "01"
          "02612f"
          "01"
          "00"
          "03612f62"
          "13"
          "0104" +
              kTagHex +
              "00"
              "0142");
    const auto back = decode_range_reply(bytes);
    REQUIRE(back);
    CHECK(back->more);
    CHECK(back->resume == "go");
    reply.items[0].row.damaged = true;
    CHECK(decode_range_reply(encode(reply))->items[0].row.damaged);
    REQUIRE(back->items.size() == 1);
    CHECK(back->items[0].sort_key == "a/");
    CHECK(back->items[0].is_prefix);
    CHECK(back->items[0].witness == "a/b");
    CHECK(back->items[0].row.acc == kTag);
    CHECK(back->items[0].body == "B");
    refuses_all_but(bytes, decode_range_reply);
    CHECK_FALSE(decode_range_reply("\2" + bytes.substr(1)));
}

TEST_CASE("a reply that holds a malformed row is refused", "[messages]") {
    Reply reply;
    reply.rows.resize(1);
    auto bytes = encode(reply);
    REQUIRE(decode_reply(bytes));
    bytes[3 + 2 + 16 + 1] = 9;  // the row's format
    CHECK_FALSE(decode_reply(bytes));
}

TEST_CASE("the bound of a row is the greater of fence and low", "[messages]") {
    RowReply row;
    row.low = {5, 0, 0};
    CHECK(row.bound() == row.low);
    row.row.fence = {6, 0, 0};
    CHECK(row.bound() == row.row.fence);
}

}  // namespace
}  // namespace larder::table
