// Bodies in aws-chunked framing: size lines, chunks, an empty last chunk, trailers.
#pragma once

#include "s3/auth/chunk_chain.h"
#include "s3/auth/payload.h"
#include "src/io/task_group.h"

namespace larder::s3 {

class ChunkedPayload final : public PayloadReader {
 public:
    // `length` is what x-amz-decoded-content-length says, `trailer_name` the lower-case name that x-amz-trailer
    // announces, or empty.
    ChunkedPayload(io::Env& env, http::Exchange& exchange, const Authenticated& auth, std::uint64_t length,
                   std::string trailer_name);

    io::Task<S3Result<std::size_t>> read(base::Buffer out) override;
    std::optional<std::uint64_t> decoded_length() const override { return length_; }
    std::optional<base::Hash256> payload_hash() const override { return std::nullopt; }
    const std::vector<std::pair<std::string, std::string>>& trailers() const override { return trailers_; }

 private:
    using Pieces = std::vector<ChunkChain::Piece>;
    // Shared with the pool's work, which goes on to its end even if the request does not.
    struct Verifier {
        explicit Verifier(const Authenticated& auth) : chain(auth) {}
        ChunkChain chain;
        bool good = true;
    };

    bool is_signed() const { return mode_ != PayloadMode::streaming_unsigned_trailer; }

    io::Task<S3Result<std::size_t>> read_once(base::Buffer out);
    io::Task<S3Result<std::size_t>> fill(base::Buffer out, Pieces& pieces);
    io::Task<S3Result<void>> take(std::span<std::byte> out);
    io::Task<S3Result<bool>> more();
    std::optional<std::string_view> take_line();
    io::Task<S3Result<std::string>> line();
    io::Task<S3Result<std::string>> last_line();
    io::Task<S3Result<void>> begin_chunk();
    io::Task<S3Result<void>> end_chunk();
    io::Task<S3Result<void>> read_trailers();
    S3Result<void> take_trailer(std::string_view line);
    io::Task<S3Result<void>> verify(base::Buffer bytes, Pieces pieces);
    static io::Task<void> verify_on_pool(io::Env& env, std::shared_ptr<Verifier> verifier, base::Buffer bytes,
                                         Pieces pieces);
    io::Task<S3Result<void>> finish();

    io::Env& env_;
    http::Exchange& exchange_;
    const PayloadMode mode_;
    const std::uint64_t length_;
    const std::string trailer_name_;

    std::string spare_;  // bytes read beyond a line
    std::size_t spare_at_ = 0;
    std::string signature_;   // of the present chunk
    std::uint64_t left_ = 0;  // of the present chunk
    std::uint64_t total_ = 0;
    bool in_chunk_ = false;
    bool short_chunk_ = false;  // one under the least size has been seen
    bool last_chunk_ = false;
    bool ended_ = false;
    std::optional<S3Error> failure_;  // final

    std::shared_ptr<Verifier> verifier_;
    std::vector<std::pair<std::string, std::string>> trailers_;
    std::string trailer_lines_;
    std::string trailer_signature_;
    io::TaskGroup verifying_;
};

}  // namespace larder::s3
