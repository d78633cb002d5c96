// One connection to the file server: its session, its handles, and what it may do.
#pragma once

#include "replication/remote/file_server.h"
#include "replication/remote/messages.h"
#include "src/io/unix_socket.h"
#include "src/rpc/link.h"

#include <array>
#include <map>
#include <unordered_map>

namespace larder::remote {

// What all connections of a server share.
struct FileSite {
    FileSite(io::RealEnv& w, base::Metrics& metrics, FileServices s, FileServerOptions o);

    io::RealEnv& world;
    FileServices services;
    FileServerOptions options;
    base::Gauge connections;
    struct Operation {
        base::Counter requests;
        base::Counter errors;
    };
    std::array<Operation, std::variant_size_v<Request>> operations;
};

class FileConnection {
 public:
    using Content = rpc::Link::Content;

    FileConnection(FileSite& site, int descriptor, io::PeerCredentials peer);
    ~FileConnection();
    FileConnection(const FileConnection&) = delete;
    FileConnection& operator=(const FileConnection&) = delete;

    rpc::Link& link() { return link_; }
    const io::PeerCredentials& peer() const { return peer_; }
    // Tells the other side to leave; who has no session is cut.
    void dismiss();

 private:
    enum class Need { nothing, session, any, read, write, both };
    template <typename Ask>
    static Need need_of();

    io::Task<Content> serve(io::Message message);
    base::Result<void> may(Need need) const;
    Content unreadable(const base::Error& error);
    base::Result<std::shared_ptr<engine::FileHandle>> handle(HandleNumber number) const;
    base::Result<Session> open_session();

    io::Task<Content> run(BeginSession ask);
    io::Task<Content> run(Prove ask);
    io::Task<Content> run(Find ask);
    io::Task<Content> run(List ask);
    io::Task<Content> run(Create ask);
    io::Task<Content> run(SetAttributes ask);
    io::Task<Content> run(SetXattr ask);
    io::Task<Content> run(Remove ask);
    io::Task<Content> run(Rename ask);
    io::Task<Content> run(Exchange ask);
    io::Task<Content> run(RenameDirectory ask);
    io::Task<Content> run(Link ask);
    io::Task<Content> run(Usage ask);
    io::Task<Content> run(Watch ask);
    io::Task<Content> run(Open ask);
    io::Task<Content> run(Close ask);
    io::Task<Content> run(Read ask);
    io::Task<Content> run(Write ask);
    io::Task<Content> run(Truncate ask);
    io::Task<Content> run(Punch ask);
    io::Task<Content> run(Seek ask);
    io::Task<Content> run(CopyFrom ask);
    io::Task<Content> run(Commit ask);

    FileSite& site_;
    io::PeerCredentials peer_;
    BeginSession wanted_;
    std::string nonce_;  // of a question not answered yet
    bool refused_ = false;
    std::shared_ptr<const engine::AccessKey> proven_;  // null: by the right of the peer
    std::shared_ptr<const engine::Bucket> bucket_;
    std::unique_ptr<engine::FileStore> store_;
    std::unordered_map<HandleNumber, std::shared_ptr<engine::FileHandle>> handles_;
    HandleNumber last_handle_ = 0;
    std::size_t opening_ = 0;
    std::vector<io::Promise<base::Result<engine::ChangePage>>> watches_;
    bool dismissed_ = false;
    io::Clock::Timer patience_ = 0;
    rpc::Link link_;  // last: its work uses all the others
};

}  // namespace larder::remote
