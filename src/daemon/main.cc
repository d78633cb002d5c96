#include "src/daemon/daemon.h"

int main(int argc, char** argv) {
    auto parsed = larder::daemon::parse_config(argc, argv);
    if (!parsed) return larder::daemon::report(parsed.error());
    if (parsed->exit) return *parsed->exit;
    return larder::daemon::run(parsed->config);
}
