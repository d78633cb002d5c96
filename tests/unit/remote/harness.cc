#include "tests/unit/remote/harness.h"

#include <catch2/catch.hpp>

namespace larder::test {

FileService::FileService() {
    server_options.socket = folder.path() + "/files.sock";
    server_options.mode = 0600;
}

void FileService::start() {
    remote::FileServices services;
    services.find_bucket = [this](std::string_view name) {
        return bucket && name == bucket->names.front() ? bucket : nullptr;
    };
    services.find_key = [this](std::string_view id) -> std::shared_ptr<const engine::AccessKey> {
        const auto found = keys.find(std::string(id));
        return found == keys.end() ? nullptr : found->second;
    };
    services.open = [this](const engine::Bucket&) { return files.another(); };
    server = std::make_unique<remote::FileServer>(world.real(), metrics, std::move(services), server_options);
    REQUIRE(server->listen());
}

remote::ConnectOptions FileService::options() const {
    remote::ConnectOptions out;
    out.socket = server_options.socket;
    out.bucket = "memory";
    out.retry_first = std::chrono::milliseconds(1);
    out.retry_last = std::chrono::milliseconds(5);
    return out;
}

remote::ConnectOptions FileService::options_of(const std::string& key_id) const {
    auto out = options();
    out.key_id = key_id;
    const auto found = keys.find(key_id);
    out.secret = found == keys.end() ? "nothing" : found->second->secret;
    return out;
}

FileService::Connected FileService::connect(remote::ConnectOptions wanted) {
    return world.run(remote::connect_files(world.real(), std::move(wanted)));
}

std::unique_ptr<engine::FileStore> FileService::store() {
    auto connected = connect(options());
    REQUIRE(connected);
    return std::move(*connected);
}

void FileService::add_key(const std::string& id, engine::Rights rights) {
    auto key = std::make_shared<engine::AccessKey>();
    key->id = id;
    key->secret = "secret of " + id;
    key->rights[bucket->id] = rights;
    keys[id] = std::move(key);
}

bool FileService::until(std::function<bool()> holds) {
    const auto wait = [](io::Env& env, base::Instant end, std::function<bool()> condition) -> io::Task<bool> {
        while (!condition() && env.clock.now() < end) co_await env.clock.sleep_for(std::chrono::milliseconds(1));
        co_return condition();
    };
    return world.run(wait(world.env(), soon(), std::move(holds)));
}

base::Buffer text(std::string_view bytes) {
    return base::Buffer::copy_of(bytes);
}

}  // namespace larder::test
