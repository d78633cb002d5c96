// The http room answering a constant, without an engine: the most that any door on it could reach. Prints its address.
#include "src/http/http.h"
#include "src/io/real_env.h"

#include <cstdio>
#include <cstdlib>

namespace larder {
namespace {

// Reads whatever body comes, then answers 1 KiB.
io::Task<void> serve(http::Exchange& exchange) {
    std::array<std::byte, 65536> scrap{};
    for (;;) {
        const auto got = co_await exchange.read(scrap);
        if (!got || *got == 0) break;
    }
    http::ResponseHead head;
    head.headers.add("Content-Type", "binary/octet-stream");
    (void)co_await exchange.respond(std::move(head), std::string(1024, 'x'));
}

}  // namespace
}  // namespace larder

int main() {
    larder::io::RealEnv world;
    larder::base::Metrics metrics;
    larder::http::Server server(world, metrics);
    const auto listening =
        server.listen({.address = "127.0.0.1:0"}, [](larder::http::Exchange& e) { return larder::serve(e); });
    if (!listening) return 1;
    std::printf("%s\n", server.address().c_str());
    std::fflush(stdout);
    world.on_stop_signal([&world] { world.stop(); });
    world.run();
    return 0;
}
