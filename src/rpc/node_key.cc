#include "src/rpc/node_key.h"

#include "src/base/assert.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>

namespace larder::rpc {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Subject;

constexpr std::size_t kSeedBytes = 32;
constexpr std::size_t kSignatureBytes = 64;

const unsigned char* unsigned_bytes(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::shared_ptr<evp_pkey_st> owned(EVP_PKEY* key) {
    return {key, EVP_PKEY_free};
}

template <typename T, auto free_it>
struct Freed {
    void operator()(T* p) const { free_it(p); }
};
using Bio = std::unique_ptr<BIO, Freed<BIO, BIO_free>>;
using Context = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX, EVP_MD_CTX_free>>;

// Nothing: these bytes are no such key.
std::shared_ptr<evp_pkey_st> read_pem(std::string_view text) {
    const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    ENSURE(bio);
    // No question for a passphrase, whatever the file says.
    auto key = owned(PEM_read_bio_PrivateKey(bio.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
    ERR_clear_error();
    if (key && EVP_PKEY_get_id(key.get()) == EVP_PKEY_ED25519) return key;
    return nullptr;
}

std::string write_pem(EVP_PKEY* key) {
    const Bio bio(BIO_new(BIO_s_secmem()));
    ENSURE(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
    char* data = nullptr;
    const auto size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

}  // namespace

NodeKey::NodeKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {
    std::size_t size = id_.bytes.size();
    ENSURE(EVP_PKEY_get_raw_public_key(key_.get(), id_.bytes.data(), &size) == 1 && size == id_.bytes.size());
}

NodeKey NodeKey::from_seed(std::string_view seed) {
    ENSURE(seed.size() == kSeedBytes);
    auto key = owned(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, unsigned_bytes(seed), seed.size()));
    ENSURE(key);
    return NodeKey(std::move(key));
}

Result<NodeKey> NodeKey::open(io::Disk& disk, io::Random& random, const std::string& folder) {
    const auto path = folder + "/node.key";
    TRY(const auto there, disk.exists(path));
    if (there) {
        TRY(auto text, disk.read_file(path));
        auto key = read_pem(text);
        OPENSSL_cleanse(text.data(), text.size());
        if (key) return NodeKey(std::move(key));
        return fail(Code::corrupted, Subject::config,
                    path + " is not this node's key: restore it, or have the node forgotten by its cluster, remove " +
                        path + " and join again");
    }
    std::array<std::uint8_t, kSeedBytes> seed;
    random.fill(seed);
    auto key = from_seed({reinterpret_cast<const char*>(seed.data()), seed.size()});
    OPENSSL_cleanse(seed.data(), seed.size());
    auto text = write_pem(key.handle());
    const auto written = disk.write_file(path, text);
    OPENSSL_cleanse(text.data(), text.size());
    TRY_VOID(written);
    return key;
}

std::string NodeKey::sign(std::string_view message) const {
    const Context context(EVP_MD_CTX_new());
    std::string out(kSignatureBytes, '\0');
    std::size_t size = out.size();
    ENSURE(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
    ENSURE(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, unsigned_bytes(message),
                          message.size()) == 1 &&
           size == out.size());
    return out;
}

bool is_signed_by(const base::NodeId& id, std::string_view message, std::string_view signature) {
    const auto key = owned(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, id.bytes.data(), id.bytes.size()));
    const Context context(EVP_MD_CTX_new());
    const bool good = key && context &&
                      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                      EVP_DigestVerify(context.get(), unsigned_bytes(signature), signature.size(),
                                       unsigned_bytes(message), message.size()) == 1;
    ERR_clear_error();
    return good;
}

}  // namespace larder::rpc
