#include "src/rpc/dial.h"

#include "src/io/tcp_socket.h"
#include "src/io/timeout.h"

#include <algorithm>

namespace larder::rpc {
namespace {

using base::Code;
using base::fail;
using base::Result;
using Addresses = std::vector<io::SocketAddress>;

constexpr std::size_t kAddressesPerName = 4;

io::Task<Result<Addresses>> look_up(io::RealEnv& world, io::HostPort where) {
    if (io::is_numeric(where.host)) co_return io::resolve(where);
    auto work = [where] { return io::resolve(where); };
    co_return co_await world.env().blocking.run(std::move(work));
}

Result<Secured> about(const std::string& address, base::Error error) {
    if (error.is(Code::timeout)) error.message = "no answer";
    error.message = address + ": " + error.message;
    return fail(std::move(error));
}

}  // namespace

io::Task<Result<Secured>> dial(io::RealEnv& world, Tls& tls, std::string address, Purpose purpose, Allow allow,
                               base::Duration patience) {
    auto& env = world.env();
    CO_TRY(const auto where, io::parse_host_port(address));
    auto found = co_await io::with_deadline(env.executor, env.clock, env.clock.after(patience), look_up(world, where));
    if (!found) co_return about(address, found.error());
    base::Error last{Code::not_found, base::Subject::node, "the name stands for no address"};
    for (std::size_t i = 0; i < std::min(found->size(), kAddressesPerName); ++i) {
        const auto descriptor = io::begin_connect((*found)[i]);
        if (!descriptor) {
            last = descriptor.error();
            continue;
        }
        io::tune_for_calls(*descriptor);
        auto secured = co_await tls.connect(world, *descriptor, purpose, allow, env.clock.after(patience));
        if (secured) {
            secured->address = address;
            co_return secured;
        }
        last = secured.error();
    }
    co_return about(address, std::move(last));
}

}  // namespace larder::rpc
