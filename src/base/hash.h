// Cryptographic digests (OpenSSL underneath; its headers stay in hash.cc). Objects are not thread-safe; any thread may
// own one.
#pragma once

#include "src/base/id.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace larder::base {

enum class Digest { md5, sha1, sha256 };

// Incremental digest.
class Hasher {
 public:
    explicit Hasher(Digest digest);
    ~Hasher();
    Hasher(Hasher&&) noexcept;
    Hasher& operator=(Hasher&&) noexcept;

    void update(std::string_view bytes);
    // The raw digest (16, 20 or 32 bytes). The hasher starts afresh afterwards.
    std::string finish();

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// One-shot forms, cheaper than a Hasher for small inputs.
std::string md5(std::string_view bytes);
Hash256 sha256(std::string_view bytes);
std::string sha1(std::string_view bytes);

// HMAC-SHA-1 (RFC 2104), 20 raw bytes; for the first form of signed upload policies only.
std::string hmac_sha1(std::string_view key, std::string_view message);
// HMAC-SHA-256 (RFC 2104), 32 raw bytes.
std::string hmac_sha256(std::string_view key, std::string_view message);

}  // namespace larder::base
