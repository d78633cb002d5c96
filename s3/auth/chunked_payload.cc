#include "s3/auth/chunked_payload.h"

#include "src/base/encoding.h"

#include <algorithm>
#include <charconv>

namespace larder::s3 {

namespace {

constexpr std::size_t kPoolBytes = 64 * 1024;
constexpr std::size_t kLineMax = 1024;
constexpr std::size_t kTrailersMax = 8 * 1024;
constexpr std::size_t kReadAhead = 512;
constexpr std::uint64_t kChunkBytesMin = 8192;

std::unexpected<S3Error> refuse(std::string_view code, std::string message = {}) {
    return std::unexpected(s3_error(code, std::move(message)));
}

}  // namespace

std::optional<ChunkHead> parse_chunk_head(std::string_view line) {
    constexpr std::string_view kSignature = "chunk-signature=";
    ChunkHead head;
    const auto semicolon = std::min(line.find(';'), line.size());
    const auto size = line.substr(0, semicolon);
    const auto [end, bad] = std::from_chars(size.data(), size.data() + size.size(), head.size, 16);
    if (size.empty() || bad != std::errc() || end != size.data() + size.size() || head.size > INT64_MAX)
        return std::nullopt;
    if (semicolon == line.size()) return head;
    const auto rest = line.substr(semicolon + 1);
    if (!rest.starts_with(kSignature) || rest.size() == kSignature.size()) return std::nullopt;
    head.signature = rest.substr(kSignature.size());
    return head;
}

ChunkedPayload::ChunkedPayload(io::Env& env, http::Exchange& exchange, const Authenticated& auth, std::uint64_t length,
                               std::string trailer_name)
    : env_(env),
      exchange_(exchange),
      mode_(auth.mode),
      length_(length),
      trailer_name_(std::move(trailer_name)),
      verifier_(is_signed() ? std::make_shared<Verifier>(auth) : nullptr),
      verifying_(env.executor) {}

io::Task<S3Result<std::size_t>> ChunkedPayload::read(base::Buffer out) {
    if (failure_) co_return std::unexpected(*failure_);
    auto done = co_await read_once(std::move(out));
    if (!done) failure_ = done.error();
    co_return done;
}

io::Task<S3Result<std::size_t>> ChunkedPayload::read_once(base::Buffer out) {
    Pieces pieces;
    auto done = co_await fill(out, pieces);
    if (!done) co_return done;
    if (is_signed() && !pieces.empty()) {
        auto good = co_await verify(out, std::move(pieces));
        if (!good) co_return std::unexpected(good.error());
    }
    if (*done == out.size() || ended_) co_return done;
    auto good = co_await finish();
    if (!good) co_return std::unexpected(good.error());
    co_return done;
}

// Content into `out`, until it is full or the last chunk was met. Notes which piece belongs to which signature.
io::Task<S3Result<std::size_t>> ChunkedPayload::fill(base::Buffer out, Pieces& pieces) {
    const auto bytes = out.writable();
    std::size_t done = 0;
    while (done < bytes.size() && !last_chunk_) {
        if (!in_chunk_) {
            auto begun = co_await begin_chunk();
            if (!begun) co_return std::unexpected(begun.error());
        }
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - done));
        auto taken = co_await take(bytes.subspan(done, n));
        if (!taken) co_return std::unexpected(taken.error());
        left_ -= n;
        total_ += n;
        if (is_signed()) pieces.push_back({done, n, left_ == 0 ? signature_ : std::string()});
        done += n;
        if (left_ > 0) break;
        auto ended = co_await end_chunk();
        if (!ended) co_return std::unexpected(ended.error());
    }
    co_return done;
}

// Exactly these bytes: first what the lines left over, then straight from the connection.
io::Task<S3Result<void>> ChunkedPayload::take(std::span<std::byte> out) {
    const auto ready = std::min(out.size(), spare_.size() - spare_at_);
    if (ready > 0) std::memcpy(out.data(), spare_.data() + spare_at_, ready);
    spare_at_ += ready;
    if (ready == out.size()) co_return S3Result<void>();
    const auto got = co_await exchange_.read(out.subspan(ready));
    if (!got) co_return std::unexpected(s3_error_of_body(got.error()));
    if (*got < out.size() - ready) co_return refuse("IncompleteBody");
    co_return S3Result<void>();
}

// Reads a little ahead; false at the end of the body.
io::Task<S3Result<bool>> ChunkedPayload::more() {
    spare_.erase(0, spare_at_);
    spare_at_ = 0;
    std::array<std::byte, kReadAhead> bytes;
    const auto got = co_await exchange_.read_some(bytes);
    if (!got) co_return std::unexpected(s3_error_of_body(got.error()));
    spare_.append(reinterpret_cast<const char*>(bytes.data()), *got);
    co_return *got > 0;
}

// Takes a line off what was read ahead; nothing when it holds none.
std::optional<std::string_view> ChunkedPayload::take_line() {
    const auto end = spare_.find('\n', spare_at_);
    if (end == std::string::npos) return std::nullopt;
    const auto text = std::string_view(spare_).substr(spare_at_, end - spare_at_);
    spare_at_ = end + 1;
    return text;
}

// A line of the framing, which ends in CR LF.
io::Task<S3Result<std::string>> ChunkedPayload::line() {
    for (;;) {
        if (const auto text = take_line()) {
            // How much was read ahead must not decide what is too long.
            if (text->size() > kLineMax) co_return refuse("IncompleteBody", "A chunk header is too long.");
            if (!text->ends_with('\r')) co_return refuse("IncompleteBody", "A chunk header is malformed.");
            co_return std::string(text->substr(0, text->size() - 1));
        }
        if (spare_.size() - spare_at_ > kLineMax) co_return refuse("IncompleteBody", "A chunk header is too long.");
        auto got = co_await more();
        if (!got) co_return std::unexpected(got.error());
        if (!*got) co_return refuse("IncompleteBody");
    }
}

// A line behind the last chunk. Some clients end it in LF alone, and some leave out the end of the last one.
io::Task<S3Result<std::string>> ChunkedPayload::last_line() {
    for (;;) {
        if (const auto text = take_line()) {
            if (text->size() > kTrailersMax) co_return refuse("MalformedTrailerError");
            co_return std::string(text->substr(0, text->size() - (text->ends_with('\r') ? 1 : 0)));
        }
        if (spare_.size() - spare_at_ > kTrailersMax) co_return refuse("MalformedTrailerError");
        auto got = co_await more();
        if (!got) co_return std::unexpected(got.error());
        if (!*got) co_return std::exchange(spare_, {});
    }
}

io::Task<S3Result<void>> ChunkedPayload::begin_chunk() {
    auto text = co_await line();
    if (!text) co_return std::unexpected(text.error());
    const auto head = parse_chunk_head(*text);
    if (!head || head->signature.empty() == is_signed())
        co_return refuse("IncompleteBody", "A chunk header is malformed.");
    if (head->size > length_ - total_)
        co_return refuse("IncompleteBody", "The chunks hold more than x-amz-decoded-content-length.");
    // Only the last chunk with content may be short. (Unsigned streams come in pieces of any size.)
    if (short_chunk_ && head->size > 0 && is_signed()) co_return refuse("InvalidChunkSizeError");
    short_chunk_ = head->size < kChunkBytesMin;
    signature_ = head->signature;
    left_ = head->size;
    in_chunk_ = true;
    last_chunk_ = left_ == 0;
    co_return S3Result<void>();
}

io::Task<S3Result<void>> ChunkedPayload::end_chunk() {
    in_chunk_ = false;
    if (last_chunk_) co_return S3Result<void>();
    auto rest = co_await line();
    if (!rest) co_return std::unexpected(rest.error());
    if (!rest->empty()) co_return refuse("IncompleteBody", "A chunk is longer than its header says.");
    co_return S3Result<void>();
}

// Judges pieces after all those before; large ones while the caller goes on.
io::Task<S3Result<void>> ChunkedPayload::verify(base::Buffer bytes, Pieces pieces) {
    co_await verifying_.join();
    if (!verifier_->good) co_return refuse("SignatureDoesNotMatch");
    if (pieces.back().offset + pieces.back().size >= kPoolBytes) {
        verifying_.spawn(verify_on_pool(env_, verifier_, std::move(bytes), std::move(pieces)));
        co_return S3Result<void>();
    }
    verifier_->good = verifier_->chain.take(bytes.chars(), pieces);
    if (!verifier_->good) co_return refuse("SignatureDoesNotMatch");
    co_return S3Result<void>();
}

io::Task<void> ChunkedPayload::verify_on_pool(io::Env& env, std::shared_ptr<Verifier> verifier, base::Buffer bytes,
                                              Pieces pieces) {
    verifier->good = co_await env.blocking.run([verifier, bytes = std::move(bytes), pieces = std::move(pieces)] {
        return verifier->chain.take(bytes.chars(), pieces);
    });
}

S3Result<void> ChunkedPayload::take_trailer(std::string_view text) {
    const auto colon = text.find(':');
    if (mode_ == PayloadMode::streaming_signed || colon == std::string_view::npos || !trailer_signature_.empty())
        return refuse("MalformedTrailerError");
    auto name = base::to_lower(base::trim(text.substr(0, colon)));
    std::string value(base::trim(text.substr(colon + 1)));
    if (name == "x-amz-trailer-signature" && mode_ == PayloadMode::streaming_signed_trailer && !value.empty()) {
        trailer_signature_ = std::move(value);
        return {};
    }
    // One trailer, and the one that was announced: nothing else could be honoured.
    if (name.empty() || name != trailer_name_ || !trailers_.empty()) return refuse("MalformedTrailerError");
    trailer_lines_ = name + ":" + value + "\n";
    trailers_.emplace_back(std::move(name), std::move(value));
    return {};
}

io::Task<S3Result<void>> ChunkedPayload::read_trailers() {
    // Some clients write an empty line between the last chunk and the trailer.
    bool may_be_empty = !trailer_name_.empty();
    for (std::size_t bytes = 0;;) {
        auto text = co_await last_line();
        if (!text) co_return std::unexpected(text.error());
        if (text->empty() && std::exchange(may_be_empty, false)) continue;
        if (text->empty()) break;
        may_be_empty = false;
        bytes += text->size();
        if (bytes > kTrailersMax) co_return refuse("MalformedTrailerError");
        if (auto taken = take_trailer(*text); !taken) co_return taken;
    }
    // Nothing but a few line ends may follow.
    for (std::size_t bytes = spare_.size() - spare_at_;; bytes += spare_.size()) {
        if (bytes > kLineMax || spare_.find_first_not_of("\r\n", spare_at_) != std::string::npos)
            co_return refuse("IncompleteBody", "The body goes on behind its last chunk.");
        spare_.clear();
        spare_at_ = 0;
        auto got = co_await more();
        if (!got) co_return std::unexpected(got.error());
        if (!*got) co_return S3Result<void>();
    }
}

// After the last chunk.
io::Task<S3Result<void>> ChunkedPayload::finish() {
    if (total_ != length_) co_return refuse("IncompleteBody");
    auto trailed = co_await read_trailers();
    if (!trailed) co_return trailed;
    co_await verifying_.join();
    if (verifier_ && !verifier_->good) co_return refuse("SignatureDoesNotMatch");
    if (trailer_name_.empty() != trailers_.empty()) co_return refuse("MalformedTrailerError");
    if (mode_ == PayloadMode::streaming_signed_trailer) {
        if (trailer_signature_.empty()) co_return refuse("MalformedTrailerError");
        if (!verifier_->chain.ends_with(trailer_lines_, trailer_signature_)) co_return refuse("SignatureDoesNotMatch");
    }
    ended_ = true;
    co_return S3Result<void>();
}

}  // namespace larder::s3
