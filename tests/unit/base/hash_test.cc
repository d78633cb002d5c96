#include "src/base/hash.h"

#include "src/base/encoding.h"

#include <catch2/catch.hpp>

namespace larder::base {
namespace {

std::string repeated(std::uint8_t byte, std::size_t count) {
    return std::string(count, static_cast<char>(byte));
}

TEST_CASE("MD5 of RFC 1321's examples", "[hash]") {
    CHECK(hex_encode(md5("")) == "d41d8cd98f00b204e9800998ecf8427e");
    CHECK(hex_encode(md5("a")) == "0cc175b9c0f1b6a831c399e269772661");
    CHECK(hex_encode(md5("abc")) == "900150983cd24fb0d6963f7d28e17f72");
    CHECK(hex_encode(md5("message digest")) == "f96b697d7cb7938d525a2f31aaf161d0");
    CHECK(hex_encode(md5("12345678901234567890123456789012345678901234567890123456789012345678901234567890")) ==
          "57edf4a22be3c955ac49da2e2107b67a");
}

TEST_CASE("SHA-1 and SHA-256 of FIPS 180's examples", "[hash]") {
    constexpr std::string_view two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    CHECK(hex_encode(sha1("")) == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    CHECK(hex_encode(sha1("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");
    CHECK(hex_encode(sha1(two_blocks)) == "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    CHECK(sha256("").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(sha256(two_blocks).hex() == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_CASE("an incremental digest is the digest of the pieces in a row, and then starts afresh", "[hash]") {
    const std::string million(1'000'000, 'a');
    struct Known {
        Digest digest;
        std::string_view of_million_a;
        std::string_view of_abc;
    };
    const Known all[] = {
        {Digest::md5, "7707d6ae4e027c70eea2a935c2296f21", "900150983cd24fb0d6963f7d28e17f72"},
        {Digest::sha1, "34aa973cd4c4daa4f61eeb2bdbad27316534016f", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {Digest::sha256, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
         "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    for (const auto& known : all) {
        Hasher hasher(known.digest);
        std::size_t at = 0;
        for (std::size_t step = 1; at < million.size(); step = step * 3 + 1) {
            const auto piece = std::string_view(million).substr(at, step);
            hasher.update(piece);
            at += piece.size();
        }
        CHECK(hex_encode(hasher.finish()) == known.of_million_a);
        hasher.update("abc");
        Hasher moved = std::move(hasher);
        CHECK(hex_encode(moved.finish()) == known.of_abc);
    }
}

// The one-shot forms keep a context a thread: one call must not leave anything to the next.
TEST_CASE("one digest after another", "[hash]") {
    for (int i = 0; i < 3; ++i) {
        CHECK(sha256("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        CHECK(hex_encode(md5("abc")) == "900150983cd24fb0d6963f7d28e17f72");
        CHECK(hex_encode(sha1("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}

TEST_CASE("HMAC-SHA-256 of RFC 4231's examples", "[hash]") {
    CHECK(hex_encode(hmac_sha256(repeated(0x0b, 20), "Hi There")) ==
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    CHECK(hex_encode(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    // A key longer than a block is hashed first.
    CHECK(hex_encode(hmac_sha256(repeated(0xaa, 131), "Test Using Larger Than Block-Size Key - Hash Key First")) ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("HMAC-SHA-1 of RFC 2202's examples", "[hash]") {
    CHECK(hex_encode(hmac_sha1(repeated(0x0b, 20), "Hi There")) == "b617318655057264e28bc0b6fb378c8ef146be00");
    CHECK(hex_encode(hmac_sha1("Jefe", "what do ya want for nothing?")) == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    CHECK(hex_encode(hmac_sha1(repeated(0xaa, 80), "Test Using Larger Than Block-Size Key - Hash Key First")) ==
          "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

// 64 bytes is one block: the longest key taken as it is. The values come from another implementation.
TEST_CASE("a key of exactly one block and one byte more", "[hash]") {
    CHECK(hex_encode(hmac_sha256(repeated('k', 64), "m")) ==
          "3b7a8d453e76edb519238a515105a57508d0f169f480ebeee120a9e7803289fa");
    CHECK(hex_encode(hmac_sha256(repeated('k', 65), "m")) ==
          "c2d7d4c2256ddb097409ec0c67e1d58fa1a007fc6932cac0d892a525d08af7cc");
    CHECK(hex_encode(hmac_sha1(repeated('k', 64), "m")) == "d52b5b30393c20f423870bb6d0ad622b02848ca9");
    CHECK(hex_encode(hmac_sha1(repeated('k', 65), "m")) == "d7ab367121230c7e073a785f02c779c915e96d01");
}

}  // namespace
}  // namespace larder::base
