#include "src/http/readiness.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <utility>

namespace larder::http {

namespace asio = boost::asio;

struct Readiness::Shared {
    Shared(asio::io_context& loop, int fd) : descriptor(loop, fd) { descriptor.native_non_blocking(true); }

    asio::posix::stream_descriptor descriptor;
    std::coroutine_handle<> waiter;
    std::uint64_t turn = 0;  // a callback of an earlier wait must not resume a later one
};

Readiness::Readiness(asio::io_context& loop, int descriptor)
    : descriptor_(descriptor), shared_(std::make_shared<Shared>(loop, descriptor)) {}

Readiness::~Readiness() {
    forget();
    boost::system::error_code ignored;
    shared_->descriptor.close(ignored);
}

void Readiness::start(Direction direction, std::coroutine_handle<> waiter) {
    ENSURE(!shared_->waiter);
    shared_->waiter = waiter;
    const auto how = direction == Direction::read ? asio::posix::descriptor_base::wait_read
                                                  : asio::posix::descriptor_base::wait_write;
    shared_->descriptor.async_wait(how, [shared = shared_, turn = ++shared_->turn](const boost::system::error_code&) {
        if (shared->turn == turn && shared->waiter) std::exchange(shared->waiter, {}).resume();
    });
}

void Readiness::forget() {
    shared_->waiter = {};
}

void Readiness::interrupt() {
    boost::system::error_code ignored;
    if (shared_->waiter) shared_->descriptor.cancel(ignored);
}

}  // namespace larder::http
