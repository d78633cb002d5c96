#include "src/rpc/transport.h"

#include <cerrno>
#include <sys/socket.h>

namespace larder::rpc {
namespace {

// The kernel grants what it may; a block then crosses in few pieces.
constexpr int kSocketBytes = 1 << 20;

std::size_t size_of(std::span<const iovec> pieces) {
    std::size_t bytes = 0;
    for (const auto& piece : pieces) bytes += piece.iov_len;
    return bytes;
}

msghdr message_of(std::span<const iovec> pieces) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    return message;
}

class PlainTransport final : public Transport {
 public:
    PlainTransport(boost::asio::io_context& loop, int descriptor) : socket_(loop, descriptor) {
        ::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &kSocketBytes, sizeof kSocketBytes);
    }

    io::Readiness& socket() override { return socket_; }

    Moved read(std::span<const iovec> into) override {
        auto message = message_of(into);
        const auto n = ::recvmsg(socket_.descriptor(), &message, 0);
        if (n > 0) return {false, static_cast<std::size_t>(n) < size_of(into), static_cast<std::size_t>(n)};
        const bool nothing_there = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
        return {!nothing_there, true, 0};
    }

    Moved write(std::span<const iovec> from) override {
        auto message = message_of(from);
        for (;;) {
            const auto n = ::sendmsg(socket_.descriptor(), &message, MSG_NOSIGNAL);
            if (n >= 0) return {false, false, static_cast<std::size_t>(n)};
            if (errno != EINTR) return {errno != EAGAIN && errno != EWOULDBLOCK, true, 0};
        }
    }

 private:
    io::Readiness socket_;
};

}  // namespace

std::unique_ptr<Transport> make_plain_transport(boost::asio::io_context& loop, int descriptor) {
    return std::make_unique<PlainTransport>(loop, descriptor);
}

}  // namespace larder::rpc
