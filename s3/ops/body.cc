#include "s3/ops/body.h"

#include "src/base/limits.h"
#include "src/io/task_group.h"

namespace larder::s3::ops {

using base::Buffer;

namespace {

constexpr std::size_t kBlock = base::limits::kBlockBytes;

// The hash of one piece runs beside the reading of the next.
class Pipeline {
 public:
    Pipeline(Call& call, engine::ObjectWriter& writer, std::vector<engine::ChecksumAlgorithm> algorithms)
        : writer_(writer),
          algorithms_(algorithms),
          digests_(call.env, std::move(algorithms)),
          hashing_(call.env.executor) {}

    io::Task<S3Result<void>> take(Buffer piece, std::optional<base::Hash256> sha256) {
        size_ += piece.size();
        co_await hashing_.join();
        hashing_.spawn(digests_.update(piece));
        S3_TRY_VOID(co_await writer_.write(std::move(piece), sha256));
        co_return S3Result<void>();
    }
    io::Task<S3Result<Received>> finish() {
        co_await hashing_.join();
        Received received{digests_.md5(), {}, size_};
        for (const auto algorithm : algorithms_) received.checksums.push_back(digests_.checksum(algorithm));
        co_return received;
    }
    std::uint64_t size() const { return size_; }

 private:
    engine::ObjectWriter& writer_;
    std::vector<engine::ChecksumAlgorithm> algorithms_;
    BodyDigests digests_;
    std::uint64_t size_ = 0;
    io::TaskGroup hashing_;
};

}  // namespace

io::Task<S3Result<Received>> receive_bytes(Call& call, ReadBody read, engine::ObjectWriter& writer,
                                           std::vector<engine::ChecksumAlgorithm> algorithms, std::uint64_t most) {
    Pipeline pipeline(call, writer, std::move(algorithms));
    for (;;) {
        auto piece = Buffer::allocate(kBlock);
        auto got = co_await read(piece.writable());
        if (!got) co_return std::unexpected(got.error());
        if (*got == 0) break;
        piece.truncate(*got);
        if (pipeline.size() + *got > most) co_return refuse("EntityTooLarge");
        auto taken = co_await pipeline.take(std::move(piece), std::nullopt);
        if (!taken) co_return std::unexpected(taken.error());
    }
    co_return co_await pipeline.finish();
}

io::Task<S3Result<Received>> receive_body(Call& call, PayloadReader& payload, engine::ObjectWriter& writer,
                                          std::vector<engine::ChecksumAlgorithm> algorithms, std::uint64_t most) {
    const auto length = payload.decoded_length();
    if (length && *length > most) co_return refuse("EntityTooLarge");
    Pipeline pipeline(call, writer, std::move(algorithms));
    std::uint64_t done = 0;
    for (;;) {
        const auto left = length ? *length - done : kBlock;
        // A byte more than is left, so that the last read also meets the verified end.
        auto piece = Buffer::allocate(std::min<std::uint64_t>(kBlock, left + (left == 0 ? 1 : 0)));
        auto got = co_await payload.read(piece);
        if (!got) co_return std::unexpected(got.error());
        if (*got == 0) break;
        piece.truncate(*got);
        done += *got;
        if (done > most) co_return refuse("EntityTooLarge");
        std::optional<base::Hash256> sha256;
        if (length && done == *length && *got == done) {
            // The whole body in one piece: once its declared hash is verified, that hash is the block's name.
            auto end = co_await payload.read(Buffer::allocate(1));
            if (!end) co_return std::unexpected(end.error());
            sha256 = payload.payload_hash();
        }
        auto taken = co_await pipeline.take(std::move(piece), sha256);
        if (!taken) co_return std::unexpected(taken.error());
    }
    co_return co_await pipeline.finish();
}

}  // namespace larder::s3::ops

namespace larder::s3 {

constexpr std::size_t kDocumentStep = 64 * 1024;

io::Task<S3Result<std::string>> read_document(Call& call, std::size_t most, DocumentDigests mode) {
    auto payload = make_payload(call.env, call.exchange, call.auth);
    if (!payload) co_return std::unexpected(payload.error());
    S3Result<ChecksumRequest> asked;
    if (mode != DocumentDigests::not_of_the_document) asked = checksum_request(call.exchange.request());
    if (!asked) co_return std::unexpected(asked.error());
    if (mode == DocumentDigests::required && !asked->content_md5_raw && !asked->algorithm) {
        co_return refuse("InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
    }
    std::string text;
    for (;;) {
        auto piece = base::Buffer::allocate(std::min(kDocumentStep, most + 1 - text.size()));
        auto got = co_await (*payload)->read(piece);
        if (!got) co_return std::unexpected(got.error());
        if (*got == 0) break;
        text.append(piece.chars().substr(0, *got));
        if (text.size() > most) co_return refuse("MaxMessageLengthExceeded");
    }
    std::vector<engine::ChecksumAlgorithm> algorithms;
    if (asked->algorithm) algorithms.push_back(*asked->algorithm);
    BodyDigests digests(call.env, algorithms);
    co_await digests.update(base::Buffer::copy_of(text));
    const auto md5 = digests.md5();
    std::vector<engine::Checksum> checksums;
    for (const auto algorithm : algorithms) checksums.push_back(digests.checksum(algorithm));
    auto checked = check_digests(*asked, (*payload)->trailers(), md5, checksums);
    if (!checked) co_return std::unexpected(checked.error());
    co_return text;
}

}  // namespace larder::s3
