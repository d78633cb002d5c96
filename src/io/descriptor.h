// A file descriptor with an owner.
#pragma once

#include <unistd.h>
#include <utility>

namespace larder::io {

// Closes it unless released. Negative: none.
class Descriptor {
 public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

 private:
    int fd_;
};

}  // namespace larder::io
