// Bodies on their way out.
#include "replication/model/posix.h"
#include "replication/piece_reader.h"

namespace larder::engine {

namespace {

class InlineReader final : public ObjectReader {
 public:
    InlineReader(ObjectInfo info, std::string body) : info_(std::move(info)), body_(std::move(body)) {}
    const ObjectInfo& info() const override { return info_; }
    Task<Result<base::Buffer>> read(std::uint64_t offset, std::uint64_t length) override {
        if (offset >= body_.size()) co_return base::Buffer();
        co_return base::Buffer::copy_of(std::string_view(body_).substr(offset, length));
    }
    std::string take_inline() override { return std::exchange(body_, {}); }

 private:
    ObjectInfo info_;
    std::string body_;
};

class BlockReader final : public ObjectReader {
 public:
    BlockReader(LocalEngine& engine, ObjectInfo info, std::vector<model::Piece> pieces,
                std::unique_ptr<block::Lease> lease)
        : info_(std::move(info)), pieces_(engine, std::move(pieces), info_.size), lease_(std::move(lease)) {}

    const ObjectInfo& info() const override { return info_; }
    Task<Result<base::Buffer>> read(std::uint64_t offset, std::uint64_t length) override {
        return pieces_.read(offset, length);
    }

 private:
    ObjectInfo info_;
    PieceReader pieces_;
    std::unique_ptr<block::Lease> lease_;
};

}  // namespace

Task<Result<std::unique_ptr<ObjectReader>>> LocalEngine::open_object(BucketId bucket, std::string key) {
    CO_TRY(auto found, co_await find_content(bucket, key));
    auto pieces = std::move(found.object.pieces);
    const bool is_inline = found.object.is_inline;
    auto info = model::shown_info_of(std::move(key), std::move(found.object));
    if (is_inline) co_return std::make_unique<InlineReader>(std::move(info), std::move(found.body));
    co_return std::make_unique<BlockReader>(*this, std::move(info), std::move(pieces), std::move(found.lease));
}

}  // namespace larder::engine
