// The bytes of requests: what is written is read again, and nothing else is.
#include "replication/remote/messages.h"

#include <catch2/catch.hpp>

using namespace larder;
using namespace larder::remote;
using base::Code;

TEST_CASE("every request is read as it was written", "[remote]") {
    engine::FileAttributes attributes;
    attributes.mode = 1;
    attributes.mtime_ns = -5;
    attributes.xattrs = {{"a", "b"}};
    const std::vector<Request> requests = {BeginSession{"b", "k"},
                                           Prove{"p"},
                                           Find{"x"},
                                           List{"d/", "d/a", 7},
                                           Create{{"k", attributes, "c", false}},
                                           SetAttributes{"k", attributes},
                                           SetXattr{"k", "n", std::nullopt, engine::XattrMode::replace, -1},
                                           Remove{"k", 1},
                                           Rename{"a", "b", true, 2},
                                           Exchange{"a", "b", 3},
                                           RenameDirectory{"a/", "b/", 4},
                                           Link{"a", "b", 5},
                                           Usage{},
                                           Watch{"s", 9},
                                           Open{"k"},
                                           Close{1},
                                           Read{1, 2, 3},
                                           Write{1, 2, {}},
                                           Truncate{1, 1ull << 60},
                                           Punch{1, 2, 3},
                                           Seek{1, 2, true},
                                           CopyFrom{1, 2, 3, 4, 5},
                                           Commit{1, attributes}};
    REQUIRE(requests.size() == std::variant_size_v<Request>);
    for (std::size_t i = 0; i < requests.size(); ++i) {
        INFO(operation_name(i));
        const auto bytes = encode(requests[i]);
        CHECK(bytes[0] == static_cast<char>(i + 1));
        const auto back = decode_request(bytes);
        REQUIRE(back);
        CHECK(back->index() == i);
        CHECK(encode(*back) == bytes);
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) CHECK_FALSE(decode_request(bytes.substr(0, cut)));
        CHECK_FALSE(decode_request(bytes + "x"));
    }
    CHECK_FALSE(decode_request(std::string("\x18", 1)));
    CHECK_FALSE(decode_request(std::string("\0", 1)));
}

TEST_CASE("numbers that do not fit are malformed", "[remote]") {
    CHECK(decode_request(std::string("\x04\0\0\xff\xff\xff\xff\x1f", 8)).error().is(Code::corrupted));
    CHECK(decode_request(std::string("\x07\0\0\0\x03\0\0\0\0\0\0\0\0", 13)).error().is(Code::corrupted));
    CHECK(decode_answer<engine::DirectoryPage>(std::string("\xff\xff\xff\xff\x0f", 5)).error().is(Code::corrupted));
}

TEST_CASE("a proof is of this secret, nonce, key and bucket", "[remote]") {
    const auto proof = make_proof("s", "n", {"b", "k"});
    CHECK(proof.size() == 32);
    CHECK(proof == make_proof("s", "n", {"b", "k"}));
    for (const auto& other : {make_proof("t", "n", {"b", "k"}), make_proof("s", "m", {"b", "k"}),
                              make_proof("s", "n", {"c", "k"}), make_proof("s", "n", {"b", "l"})})
        CHECK(proof != other);
}
