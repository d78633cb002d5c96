#include "replication/remote/file_server.h"

#include "replication/remote/file_connection.h"
#include "src/base/log.h"
#include "src/io/timeout.h"
#include "src/rpc/listener.h"

#include <list>
#include <unistd.h>

namespace larder::remote {

using base::Code;

struct FileServer::Impl {
    Impl(io::RealEnv& world, base::Metrics& metrics, FileServices services, FileServerOptions options)
        : site(world, metrics, std::move(services), std::move(options)), listener(world), tasks(world.env().executor) {}

    void admit(int descriptor, io::PeerCredentials peer);
    io::Task<void> look_after(FileConnection& connection);
    io::Task<base::Result<void>> all_ended();
    io::Task<std::size_t> drain(base::Instant deadline);

    FileSite site;
    rpc::Listener listener;
    std::list<FileConnection> connections;
    io::TaskGroup tasks;
};

void FileServer::Impl::admit(int descriptor, io::PeerCredentials peer) {
    if (connections.size() >= site.options.connections) {
        base::log::warning("a connection to the file service was refused: there are too many", {{"uid", peer.uid}});
        ::close(descriptor);
        return;
    }
    auto& connection = connections.emplace_back(site, descriptor, std::move(peer));
    site.connections.set(static_cast<double>(connections.size()));
    tasks.spawn(look_after(connection));
}

io::Task<void> FileServer::Impl::look_after(FileConnection& connection) {
    const auto reason = co_await connection.link().ended();
    if (!reason.is(Code::disconnected)) {
        base::log::warning("a connection to the file service was ended",
                           {{"uid", connection.peer().uid}, {"reason", reason.message}});
    }
    std::erase_if(connections, [&connection](const FileConnection& other) { return &other == &connection; });
    site.connections.set(static_cast<double>(connections.size()));
}

io::Task<base::Result<void>> FileServer::Impl::all_ended() {
    co_await tasks.join();
    co_return base::Result<void>();
}

io::Task<std::size_t> FileServer::Impl::drain(base::Instant deadline) {
    auto& env = site.world.env();
    listener.stop();
    for (auto& connection : connections) connection.dismiss();
    (void)co_await io::with_deadline(env.executor, env.clock, deadline, all_ended());
    const auto cut = connections.size();
    tasks.stop();
    connections.clear();
    site.connections.set(0);
    co_return cut;
}

FileServer::FileServer(io::RealEnv& env, base::Metrics& metrics, FileServices services, FileServerOptions options)
    : impl_(std::make_unique<Impl>(env, metrics, std::move(services), std::move(options))) {}

FileServer::~FileServer() = default;

base::Result<void> FileServer::listen() {
    return impl_->listener.listen(
        impl_->site.options.socket, impl_->site.options.mode,
        [this](int descriptor, io::PeerCredentials peer) { impl_->admit(descriptor, std::move(peer)); });
}

io::Task<std::size_t> FileServer::drain(base::Instant deadline) {
    return impl_->drain(deadline);
}

}  // namespace larder::remote
