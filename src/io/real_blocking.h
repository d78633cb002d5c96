// The pool of threads behind the Blocking seam. Inside src/io only.
#pragma once

#include "src/io/blocking.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace larder::io {

// Threads that take work in order of arrival. The destructor finishes what was submitted.
class RealBlocking final : public Blocking {
 public:
    RealBlocking(Executor& executor, int threads);
    ~RealBlocking() override;
    void submit(Work work) override;
    Executor& executor() override { return executor_; }

 private:
    void work_loop();

    Executor& executor_;
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<Work> queue_;
    std::size_t sleeping_ = 0;
    bool ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace larder::io
