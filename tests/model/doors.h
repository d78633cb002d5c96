// The bucket of a case as S3 clients reach it, and the stores of its two mounts: in memory, or of a real engine.
#pragma once

#include "replication/files.h"
#include "tests/support/memory_files.h"

#include <map>
#include <memory>
#include <string>

namespace larder::model_test {

class Doors {
 public:
    virtual ~Doors() = default;
    virtual engine::FileStore& store(int mount) = 0;
    virtual io::Task<bool> put(std::string key, std::string content) = 0;
    virtual io::Task<bool> erase(std::vector<std::string> keys) = 0;
    virtual io::Task<bool> copy(std::string from, std::string to) = 0;
    // Every key with its bytes, by a listing in pages.
    virtual io::Task<std::map<std::string, std::string>> all(int page) = 0;
};

std::unique_ptr<Doors> memory_doors(io::Env& env);
// A fresh bucket of the engine.
io::Task<std::unique_ptr<Doors>> engine_doors(engine::Engine& engine, std::string name);

}  // namespace larder::model_test
