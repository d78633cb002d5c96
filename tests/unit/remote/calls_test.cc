// Every call, through the socket and back.
#include "src/base/limits.h"
#include "tests/unit/remote/harness.h"

#include <catch2/catch.hpp>

using namespace larder;
using base::Code;
using base::Subject;
using test::code_of;
using test::text;

TEST_CASE("names", "[remote]") {
    test::FileService service;
    service.start();
    auto store = service.store();
    CHECK((store->bucket().id == service.bucket->id && store->bucket().names == service.bucket->names));

    engine::FileAttributes all;
    all.mode = 0100644;
    all.uid = 1;
    all.gid = 4'000'000'000u;
    all.device = 5;
    all.mtime_ns = -1;
    all.atime_ns = 2;
    all.ctime_ns = std::numeric_limits<std::int64_t>::max();
    all.xattrs = {{"user.a", std::string("\0b", 2)}, {"user.c", ""}};
    const auto made = service.run(store->create({"d/f", all, "content", true}));
    REQUIRE(made);
    CHECK((made->attributes == all && made->size == 7 && made->key == "d/f" && made->inode > 1));
    CHECK(code_of(service.run(store->create({"d/f", {}, "", true}))) == Code::already_exists);

    const auto found = service.run(store->find("d"));
    REQUIRE((found && found->directory && !found->object));
    CHECK((found->directory->implied && found->directory->key == "d/"));
    const auto file = service.run(store->find("d/f"))->object;
    REQUIRE(file);
    CHECK((file->version == made->version && file->modified == made->modified && file->inode == made->inode));
    CHECK_FALSE(service.run(store->find("nothing"))->object);

    engine::FileAttributes changes;
    changes.mode = 0100600;
    CHECK(service.run(store->set_attributes("d/f", changes))->attributes.mode == 0100600u);
    const auto create = engine::XattrMode::create;
    CHECK(service.run(store->set_xattr("d/f", "user.n", "v", create, 7))->attributes.xattrs.at("user.n") == "v");
    CHECK(code_of(service.run(store->set_xattr("d/f", "user.n", "v", create, 7))) == Code::already_exists);
    const auto gone = service.run(store->set_xattr("d/f", "user.x", std::nullopt, {}, 7));
    CHECK((!gone && gone.error().is(Code::not_found, Subject::none)));
    CHECK_FALSE(
        service.run(store->set_xattr("d/f", "user.n", std::nullopt, {}, 7))->attributes.xattrs.contains("user.n"));

    CHECK(service.run(store->link("d/f", "g", 8))->links == 2);
    CHECK(service.run(store->rename("g", "h", true, 9))->key == "h");
    CHECK(code_of(service.run(store->rename("h", "d/f2", true, 9))) == Code::internal);
    CHECK(service.run(store->remove("d/f2", 10))->links == 1);
    CHECK(service.run(store->rename_directory("d/", "e/", 11)).has_value());
    service.files.put("other", "2");
    CHECK(service.run(store->exchange("e/f", "other", 12)).has_value());
    CHECK(service.files.content("other") == "content");
    const auto missing = service.run(store->exchange("e/f", "none", 12));
    CHECK((!missing && missing.error().is(Code::not_found, Subject::object)));
    CHECK(missing.error().message.contains("none"));
    CHECK(service.run(store->usage())->used.objects == 2);
}

TEST_CASE("listings are cut to what a frame holds", "[remote]") {
    test::FileService service;
    service.start();
    auto store = service.store();
    engine::FileAttributes big;
    big.xattrs["user.big"] = std::string(60'000, 'x');
    for (int i = 0; i < 50; ++i) {
        REQUIRE(service.run(service.files.create({"f" + std::to_string(100 + i), big, "", true})));
    }
    std::vector<std::string> keys;
    int pages = 0;
    for (std::string after;; ++pages) {
        const auto page = service.run(store->list("", after, 1000));
        REQUIRE(page);
        for (const auto& entry : page->entries) keys.push_back(entry.key);
        after = page->next;
        if (!page->truncated) break;
    }
    CHECK(keys == service.files.keys());
    CHECK(pages == 2);
    const auto two = service.run(store->list("", "f120", 2));
    CHECK((two->entries.size() == 2 && two->entries[0].key == "f121" && two->truncated));
}

TEST_CASE("a file through its handle", "[remote]") {
    test::FileService service;
    service.start();
    auto store = service.store();
    service.files.put("f", "0123456789");
    auto handle = *service.run(store->open("f"));
    CHECK((handle->entry().key == "f" && handle->size() == 10 && !handle->changed()));
    CHECK(service.run(handle->read(2, 3))->chars() == "234");
    CHECK(service.run(handle->read(10, 3))->empty());

    const std::string block(base::limits::kBlockBytes, 'z');
    CHECK(service.run(handle->write(4096, text(block))).has_value());
    CHECK((handle->size() == 4096 + block.size() && handle->changed()));
    const auto back = service.run(handle->read(4096, block.size()));
    REQUIRE(back);
    CHECK((back->chars() == block));
    CHECK(code_of(service.run(handle->read(0, block.size() + 1))) == Code::invalid_argument);
    CHECK(service.run(handle->seek(10, false)) == 4096u);
    CHECK(service.run(handle->seek(0, true)) == 10u);
    CHECK(service.run(handle->punch(4096, 96)).has_value());
    CHECK(service.run(handle->truncate(4200)).has_value());
    CHECK(handle->size() == 4200);
    CHECK(service.files.content("f") == "0123456789");

    service.files.put("g", "abcdef");
    auto source = *service.run(store->open("g"));
    CHECK(service.run(handle->copy_from(*source, 2, 0, 3)).has_value());
    engine::FileAttributes changes;
    changes.mtime_ns = 77;
    const auto committed = service.run(handle->commit(changes));
    REQUIRE(committed);
    CHECK((committed->size == 4200 && committed->attributes.mtime_ns == 77 && !handle->changed()));
    CHECK(handle->entry().version == committed->version);
    CHECK(service.files.content("f")->substr(0, 10) == "cde3456789");
    CHECK(code_of(service.run(handle->seek(4200, false))) == Code::not_found);

    service.files.erase("f");
    CHECK(service.run(handle->write(0, text("x"))).has_value());
    const auto gone = service.run(handle->commit({}));
    CHECK((!gone && gone.error().is(Code::not_found, Subject::object)));
    CHECK(service.run(handle->read(0, 2))->chars() == "xd");
    CHECK(code_of(service.run(store->open("f"))) == Code::not_found);

    auto other = service.store();
    auto foreign = *service.run(other->open("g"));
    CHECK(code_of(service.run(handle->copy_from(*foreign, 0, 0, 1))) == Code::invalid_argument);
    CHECK(service.files.handles() == 3);
    handle.reset();
    source.reset();
    CHECK(service.until([&] { return service.files.handles() == 1; }));
    other.reset();
    CHECK(service.until([&] { return service.files.handles() == 0; }));
}

TEST_CASE("overlapping writes take effect in order", "[remote]") {
    test::FileService service;
    service.start();
    auto store = service.store();
    service.files.put("f", "");
    auto handle = *service.run(store->open("f"));
    io::TaskGroup group(service.world.env().executor);
    const auto write = [](engine::FileHandle& file, std::string bytes) -> io::Task<void> {
        (void)co_await file.write(0, text(bytes));
    };
    for (int i = 0; i < 200; ++i) group.spawn(write(*handle, std::to_string(1000 + i)));
    CHECK(service.until([&] { return group.size() == 0; }));
    CHECK(service.run(handle->read(0, 10))->chars() == "1199");
}

TEST_CASE("changes are watched, and a watch is dropped", "[remote]") {
    test::FileService service;
    service.start();
    auto store = service.store();
    const auto start = service.run(store->watch("", service.world.env().clock.now()));
    REQUIRE(start);
    std::optional<base::Result<engine::ChangePage>> page;
    const auto watch = [](engine::FileStore& files, std::string since, base::Instant end,
                          std::optional<base::Result<engine::ChangePage>>& out) -> io::Task<void> {
        out.emplace(co_await files.watch(since, end));
    };
    io::TaskGroup group(service.world.env().executor);
    group.spawn(watch(*store, start->next, service.soon(), page));
    REQUIRE(service.run(store->find("x")));
    CHECK_FALSE(page);
    service.files.put("f", "1");
    CHECK(service.until([&] { return page.has_value(); }));
    REQUIRE(*page);
    REQUIRE((*page)->events.size() == 1);
    CHECK(((*page)->events[0].key == "f" && (*page)->events[0].bucket == service.bucket->id));

    page.reset();
    group.spawn(
        watch(*store, (*service.run(store->watch("", service.world.env().clock.now()))).next, service.soon(), page));
    group.stop();
    CHECK(service.run(store->find("f")).has_value());
    CHECK_FALSE(page);
    CHECK(code_of(service.run(store->watch("nonsense", service.soon()))) == Code::invalid_argument);
}

TEST_CASE("a slow call holds nobody up and ends by its deadline", "[remote]") {
    test::FileService service;
    service.start();
    auto options = service.options();
    options.patience = std::chrono::milliseconds(30);
    auto store = *service.connect(options);
    int stuck = 0;
    service.files.set_gate([&](std::string call) -> io::Task<base::Result<void>> {
        struct Count {
            int& n;
            explicit Count(int& c) : n(c) { ++n; }
            ~Count() { --n; }
        };
        if (call == "list") {
            const Count count(stuck);
            co_await service.world.env().clock.sleep_for(std::chrono::hours(1));
        }
        if (call == "usage") co_return base::fail(Code::io_failure, Subject::disk, "the disk is on fire.");
        co_return base::Result<void>();
    });
    CHECK(code_of(service.run(store->list("", "", 10))) == Code::timeout);
    CHECK(service.until([&] { return stuck == 0; }));
    CHECK(service.run(store->find("x")).has_value());
    const auto usage = service.run(store->usage());
    REQUIRE_FALSE(usage);
    CHECK((usage.error().is(Code::io_failure, Subject::disk) && usage.error().message == "the disk is on fire."));
    CHECK(service.metrics.render().contains("larder_files_errors_total{op=\"usage\"} 1"));
}
