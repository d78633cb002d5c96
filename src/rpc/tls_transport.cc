#include "src/rpc/tls_transport.h"

#include "src/base/assert.h"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace larder::rpc {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Subject;
using Direction = io::Readiness::Direction;

// Beyond this much unsent, no more is encrypted: what is urgent must not wait behind it.
constexpr std::size_t kCipherBytes = 64 * 1024;
// AES-GCM keys are good for 2^24.5 full records (RFC 8446 §5.5), some 380 GiB.
constexpr std::uint64_t kBytesPerKey = 64ull << 30;

std::string reason_of_failure() {
    const auto error = ERR_peek_last_error();
    const char* text = ERR_reason_error_string(error);
    ERR_clear_error();
    return text == nullptr ? "the connection was closed" : text;
}

int place_of_check() {
    static const int place = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return place;
}

}  // namespace

struct TlsTransport::Bio {
    static TlsTransport& owner(BIO* bio) { return *static_cast<TlsTransport*>(BIO_get_data(bio)); }
    static int write(BIO* bio, const char* data, int size) {
        owner(bio).cipher_.append(data, static_cast<std::size_t>(size));
        return size;
    }
    static int read(BIO* bio, char* data, int size) {
        const auto n = ::recv(owner(bio).socket_.descriptor(), data, static_cast<std::size_t>(size), 0);
        BIO_clear_retry_flags(bio);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) BIO_set_retry_read(bio);
        return static_cast<int>(n);
    }
    static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

    static BIO_METHOD* method() {
        static BIO_METHOD* const made = [] {
            auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket of a node");
            ENSURE(m != nullptr);
            BIO_meth_set_write(m, write);
            BIO_meth_set_read(m, read);
            BIO_meth_set_ctrl(m, control);
            return m;
        }();
        return made;
    }
};

TlsTransport::TlsTransport(boost::asio::io_context& loop, int descriptor, SSL_CTX* context, Allow allow)
    : socket_(loop, descriptor), check_{std::move(allow), {}, false}, ssl_(SSL_new(context)) {
    BIO* bio = BIO_new(Bio::method());
    ENSURE(ssl_ && bio != nullptr);
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    ENSURE(SSL_set_ex_data(ssl_.get(), place_of_check(), &check_) == 1);
}

Check& TlsTransport::check_of(SSL* ssl) {
    return *static_cast<Check*>(SSL_get_ex_data(ssl, place_of_check()));
}

Result<bool> TlsTransport::shake(Direction& direction) {
    ERR_clear_error();
    const int ok = SSL_do_handshake(ssl_.get());
    const int error = ok == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), ok);
    const bool sent = flush();
    if (check_.refused)
        return fail(Code::permission_denied, Subject::node, "node " + check_.peer->hex() + " is not allowed here");
    if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ)
        return fail(Code::disconnected, "no TLS connection between nodes came about: " + reason_of_failure());
    if (!sent) return fail(Code::disconnected, "the other side closed the connection");
    direction = holds_unsent() ? Direction::write : Direction::read;
    return error == SSL_ERROR_NONE && !holds_unsent();
}

Moved TlsTransport::read(std::span<const iovec> into) {
    Moved moved;
    for (const auto& piece : into) {
        for (std::size_t at = 0; at < piece.iov_len && !moved.blocked;) {
            ERR_clear_error();
            std::size_t n = 0;
            const int ok = SSL_read_ex(ssl_.get(), static_cast<char*>(piece.iov_base) + at, piece.iov_len - at, &n);
            at += n;
            moved.bytes += n;
            if (ok == 1) continue;
            moved.blocked = true;
            // What came before the end is still delivered; the next call finds the end again.
            moved.broken = SSL_get_error(ssl_.get(), ok) != SSL_ERROR_WANT_READ && moved.bytes == 0;
        }
    }
    ERR_clear_error();
    return moved;
}

Moved TlsTransport::write(std::span<const iovec> from) {
    Moved moved;
    if (!flush()) return {true, true, 0};
    std::size_t piece = 0;
    std::size_t at = 0;
    while (piece < from.size() && cipher_.size() - sent_ < kCipherBytes) {
        std::size_t size = 0;
        for (; piece < from.size() && size < record_.size();) {
            const auto n = std::min(from[piece].iov_len - at, record_.size() - size);
            std::memcpy(record_.data() + size, static_cast<const char*>(from[piece].iov_base) + at, n);
            size += n;
            at += n;
            if (at < from[piece].iov_len) break;
            ++piece;
            at = 0;
        }
        if (size == 0) break;
        ERR_clear_error();
        std::size_t n = 0;
        // OpenSSL's end of the socket takes everything, so a record is written whole or not at all.
        if (SSL_write_ex(ssl_.get(), record_.data(), size, &n) != 1 || n != size) return {true, true, 0};
        moved.bytes += size;
        renew_keys(size);
    }
    if (!flush()) return {true, true, 0};
    moved.blocked = holds_unsent();
    return moved;
}

void TlsTransport::renew_keys(std::size_t bytes) {
    under_these_keys_ += bytes;
    if (under_these_keys_ < kBytesPerKey) return;
    under_these_keys_ = 0;
    SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
}

bool TlsTransport::flush() {
    while (holds_unsent()) {
        const auto n = ::send(socket_.descriptor(), cipher_.data() + sent_, cipher_.size() - sent_, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
        if (n < 0) break;
        sent_ += static_cast<std::size_t>(n);
    }
    // It may never be empty; what is sent must not stay for ever.
    if (!holds_unsent() || sent_ > kCipherBytes) {
        cipher_.erase(0, sent_);
        sent_ = 0;
    }
    return true;
}

}  // namespace larder::rpc
