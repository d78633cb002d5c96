// The administration API: JSON over HTTP, for the command line and local tools. On the Unix socket the caller is known
// by its peer credentials and needs no token: root, the daemon's own user, and its group.
//
// Routes (docs/admin-api.md): /v1/status /v1/buckets /v1/keys /v1/objects /v1/list /v1/copy /v1/verify /v1/snapshot,
// and of the cluster /v1/nodes /v1/leave /v1/invites /v1/layout.
#pragma once

#include "replication/cluster.h"
#include "replication/engine.h"
#include "src/base/metrics.h"
#include "src/http/http.h"

#include <functional>
#include <string>

namespace larder::admin {

struct AdminOptions {
    std::string version;
    std::string s3_endpoint;  // shown by status
    std::string region;
};

class AdminApi {
 public:
    // All outlive the handlers.
    AdminApi(io::Env& env, base::Metrics& metrics, engine::Engine& engine, cluster::Cluster& cluster,
             AdminOptions options);

    // Everything; for the Unix socket alone.
    http::Handler local_handler();
    // /health, /health/live, /health/ready and /metrics only; for the observability address.
    http::Handler health_handler();

 private:
    io::Task<void> serve_local(http::Exchange& exchange);
    io::Task<void> serve_health(http::Exchange& exchange);

    io::Env& env_;
    base::Metrics& metrics_;
    engine::Engine& engine_;
    cluster::Cluster& cluster_;
    AdminOptions options_;
};

}  // namespace larder::admin
