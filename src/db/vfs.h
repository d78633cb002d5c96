// SQLite's file system, over the Disk seam: production and simulation run the same one. Every connection to a file is
// in this process (the folder is locked against others), so the locks and the shared index of the write-ahead log are
// plain memory: a read transaction costs no system call.
#pragma once

#include "src/io/env.h"

#include <memory>
#include <string>

namespace larder::db {

// Registered with SQLite under name() while it lives; outlives every connection that uses it.
class Vfs {
 public:
    Vfs(io::Disk& disk, io::Clock& clock, io::Random& random);
    ~Vfs();
    const std::string& name() const;

    struct Impl;

 private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::db
