#include "src/io/readiness.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <cstdint>
#include <utility>

namespace larder::io {

namespace asio = boost::asio;

struct Readiness::Shared {
    Shared(asio::io_context& loop, int fd) : descriptor(loop, fd) { descriptor.native_non_blocking(true); }

    struct Waiter {
        std::coroutine_handle<> handle;
        std::uint64_t turn = 0;  // a callback of an earlier wait must not resume a later one
    };
    Waiter& of(Direction direction) { return waiters[direction == Direction::read ? 0 : 1]; }

    asio::posix::stream_descriptor descriptor;
    std::array<Waiter, 2> waiters;
};

Readiness::Readiness(asio::io_context& loop, int descriptor)
    : descriptor_(descriptor), shared_(std::make_shared<Shared>(loop, descriptor)) {}

Readiness::~Readiness() {
    forget(Direction::read);
    forget(Direction::write);
    boost::system::error_code ignored;
    shared_->descriptor.close(ignored);
}

void Readiness::start(Direction direction, std::coroutine_handle<> waiter) {
    auto& mine = shared_->of(direction);
    ENSURE(!mine.handle);
    mine.handle = waiter;
    const auto how = direction == Direction::read ? asio::posix::descriptor_base::wait_read
                                                  : asio::posix::descriptor_base::wait_write;
    shared_->descriptor.async_wait(how,
                                   [shared = shared_, direction, turn = ++mine.turn](const boost::system::error_code&) {
                                       auto& waiting = shared->of(direction);
                                       if (waiting.turn == turn && waiting.handle)
                                           std::exchange(waiting.handle, {}).resume();
                                   });
}

void Readiness::forget(Direction direction) {
    shared_->of(direction).handle = {};
}

void Readiness::interrupt() {
    boost::system::error_code ignored;
    const auto& waiters = shared_->waiters;
    if (waiters[0].handle || waiters[1].handle) shared_->descriptor.cancel(ignored);
}

}  // namespace larder::io
