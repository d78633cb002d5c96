#include "src/io/real_env.h"

#include "src/base/assert.h"
#include "src/io/local_network.h"
#include "src/io/real_blocking.h"
#include "src/io/wakefulness.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <csignal>
#include <sys/random.h>
#include <thread>

namespace larder::io {
namespace {

namespace asio = boost::asio;

// Work posted from the loop's own thread goes to a plain queue that is drained in one turn of the loop: a post then
// costs an allocation-free push instead of a handler each.
class LoopExecutor final : public Executor {
 public:
    explicit LoopExecutor(asio::io_context& loop) : loop_(loop) {}

    void post(Work work) override {
        bool first = false;
        {
            const std::lock_guard hold(mutex_);
            queue_.push_back(std::move(work));
            first = !std::exchange(scheduled_, true);
        }
        if (first) asio::post(loop_, [this] { drain(); });
    }

    // Destroys what never ran, and what that posts in turn.
    void discard() {
        for (;;) {
            std::deque<Work> rest;
            {
                const std::lock_guard hold(mutex_);
                rest.swap(queue_);
                scheduled_ = true;
            }
            if (rest.empty()) return;
        }
    }

 private:
    void drain() {
        std::deque<Work> turn;
        {
            const std::lock_guard hold(mutex_);
            turn.swap(queue_);
            scheduled_ = false;
        }
        for (auto& work : turn) work();
    }

    asio::io_context& loop_;
    std::mutex mutex_;
    std::deque<Work> queue_;
    bool scheduled_ = false;
};

// All timers in one ordered map behind one system timer.
class LoopClock final : public Clock {
 public:
    explicit LoopClock(asio::io_context& loop) : alarm_(loop) {}

    base::Instant now() const override {
        return {
            std::chrono::duration_cast<base::Duration>(std::chrono::steady_clock::now().time_since_epoch()).count()};
    }
    base::WallTime wall_now() const override {
        const auto since = std::chrono::system_clock::now().time_since_epoch();
        return {std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
    }
    Timer call_at(base::Instant when, Work work) override {
        const Timer id = ++last_;
        const auto place = timers_.emplace(std::pair(when, id), std::move(work)).first;
        when_[id] = when;
        if (place == timers_.begin()) arm();
        return id;
    }
    void cancel(Timer timer) override {
        const auto found = when_.find(timer);
        if (found == when_.end()) return;
        timers_.erase({found->second, timer});
        when_.erase(found);
    }
    void discard() {
        alarm_.cancel();
        auto rest = std::exchange(timers_, {});
        when_.clear();
    }

 private:
    void arm() {
        if (timers_.empty()) return;
        const auto when = timers_.begin()->first.first;
        alarm_.expires_at(asio::steady_timer::time_point(std::chrono::nanoseconds(when.ns)));
        alarm_.async_wait([this](const boost::system::error_code& error) {
            if (!error) fire();
        });
    }
    void fire() {
        const auto present = now();
        while (!timers_.empty() && timers_.begin()->first.first <= present) {
            auto node = timers_.extract(timers_.begin());
            when_.erase(node.key().second);
            node.mapped()();
        }
        arm();
    }

    asio::steady_timer alarm_;
    Timer last_ = 0;
    std::map<std::pair<base::Instant, Timer>, Work> timers_;
    std::unordered_map<Timer, base::Instant> when_;
};

class SystemRandom final : public Random {
 public:
    void fill(std::span<std::uint8_t> out) override {
        // One system call serves many small requests of a thread.
        thread_local std::array<std::uint8_t, 512> pool;
        thread_local std::size_t left = 0;
        for (std::size_t done = 0; done < out.size();) {
            if (left == 0) {
                ENSURE(::getrandom(pool.data(), pool.size(), 0) == static_cast<ssize_t>(pool.size()));
                left = pool.size();
            }
            const std::size_t n = std::min(left, out.size() - done);
            auto* from = pool.data() + (pool.size() - left);
            std::memcpy(out.data() + done, from, n);
            ::explicit_bzero(from, n);
            left -= n;
            done += n;
        }
    }
};

// Watches a descriptor it does not own.
class Watched : public std::enable_shared_from_this<Watched> {
 public:
    Watched(asio::io_context& loop, int fd, std::move_only_function<bool()> work)
        : descriptor_(loop, fd), work_(std::move(work)) {}
    ~Watched() { descriptor_.release(); }
    void wait() {
        descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                               [self = shared_from_this()](const boost::system::error_code& error) {
                                   if (!error && self->work_()) self->wait();
                               });
    }

 private:
    asio::posix::stream_descriptor descriptor_;
    std::move_only_function<bool()> work_;
};

int pool_size(int wanted) {
    if (wanted > 0) return wanted;
    return std::max(2, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

struct RealEnv::Impl {
    explicit Impl(const RealEnvOptions& options)
        : executor(loop),
          clock(loop),
          disk(make_real_disk()),
          network(options.self),
          stay_awake(options.stay_awake),
          blocking(std::make_unique<RealBlocking>(executor, pool_size(options.pool_threads))),
          env{executor, clock, random, *disk, network, *blocking} {}

    asio::io_context loop{1};
    LoopExecutor executor;
    LoopClock clock;
    SystemRandom random;
    std::unique_ptr<Disk> disk;
    LocalNetwork network;
    bool stay_awake;
    std::unique_ptr<RealBlocking> blocking;
    std::unique_ptr<asio::signal_set> signals;
    Env env;
};

RealEnv::RealEnv(RealEnvOptions options) : impl_(std::make_unique<Impl>(options)) {}

RealEnv::~RealEnv() {
    // The pool's last results are posted to the executor, so it ends first; then nothing is left to run them.
    impl_->blocking.reset();
    impl_->clock.discard();
    impl_->executor.discard();
}

Env& RealEnv::env() {
    return impl_->env;
}

boost::asio::io_context& RealEnv::loop() {
    return impl_->loop;
}

void RealEnv::run() {
    const auto keep = asio::make_work_guard(impl_->loop);
    impl_->loop.restart();
    if (!impl_->stay_awake) {
        impl_->loop.run();
        return;
    }
    Wakefulness wakefulness;
    while (!impl_->loop.stopped()) {
        if (impl_->loop.poll() > 0) {
            wakefulness.worked();
        } else if (wakefulness.look_again(impl_->clock.now())) {
            // Whoever is to be woken for the next piece may need this processor.
            std::this_thread::yield();
        } else {
            const auto before = impl_->clock.now();
            impl_->loop.run_one();
            wakefulness.slept(impl_->clock.now() - before);
        }
    }
}

void RealEnv::stop() {
    impl_->loop.stop();
}

void RealEnv::on_readable(int fd, std::move_only_function<bool()> work) {
    std::make_shared<Watched>(impl_->loop, fd, std::move(work))->wait();
}

void RealEnv::on_stop_signal(Work work) {
    impl_->signals = std::make_unique<asio::signal_set>(impl_->loop, SIGINT, SIGTERM);
    impl_->signals->async_wait([work = std::move(work)](const boost::system::error_code& error, int) mutable {
        if (!error) work();
    });
}

}  // namespace larder::io
