#include "replication/read_cache/read_cache.h"

#include "replication/read_cache/store.h"

namespace larder::read_cache {

Task<std::unique_ptr<ReadCache>> open_read_cache(io::Env& env, engine::FileStore& below, Options options) {
    auto pieces = co_await Pieces::open(env, std::move(options));
    co_return std::make_unique<Store>(env, below, std::move(pieces));
}

Task<Result<std::unique_ptr<engine::FileHandle>>> Store::open(std::string key) {
    CO_TRY(auto opened, co_await below_.open(std::move(key)));
    co_return make_handle(*this, std::move(opened));
}

Task<Result<Buffer>> Store::read(SourcePtr source, std::uint64_t offset, std::uint64_t length) {
    if (offset >= source->size || length == 0) co_return Buffer();
    length = std::min(length, source->size - offset);
    Buffer out;
    for (std::uint64_t done = 0; done < length;) {
        const auto at = offset + done;
        Identity identity{source->bucket, source->inode, source->version, at / kPieceBytes * kPieceBytes};
        identity.length = static_cast<std::uint32_t>(std::min(kPieceBytes, source->size - identity.offset));
        const auto from = at - identity.offset;
        const auto count = std::min(length - done, identity.length - from);
        CO_TRY(auto part, co_await read_within(source, identity, from, count));
        if (count == length) co_return part;
        if (done == 0) out = Buffer::allocate(length);
        std::memcpy(out.writable().data() + done, part.data(), part.size());
        done += part.size();
        if (part.size() < count) {
            out.truncate(done);
            break;
        }
    }
    co_return out;
}

Task<Result<Buffer>> Store::read_within(SourcePtr source, Identity identity, std::uint64_t from, std::uint64_t length) {
    const auto name = name_of(identity);
    if (auto here = co_await pieces_->read(identity, name, from, length)) co_return std::move(*here);
    auto& place = fetches_[name];
    const bool mine = place == nullptr;
    if (mine) place = std::make_shared<Fetch::element_type>();
    const auto waiting = place;
    const auto over = waiting->emplace_back(env_.executor);
    // On its own: whoever waits may be given up, and others may wait for the same.
    if (mine) tasks_.spawn(fetch(source, identity, name, waiting));
    auto fetched = co_await over.future();
    if (fetched.sure) co_return fetched.data->slice(from, length);
    if (!mine) co_return co_await source->handle->read(identity.offset + from, length);
    CO_TRY(const auto data, std::move(fetched.data));
    const auto begin = std::min<std::uint64_t>(from, data.size());
    co_return data.slice(begin, std::min(length, data.size() - begin));
}

Task<void> Store::fetch(SourcePtr source, Identity identity, PieceName name, Fetch waiting) {
    auto data = co_await source->handle->read(identity.offset, identity.length);
    // A handle that has been written to meanwhile, and lost its connection, may have read what is not the version's.
    const bool sure = data && data->size() == identity.length && !source->changed;
    fetches_.erase(name);
    if (sure) pieces_->keep(identity, name, *data);
    for (const auto& one : *waiting) one.set(Fetched{data, sure});
}

}  // namespace larder::read_cache
