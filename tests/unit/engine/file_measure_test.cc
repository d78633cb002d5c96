// Figures of files, beside what the disk allows. Run by name: engine_test "[measure]".
#include "src/base/limits.h"
#include "tests/unit/engine/file_clients.h"

#include <catch2/catch.hpp>

#include <cstdio>

namespace larder::engine {
namespace {

constexpr std::uint64_t kMiB = base::limits::kBlockBytes;

double seconds_since(Node& node, base::Instant began) {
    return std::chrono::duration<double>(node.env.clock.now() - began).count();
}

// How many times a second 4 KiB at the end of a file are synced.
double sync_rate(Node& node) {
    const auto file = node.world.env().disk.open(node.folder.path() + "/floor", io::OpenMode::create).value();
    const auto bytes = pattern(4096);
    const auto began = node.env.clock.now();
    std::uint64_t count = 0;
    for (; seconds_since(node, began) < 1; ++count) {
        REQUIRE(file->write_at(count * 4096, base::as_bytes(bytes)));
        REQUIRE(file->sync_data());
    }
    return static_cast<double>(count) / seconds_since(node, began);
}

void long_object(Node& node, BucketId id, std::uint64_t gib) {
    const auto part = pattern(64 * kMiB);
    REQUIRE(node.put(id, "part", part));
    UploadInfo wanted;
    wanted.bucket = id;
    wanted.key = "k";
    const auto upload = node.run(node.engine->create_upload(wanted)).value();
    CopySource source;
    source.bucket = id;
    source.key = "part";
    std::vector<CompletedPart> parts;
    for (int n = 1; n <= static_cast<int>(gib * 16); ++n) {
        REQUIRE(node.run(node.engine->copy_part(source, 0, part.size(), id, "k", upload.id, n, "e", {})));
        parts.push_back({n, "e", {}});
    }
    REQUIRE(node.run(node.engine->complete_upload(id, "k", upload.id, parts, {})));
}

void commits(Node& node, OpenFile& file, int count, const char* what) {
    const auto size = file.handle->size();
    const auto before = node.status().block_bytes;
    double longest = 0;
    const auto began = node.env.clock.now();
    for (int i = 0; i < count; ++i) {
        const auto one = node.env.clock.now();
        const auto at = (static_cast<std::uint64_t>(i) * 0x9e3779b97f4a7c15ull >> 8) % (size - 4096);
        REQUIRE(file.write(at, pattern(4096, static_cast<std::uint64_t>(i) + 77)));
        REQUIRE(file.commit());
        longest = std::max(longest, seconds_since(node, one));
    }
    std::printf("%s: %.0f commits of 4 KiB a second, longest %.0f ms, %.1f KiB of blocks each\n", what,
                count / seconds_since(node, began), longest * 1000,
                static_cast<double>(node.status().block_bytes - before) / count / 1024);
}

TEST_CASE("figures of files", "[.][measure]") {
    Node node;
    const auto id = node.bucket("b");
    std::printf("floor: %.0f syncs of 4 KiB a second\n", sync_rate(node));
    REQUIRE(node.put(id, "small", pattern(8 * kMiB)));
    OpenFile small(node, id, "small");
    commits(node, small, 400, "8 MiB");
    long_object(node, id, 10);
    auto began = node.env.clock.now();
    OpenFile large(node, id, "k");
    REQUIRE(large.write(5ull << 30, pattern(4096, 5)));
    REQUIRE(large.commit());
    std::printf("10 GiB of 160 parts: open, 4 KiB, commit: %.1f ms\n", seconds_since(node, began) * 1000);
    commits(node, large, 1500, "10 GiB");
    began = node.env.clock.now();
    const auto body = pattern(64 * kMiB, 5);
    REQUIRE(small.write(0, body));
    REQUIRE(small.commit());
    std::printf("64 MiB in order: %.0f MiB a second\n", 64 / seconds_since(node, began));
    began = node.env.clock.now();
    for (std::uint64_t i = 0; i < 4096; ++i) {
        const auto at = (i * 0x9e3779b97f4a7c15ull >> 8) % (1ull << 30);
        REQUIRE(large.write(at, pattern(4096, i + 9000)));
    }
    REQUIRE(large.commit());
    std::printf("4096 random writes of 4 KiB, then commit: %.0f a second\n", 4096 / seconds_since(node, began));
}

}  // namespace
}  // namespace larder::engine
