// Frames in pieces of every size, and what is no frame.
#include "src/rpc/frame.h"

#include "src/rpc/errors.h"
#include "src/rpc/hello.h"

#include <catch2/catch.hpp>

using namespace larder;
using base::Code;
using rpc::Frame;
using rpc::FrameKind;

namespace {

Frame frame(std::uint64_t id, std::string body, std::size_t bulk) {
    Frame out{FrameKind::request, id, {std::move(body), {}}};
    if (bulk > 0)
        out.content.bulk.push_back(base::Buffer::copy_of(std::string(bulk, static_cast<char>('a' + id % 26))));
    return out;
}

std::string bytes_of(const Frame& frame) {
    std::string out;
    append_front(out, frame);
    for (const auto& bulk : frame.content.bulk) out += bulk.chars();
    return out;
}

// Gives the bytes in steps of `step` and collects the frames; stops at an error.
struct Fed {
    std::vector<Frame> frames;
    std::optional<base::Error> error;
};
Fed feed(rpc::FrameReader& reader, std::string_view bytes, std::size_t step) {
    Fed fed;
    while (!bytes.empty()) {
        rpc::FrameReader::Rooms storage;
        std::size_t given = 0;
        for (const auto& room : reader.rooms(storage)) {
            const auto n = std::min({room.iov_len, bytes.size(), step - given});
            std::memcpy(room.iov_base, bytes.data(), n);
            bytes.remove_prefix(n);
            given += n;
        }
        reader.filled(given);
        for (;;) {
            auto next = reader.next();
            if (!next) {
                fed.error = next.error();
                return fed;
            }
            if (!*next) break;
            fed.frames.push_back(std::move(**next));
        }
    }
    return fed;
}

}  // namespace

TEST_CASE("frames come out as they went in, whatever the pieces", "[rpc]") {
    const std::vector<Frame> sent = {frame(1, "", 0),
                                     frame(2, "message", 0),
                                     frame(3, "m", 5),
                                     frame(4, "", 100000),
                                     frame(5, std::string(70000, 'x'), 40000),
                                     frame(6, "end", 1)};
    std::string bytes;
    for (const auto& one : sent) bytes += bytes_of(one);
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{17}, std::size_t{4096}, bytes.size()}) {
        rpc::FrameReader reader(rpc::kFramePayloadMax);
        const auto fed = feed(reader, bytes, step);
        REQUIRE_FALSE(fed.error);
        REQUIRE(fed.frames.size() == sent.size());
        for (std::size_t i = 0; i < sent.size(); ++i) {
            INFO("step " << step << " frame " << i);
            CHECK(fed.frames[i].id == sent[i].id);
            CHECK((bytes_of(fed.frames[i]) == bytes_of(sent[i])));
            CHECK(fed.frames[i].content.body == sent[i].content.body);
        }
    }
}

TEST_CASE("what is no frame ends the reading", "[rpc]") {
    rpc::FrameReader reader(1000);
    CHECK(feed(reader, bytes_of(frame(1, std::string(900, 'x'), 100)), 64).frames.size() == 1);
    CHECK(feed(reader, bytes_of(frame(1, std::string(900, 'x'), 101)), 64).error->is(Code::corrupted));

    auto unknown = bytes_of(frame(1, "x", 0));
    unknown[4] = 8;
    rpc::FrameReader second(1000);
    CHECK(feed(second, unknown, 64).error->is(Code::corrupted));
    auto longer = bytes_of(frame(1, "x", 0));
    longer[13] = 2;
    rpc::FrameReader third(1000);
    CHECK(feed(third, longer, 64).error->is(Code::corrupted));
}

TEST_CASE("errors cross the wire", "[rpc]") {
    const base::Error error{Code::quota_exceeded, base::Subject::bucket, "the bucket is full."};
    const auto decoded = rpc::decode_error(rpc::encode_error(error));
    REQUIRE(decoded);
    CHECK((decoded->is(Code::quota_exceeded, base::Subject::bucket) && decoded->message == error.message));
    CHECK(rpc::decode_error(std::string("\xee\xee\x01x", 4))->is(Code::internal, base::Subject::none));
    CHECK_FALSE(rpc::decode_error("\x01"));
}

TEST_CASE("versions are agreed on", "[rpc]") {
    CHECK(*rpc::agree({"files", 1, 3}, {"files", 2, 5}) == 3);
    CHECK(rpc::agree({"files", 1, 1}, {"files", 2, 2}).error().is(Code::unsupported));
    CHECK(rpc::agree({"other", 1, 1}, {"files", 1, 1}).error().is(Code::unsupported));
    const auto again = rpc::decode_hello(rpc::encode_hello({"files", 2, 9}));
    REQUIRE(again);
    CHECK((again->service == "files" && again->lowest == 2 && again->highest == 9));
    CHECK_FALSE(rpc::decode_hello("GET / HTTP/1.1\r\n\r\n"));
}
