#include "src/http/connection.h"

#include "src/io/future.h"

#include <sys/socket.h>
#include <utility>

namespace larder::http {
namespace {

using base::Code;
using base::fail;
using Outcome = Moved::Outcome;

// After this much work without a wait, a connection lets the others have a turn.
constexpr std::size_t kTurnCost = 1024 * 1024;
constexpr std::size_t kCallCost = 64 * 1024;

base::Result<void> gone() {
    return fail(Code::disconnected, "the other side closed the connection");
}

iovec piece_of(std::span<std::byte> bytes) {
    return {bytes.data(), bytes.size()};
}

// Drops the first `n` bytes of the pieces; returns the pieces left.
std::span<iovec> advance(std::span<iovec> pieces, std::size_t n) {
    while (!pieces.empty() && n >= pieces.front().iov_len) {
        n -= pieces.front().iov_len;
        pieces = pieces.subspan(1);
    }
    if (n > 0) {
        pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + n;
        pieces.front().iov_len -= n;
    }
    return pieces;
}

}  // namespace

Connection::Connection(io::Env& env, std::unique_ptr<Readiness> readiness, std::unique_ptr<Stream> stream)
    : env_(env), readiness_(std::move(readiness)), stream_(std::move(stream)) {}

io::Task<base::Result<void>> Connection::handshake(base::Duration patience) {
    const auto deadline = env_.clock.now() + patience;
    for (;;) {
        const auto moved = stream_->handshake();
        if (moved.outcome == Outcome::moved) co_return base::Result<void>();
        if (moved.outcome != Outcome::wait) co_return gone();
        CO_TRY_VOID(co_await wait(moved.direction, deadline - env_.clock.now()));
    }
}

io::Task<base::Result<std::size_t>> Connection::receive(std::span<std::byte> first, std::span<std::byte> second,
                                                        base::Duration patience) {
    if (turn_cost_ > kTurnCost) co_await take_turns();
    for (;;) {
        if (interrupted_) co_return std::unexpected(gone().error());
        std::array<iovec, 2> pieces{piece_of(first), piece_of(second)};
        const auto moved = stream_->read(std::span(pieces).first(second.empty() ? 1 : 2));
        if (moved.outcome == Outcome::moved || moved.outcome == Outcome::end) {
            turn_cost_ += kCallCost + moved.bytes;
            co_return moved.bytes;
        }
        if (moved.outcome == Outcome::broken) co_return std::unexpected(gone().error());
        CO_TRY_VOID(co_await wait(moved.direction, patience));
    }
}

io::Task<base::Result<void>> Connection::send(Pieces pieces, base::Duration patience) {
    std::array<iovec, std::tuple_size_v<Pieces>> storage;
    std::size_t count = 0;
    for (const auto piece : pieces) {
        if (!piece.empty()) storage[count++] = {const_cast<char*>(piece.data()), piece.size()};
    }
    auto left = std::span(storage).first(count);
    while (!left.empty()) {
        if (turn_cost_ > kTurnCost) co_await take_turns();
        if (interrupted_) co_return gone();
        const auto moved = stream_->write(left);
        if (moved.outcome == Outcome::moved) {
            turn_cost_ += kCallCost + moved.bytes;
            left = advance(left, moved.bytes);
            continue;
        }
        if (moved.outcome != Outcome::wait) co_return gone();
        CO_TRY_VOID(co_await wait(moved.direction, patience));
    }
    co_return base::Result<void>();
}

void Connection::shut() {
    stream_->shut();
}

void Connection::abort() {
    const linger at_once{1, 0};
    ::setsockopt(readiness_->descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    interrupt();
}

void Connection::interrupt() {
    interrupted_ = true;
    readiness_->interrupt();
}

void Connection::expire(base::Instant now) {
    if (!waiting_ || now < deadline_) return;
    expired_ = true;
    readiness_->interrupt();
}

io::Task<base::Result<void>> Connection::wait(Readiness::Direction direction, base::Duration patience) {
    if (interrupted_) co_return gone();
    if (patience <= base::Duration(0)) co_return fail(Code::timeout, "the other side was too slow");
    const auto since = env_.clock.now();
    deadline_ = since + patience;
    expired_ = false;
    waiting_ = true;
    co_await readiness_->wait(direction);
    waiting_ = false;
    turn_cost_ = 0;
    if (direction == Readiness::Direction::read) waited_to_read_ += env_.clock.now() - since;
    if (interrupted_) co_return gone();
    if (std::exchange(expired_, false)) co_return fail(Code::timeout, "the other side was too slow");
    co_return base::Result<void>();
}

io::Task<void> Connection::take_turns() {
    turn_cost_ = 0;
    const io::Promise<io::Done> turn(env_.executor);
    auto mine = turn.future();
    env_.executor.post([turn] { turn.set(io::Done{}); });
    co_await std::move(mine);
}

}  // namespace larder::http
