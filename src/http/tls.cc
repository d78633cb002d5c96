#include "src/http/tls.h"

#include "src/base/assert.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace larder::http {
namespace {

using base::Code;
using base::fail;
using Outcome = Moved::Outcome;
using Direction = Readiness::Direction;

constexpr std::size_t kRecordBytes = 16 * 1024;

template <typename T, void (*free_it)(T*)>
struct Freed {
    void operator()(T* p) const { free_it(p); }
};
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Freed<SSL, SSL_free>>;

std::string openssl_reason() {
    const auto error = ERR_peek_last_error();
    const char* text = ERR_reason_error_string(error);
    ERR_clear_error();
    return text == nullptr ? "unreadable" : text;
}

// OpenSSL's own socket BIO would raise SIGPIPE; this one does not.
int bio_finish(BIO* bio, ssize_t n, void (*retry)(BIO*)) {
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) retry(bio);
    return static_cast<int>(n);
}
int descriptor_of(BIO* bio) {
    return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}
int bio_write(BIO* bio, const char* data, int size) {
    const auto n = ::send(descriptor_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    return bio_finish(bio, n, [](BIO* b) { BIO_set_retry_write(b); });
}
int bio_read(BIO* bio, char* data, int size) {
    const auto n = ::recv(descriptor_of(bio), data, static_cast<std::size_t>(size), 0);
    return bio_finish(bio, n, [](BIO* b) { BIO_set_retry_read(b); });
}
long bio_control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* socket_method() {
    static BIO_METHOD* const method = [] {
        auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without signals");
        ENSURE(m != nullptr);
        BIO_meth_set_write(m, bio_write);
        BIO_meth_set_read(m, bio_read);
        BIO_meth_set_ctrl(m, bio_control);
        return m;
    }();
    return method;
}

class TlsStream final : public Stream {
 public:
    TlsStream(SSL_CTX* context, int descriptor) : descriptor_(descriptor), ssl_(SSL_new(context)) {
        ENSURE(ssl_);
        BIO* bio = BIO_new(socket_method());
        ENSURE(bio != nullptr);
        BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)));
        BIO_set_init(bio, 1);
        SSL_set_bio(ssl_.get(), bio, bio);
        SSL_set_accept_state(ssl_.get());
    }

    Moved read(std::span<iovec> into) override {
        std::size_t done = 0;
        for (const auto& piece : into) {
            for (std::size_t at = 0; at < piece.iov_len;) {
                ERR_clear_error();
                std::size_t n = 0;
                auto* to = static_cast<char*>(piece.iov_base) + at;
                const int ok = SSL_read_ex(ssl_.get(), to, piece.iov_len - at, &n);
                if (ok != 1) return done > 0 ? Moved{Outcome::moved, done, Direction::read} : outcome_of(ok);
                at += n;
                done += n;
            }
        }
        return {Outcome::moved, done, Direction::read};
    }

    Moved write(std::span<iovec> from) override {
        const auto piece = gather(from);
        ERR_clear_error();
        std::size_t n = 0;
        const int ok = SSL_write_ex(ssl_.get(), piece.iov_base, piece.iov_len, &n);
        return ok == 1 ? Moved{Outcome::moved, n, Direction::write} : outcome_of(ok);
    }

    Moved handshake() override {
        ERR_clear_error();
        const int ok = SSL_accept(ssl_.get());
        return ok == 1 ? Moved{Outcome::moved, 0, Direction::read} : outcome_of(ok);
    }

    void shut() override {
        ERR_clear_error();
        if (SSL_is_init_finished(ssl_.get()) == 1 && !failed_) SSL_shutdown(ssl_.get());
        ::shutdown(descriptor_, SHUT_WR);
    }

 private:
    // Small pieces go into one record. What is gathered depends on the pieces alone, as a repeated write must.
    iovec gather(std::span<iovec> from) {
        if (from.size() == 1 || from.front().iov_len >= kRecordBytes) return from.front();
        std::size_t size = 0;
        for (const auto& piece : from) {
            const std::size_t n = std::min(piece.iov_len, kRecordBytes - size);
            std::memcpy(record_.data() + size, piece.iov_base, n);
            size += n;
        }
        return {record_.data(), size};
    }

    Moved outcome_of(int result) {
        switch (SSL_get_error(ssl_.get(), result)) {
            case SSL_ERROR_WANT_READ:
                return {Outcome::wait, 0, Direction::read};
            case SSL_ERROR_WANT_WRITE:
                return {Outcome::wait, 0, Direction::write};
            case SSL_ERROR_ZERO_RETURN:
                return {Outcome::end, 0, Direction::read};
            default:
                failed_ = true;
                return {Outcome::broken, 0, Direction::read};
        }
    }

    int descriptor_;
    Ssl ssl_;
    bool failed_ = false;
    std::array<char, kRecordBytes> record_;
};

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* offered,
                    unsigned offered_length, void*) {
    static constexpr unsigned char kHttp1[] = "\x08http/1.1";
    auto* chosen = const_cast<unsigned char**>(out);
    const int found = SSL_select_next_proto(chosen, out_length, kHttp1, sizeof kHttp1 - 1, offered, offered_length);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool configure(SSL_CTX* context) {
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    // One system call fetches several records.
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, 4 * kRecordBytes);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}

base::Result<void> check_readable(const std::string& file, const char* what) {
    if (::access(file.c_str(), R_OK) == 0) return {};
    const int error = errno;
    return fail(error == ENOENT ? Code::not_found : Code::permission_denied,
                std::string("cannot read the TLS ") + what + " " + file + ": " + std::strerror(error));
}

// What tells one state of a file from another.
struct Stamp {
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
};
Stamp stamp_of(const std::string& file) {
    struct stat info{};
    if (::stat(file.c_str(), &info) != 0) return {};
    return {info.st_ino, info.st_size, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

}  // namespace

struct TlsContext::Impl {
    std::array<std::string, 2> files;
    std::array<Stamp, 2> stamps;
    Context context;

    std::array<Stamp, 2> present_stamps() const { return {stamp_of(files[0]), stamp_of(files[1])}; }
};

bool TlsContext::files_changed() {
    const auto present = impl_->present_stamps();
    return std::exchange(impl_->stamps, present) != present;
}

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

base::Result<std::unique_ptr<TlsContext>> TlsContext::load(const std::string& certificate_file,
                                                           const std::string& key_file) {
    if (key_file.empty())
        return fail(Code::invalid_argument,
                    "the TLS certificate " + certificate_file + " is given without its key file");
    TRY_VOID(check_readable(certificate_file, "certificate"));
    TRY_VOID(check_readable(key_file, "key"));
    auto impl = std::make_unique<Impl>();
    impl->files = {certificate_file, key_file};
    impl->stamps = impl->present_stamps();
    ERR_clear_error();
    Context context(SSL_CTX_new(TLS_server_method()));
    ENSURE(context && configure(context.get()));
    if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1)
        return fail(Code::invalid_argument,
                    "the TLS certificate " + certificate_file + " is no PEM certificate chain: " + openssl_reason());
    // Reading the key also compares it with the certificate.
    if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context.get()) != 1)
        return fail(Code::invalid_argument, "the TLS key " + key_file + " does not fit the certificate " +
                                                certificate_file + ": " + openssl_reason());
    impl->context = std::move(context);
    return std::unique_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

std::unique_ptr<Stream> TlsContext::make_stream(int descriptor) {
    return std::make_unique<TlsStream>(impl_->context.get(), descriptor);
}

}  // namespace larder::http
