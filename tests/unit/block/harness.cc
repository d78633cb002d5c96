#include "tests/unit/block/harness.h"

#include "src/base/hash.h"

#include <catch2/catch.hpp>

namespace larder::block {

using base::Result;

std::string pattern(std::size_t size, std::uint64_t seed) {
    std::string out(size, '\0');
    std::uint64_t state = seed * 0x9e3779b97f4a7c15ull + 1;
    for (auto& c : out) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        c = static_cast<char>(state >> 56);
    }
    return out;
}

std::string text(std::size_t size, std::uint64_t seed) {
    std::string out;
    while (out.size() < size) out += "line " + std::to_string(seed) + " of a text that says little; ";
    out.resize(size);
    return out;
}

Owner owner(std::uint64_t number) {
    Owner out;
    for (std::size_t i = 0; i < 8; ++i) out.bytes[i] = static_cast<std::uint8_t>(number >> (8 * (7 - i)));
    out.bytes[15] = 1;
    return out;
}

Node::Node(test::World& world, std::uint64_t seed)
    : disk(seed),
      env{world.env().executor, world.env().clock, world.env().random, disk, world.env().network, world.env().blocking},
      world_(world) {
    options.folders = {"/data/one"};
}

Result<void> Node::try_open() {
    db::Options db_options;
    db_options.folder = "/data/meta";
    db_options.shards = 2;
    db_options.log_bytes = 1u << 20;  // each start reads all of it
    TRY(db, db::Db::open(env, metrics, db_options));
    auto opened = run(LocalBlocks::open(env, *db, metrics, options));
    if (!opened) {
        db.reset();
        return base::fail(opened.error());
    }
    store = std::move(*opened);
    return {};
}

void Node::open() {
    if (const auto opened = try_open(); !opened) FAIL(opened.error().message);
    if (const auto accepted = run(store->accept_recovery()); !accepted) FAIL(accepted.error().message);
}

void Node::drop() {
    store.reset();
    db.reset();
}

void Node::close() {
    if (const auto closed = run(store->close()); !closed) FAIL(closed.error().message);
    store.reset();
    if (const auto closed = db->close(); !closed) FAIL(closed.error().message);
    db.reset();
}

void Node::kill() {
    drop();
    disk.kill_process();
}

void Node::cut_power() {
    disk.cut_power();
    drop();
    disk.restart();
}

Result<base::Hash256> Node::put(const std::string& bytes, std::uint64_t by) {
    return run(store->put(base::Buffer::copy_of(bytes), owner(by), std::nullopt, false));
}

Result<std::string> Node::get(const std::string& bytes, std::uint64_t offset, std::uint64_t length) {
    TRY(const auto data, run(store->get(base::sha256(bytes), offset, length)));
    return std::string(data.chars());
}

Result<void> Node::refer(const std::vector<std::string>& bytes, std::uint64_t by) {
    std::vector<base::Hash256> names;
    for (const auto& one : bytes) names.push_back(base::sha256(one));
    return run(store->add_references(names, owner(by)));
}

Result<void> Node::drop(std::uint64_t by) {
    return run(store->drop_references(owner(by)));
}

std::uint64_t Node::reclaim() {
    const auto freed = run(store->reclaim(env.clock.after(std::chrono::minutes(1))));
    if (!freed) FAIL(freed.error().message);
    return *freed;
}

std::vector<std::string> Node::damage() {
    const auto report = run(store->verify());
    if (!report) FAIL(report.error().message);
    return report->damage;
}

std::vector<std::string> Node::segments(const std::string& folder) {
    std::vector<std::string> out;
    for (const auto& path : disk.paths()) {
        if (path.starts_with(folder + "/segment-")) out.push_back(path);
    }
    return out;
}

Result<void> Node::erase_rows(db::ShardId shard, db::TreeId first, db::TreeId last) {
    return run(db->commit(shard, [=](db::Writer& rows) -> Result<void> {
        for (auto tree = first; tree <= last; ++tree) {
            std::vector<std::string> keys;
            {
                TRY(const auto cursor, rows.cursor(tree));
                TRY_VOID(cursor->seek({}));
                while (cursor->valid()) {
                    keys.emplace_back(cursor->key());
                    TRY_VOID(cursor->next());
                }
            }
            for (const auto& key : keys) TRY_VOID(rows.erase(tree, key));
        }
        return {};
    }));
}

}  // namespace larder::block
