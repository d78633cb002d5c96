// Bodies on their way in: small ones wait in memory for their row, larger ones go to blocks as they come.
#include "replication/write_state.h"
#include "src/base/limits.h"

namespace larder::engine {

namespace limits = base::limits;

namespace {

class BodyWriter final : public ObjectWriter {
 public:
    BodyWriter(LocalEngine& engine, LocalEngine::Target target, std::size_t inline_max)
        : engine_(engine),
          target_(std::move(target)),
          inline_max_(inline_max),
          state_(std::make_shared<WriteState>(engine, target_)) {}

    ~BodyWriter() override {
        if (!done_) state_->abandon();
    }

    std::uint64_t size() const override { return size_; }

    Task<Result<void>> write(base::Buffer data, std::optional<base::Hash256> sha256) override {
        if (state_->error()) co_return fail(*state_->error());
        if (size_ + data.size() > limits::kObjectBytesMax) {
            co_return fail(Code::too_large, Subject::object, "an object holds at most 5 TiB");
        }
        size_ += data.size();
        if (pending_.empty()) {
            pending_ = std::move(data);
            pending_sha256_ = sha256;
        } else if (!data.empty()) {
            append(std::move(data));
        }
        // A full block goes; what is short waits, since it may be all there is, or more may come to fill it.
        while (pending_.size() >= limits::kBlockBytes) {
            const bool whole = pending_.size() == limits::kBlockBytes;
            auto block = pending_.slice(0, limits::kBlockBytes);
            auto rest =
                whole ? base::Buffer() : pending_.slice(limits::kBlockBytes, pending_.size() - limits::kBlockBytes);
            auto digest = whole ? pending_sha256_ : std::nullopt;
            pending_ = std::move(rest);
            pending_sha256_.reset();
            CO_TRY_VOID(co_await send(std::move(block), digest));
        }
        co_return Result<void>();
    }

    Task<Result<ObjectInfo>> commit(PutResultFacts facts) override {
        model::Object content;
        content.size = size_;
        content.is_inline = !state_->on_disk() && size_ <= inline_max_;
        if (content.is_inline) {
            done_ = true;
            std::string body(pending_.chars());
            co_return co_await engine_.commit_body(target_, std::move(facts), std::move(content), std::move(body));
        }
        if (!pending_.empty()) {
            CO_TRY_VOID(co_await send(std::exchange(pending_, {}), pending_sha256_));
        }
        co_await state_->idle();
        if (state_->error()) co_return fail(*state_->error());
        model::Piece piece;
        piece.owner = state_->on_disk() ? state_->owner() : engine_.new_owner();
        piece.size = size_;
        for (const auto& block : state_->blocks()) {
            const auto offset = piece.extents.empty() ? 0 : piece.extents.back().offset + piece.extents.back().length;
            piece.extents.push_back({offset, block.length, 0, block.name});
        }
        CO_TRY(piece, co_await engine_.page_out(std::move(piece)));
        content.pieces.push_back(std::move(piece));
        done_ = true;
        auto committed = co_await engine_.commit_body(target_, std::move(facts), std::move(content), {});
        if (state_->on_disk()) engine_.settle_write(state_->owner(), target_, committed);
        co_return committed;
    }

 private:
    void append(base::Buffer data) {
        auto joined = base::Buffer::allocate(pending_.size() + data.size());
        std::memcpy(joined.writable().data(), pending_.data(), pending_.size());
        std::memcpy(joined.writable().data() + pending_.size(), data.data(), data.size());
        pending_ = std::move(joined);
        pending_sha256_.reset();
    }

    Task<Result<void>> send(base::Buffer block, std::optional<base::Hash256> sha256) {
        auto permit = co_await state_->room(block.size());
        if (state_->error()) co_return fail(*state_->error());
        state_->send(std::move(block), sha256, std::move(permit));
        co_return Result<void>();
    }

    LocalEngine& engine_;
    LocalEngine::Target target_;
    std::size_t inline_max_;
    std::shared_ptr<WriteState> state_;
    base::Buffer pending_;
    std::optional<base::Hash256> pending_sha256_;
    std::uint64_t size_ = 0;
    bool done_ = false;
};

}  // namespace

std::unique_ptr<ObjectWriter> LocalEngine::put_object(BucketId bucket, std::string key, std::optional<std::uint64_t>) {
    return std::make_unique<BodyWriter>(*this, Target{bucket, std::move(key), std::nullopt, 0},
                                        limits::kInlineBytesMax);
}

Task<Result<std::unique_ptr<ObjectWriter>>> LocalEngine::put_part(BucketId bucket, std::string key, UploadId upload,
                                                                  int number, std::optional<std::uint64_t>) {
    CO_TRY_VOID(check_part_number(number));
    CO_TRY_VOID(co_await find_open_upload(bucket, key, upload));
    // Parts are never inline: completing an upload only names them.
    co_return std::make_unique<BodyWriter>(*this, Target{bucket, std::move(key), upload, number}, 0);
}

model::Owner LocalEngine::new_owner() {
    auto owner = env_.random.id<model::Owner>();
    const auto ms = static_cast<std::uint64_t>(env_.clock.wall_now().ms);
    for (std::size_t i = 0; i < 6; ++i) owner.bytes[i] = static_cast<std::uint8_t>(ms >> (8 * (5 - i)));
    return owner;
}

Task<Result<void>> LocalEngine::note_intent(model::Owner owner, Target target) {
    model::Intent intent{target.bucket, target.key, target.upload.value_or(UploadId{}),
                         static_cast<std::uint32_t>(target.part), boot_};
    const table::RowKey place{model::intents_of(tags_->node()), std::string(owner.view())};
    CO_TRY_VOID(co_await intent_rows_->write(place, table::Value{model::encode_intent(intent), {}}));
    co_return Result<void>();
}

Task<void> LocalEngine::forget_intent_of(io::NodeNumber node, model::Owner owner) {
    const table::RowKey place{model::intents_of(node), std::string(owner.view())};
    (void)co_await intent_rows_->write(place, std::nullopt);
    note_tombstone(model::kIntents, place);
}

void LocalEngine::end_write(model::Owner owner, bool keep) {
    if (!closing_) tasks_.spawn(keep ? forget_intent(owner) : drop_later(owner));
}

void LocalEngine::settle_write(model::Owner owner, const Target& target, const Result<ObjectInfo>& outcome) {
    // Of unknown fate: kept, with its intent, until the next start can tell. A part that came too late has a row, and
    // goes with it.
    if (!outcome && outcome.error().code == Code::unknown_outcome) return;
    end_write(owner, outcome.has_value() || (target.upload && outcome.error().is(Code::not_found, Subject::upload)));
}

Task<Result<model::Piece>> LocalEngine::page_out(model::Piece piece) {
    if (piece.extents.size() <= model::kExtentsInRow) co_return piece;
    for (std::size_t at = 0; at < piece.extents.size(); at += model::kExtentsPerPage) {
        const auto end = std::min(at + model::kExtentsPerPage, piece.extents.size());
        const std::vector<model::Extent> page(piece.extents.begin() + static_cast<std::ptrdiff_t>(at),
                                              piece.extents.begin() + static_cast<std::ptrdiff_t>(end));
        const auto place = model::page_row(piece.owner, piece.pages);
        CO_TRY_VOID(co_await page_rows_->write(place, table::Value{model::encode_extents(page), {}}));
        ++piece.pages;
    }
    piece.extents.clear();
    co_return piece;
}

Task<Result<std::vector<model::Extent>>> LocalEngine::page_of(model::Owner owner, std::uint32_t number) {
    CO_TRY(const auto row, co_await page_rows_->read(model::page_row(owner, number), false));
    if (!row.exists()) {
        co_return fail(Code::corrupted, Subject::object, "a page of the object's manifest is missing");
    }
    CO_TRY(auto extents, model::decode_extents(row.value->row));
    if (extents.empty()) co_return fail(Code::corrupted, Subject::object, "a page of the object's manifest is empty");
    co_return extents;
}

Task<Result<ObjectInfo>> LocalEngine::commit_body(Target target, PutResultFacts facts, model::Object content,
                                                  std::string body) {
    content.etag = std::move(facts.etag);
    content.checksums = std::move(facts.checksums);
    if (!target.upload) {
        content.properties = std::move(facts.properties);
        CO_TRY(const auto bucket, bucket_for_object(target.bucket, target.key));
        co_return co_await write_object(bucket, std::move(target.key), std::move(content), std::move(body),
                                        std::move(facts.condition));
    }
    const auto owner = content.pieces.empty() ? new_owner() : content.pieces.front().owner;
    CO_TRY_VOID(co_await part_rows_->write_made(model::part_row(*target.upload, target.part, owner),
                                                [this, &content](Tag version) -> std::optional<table::Value> {
                                                    content.version = version;
                                                    content.modified = env_.clock.wall_now();
                                                    return table::Value{model::encode_object(content), {}};
                                                }));
    // An upload that is still open now shows the part to whoever completes or aborts it later. One that ended meanwhile
    // may or may not have seen it: that is found out behind, when its end is settled.
    if (auto open = co_await find_open_upload(target.bucket, target.key, *target.upload); !open) {
        tasks_.spawn(clear_ended(target.bucket, target.key, *target.upload));
        co_return fail(open.error());
    }
    co_return model::info_of(target.key, std::move(content));
}

}  // namespace larder::engine
