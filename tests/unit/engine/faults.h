// What goes wrong with disks, for tests: bits that flip, disks that are full.
#pragma once

#include "tests/unit/engine/harness.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

namespace larder::engine {

// Flips one bit of the first place in the files under `folder` that holds `text`. How many places there were.
inline int flip_bit_at(const std::string& folder, const std::string& text) {
    int places = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream in(entry.path(), std::ios::binary);
        std::string bytes((std::istreambuf_iterator<char>(in)), {});
        for (auto at = bytes.find(text); at != std::string::npos; at = bytes.find(text, at + 1)) {
            ++places;
            std::fstream out(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
            out.seekp(static_cast<std::streamoff>(at + text.size() / 2));
            out.put(static_cast<char>(bytes[at + text.size() / 2] ^ 4));
        }
    }
    return places;
}

// Runs `act` against a disk that fills up after 0, 1, 2 … writes, until it is never full. After each failure there is
// room again, in every other round also a sudden end and a start; then `after` must find things in order.
template <typename Prepare, typename Act, typename After>
void for_every_full_moment(Prepare prepare, Act act, After after) {
    for (std::int64_t moment = 0; moment < 400; moment += 7) {
        INFO("full after " << moment << " writes");
        Node node;
        const auto id = node.bucket("b");
        const auto made = prepare(node, id);
        node.disk.fill_after(moment);
        const bool done = act(node, id, made);
        const bool was_full = node.disk.was_full();
        node.disk.make_room();
        if (!done && moment % 2 == 1) {
            node.kill();
            node.open();
        }
        after(node, id, made, done);
        CHECK(node.damage().empty());
        if (!was_full) return;
    }
    FAIL("it never had room enough");
}

}  // namespace larder::engine
