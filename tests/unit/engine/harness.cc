#include "tests/unit/engine/harness.h"

#include "src/base/hash.h"
#include "src/base/limits.h"

#include <catch2/catch.hpp>

namespace larder::engine {

std::string pattern(std::size_t size, std::uint64_t seed) {
    std::string out(size, '\0');
    std::uint64_t state = seed * 0x9e3779b97f4a7c15ull + 1;
    for (auto& c : out) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        c = static_cast<char>(state >> 56);
    }
    return out;
}

std::string etag_of(std::string_view body) {
    std::string out;
    for (const unsigned char c : base::md5(body)) {
        static constexpr char kDigits[] = "0123456789abcdef";
        out += {kDigits[c >> 4], kDigits[c & 15]};
    }
    return out;
}

Task<Result<ObjectInfo>> write_all(std::unique_ptr<ObjectWriter> writer, std::string body, Condition condition,
                                   ObjectProperties properties) {
    for (std::size_t at = 0; at < body.size(); at += base::limits::kBlockBytes) {
        const auto piece = std::string_view(body).substr(at, base::limits::kBlockBytes);
        CO_TRY_VOID(co_await writer->write(base::Buffer::copy_of(piece)));
    }
    PutResultFacts facts;
    facts.etag = etag_of(body);
    facts.condition = std::move(condition);
    facts.properties = std::move(properties);
    co_return co_await writer->commit(std::move(facts));
}

Task<Result<std::string>> read_some(ObjectReader& reader, std::uint64_t offset, std::uint64_t length) {
    std::string out;
    while (out.size() < length) {
        CO_TRY(const auto piece, co_await reader.read(offset + out.size(), length - out.size()));
        if (piece.empty()) break;
        out += piece.chars();
    }
    co_return out;
}

Task<Result<std::string>> read_object(Engine& engine, BucketId bucket, std::string key) {
    CO_TRY(const auto reader, co_await engine.open_object(bucket, std::move(key)));
    CO_TRY(auto body, co_await read_some(*reader, 0, UINT64_MAX));
    if (body.size() != reader->info().size) co_return base::fail(base::Code::internal, "size and bytes differ");
    if (reader->info().parts.empty() && etag_of(body) != reader->info().etag) {
        co_return base::fail(base::Code::internal, "etag and bytes differ");
    }
    co_return body;
}

Task<Result<FileEntry>> rename_object(Engine& engine, BucketId bucket, std::string from, std::string to) {
    CO_TRY(const auto files, engine.files(bucket));
    co_return co_await files->rename(std::move(from), std::move(to), false, 0);
}

Task<bool> eventually(io::Env& env, std::function<Task<bool>()> holds) {
    const auto deadline = env.clock.after(std::chrono::minutes(2));
    while (!co_await holds()) {
        if (env.clock.now() >= deadline) co_return false;
        co_await env.clock.sleep_for(std::chrono::milliseconds(2));
    }
    co_return true;
}

Node::Node()
    : disk(world.env().disk), env{world.env().executor, world.env().clock,   world.env().random, disk,
                                  world.env().network,  world.env().blocking} {
    open();
}

Options Node::options() const {
    Options out;
    out.meta_folder = meta_folder();
    out.data_folders = {data_folder()};
    out.create = true;
    out.cluster_name = "test";
    return out;
}

Result<std::unique_ptr<Engine>> Node::try_open(Options wanted) {
    return run(make_engine(env, metrics, std::move(wanted)));
}

void Node::open() {
    auto opened = try_open(options());
    if (!opened) FAIL(opened.error().message);
    engine = std::move(*opened);
}

void Node::close() {
    const auto closed = run(engine->close());
    if (!closed) FAIL(closed.error().message);
    engine.reset();
}

BucketId Node::bucket(const std::string& name) {
    const auto made = run(engine->create_bucket(name, ""));
    if (!made) FAIL(made.error().message);
    return (*made)->id;
}

Result<ObjectInfo> Node::put(BucketId in, const std::string& key, const std::string& body, Condition condition,
                             ObjectProperties properties) {
    return run(write_all(engine->put_object(in, key, body.size()), body, std::move(condition), std::move(properties)));
}

Result<std::string> Node::get(BucketId in, const std::string& key) {
    return run(read_object(*engine, in, key));
}

Result<ObjectInfo> Node::head(BucketId in, const std::string& key) {
    return run(engine->head_object(in, key));
}

Result<DeleteOutcome> Node::remove(BucketId in, const std::string& key, Condition condition) {
    return run(engine->delete_object(in, {key, std::move(condition)}));
}

EngineStatus Node::status() {
    auto got = run(engine->status());
    if (!got) FAIL(got.error().message);
    return *got;
}

namespace {

Task<bool> has_blocks(Engine& engine, std::uint64_t count) {
    const auto status = co_await engine.status();
    co_return status && status->blocks == count;
}

}  // namespace

bool Node::comes_to_blocks(std::uint64_t count) {
    return run(eventually(world.env(), [this, count] { return has_blocks(*engine, count); }));
}

std::vector<std::string> Node::damage() {
    auto found = run(engine->verify());
    if (!found) FAIL(found.error().message);
    return *found;
}

}  // namespace larder::engine
