#include "src/rpc/listener.h"

#include "src/base/log.h"

#include <unistd.h>

namespace larder::rpc {
namespace {

constexpr int kAcceptsPerTurn = 64;
constexpr auto kAcceptPause = std::chrono::milliseconds(200);

}  // namespace

base::Result<void> Listener::listen(std::string path, std::uint32_t mode, Accept accept) {
    TRY(const int descriptor, io::listen_unix(path, mode));
    path_ = std::move(path);
    socket_ = std::make_unique<io::Readiness>(world_.loop(), descriptor);
    tasks_.spawn(accept_all(std::move(accept)));
    return {};
}

void Listener::stop() {
    tasks_.stop();
    if (socket_) ::unlink(path_.c_str());
    socket_.reset();
}

io::Task<void> Listener::accept_all(Accept accept) {
    for (;;) {
        co_await socket_->wait(io::Readiness::Direction::read);
        for (int i = 0; i < kAcceptsPerTurn; ++i) {
            const auto descriptor = io::accept_unix(socket_->descriptor());
            if (descriptor) {
                auto peer = io::peer_of(*descriptor);
                if (peer) {
                    accept(*descriptor, std::move(*peer));
                } else {
                    base::log::warning(peer.error().message, {{"socket", path_}});
                    ::close(*descriptor);
                }
                continue;
            }
            if (!descriptor.error().is(base::Code::no_space)) break;
            base::log::warning(descriptor.error().message, {{"socket", path_}});
            co_await world_.env().clock.sleep_for(kAcceptPause);
        }
    }
}

}  // namespace larder::rpc
