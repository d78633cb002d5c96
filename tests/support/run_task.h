// Runs tasks to their end on a real loop, for tests.
#pragma once

#include "src/io/real_env.h"
#include "src/io/task_group.h"

#include <filesystem>
#include <optional>
#include <string>

namespace larder::test {

// A loop of its own; run() drives a task and returns its value. Catch2 assertions stay outside the tasks.
class World {
 public:
    World() = default;
    io::Env& env() { return real_.env(); }
    io::RealEnv& real() { return real_; }

    template <typename T>
    T run(io::Task<T> task) {
        std::optional<T> value;
        io::TaskGroup group(env().executor);
        group.spawn(finish(std::move(task), value));
        real_.run();
        return std::move(*value);
    }

 private:
    template <typename T>
    io::Task<void> finish(io::Task<T> task, std::optional<T>& value) {
        value.emplace(co_await std::move(task));
        // The stop is posted, so that what the task left ready runs first.
        env().executor.post([this] { real_.stop(); });
    }

    io::RealEnv real_;
};

// A folder that goes away with its scope.
class TempFolder {
 public:
    TempFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "larder-test-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~TempFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    const std::string& path() const { return path_; }

 private:
    std::string path_;
};

}  // namespace larder::test
