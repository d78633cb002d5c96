#include "src/base/hash.h"

#include "src/base/assert.h"

#include <openssl/evp.h>

namespace larder::base {
namespace {

// Fetched once: OpenSSL 3 looks an algorithm up at every use of the implicit forms, which costs more than a small hash.
const EVP_MD* algorithm(Digest digest) {
    static EVP_MD* const md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
    static EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    const EVP_MD* found = digest == Digest::md5 ? md5 : digest == Digest::sha1 ? sha1 : sha256;
    ENSURE(found != nullptr);
    return found;
}

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

// One context a thread and algorithm for the one-shot forms: making one costs as much as hashing a short text.
void one_shot(Digest digest, std::string_view a, std::string_view b, unsigned char* out) {
    thread_local std::array<Context, 3> contexts;
    auto& context = contexts[static_cast<std::size_t>(digest)];
    if (!context) {
        context.reset(EVP_MD_CTX_new());
        ENSURE(EVP_DigestInit_ex2(context.get(), algorithm(digest), nullptr) == 1);
    } else {
        ENSURE(EVP_DigestInit_ex2(context.get(), nullptr, nullptr) == 1);
    }
    EVP_DigestUpdate(context.get(), a.data(), a.size());
    if (!b.empty()) EVP_DigestUpdate(context.get(), b.data(), b.size());
    ENSURE(EVP_DigestFinal_ex(context.get(), out, nullptr) == 1);
}

}  // namespace

struct Hasher::Impl {
    Digest digest;
    Context context;
};

Hasher::Hasher(Digest digest) : impl_(std::make_unique<Impl>(Impl{digest, Context(EVP_MD_CTX_new())})) {
    ENSURE(EVP_DigestInit_ex2(impl_->context.get(), algorithm(digest), nullptr) == 1);
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(std::string_view bytes) {
    EVP_DigestUpdate(impl_->context.get(), bytes.data(), bytes.size());
}

std::string Hasher::finish() {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    ENSURE(EVP_DigestFinal_ex(impl_->context.get(), out, &length) == 1);
    ENSURE(EVP_DigestInit_ex2(impl_->context.get(), algorithm(impl_->digest), nullptr) == 1);
    return std::string(reinterpret_cast<char*>(out), length);
}

std::string md5(std::string_view bytes) {
    std::string out(16, '\0');
    one_shot(Digest::md5, bytes, {}, reinterpret_cast<unsigned char*>(out.data()));
    return out;
}

std::string sha1(std::string_view bytes) {
    std::string out(20, '\0');
    one_shot(Digest::sha1, bytes, {}, reinterpret_cast<unsigned char*>(out.data()));
    return out;
}

Hash256 sha256(std::string_view bytes) {
    Hash256 out;
    one_shot(Digest::sha256, bytes, {}, out.bytes.data());
    return out;
}

namespace {

// The two padded keys of RFC 2104, for digests with blocks of 64 bytes.
struct PaddedKey {
    std::array<char, 64> inner{};
    std::array<char, 64> outer{};

    explicit PaddedKey(std::string_view key) {
        for (std::size_t i = 0; i < inner.size(); ++i) {
            const char k = i < key.size() ? key[i] : '\0';
            inner[i] = static_cast<char>(k ^ 0x36);
            outer[i] = static_cast<char>(k ^ 0x5c);
        }
    }
};

}  // namespace

std::string hmac_sha256(std::string_view key, std::string_view message) {
    Hash256 short_key;
    if (key.size() > 64) {
        short_key = sha256(key);
        key = short_key.view();
    }
    const PaddedKey padded(key);
    Hash256 digest;
    one_shot(Digest::sha256, {padded.inner.data(), 64}, message, digest.bytes.data());
    one_shot(Digest::sha256, {padded.outer.data(), 64}, digest.view(), digest.bytes.data());
    return std::string(digest.view());
}

std::string hmac_sha1(std::string_view key, std::string_view message) {
    const auto short_key = key.size() > 64 ? sha1(key) : std::string(key);
    const PaddedKey padded(short_key);
    std::string digest(20, '\0');
    auto* out = reinterpret_cast<unsigned char*>(digest.data());
    one_shot(Digest::sha1, {padded.inner.data(), 64}, message, out);
    const std::string first = digest;
    one_shot(Digest::sha1, {padded.outer.data(), 64}, first, out);
    return digest;
}

}  // namespace larder::base
