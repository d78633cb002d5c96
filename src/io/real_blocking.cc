#include "src/io/real_blocking.h"

namespace larder::io {

RealBlocking::RealBlocking(Executor& executor, int threads) : executor_(executor) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work_loop(); });
}

RealBlocking::~RealBlocking() {
    {
        const std::lock_guard hold(mutex_);
        ending_ = true;
    }
    ready_.notify_all();
    for (auto& thread : threads_) thread.join();
}

void RealBlocking::submit(Work work) {
    bool wake = false;
    {
        const std::lock_guard hold(mutex_);
        queue_.push_back(std::move(work));
        wake = sleeping_ > 0;
    }
    // A busy pool takes the work without being told: waking a thread is what a hop costs.
    if (wake) ready_.notify_one();
}

void RealBlocking::work_loop() {
    std::unique_lock hold(mutex_);
    for (;;) {
        while (queue_.empty() && !ending_) {
            ++sleeping_;
            ready_.wait(hold);
            --sleeping_;
        }
        if (queue_.empty()) return;
        Work work = std::move(queue_.front());
        queue_.pop_front();
        hold.unlock();
        work();
        work = nullptr;
        hold.lock();
    }
}

}  // namespace larder::io
