// A file server over a store in memory, and clients of it, in one process and over a real socket.
#pragma once

#include "replication/remote/file_server.h"
#include "replication/remote/remote_store.h"
#include "tests/support/memory_files.h"
#include "tests/support/run_task.h"

#include <map>
#include <memory>
#include <string>

namespace larder::test {

class FileService {
 public:
    FileService();

    void start();
    // As a daemon that ends.
    void stop() { server.reset(); }
    remote::ConnectOptions options() const;
    remote::ConnectOptions options_of(const std::string& key_id) const;
    using Connected = base::Result<std::unique_ptr<engine::FileStore>>;
    Connected connect(remote::ConnectOptions options);
    // A store connected by the right of this process.
    std::unique_ptr<engine::FileStore> store();
    engine::AccessKey& key(const std::string& id) { return *keys.at(id); }
    void add_key(const std::string& id, engine::Rights rights);
    // Runs until `holds` or 20 s are over.
    bool until(std::function<bool()> holds);
    base::Instant soon() { return world.env().clock.after(std::chrono::seconds(20)); }
    template <typename T>
    T run(io::Task<T> task) {
        return world.run(std::move(task));
    }

    TempFolder folder;
    World world;
    base::Metrics metrics;
    MemoryFiles files{world.env()};
    std::shared_ptr<engine::Bucket> bucket = std::make_shared<engine::Bucket>(files.bucket());
    std::map<std::string, std::shared_ptr<engine::AccessKey>> keys;
    remote::FileServerOptions server_options;
    std::unique_ptr<remote::FileServer> server;
};

base::Buffer text(std::string_view bytes);
// What `code` of the failed side is; internal when there is none.
template <typename T>
base::Code code_of(const base::Result<T>& result) {
    return result ? base::Code::internal : result.error().code;
}

}  // namespace larder::test
