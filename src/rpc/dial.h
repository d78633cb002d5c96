// Connecting to another node.
#pragma once

#include "src/rpc/tls.h"

#include <string>

namespace larder::rpc {

// Looks the address ("host:port") up, connects and shakes hands; `patience` is for looking up, and for each
// address that the name stands for. Errors: those of io::parse_host_port, io::resolve and Tls::connect; the message
// names the address.
io::Task<base::Result<Secured>> dial(io::RealEnv& world, Tls& tls, std::string address, Purpose purpose, Allow allow,
                                     base::Duration patience);

}  // namespace larder::rpc
