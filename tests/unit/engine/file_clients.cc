#include "tests/unit/engine/file_clients.h"

#include "src/base/limits.h"

#include <catch2/catch.hpp>

namespace larder::engine {

namespace limits = base::limits;

namespace {

Task<Result<void>> write_blocks(FileHandle& handle, std::uint64_t offset, std::string bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += limits::kBlockBytes) {
        const auto piece = std::string_view(bytes).substr(at, limits::kBlockBytes);
        CO_TRY_VOID(co_await handle.write(offset + at, base::Buffer::copy_of(piece)));
    }
    co_return Result<void>();
}

Task<Result<std::string>> read_blocks(FileHandle& handle, std::uint64_t offset, std::uint64_t length) {
    std::string out;
    while (out.size() < length) {
        CO_TRY(const auto bytes, co_await handle.read(offset + out.size(), length - out.size()));
        if (bytes.empty()) break;
        out += bytes.chars();
    }
    co_return out;
}

Task<Result<std::string>> read_ranges(Engine& engine, BucketId bucket, std::string key) {
    CO_TRY(const auto reader, co_await engine.open_object(bucket, key));
    CO_TRY(auto whole, co_await read_some(*reader, 0, UINT64_MAX));
    if (whole.size() != reader->info().size) co_return base::fail(base::Code::internal, "size and bytes differ");
    for (std::uint64_t step = 1; step <= 7; ++step) {
        const auto offset = whole.size() * step / 9 + step;
        const auto length = std::min<std::uint64_t>(step * 9001, whole.size() - std::min(offset, whole.size()));
        CO_TRY(const auto part, co_await read_some(*reader, offset, length));
        if (length > 0 && part != whole.substr(offset, length)) {
            co_return base::fail(base::Code::internal, "a range differs");
        }
    }
    co_return whole;
}

}  // namespace

OpenFile::OpenFile(Node& n, BucketId bucket, const std::string& key) : node(n) {
    auto opened = node.run(open_file(dynamic_cast<LocalEngine&>(*node.engine), bucket, key));
    if (!opened) FAIL(opened.error().message);
    handle = std::move(*opened);
}

Result<void> OpenFile::write(std::uint64_t offset, const std::string& bytes) {
    return node.run(write_blocks(*handle, offset, bytes));
}

std::string OpenFile::read(std::uint64_t offset, std::uint64_t length) {
    const auto got = node.run(read_blocks(*handle, offset, length));
    if (!got) FAIL(got.error().message);
    return *got;
}

void OpenFile::lose() {
    static auto& lost = *new std::vector<FileHandle*>;  // reachable to the end, so that it does not count as leaked
    lost.push_back(handle.release());
}

std::optional<std::uint64_t> OpenFile::seek(std::uint64_t offset, bool hole) {
    const auto got = node.run(handle->seek(offset, hole));
    if (got) return *got;
    if (!got.error().is(base::Code::not_found)) FAIL(got.error().message);
    return std::nullopt;
}

std::string object_bytes(Node& node, BucketId bucket, const std::string& key) {
    const auto got = node.run(read_ranges(*node.engine, bucket, key));
    if (!got) FAIL(got.error().message);
    return *got;
}

}  // namespace larder::engine
