// The administration API of a node on a temporary folder, asked without a socket.
#pragma once

#include "replication/control/alone.h"
#include "replication/control/control.h"
#include "src/admin/admin_api.h"
#include "tests/support/run_task.h"

#include <boost/json.hpp>

namespace larder::admin {

struct Answer {
    int status = 0;
    boost::json::object body;
    // The code of a problem; empty for none.
    std::string code() const;
    std::string message() const;
};

class AdminWorld {
 public:
    AdminWorld();
    ~AdminWorld();

    // As root. The body is JSON, or empty.
    Answer ask(const std::string& method, const std::string& target, const std::string& body = {});
    // Lets a machine in, as the links of a real node would.
    void join(std::uint8_t n, const std::string& name, const std::string& zone);

    test::TempFolder folder;
    test::World world;
    base::Metrics metrics;
    std::unique_ptr<engine::Engine> engine;

 private:
    class Reached;

    std::unique_ptr<Reached> surroundings_;
    std::unique_ptr<control::ClusterControl> cluster_;
    std::unique_ptr<AdminApi> api_;
};

}  // namespace larder::admin
