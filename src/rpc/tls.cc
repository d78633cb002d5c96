#include "src/rpc/tls.h"

#include "src/base/assert.h"
#include "src/io/tcp_socket.h"
#include "src/io/timeout.h"
#include "src/rpc/tls_transport.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace larder::rpc {
namespace {

using base::NodeId;
using base::Result;
using Direction = io::Readiness::Direction;

template <typename T, auto free_it>
struct Freed {
    void operator()(T* p) const { free_it(p); }
};
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, SSL_CTX_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;

struct Protocol {
    Purpose purpose;
    std::string_view name;  // as ALPN carries it, its length first
};
constexpr std::array kProtocols = {Protocol{Purpose::peer, "\x0dlarder-peer/1"},
                                   Protocol{Purpose::join, "\x0dlarder-join/1"}};

const unsigned char* unsigned_bytes(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

// Valid for ever: a node that thinks it is 1970 is still the node that holds the key.
Certificate make_certificate(const NodeKey& key) {
    Certificate certificate(X509_new());
    ENSURE(certificate);
    auto* x = certificate.get();
    const auto name = key.id().hex();
    ENSURE(X509_set_version(x, X509_VERSION_3) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    ENSURE(ASN1_TIME_set_string(X509_getm_notBefore(x), "19700101000000Z") == 1);
    ENSURE(ASN1_TIME_set_string(X509_getm_notAfter(x), "99991231235959Z") == 1);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, unsigned_bytes(name), -1, -1, 0);
    ENSURE(X509_set_issuer_name(x, X509_get_subject_name(x)) == 1);
    ENSURE(X509_set_pubkey(x, key.handle()) == 1);
    ENSURE(X509_sign(x, key.handle(), nullptr) > 0);
    return certificate;
}

std::optional<NodeId> id_in(X509* certificate) {
    EVP_PKEY* key = certificate == nullptr ? nullptr : X509_get0_pubkey(certificate);
    if (key == nullptr || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) return std::nullopt;
    NodeId id;
    std::size_t size = id.bytes.size();
    if (EVP_PKEY_get_raw_public_key(key, id.bytes.data(), &size) != 1 || size != id.bytes.size()) return std::nullopt;
    return id;
}

// Stands in for all of OpenSSL's judgement of certificates: only the key counts.
int judge(X509_STORE_CTX* store, void*) {
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto& check = TlsTransport::check_of(ssl);
    const auto id = id_in(X509_STORE_CTX_get0_cert(store));
    const auto purpose = TlsTransport::purpose_of(ssl);
    const bool good = id && purpose && check.allow(*purpose, *id);
    check.peer = id;
    check.refused = id && purpose && !good;
    X509_STORE_CTX_set_error(store, good ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return good ? 1 : 0;
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* offered,
                    unsigned offered_length, void*) {
    for (const auto& one : kProtocols) {
        const int found = SSL_select_next_proto(const_cast<unsigned char**>(out), out_length, unsigned_bytes(one.name),
                                                static_cast<unsigned>(one.name.size()), offered, offered_length);
        if (found == OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

Context make_context(const NodeKey& key) {
    Context context(SSL_CTX_new(TLS_method()));
    ENSURE(context);
    auto* c = context.get();
    const auto certificate = make_certificate(key);
    ENSURE(SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) == 1);
    ENSURE(SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") ==
           1);
    ENSURE(SSL_CTX_set1_groups_list(c, "X25519") == 1 && SSL_CTX_set1_sigalgs_list(c, "ed25519") == 1);
    ENSURE(SSL_CTX_use_certificate(c, certificate.get()) == 1 && SSL_CTX_use_PrivateKey(c, key.handle()) == 1);
    // A link lives long: nothing is resumed, so each one proves both keys anew.
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(c, 0);
    SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
    // One system call fetches several records.
    SSL_CTX_set_read_ahead(c, 1);
    SSL_CTX_set_default_read_buffer_len(c, 64 * 1024);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(c, judge, nullptr);
    SSL_CTX_set_alpn_select_cb(c, choose_protocol, nullptr);
    return context;
}

io::Task<Result<Secured>> shake_hands(std::unique_ptr<TlsTransport> transport) {
    co_await transport->socket().wait(Direction::write);
    CO_TRY_VOID(io::connect_outcome(transport->socket().descriptor()));
    for (;;) {
        Direction direction = Direction::read;
        CO_TRY(const bool done, transport->shake(direction));
        if (done) break;
        co_await transport->socket().wait(direction);
    }
    auto* ssl = transport->ssl();
    const auto purpose = TlsTransport::purpose_of(ssl);
    if (!purpose || !transport->check().peer)
        co_return base::fail(base::Code::disconnected, "the other side speaks TLS, but is no node");
    Secured out;
    out.purpose = *purpose;
    out.peer = *transport->check().peer;
    out.binding.resize(32);
    constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
    ENSURE(SSL_export_keying_material(ssl, reinterpret_cast<unsigned char*>(out.binding.data()), out.binding.size(),
                                      kLabel.data(), kLabel.size(), nullptr, 0, 1) == 1);
    out.transport = std::move(transport);
    co_return out;
}

}  // namespace

std::optional<Purpose> TlsTransport::purpose_of(SSL* ssl) {
    const unsigned char* name = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl, &name, &length);
    const std::string_view chosen(reinterpret_cast<const char*>(name), length);
    for (const auto& one : kProtocols) {
        if (one.name.substr(1) == chosen) return one.purpose;
    }
    return std::nullopt;
}

struct Tls::Impl {
    NodeKey key;
    Context context;
};

Tls::Tls(const NodeKey& key) : impl_(std::make_unique<Impl>(Impl{key, make_context(key)})) {}
Tls::~Tls() = default;

const NodeId& Tls::id() const {
    return impl_->key.id();
}

io::Task<Result<Secured>> Tls::connect(io::RealEnv& world, int descriptor, Purpose purpose, Allow allow,
                                       base::Instant deadline) {
    auto transport = std::make_unique<TlsTransport>(world.loop(), descriptor, impl_->context.get(), std::move(allow));
    SSL_set_connect_state(transport->ssl());
    for (const auto& one : kProtocols) {
        if (one.purpose != purpose) continue;
        ENSURE(SSL_set_alpn_protos(transport->ssl(), unsigned_bytes(one.name),
                                   static_cast<unsigned>(one.name.size())) == 0);
    }
    auto& env = world.env();
    return io::with_deadline(env.executor, env.clock, deadline, shake_hands(std::move(transport)));
}

io::Task<Result<Secured>> Tls::accept(io::RealEnv& world, int descriptor, Allow allow, base::Instant deadline) {
    auto transport = std::make_unique<TlsTransport>(world.loop(), descriptor, impl_->context.get(), std::move(allow));
    SSL_set_accept_state(transport->ssl());
    auto& env = world.env();
    return io::with_deadline(env.executor, env.clock, deadline, shake_hands(std::move(transport)));
}

}  // namespace larder::rpc
