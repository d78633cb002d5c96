#include "s3/auth/payload.h"

#include "src/base/encoding.h"
#include "src/base/hash.h"

#include <charconv>

namespace larder::s3 {

namespace {

constexpr std::size_t kPoolBytes = 256 * 1024;
constexpr std::size_t kLineMax = 1024;
constexpr std::size_t kTrailerMax = 8 * 1024;
constexpr std::uint64_t kChunkBytesMin = 8192;
constexpr std::string_view kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::unexpected<S3Error> refuse(std::string_view code, std::string message = {}) {
    return std::unexpected(s3_error(code, std::move(message)));
}

std::string_view chars(std::span<const std::byte> bytes) {
    return base::as_chars(bytes);
}

// Feeds a hash, large pieces on the pool: the caller waits, so the bytes stay.
io::Task<void> feed(io::Env& env, std::shared_ptr<base::Hasher> hasher, std::span<const std::byte> bytes) {
    if (bytes.size() < kPoolBytes) {
        hasher->update(chars(bytes));
        co_return;
    }
    auto copy = base::Buffer::copy_of(chars(bytes));
    (void)co_await env.blocking.run([hasher, copy] {
        hasher->update(copy.chars());
        return true;
    });
}

// Bodies without framing of their own: unsigned, or with one hash over all.
class PlainPayload final : public PayloadReader {
 public:
    PlainPayload(io::Env& env, http::Exchange& exchange, std::optional<base::Hash256> declared)
        : env_(env), exchange_(exchange), declared_(declared) {
        if (declared_) hasher_ = std::make_shared<base::Hasher>(base::Digest::sha256);
    }

    io::Task<S3Result<std::size_t>> read(std::span<std::byte> out) override {
        const auto got = co_await exchange_.read(out);
        if (!got) co_return std::unexpected(s3_error_of(got.error()));
        if (hasher_ && *got > 0) co_await feed(env_, hasher_, out.subspan(0, *got));
        if (*got > 0 || !hasher_) co_return *got;
        if (!verified_ && hasher_->finish() != declared_->view()) {
            co_return refuse("XAmzContentSHA256Mismatch");
        }
        verified_ = true;
        co_return std::size_t{0};
    }
    std::optional<std::uint64_t> decoded_length() const override {
        const auto& head = exchange_.request();
        return head.chunked ? std::nullopt : std::optional(head.content_length.value_or(0));
    }
    std::optional<base::Hash256> payload_hash() const override { return verified_ ? declared_ : std::nullopt; }
    const std::vector<std::pair<std::string, std::string>>& trailers() const override { return trailers_; }

 private:
    io::Env& env_;
    http::Exchange& exchange_;
    std::optional<base::Hash256> declared_;
    std::shared_ptr<base::Hasher> hasher_;
    bool verified_ = false;
    std::vector<std::pair<std::string, std::string>> trailers_;
};

// aws-chunked: size lines, chunks, a last empty chunk, trailers. Signed chunks form a chain from the request's
// signature.
class ChunkedPayload final : public PayloadReader {
 public:
    ChunkedPayload(io::Env& env, http::Exchange& exchange, const Authenticated& auth, std::uint64_t length)
        : env_(env), exchange_(exchange), auth_(auth), length_(length), previous_(auth.seed_signature) {}

    io::Task<S3Result<std::size_t>> read(std::span<std::byte> out) override {
        std::size_t done = 0;
        while (done < out.size() && !ended_) {
            if (left_ == 0) {
                auto begun = co_await begin_chunk();
                if (!begun) co_return std::unexpected(begun.error());
                continue;
            }
            const auto wanted = std::min<std::uint64_t>(left_, out.size() - done);
            const auto piece = out.subspan(done, wanted);
            auto got = co_await take(piece);
            if (!got) co_return std::unexpected(got.error());
            if (chunk_hash_) co_await feed(env_, chunk_hash_, piece);
            done += wanted;
            left_ -= wanted;
            total_ += wanted;
            if (left_ == 0) {
                auto ended = co_await end_chunk();
                if (!ended) co_return std::unexpected(ended.error());
            }
        }
        co_return done;
    }
    std::optional<std::uint64_t> decoded_length() const override { return length_; }
    std::optional<base::Hash256> payload_hash() const override { return std::nullopt; }
    const std::vector<std::pair<std::string, std::string>>& trailers() const override { return trailers_; }

 private:
    bool is_signed() const { return auth_.mode != PayloadMode::streaming_unsigned_trailer; }
    bool has_trailer() const { return auth_.mode != PayloadMode::streaming_signed; }

    // Exactly these bytes: first what the lines left over, then straight from the connection.
    io::Task<S3Result<void>> take(std::span<std::byte> out) {
        const auto ready = std::min(out.size(), spare_.size() - spare_at_);
        std::memcpy(out.data(), spare_.data() + spare_at_, ready);
        spare_at_ += ready;
        if (ready == out.size()) co_return S3Result<void>();
        const auto got = co_await exchange_.read(out.subspan(ready));
        if (!got) co_return std::unexpected(s3_error_of(got.error()));
        if (*got < out.size() - ready) co_return refuse("IncompleteBody");
        co_return S3Result<void>();
    }

    // Up to the next line end, which is taken off.
    io::Task<S3Result<std::string>> line() {
        for (;;) {
            const auto end = spare_.find('\n', spare_at_);
            if (end != std::string::npos) {
                auto text = spare_.substr(spare_at_, end - spare_at_);
                spare_at_ = end + 1;
                if (text.ends_with('\r')) text.pop_back();
                co_return text;
            }
            if (spare_.size() - spare_at_ > kLineMax) co_return refuse("IncompleteBody", "A chunk header is too long.");
            spare_.erase(0, spare_at_);
            spare_at_ = 0;
            std::array<std::byte, 512> more{};
            const auto got = co_await exchange_.read_some(more);
            if (!got) co_return std::unexpected(s3_error_of(got.error()));
            if (*got == 0) co_return refuse("IncompleteBody");
            spare_.append(reinterpret_cast<const char*>(more.data()), *got);
        }
    }

    io::Task<S3Result<void>> begin_chunk() {
        auto text = co_await line();
        if (!text) co_return std::unexpected(text.error());
        const auto head = parse_chunk_head(*text);
        if (!head || (is_signed() && head->signature.empty()))
            co_return refuse("IncompleteBody", "A chunk header is malformed.");
        if (head->size > length_ - total_)
            co_return refuse("IncompleteBody", "The chunks hold more than x-amz-decoded-content-length.");
        if (short_chunk_ && head->size > 0 && is_signed()) co_return refuse("InvalidChunkSizeError");
        short_chunk_ = head->size < kChunkBytesMin;
        signature_ = head->signature;
        left_ = head->size;
        if (is_signed()) chunk_hash_ = std::make_shared<base::Hasher>(base::Digest::sha256);
        if (left_ > 0) co_return S3Result<void>();
        if (auto good = check_chunk(); !good) co_return good;
        co_return co_await finish();
    }

    io::Task<S3Result<void>> end_chunk() {
        if (auto good = check_chunk(); !good) co_return good;
        auto rest = co_await line();
        if (!rest) co_return std::unexpected(rest.error());
        if (!rest->empty()) co_return refuse("IncompleteBody", "A chunk is longer than its header says.");
        co_return S3Result<void>();
    }

    S3Result<void> check_chunk() {
        if (!is_signed()) return {};
        const auto to_sign = "AWS4-HMAC-SHA256-PAYLOAD\n" + auth_.amz_date + "\n" + auth_.scope + "\n" + previous_ +
                             "\n" + std::string(kEmptyHash) + "\n" + base::hex_encode(chunk_hash_->finish());
        previous_ = base::hex_encode(base::hmac_sha256(auth_.signing_key, to_sign));
        if (base::equal_constant_time(previous_, signature_)) return {};
        return refuse("SignatureDoesNotMatch");
    }

    // After the empty chunk: trailers up to an empty line or the end of the body.
    io::Task<S3Result<void>> finish() {
        if (total_ != length_) co_return refuse("IncompleteBody");
        std::string signed_text;
        std::string trailer_signature;
        std::size_t bytes = 0;
        while (true) {
            auto text = co_await last_line();
            if (!text) co_return std::unexpected(text.error());
            if (!*text || (*text)->empty()) break;
            bytes += (*text)->size();
            const auto colon = (*text)->find(':');
            if (!has_trailer() || bytes > kTrailerMax || colon == std::string::npos)
                co_return refuse("MalformedTrailerError");
            auto name = base::to_lower(base::trim((*text)->substr(0, colon)));
            std::string value(base::trim(std::string_view(**text).substr(colon + 1)));
            if (name == "x-amz-trailer-signature") {
                trailer_signature = value;
                continue;
            }
            signed_text += name + ":" + value + "\n";
            trailers_.emplace_back(std::move(name), std::move(value));
        }
        ended_ = true;
        if (auth_.mode != PayloadMode::streaming_signed_trailer) co_return S3Result<void>();
        const auto to_sign = "AWS4-HMAC-SHA256-TRAILER\n" + auth_.amz_date + "\n" + auth_.scope + "\n" + previous_ +
                             "\n" + base::sha256(signed_text).hex();
        const auto expected = base::hex_encode(base::hmac_sha256(auth_.signing_key, to_sign));
        if (base::equal_constant_time(expected, trailer_signature)) co_return S3Result<void>();
        co_return refuse("SignatureDoesNotMatch");
    }

    // A line, or nothing at the end of the body: some clients leave out the last line end.
    io::Task<S3Result<std::optional<std::string>>> last_line() {
        if (spare_.find('\n', spare_at_) == std::string::npos) {
            spare_.erase(0, spare_at_);
            spare_at_ = 0;
            std::array<std::byte, 512> more{};
            const auto got = co_await exchange_.read_some(more);
            if (!got) co_return std::unexpected(s3_error_of(got.error()));
            if (*got == 0) {
                if (spare_.empty()) co_return std::optional<std::string>();
                co_return std::optional(std::exchange(spare_, {}));
            }
            spare_.append(reinterpret_cast<const char*>(more.data()), *got);
            if (spare_.size() > kTrailerMax) co_return refuse("MalformedTrailerError");
            co_return co_await last_line();
        }
        auto text = co_await line();
        if (!text) co_return std::unexpected(text.error());
        co_return std::optional(std::move(*text));
    }

    io::Env& env_;
    http::Exchange& exchange_;
    Authenticated auth_;
    std::uint64_t length_;
    std::string previous_;   // signature of the chunk before
    std::string signature_;  // as given with the present chunk
    std::shared_ptr<base::Hasher> chunk_hash_;
    std::string spare_;
    std::size_t spare_at_ = 0;
    std::uint64_t left_ = 0;
    std::uint64_t total_ = 0;
    bool short_chunk_ = false;
    bool ended_ = false;
    std::vector<std::pair<std::string, std::string>> trailers_;
};

std::optional<std::uint64_t> parse_number(std::string_view text, int radix) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, radix);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

}  // namespace

std::optional<ChunkHead> parse_chunk_head(std::string_view line) {
    constexpr std::string_view kSignature = "chunk-signature=";
    ChunkHead head;
    const auto semicolon = line.find(';');
    const auto size = parse_number(line.substr(0, semicolon), 16);
    if (!size) return std::nullopt;
    head.size = *size;
    if (semicolon == std::string_view::npos) return head;
    const auto rest = line.substr(semicolon + 1);
    if (!rest.starts_with(kSignature)) return std::nullopt;
    head.signature = rest.substr(kSignature.size());
    return head;
}

S3Result<std::unique_ptr<PayloadReader>> make_payload(io::Env& env, http::Exchange& exchange,
                                                      const Authenticated& auth) {
    const auto& head = exchange.request();
    switch (auth.mode) {
        case PayloadMode::signed_hash:
            return std::make_unique<PlainPayload>(env, exchange, auth.payload_hash);
        case PayloadMode::unsigned_payload:
            return std::make_unique<PlainPayload>(env, exchange, std::nullopt);
        case PayloadMode::streaming_signed:
        case PayloadMode::streaming_signed_trailer:
        case PayloadMode::streaming_unsigned_trailer: {
            const auto length = parse_number(head.headers.get("x-amz-decoded-content-length").value_or(""), 10);
            if (!length) return refuse("MissingContentLength");
            return std::make_unique<ChunkedPayload>(env, exchange, auth, *length);
        }
    }
    return refuse("InternalError");
}

}  // namespace larder::s3
