#include "fuse/session.h"

#include "fuse/read_ahead.h"
#include "fuse/requests.h"
#include "src/base/log.h"
#include "src/io/real_blocking.h"

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace larder::fuse {

namespace {

// Requests taken from the kernel in one turn of the loop, before other work has its turn.
constexpr int kRequestsPerTurn = 32;

void log_words(fuse_log_level level, const char* format, va_list arguments) {
    if (level > FUSE_LOG_WARNING) return;
    char text[512];
    std::vsnprintf(text, sizeof text, format, arguments);
    std::string_view line(text);
    while (line.ends_with('\n')) line.remove_suffix(1);
    base::log::warning("fuse", {{"said", line}});
}

// The session as the pool's threads see it. Notifications that are still queued find it closed.
struct Channel {
    std::mutex using_it;
    fuse_session* session = nullptr;
};

}  // namespace

struct Session::Impl final : Notifier {
    Impl(io::RealEnv& w, SessionOptions o)
        : world(w),
          options(std::move(o)),
          serving(w.env(), options.interrupt_after),
          over(w.env().executor),
          notices(w.env().executor, 1) {
        fuse_set_log_func(log_words);
    }

    ~Impl() override { close(); }

    void close() {
        if (!session) return;
        serving.tasks.stop();
        fuse_session_unmount(session);
        // One under way holds the session; the kernel has let go of it by now.
        const std::lock_guard hold(channel->using_it);
        channel->session = nullptr;
        fuse_session_destroy(std::exchange(session, nullptr));
        std::free(buffer.mem);
    }

    // Called whenever the descriptor can be read.
    bool receive() {
        for (int i = 0; i < kRequestsPerTurn; ++i) {
            const int got = fuse_session_receive_buf(session, &buffer);
            if (got == -EINTR) continue;
            if (got == -EAGAIN) return true;
            if (got <= 0) {
                over.set(io::Done{});
                return false;
            }
            fuse_session_process_buf(session, &buffer);
            if (fuse_session_exited(session) != 0) {
                over.set(io::Done{});
                return false;
            }
        }
        return true;
    }

    template <typename F>
    void notify(F call) {
        notices.submit([to = channel, call = std::move(call)] {
            const std::lock_guard hold(to->using_it);
            if (to->session) call(to->session);
        });
    }
    // -1 as offset: attributes only.
    void attributes_changed(NodeId node) override {
        notify([node](fuse_session* se) { fuse_lowlevel_notify_inval_inode(se, node, -1, 0); });
    }
    void content_changed(NodeId node) override {
        notify([node](fuse_session* se) { fuse_lowlevel_notify_inval_inode(se, node, 0, 0); });
    }
    void entry_changed(NodeId parent, std::string name) override {
        notify([parent, name = std::move(name)](fuse_session* se) {
            fuse_lowlevel_notify_inval_entry(se, parent, name.data(), name.size());
        });
    }

    io::RealEnv& world;
    SessionOptions options;
    Serving serving;
    io::Promise<io::Done> over;
    fuse_session* session = nullptr;
    fuse_buf buffer{};
    const std::shared_ptr<Channel> channel = std::make_shared<Channel>();
    // A thread of their own: the kernel lets a notice wait for the request that holds the folder, and what that request
    // waits for must not wait behind the notice.
    io::RealBlocking notices;
};

Session::Session(io::RealEnv& world, SessionOptions options)
    : impl_(std::make_unique<Impl>(world, std::move(options))) {}
Session::~Session() = default;

Notifier& Session::notifier() {
    return *impl_;
}

base::Result<void> Session::mount(FileSystem& files) {
    using base::Code;
    auto& impl = *impl_;
    impl.serving.files = &files;
    // A comma would end the option; it cannot be escaped in all places that read it.
    auto source = impl.options.source;
    std::replace(source.begin(), source.end(), ',', '_');
    std::string words = "default_permissions,fsname=" + source + ",subtype=larder";
    if (impl.options.allow_other) words += ",allow_other";
    if (impl.options.read_only) words += ",ro";
    fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
    fuse_opt_add_arg(&arguments, "larder");
    fuse_opt_add_arg(&arguments, "-o");
    fuse_opt_add_arg(&arguments, words.c_str());
    impl.session = fuse_session_new(&arguments, &operations(), sizeof(fuse_lowlevel_ops), &impl.serving);
    fuse_opt_free_args(&arguments);
    if (!impl.session) return base::fail(Code::internal, "libfuse refused the options of the mount");
    if (fuse_session_mount(impl.session, impl.options.folder.c_str()) != 0) {
        const auto reason = std::generic_category().message(errno);
        fuse_session_destroy(std::exchange(impl.session, nullptr));
        return base::fail(Code::io_failure, "mounting at " + impl.options.folder + " failed: " + reason);
    }
    // Before the first request is answered: the kernel then takes the smaller of this and max_readahead.
    widen_read_ahead(impl.options.folder);
    const int fd = fuse_session_fd(impl.session);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    {
        const std::lock_guard hold(impl.channel->using_it);
        impl.channel->session = impl.session;
    }
    impl.world.on_readable(fd, [this] { return impl_->receive(); });
    return {};
}

Task<void> Session::ended() {
    co_await impl_->over.future();
}

void Session::unmount() {
    impl_->close();
    impl_->over.set(io::Done{});
}

}  // namespace larder::fuse
