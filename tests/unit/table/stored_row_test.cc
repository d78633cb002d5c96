#include "replication/table/stored_row.h"

#include "src/base/encoding.h"

#include <catch2/catch.hpp>

#include <random>

namespace larder::table {
namespace {

using base::hex_encode;
using base::Tag;

constexpr const char* kAcc = "00000000000000010000000200000003";
constexpr const char* kVersion = "00000000000000040000000500000006";
constexpr const char* kFence = "00000000000000070000000800000009";
const Tag acc{1, 2, 3};
const Tag version{4, 5, 6};
const Tag fence{7, 8, 9};

bool same(const StoredRow& a, const StoredRow& b) {
    return a.acc == b.acc && a.fence == b.fence && a.version == b.version && a.fenced == b.fenced &&
           a.tombstone == b.tombstone && a.body_size == b.body_size && a.row == b.row;
}

// docs/formats.md, "Row": format, flags, acc, version, fence, body size, value.
TEST_CASE("known bytes of rows", "[table]") {
    const std::string accepted = kAcc, made = kVersion, promised = kFence;
    const std::pair<StoredRow, std::string> known[] = {
        {{acc, {}, acc, false, false, 0, "ab"}, "0104" + accepted + "00" + "6162"},
        {{acc, {}, acc, false, true, 0, ""}, "0106" + accepted + "00"},
        {{acc, {}, version, true, false, 300, "ab"}, "0101" + accepted + made + "ac02" + "6162"},
        {{acc, fence, version, false, false, 0, ""}, "0108" + accepted + made + promised + "00"},
        {{acc, fence, acc, true, true, 1, "x"}, "010f" + accepted + promised + "01" + "78"},
        {{{}, fence, {}, false, false, 0, ""}, "010c" + std::string(32, '0') + promised + "00"},
    };
    for (const auto& [row, hex] : known) {
        CHECK(hex_encode(encode_row(row)) == hex);
        const auto back = decode_row(*base::hex_decode(hex));
        REQUIRE(back);
        CHECK(same(*back, row));
    }
}

TEST_CASE("a row has a value when it was written and is not deleted", "[table]") {
    CHECK(StoredRow{acc, {}, acc, false, false, 0, ""}.has_value());
    CHECK_FALSE(StoredRow{acc, {}, acc, false, true, 0, ""}.has_value());
    CHECK_FALSE(StoredRow{{}, fence, {}, false, false, 0, ""}.has_value());
}

TEST_CASE("a row cut in its head, or of another format, is malformed", "[table]") {
    const auto bytes = encode_row({acc, fence, version, true, false, 300, ""});
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        INFO(cut);
        const auto got = decode_row(std::string_view(bytes).substr(0, cut));
        REQUIRE_FALSE(got);
        CHECK(got.error().is(base::Code::corrupted, base::Subject::row));
    }
    for (const char format : {'\0', '\x02', '\xff'}) {
        auto other = bytes;
        other[0] = format;
        CHECK_FALSE(decode_row(other));
    }
}

TEST_CASE("only the front of a row is kept when asked so", "[table]") {
    const auto bytes = encode_row({acc, {}, acc, false, false, 7, "0123456789"});
    CHECK(decode_row_front(bytes, 0)->row.empty());
    CHECK(decode_row_front(bytes, 4)->row == "0123");
    CHECK(decode_row_front(bytes, 10)->row == "0123456789");
    CHECK(decode_row_front(bytes, 99)->row == "0123456789");
    CHECK(decode_row_front(bytes, 4)->body_size == 7);
}

TEST_CASE("random rows come back", "[table]") {
    std::mt19937_64 random(5);
    const auto draw_tag = [&]() -> Tag {
        if (random() % 3 == 0) return {};
        return {random(), static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random())};
    };
    for (int i = 0; i < 2000; ++i) {
        StoredRow row{draw_tag(), draw_tag(), draw_tag(), random() % 2 == 0, random() % 2 == 0, {}, {}};
        if (random() % 3 == 0) row.version = row.acc;
        row.body_size = static_cast<std::uint32_t>(random() >> random() % 64);
        row.row.resize(random() % 50);
        for (auto& c : row.row) c = static_cast<char>(random());
        const auto back = decode_row(encode_row(row));
        REQUIRE(back);
        REQUIRE(same(*back, row));
    }
}

TEST_CASE("known places of rows and bodies", "[table]") {
    CHECK(hex_encode(row_place(4, "ab", "cd")) ==
          "040002"
          "6162"
          "6364");
    CHECK(hex_encode(row_place(4, RowKey{"", "cd"})) ==
          "040000"
          "6364");
    CHECK(hex_encode(row_place(255, std::string(300, 'x'), "")).substr(0, 8) == "ff012c78");
    CHECK(hex_encode(body_place(4, acc, 0)) == std::string("04") + kAcc);
}

// A scan walks the rows of one partition key; those of another must not lie between them.
TEST_CASE("rows of one partition key lie together, in order of their sort keys", "[table]") {
    std::mt19937_64 random(6);
    const auto draw = [&] {
        std::string out(random() % 4, '\0');
        for (auto& c : out) c = "\0\1a\xff"[random() % 4];
        return out;
    };
    for (int i = 0; i < 20'000; ++i) {
        const RowKey a{draw(), draw()};
        const RowKey b{draw(), draw()};
        const auto place_a = row_place(4, a);
        const auto place_b = row_place(4, b);
        REQUIRE((place_a == place_b) == (a == b));
        if (a.partition_key == b.partition_key) REQUIRE((place_a < place_b) == (a.sort_key < b.sort_key));
        const bool inside = place_b.starts_with(row_place(4, a.partition_key, ""));
        REQUIRE(inside == (a.partition_key == b.partition_key));
    }
}

TEST_CASE("the least key after all with a prefix", "[table]") {
    CHECK(after_prefix("") == "");
    CHECK(after_prefix("a") == "b");
    CHECK(after_prefix("a/") == "a0");
    CHECK(after_prefix(std::string("a\0", 2)) == "a\1");
    CHECK(after_prefix("a\xfe") == "a\xff");
    CHECK(after_prefix("a\xff") == "b");
    CHECK(after_prefix("a\xff\xff") == "b");
    CHECK(after_prefix("\x7f") == "\x80");
    CHECK(after_prefix("\xff") == "");
    CHECK(after_prefix("\xff\xff\xff") == "");
}

TEST_CASE("no key lies between a prefix's keys and what comes after them", "[table]") {
    std::mt19937_64 random(7);
    const auto draw = [&](std::size_t most) {
        std::string out(random() % (most + 1), '\0');
        for (auto& c : out) c = "\0ab\xfe\xff"[random() % 5];
        return out;
    };
    for (int i = 0; i < 50'000; ++i) {
        const auto prefix = draw(3);
        const auto key = draw(5);
        const auto after = after_prefix(prefix);
        const bool before = after.empty() || key < after;
        REQUIRE((key >= prefix && before) == key.starts_with(prefix));
    }
}

}  // namespace
}  // namespace larder::table
