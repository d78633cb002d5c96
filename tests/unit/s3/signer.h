// A second, slow and independent implementation of AWS Signature Version 4, from the client's side.
#pragma once

#include "src/http/http.h"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::s3 {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
constexpr std::string_view kEmptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct Signer {
    std::string key_id = "GK0123456789abcdef01234567";
    std::string secret = "8f2e7a4b1c9d0e6f3a5b7c8d9e0f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f";
    std::string region = "home";
    std::string service = "s3";
    std::string date = "20261103T112704Z";
    std::string scope_date = {};  // when it differs from the date's
    bool plain_date = false;      // leaves x-amz-date out, for a request with a Date of its own
    std::string path = {};        // to sign, when it is not the canonical form of the target's

    std::string scope() const;
    std::string key() const;  // raw bytes
    std::string hmac(std::string_view to_sign) const;

    // A request with Authorization, Host, x-amz-date and x-amz-content-sha256; `headers` are signed too,
    // `unsigned_ones` are sent along.
    http::RequestHead by_header(std::string method, std::string target, HeaderList headers = {},
                                std::string payload = std::string(kEmptySha256), HeaderList unsigned_ones = {}) const;
    // A target with the query parameters of a presigned request; further parameters may stand in `target`.
    std::string presigned_target(std::string method, std::string target, std::string expires = "3600",
                                 HeaderList headers = {}, std::string payload = std::string(kUnsignedPayload)) const;
    http::RequestHead presigned(std::string method, std::string target, HeaderList headers = {}) const;

    // "sizes" of chunks of `content` in signed framing, with the last empty one; the seed is the request's signature.
    struct Chunks {
        std::string body;
        std::string last_signature;
    };
    Chunks chunks(std::string_view seed, std::string_view content, std::vector<std::size_t> sizes) const;
    std::string trailer_signature(std::string_view last, std::string_view lines) const;
};

// The signature in an Authorization header.
std::string signature_of(const http::RequestHead& head);
// Replaces the first occurrence; it must be there.
std::string replaced(std::string text, std::string_view what, std::string_view by);

}  // namespace larder::s3
