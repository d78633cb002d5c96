// The client's end of the file service: keeps a session open, and makes requests in it.
#pragma once

#include "replication/remote/messages.h"
#include "replication/remote/remote_store.h"
#include "src/io/task_group.h"
#include "src/rpc/link.h"

#include <memory>
#include <vector>

namespace larder::remote {

class Keeper : public std::enable_shared_from_this<Keeper> {
 public:
    using Content = rpc::Link::Content;

    Keeper(io::RealEnv& env, ConnectOptions options);

    // The first session; without it nothing is kept.
    io::Task<base::Result<void>> open();
    // Ends it all; what is asked later fails with disconnected.
    void close();
    const engine::Bucket& bucket() const { return bucket_; }
    io::Env& env() { return world_.env(); }
    base::Instant deadline() const { return world_.env().clock.after(options_.patience); }
    // Counts the sessions; handle numbers are of one.
    std::uint64_t session() const { return session_; }
    bool is_connected() const { return link_ && link_->is_open(); }

    // In the present session, and only if that is `session`.
    io::Task<Content> ask(std::uint64_t session, Request request, base::Instant deadline);
    // In whatever session there is.
    io::Task<Content> change(Request request);
    // Once more in the next session if this one is lost.
    io::Task<Content> read(Request request, base::Instant deadline);
    // Waits for a session. Errors: timeout as disconnected, and why the daemon refuses one now.
    io::Task<base::Result<void>> connected(base::Instant deadline);
    // Work that nobody waits for, dropped with the keeper.
    void spawn(io::Task<void> work) { tasks_.spawn(std::move(work)); }
    void forget(std::uint64_t session, HandleNumber handle);

 private:
    io::Task<base::Result<void>> dial();
    io::Task<base::Result<void>> begin_session();
    io::Task<base::Result<Session>> exchange(rpc::Link& link, Request request);
    io::Task<void> keep();
    io::Task<void> redial();
    io::Task<void> drop_handle(std::uint64_t session, HandleNumber handle);
    void tell(bool connected);
    void wake(const base::Result<void>& outcome);

    io::RealEnv& world_;
    ConnectOptions options_;
    std::unique_ptr<rpc::Link> link_;
    engine::Bucket bucket_;
    std::uint64_t session_ = 0;
    bool closed_ = false;
    std::vector<io::Promise<base::Result<void>>> waiting_;
    io::TaskGroup tasks_;
};

}  // namespace larder::remote
