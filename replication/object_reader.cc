// Bodies on their way out.
#include "replication/local_engine.h"
#include "src/base/limits.h"

namespace larder::engine {

namespace {

class InlineReader final : public ObjectReader {
 public:
    InlineReader(ObjectInfo info, std::string body) : info_(std::move(info)), body_(base::Buffer::copy_of(body)) {}
    const ObjectInfo& info() const override { return info_; }
    Task<Result<base::Buffer>> read(std::uint64_t offset, std::uint64_t length) override {
        if (offset >= body_.size()) co_return base::Buffer();
        co_return body_.slice(offset, std::min<std::uint64_t>(length, body_.size() - offset));
    }

 private:
    ObjectInfo info_;
    base::Buffer body_;
};

// Extents are loaded a piece at a time: an object in ten thousand parts has ten thousand short lists.
class BlockReader final : public ObjectReader {
 public:
    BlockReader(LocalEngine& engine, ObjectInfo info, std::vector<model::Piece> pieces,
                std::unique_ptr<block::Lease> lease)
        : engine_(engine), info_(std::move(info)), pieces_(std::move(pieces)), lease_(std::move(lease)) {}

    const ObjectInfo& info() const override { return info_; }

    Task<Result<base::Buffer>> read(std::uint64_t offset, std::uint64_t length) override {
        if (offset >= info_.size || length == 0) co_return base::Buffer();
        const auto after = [](std::uint64_t at, const model::Piece& piece) { return at < piece.offset; };
        const auto next = std::upper_bound(pieces_.begin(), pieces_.end(), offset, after);
        if (next == pieces_.begin()) co_return hole(length);
        const auto index = static_cast<std::size_t>(next - pieces_.begin() - 1);
        const auto& piece = pieces_[index];
        const auto inside = offset - piece.offset;
        if (inside >= piece.size) {
            co_return hole(std::min(length, next == pieces_.end() ? info_.size - offset : next->offset - offset));
        }
        length = std::min(length, piece.size - inside);
        CO_TRY(const auto extents, co_await extents_at(index));
        const auto beyond = [](std::uint64_t at, const model::Extent& e) { return at < e.offset; };
        const auto following = std::upper_bound(extents->begin(), extents->end(), inside, beyond);
        const auto until = following == extents->end() ? piece.size : following->offset;
        if (following == extents->begin()) co_return hole(std::min(length, until - inside));
        const auto& extent = *std::prev(following);
        const auto within = inside - extent.offset;
        if (within >= extent.length) co_return hole(std::min(length, until - inside));
        co_return co_await engine_.blocks().get(extent.block, extent.block_offset + within,
                                                std::min<std::uint64_t>(length, extent.length - within));
    }

 private:
    using Extents = std::shared_ptr<const std::vector<model::Extent>>;

    static base::Buffer hole(std::uint64_t length) {
        auto zeroes = base::Buffer::allocate(std::min<std::uint64_t>(length, base::limits::kBlockBytes));
        std::memset(zeroes.writable().data(), 0, zeroes.size());
        return zeroes;
    }

    Task<Result<Extents>> extents_at(std::size_t index) {
        if (!loaded_ || loaded_index_ != index) {
            CO_TRY(auto extents, co_await engine_.extents_of(pieces_[index]));
            loaded_ = std::make_shared<const std::vector<model::Extent>>(std::move(extents));
            loaded_index_ = index;
        }
        co_return loaded_;
    }

    LocalEngine& engine_;
    ObjectInfo info_;
    std::vector<model::Piece> pieces_;
    std::unique_ptr<block::Lease> lease_;
    Extents loaded_;
    std::size_t loaded_index_ = 0;
};

}  // namespace

Task<Result<std::unique_ptr<ObjectReader>>> LocalEngine::open_object(BucketId bucket, std::string key) {
    CO_TRY(auto found, co_await find_content(bucket, key));
    auto pieces = std::move(found.object.pieces);
    const bool is_inline = found.object.is_inline;
    auto info = model::info_of(std::move(key), std::move(found.object));
    if (is_inline) co_return std::make_unique<InlineReader>(std::move(info), std::move(found.body));
    co_return std::make_unique<BlockReader>(*this, std::move(info), std::move(pieces), std::move(found.lease));
}

}  // namespace larder::engine
