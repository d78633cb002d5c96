#include "s3/auth/payload.h"

#include "s3/auth/chunked_payload.h"
#include "src/base/encoding.h"
#include "src/base/hash.h"
#include "src/io/task_group.h"

#include <charconv>

namespace larder::s3 {

namespace {

constexpr std::size_t kPoolBytes = 64 * 1024;

std::unexpected<S3Error> refuse(std::string_view code, std::string message = {}) {
    return std::unexpected(s3_error(code, std::move(message)));
}

// Bodies without framing of their own: unsigned, or with one hash over all.
class PlainPayload final : public PayloadReader {
 public:
    PlainPayload(io::Env& env, http::Exchange& exchange, std::optional<base::Hash256> declared)
        : env_(env), exchange_(exchange), declared_(declared), hashing_(env.executor) {
        if (declared_) hasher_ = std::make_shared<base::Hasher>(base::Digest::sha256);
    }

    io::Task<S3Result<std::size_t>> read(base::Buffer out) override {
        if (ended_) co_return std::size_t{0};
        const auto got = co_await exchange_.read(out.writable());
        if (!got) co_return std::unexpected(s3_error_of_body(got.error()));
        const bool is_last = *got < out.size();
        if (!hasher_) co_return *got;
        // The piece before is hashed by now, or nearly: the order of pieces is the order of hashing.
        co_await hashing_.join();
        out.truncate(*got);
        if (*got >= kPoolBytes) {
            hashing_.spawn(hash_on_pool(env_, hasher_, std::move(out)));
        } else {
            hasher_->update(out.chars());
        }
        if (!is_last) co_return *got;
        auto good = co_await finish();
        if (!good) co_return std::unexpected(good.error());
        co_return *got;
    }
    std::optional<std::uint64_t> decoded_length() const override {
        const auto& head = exchange_.request();
        return head.chunked ? std::nullopt : std::optional(head.content_length.value_or(0));
    }
    std::optional<base::Hash256> payload_hash() const override { return ended_ ? declared_ : std::nullopt; }
    const std::vector<std::pair<std::string, std::string>>& trailers() const override { return trailers_; }

 private:
    // The hasher and the bytes are shared with the pool's work, which goes on to its end even if the request does not.
    static io::Task<void> hash_on_pool(io::Env& env, std::shared_ptr<base::Hasher> hasher, base::Buffer piece) {
        (void)co_await env.blocking.run([hasher, piece = std::move(piece)] {
            hasher->update(piece.chars());
            return true;
        });
    }
    io::Task<S3Result<void>> finish() {
        co_await hashing_.join();
        const auto computed = hasher_->finish();
        if (computed != declared_->view()) {
            auto error = s3_error("XAmzContentSHA256Mismatch");
            error.extra = {{"ClientComputedContentSHA256", declared_->hex()},
                           {"S3ComputedContentSHA256", base::hex_encode(computed)}};
            co_return std::unexpected(std::move(error));
        }
        ended_ = true;
        co_return S3Result<void>();
    }

    io::Env& env_;
    http::Exchange& exchange_;
    std::optional<base::Hash256> declared_;
    std::shared_ptr<base::Hasher> hasher_;
    bool ended_ = false;
    std::vector<std::pair<std::string, std::string>> trailers_;
    io::TaskGroup hashing_;
};

S3Result<std::unique_ptr<PayloadReader>> make_chunked(io::Env& env, http::Exchange& exchange,
                                                      const Authenticated& auth) {
    const auto& headers = exchange.request().headers;
    const auto text = base::trim(headers.get("x-amz-decoded-content-length").value_or(""));
    std::uint64_t length = 0;
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (text.empty() || bad != std::errc() || end != text.data() + text.size()) return refuse("MissingContentLength");
    auto trailer = base::to_lower(base::trim(headers.get("x-amz-trailer").value_or("")));
    return std::make_unique<ChunkedPayload>(env, exchange, auth, length, std::move(trailer));
}

}  // namespace

S3Result<std::unique_ptr<PayloadReader>> make_payload(io::Env& env, http::Exchange& exchange,
                                                      const Authenticated& auth) {
    switch (auth.mode) {
        case PayloadMode::signed_hash:
            return std::make_unique<PlainPayload>(env, exchange, auth.payload_hash);
        case PayloadMode::unsigned_payload:
            return std::make_unique<PlainPayload>(env, exchange, std::nullopt);
        case PayloadMode::streaming_signed:
        case PayloadMode::streaming_signed_trailer:
        case PayloadMode::streaming_unsigned_trailer:
            return make_chunked(env, exchange, auth);
    }
    return refuse("InternalError");
}

}  // namespace larder::s3
