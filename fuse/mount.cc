#include "fuse/mount.h"

#include "src/base/log.h"

namespace larder::fuse {

namespace {

Task<void> tell_end(Session& session, io::Promise<io::Done> stop) {
    co_await session.ended();
    stop.set(io::Done{});
}

}  // namespace

Task<base::Result<void>> run_mount(io::RealEnv& world, engine::FileStore& store, MountPlan plan,
                                   io::Promise<io::Done> stop) {
    Session session(world, plan.session);
    FileSystem files(world.env(), store, plan.options, session.notifier());
    io::TaskGroup tasks(world.env().executor);
    tasks.spawn(files.follow_changes());
    CO_TRY_VOID(session.mount(files));
    if (plan.ready) plan.ready();
    tasks.spawn(tell_end(session, stop));
    co_await stop.future();
    const int failed = co_await files.close();
    session.unmount();
    if (failed > 0) {
        co_return base::fail(base::Code::io_failure,
                             std::to_string(failed) + " files could not be stored before the unmount");
    }
    co_return base::Result<void>();
}

}  // namespace larder::fuse
