// A daemon that ends and comes back.
#include "tests/unit/remote/harness.h"

#include <catch2/catch.hpp>

using namespace larder;
using base::Code;
using test::code_of;
using test::text;

namespace {

struct Reconnecting {
    Reconnecting() {
        service.start();
        auto options = service.options();
        options.on_state = [this](bool connected) { states.push_back(connected); };
        store = *service.connect(options);
    }
    void restart() {
        service.stop();
        CHECK(service.until([&] { return !states.empty() && !states.back(); }));
        service.start();
        CHECK(service.until([&] { return states.back(); }));
    }
    test::FileService service;
    std::vector<bool> states;
    std::unique_ptr<engine::FileStore> store;
};

}  // namespace

TEST_CASE("reads wait for the daemon, changes do not", "[remote]") {
    Reconnecting r;
    r.service.files.put("f", "1");
    r.service.stop();
    CHECK(r.service.until([&] { return r.states == std::vector<bool>{false}; }));
    CHECK(code_of(r.service.run(r.store->create({"g", {}, "", true}))) == Code::disconnected);
    std::optional<base::Result<engine::FoundPath>> found;
    const auto find = [](engine::FileStore& store,
                         std::optional<base::Result<engine::FoundPath>>& out) -> io::Task<void> {
        out.emplace(co_await store.find("f"));
    };
    io::TaskGroup group(r.service.world.env().executor);
    group.spawn(find(*r.store, found));
    CHECK_FALSE(found);
    r.service.start();
    CHECK(r.service.until([&] { return found.has_value(); }));
    CHECK((*found && (*found)->object));
    CHECK(r.states == std::vector<bool>{false, true});
    CHECK(r.service.run(r.store->create({"g", {}, "", true})).has_value());
}

TEST_CASE("a read cut off is repeated; a change cut off is not", "[remote]") {
    Reconnecting r;
    int finds = 0;
    int creates = 0;
    r.service.files.set_gate([&](std::string call) -> io::Task<base::Result<void>> {
        const bool first = (call == "find" && ++finds == 1) || (call == "create" && ++creates == 1);
        if (first) co_await r.service.world.env().clock.sleep_for(std::chrono::hours(1));
        co_return base::Result<void>();
    });
    std::optional<base::Result<engine::FoundPath>> found;
    std::optional<base::Result<engine::FileEntry>> created;
    const auto find = [](engine::FileStore& store,
                         std::optional<base::Result<engine::FoundPath>>& out) -> io::Task<void> {
        out.emplace(co_await store.find("f"));
    };
    const auto create = [](engine::FileStore& store,
                           std::optional<base::Result<engine::FileEntry>>& out) -> io::Task<void> {
        out.emplace(co_await store.create({"g", {}, "", true}));
    };
    io::TaskGroup group(r.service.world.env().executor);
    group.spawn(find(*r.store, found));
    group.spawn(create(*r.store, created));
    CHECK(r.service.until([&] { return finds == 1 && creates == 1; }));
    r.restart();
    CHECK(r.service.until([&] { return found && created; }));
    CHECK(found->has_value());
    CHECK(code_of(*created) == Code::disconnected);
    CHECK((finds == 2 && creates == 1));
}

TEST_CASE("an open file outlives the daemon when nothing is lost", "[remote]") {
    Reconnecting r;
    for (const char* key : {"clean", "written", "changed", "committed", "removed"}) r.service.files.put(key, "one");
    auto clean = *r.service.run(r.store->open("clean"));
    auto written = *r.service.run(r.store->open("written"));
    auto changed = *r.service.run(r.store->open("changed"));
    auto committed = *r.service.run(r.store->open("committed"));
    auto removed = *r.service.run(r.store->open("removed"));
    REQUIRE(r.service.run(written->write(0, text("two"))));
    REQUIRE(r.service.run(committed->write(0, text("two"))));
    REQUIRE(r.service.run(committed->commit({})));
    r.restart();
    r.service.files.put("changed", "two");
    r.service.files.erase("removed");

    CHECK(r.service.run(clean->read(0, 9))->chars() == "one");
    CHECK(r.service.run(clean->write(3, text("!"))).has_value());
    CHECK(r.service.run(clean->commit({})).has_value());
    CHECK(r.service.files.content("clean") == "one!");
    CHECK(r.service.run(committed->read(0, 9))->chars() == "two");
    const auto lost = r.service.run(written->read(0, 9));
    REQUIRE_FALSE(lost);
    CHECK((lost.error().is(Code::disconnected) && lost.error().message.contains("not committed")));
    CHECK(code_of(r.service.run(written->commit({}))) == Code::disconnected);
    CHECK(code_of(r.service.run(changed->read(0, 9))) == Code::disconnected);
    CHECK(code_of(r.service.run(removed->read(0, 9))) == Code::not_found);
    CHECK(r.service.until([&] { return r.service.files.handles() == 2; }));
}

TEST_CASE("a file opened again once for all who wait", "[remote]") {
    Reconnecting r;
    r.service.files.put("f", "0123456789");
    auto handle = *r.service.run(r.store->open("f"));
    r.restart();
    const auto read = [](engine::FileHandle& file, std::uint64_t at, std::string& out) -> io::Task<void> {
        const auto data = co_await file.read(at, 1);
        if (data) out += data->chars();
    };
    std::string all;
    io::TaskGroup group(r.service.world.env().executor);
    for (std::uint64_t i = 0; i < 10; ++i) group.spawn(read(*handle, i, all));
    CHECK(r.service.until([&] { return group.size() == 0; }));
    CHECK(all == "0123456789");
    CHECK(r.service.files.handles() == 1);
}

TEST_CASE("a refusal after a reconnection is told to those who wait", "[remote]") {
    Reconnecting r;
    r.service.stop();
    r.service.bucket = nullptr;
    CHECK(r.service.until([&] { return r.states == std::vector<bool>{false}; }));
    r.service.start();
    CHECK(code_of(r.service.run(r.store->find("f"))) == Code::not_found);
    r.service.bucket = std::make_shared<engine::Bucket>(r.service.files.bucket());
    CHECK(r.service.until([&] { return r.states.back(); }));
    CHECK(r.service.run(r.store->find("f")).has_value());
}

TEST_CASE("handles outlive their store", "[remote]") {
    Reconnecting r;
    r.service.files.put("f", "1");
    auto handle = *r.service.run(r.store->open("f"));
    r.store.reset();
    CHECK(code_of(r.service.run(handle->read(0, 1))) == Code::disconnected);
    CHECK(code_of(r.service.run(handle->write(0, text("x")))) == Code::disconnected);
}

TEST_CASE("a draining server tells its clients and answers what is under way", "[remote]") {
    Reconnecting r;
    r.service.files.put("f", "1");
    bool held = false;
    bool go = false;
    r.service.files.set_gate([&](std::string call) -> io::Task<base::Result<void>> {
        held = held || call == "find";
        while (call == "find" && !go) co_await r.service.world.env().clock.sleep_for(std::chrono::milliseconds(1));
        co_return base::Result<void>();
    });
    std::optional<base::Result<engine::FoundPath>> found;
    std::optional<base::Result<engine::ChangePage>> watched;
    const auto find = [](engine::FileStore& store,
                         std::optional<base::Result<engine::FoundPath>>& out) -> io::Task<void> {
        out.emplace(co_await store.find("f"));
    };
    const auto watch = [](engine::FileStore& store, base::Instant end,
                          std::optional<base::Result<engine::ChangePage>>& out) -> io::Task<void> {
        out.emplace(co_await store.watch("", end));
    };
    std::optional<std::size_t> cut;
    const auto drain = [](remote::FileServer& server, base::Instant end,
                          std::optional<std::size_t>& out) -> io::Task<void> {
        out.emplace(co_await server.drain(end));
    };
    io::TaskGroup group(r.service.world.env().executor);
    group.spawn(find(*r.store, found));
    group.spawn(watch(*r.store, r.service.soon(), watched));
    CHECK(r.service.until([&] { return held; }));
    group.spawn(drain(*r.service.server, r.service.soon(), cut));
    CHECK(code_of(r.service.connect(r.service.options())) == Code::disconnected);
    CHECK_FALSE(cut);
    go = true;
    CHECK(r.service.until([&] { return cut.has_value(); }));
    CHECK(cut == 0u);
    CHECK(r.service.until([&] { return found.has_value(); }));
    CHECK(found->has_value());
    CHECK_FALSE(watched);
    // The watch goes on with the next daemon.
    r.service.start();
    CHECK(r.service.until([&] { return r.states == std::vector<bool>{false, true}; }));
    CHECK(r.service.run(r.store->find("f")).has_value());
    r.service.files.put("g", "2");
    CHECK(r.service.until([&] { return watched.has_value(); }));
    CHECK(watched->has_value());
}
