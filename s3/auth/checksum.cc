#include "s3/auth/checksum.h"

#include "src/base/crc.h"
#include "src/base/encoding.h"
#include "src/base/hash.h"

namespace larder::s3 {

using engine::ChecksumAlgorithm;

namespace {

struct Kind {
    ChecksumAlgorithm algorithm;
    std::string_view name;
    std::size_t bytes;
};
constexpr Kind kKinds[] = {
    {ChecksumAlgorithm::crc32, "CRC32", 4},         {ChecksumAlgorithm::crc32c, "CRC32C", 4},
    {ChecksumAlgorithm::crc64nvme, "CRC64NVME", 8}, {ChecksumAlgorithm::sha1, "SHA1", 20},
    {ChecksumAlgorithm::sha256, "SHA256", 32},
};
constexpr std::string_view kHeader = "x-amz-checksum-";
constexpr std::size_t kPoolBytes = 128 * 1024;

const Kind& kind_of(ChecksumAlgorithm algorithm) {
    for (const auto& kind : kKinds) {
        if (kind.algorithm == algorithm) return kind;
    }
    return kKinds[0];
}

std::string big_endian(std::uint64_t value, std::size_t bytes) {
    std::string out;
    for (std::size_t i = bytes; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
    return out;
}

std::uint64_t from_big_endian(std::string_view raw) {
    std::uint64_t value = 0;
    for (const char c : raw) value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
}

// One running checksum.
class Running {
 public:
    explicit Running(ChecksumAlgorithm algorithm) : algorithm_(algorithm) {
        if (algorithm == ChecksumAlgorithm::sha1) hasher_.emplace(base::Digest::sha1);
        if (algorithm == ChecksumAlgorithm::sha256) hasher_.emplace(base::Digest::sha256);
    }
    ChecksumAlgorithm algorithm() const { return algorithm_; }
    void update(std::string_view bytes) {
        switch (algorithm_) {
            case ChecksumAlgorithm::crc32:
                crc_ = base::crc32(bytes, static_cast<std::uint32_t>(crc_));
                break;
            case ChecksumAlgorithm::crc32c:
                crc_ = base::crc32c(bytes, static_cast<std::uint32_t>(crc_));
                break;
            case ChecksumAlgorithm::crc64nvme:
                crc_ = base::crc64nvme(bytes, crc_);
                break;
            default:
                hasher_->update(bytes);
        }
    }
    std::string finish() { return hasher_ ? hasher_->finish() : big_endian(crc_, kind_of(algorithm_).bytes); }

 private:
    ChecksumAlgorithm algorithm_;
    std::uint64_t crc_ = 0;
    std::optional<base::Hasher> hasher_;
};

std::uint64_t combine_crc(ChecksumAlgorithm algorithm, std::uint64_t a, std::uint64_t b, std::uint64_t length) {
    const auto low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
    if (algorithm == ChecksumAlgorithm::crc32) return base::crc32_combine(low(a), low(b), length);
    if (algorithm == ChecksumAlgorithm::crc32c) return base::crc32c_combine(low(a), low(b), length);
    return base::crc64nvme_combine(a, b, length);
}

}  // namespace

struct BodyDigests::State {
    std::optional<base::Hasher> md5;
    std::vector<Running> running;

    void update(std::string_view bytes) {
        if (md5) md5->update(bytes);
        for (auto& sum : running) sum.update(bytes);
    }
};

BodyDigests::BodyDigests(io::Env& env, std::vector<ChecksumAlgorithm> algorithms, bool want_md5)
    : env_(env), state_(std::make_shared<State>()) {
    if (want_md5) state_->md5.emplace(base::Digest::md5);
    for (const auto algorithm : algorithms) state_->running.emplace_back(algorithm);
}

BodyDigests::~BodyDigests() = default;

io::Task<void> BodyDigests::update(base::Buffer piece) {
    if (piece.size() < kPoolBytes) {
        state_->update(piece.chars());
        co_return;
    }
    // The state is shared with the pool's work, which goes on to its end even if this request does not.
    (void)co_await env_.blocking.run([state = state_, piece] {
        state->update(piece.chars());
        return true;
    });
}

std::string BodyDigests::md5() {
    return state_->md5 ? state_->md5->finish() : std::string();
}

engine::Checksum BodyDigests::checksum(ChecksumAlgorithm algorithm) {
    for (auto& sum : state_->running) {
        if (sum.algorithm() == algorithm) return {algorithm, false, sum.finish()};
    }
    return {algorithm, false, {}};
}

std::string header_name(ChecksumAlgorithm algorithm) {
    return std::string(kHeader) + base::to_lower(kind_of(algorithm).name);
}
std::string xml_name(ChecksumAlgorithm algorithm) {
    return "Checksum" + std::string(kind_of(algorithm).name);
}
std::string algorithm_name(ChecksumAlgorithm algorithm) {
    return std::string(kind_of(algorithm).name);
}

std::optional<ChecksumAlgorithm> algorithm_from(std::string_view name) {
    for (const auto& kind : kKinds) {
        if (base::equal_ignoring_case(kind.name, name)) return kind.algorithm;
    }
    return std::nullopt;
}

std::string checksum_text(const engine::Checksum& checksum, std::size_t parts) {
    auto text = base::base64_encode(checksum.value);
    if (checksum.composite) text += "-" + std::to_string(parts);
    return text;
}

S3Result<engine::Checksum> combine(ChecksumAlgorithm algorithm, bool composite,
                                   const std::vector<engine::PartInfo>& parts) {
    if (!composite && (algorithm == ChecksumAlgorithm::sha1 || algorithm == ChecksumAlgorithm::sha256))
        return std::unexpected(s3_error("InvalidRequest", "Only a CRC of a whole follows from those of its parts."));
    Running whole(algorithm);
    std::uint64_t crc = 0;
    for (const auto& part : parts) {
        const auto is_it = [algorithm](const auto& c) { return c.algorithm == algorithm; };
        const auto sum = std::find_if(part.checksums.begin(), part.checksums.end(), is_it);
        if (sum == part.checksums.end()) {
            return std::unexpected(
                s3_error("InvalidRequest", "The upload was created using a checksum, but a part has none."));
        }
        if (composite) {
            whole.update(sum->value);
        } else {
            crc = combine_crc(algorithm, crc, from_big_endian(sum->value), part.size);
        }
    }
    return engine::Checksum{algorithm, composite,
                            composite ? whole.finish() : big_endian(crc, kind_of(algorithm).bytes)};
}

namespace {

std::unexpected<S3Error> refuse(std::string_view code, std::string message = {}) {
    return std::unexpected(s3_error(code, std::move(message)));
}
std::unexpected<S3Error> more_than_one() {
    return refuse("InvalidRequest",
                  "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
}

// The algorithm of "x-amz-checksum-NAME"; nothing for another header, or one that speaks of checksums without being
// one. NotImplemented for the algorithms of S3 that are not offered, InvalidRequest for unheard-of ones.
S3Result<std::optional<ChecksumAlgorithm>> named_by(std::string_view header) {
    const auto name = base::to_lower(header);
    if (!name.starts_with(kHeader)) return std::nullopt;
    const auto kind = std::string_view(name).substr(kHeader.size());
    if (kind == "mode" || kind == "type" || kind == "algorithm") return std::nullopt;
    if (const auto algorithm = algorithm_from(kind)) return algorithm;
    for (const auto other : {"md5", "sha512", "xxhash64", "xxhash3", "xxhash128"}) {
        if (kind != other) continue;
        auto error = s3_error("NotImplemented", "The checksum algorithm " + std::string(kind) + " is not implemented.");
        error.extra.emplace_back("Header", name);
        return std::unexpected(std::move(error));
    }
    return refuse("InvalidRequest", "The algorithm type you specified in x-amz-checksum- header is invalid.");
}

// The raw value, when the text is one of that algorithm.
std::optional<std::string> value_of(ChecksumAlgorithm algorithm, std::string_view text) {
    auto raw = base::base64_decode(base::trim(text));
    if (!raw || raw->size() != kind_of(algorithm).bytes) return std::nullopt;
    return raw;
}

S3Result<void> take_value(std::string_view name, std::string_view value, ChecksumRequest& request) {
    TRY(const auto algorithm, named_by(name));
    if (!algorithm) return {};
    if (request.algorithm) return more_than_one();
    request.algorithm = algorithm;
    request.expected_raw = value_of(*algorithm, value);
    if (!request.expected_raw) return refuse("BadDigest", "Value for " + std::string(name) + " header is invalid.");
    return {};
}

S3Result<void> take_announced_trailer(const http::RequestHead& head, ChecksumRequest& request) {
    const auto trailer = head.headers.get("x-amz-trailer");
    if (!trailer) return {};
    TRY(const auto algorithm, named_by(base::trim(*trailer)));
    if (!algorithm) return refuse("InvalidRequest", "The value specified in the x-amz-trailer header is not supported");
    if (request.algorithm) return more_than_one();
    request.algorithm = algorithm;
    request.trailer_name = base::to_lower(base::trim(*trailer));
    return {};
}

// What an SDK says it computes must be there, and be that.
S3Result<void> check_announced_algorithm(const http::RequestHead& head, const ChecksumRequest& request) {
    const auto named = head.headers.get("x-amz-sdk-checksum-algorithm");
    if (!named) return {};
    TRY(const auto algorithm, named_by(std::string(kHeader) + std::string(base::trim(*named))));
    if (request.algorithm && request.algorithm == algorithm) return {};
    if (request.algorithm) return refuse("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.");
    return refuse("InvalidRequest",
                  "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer "
                  "headers were found.");
}

}  // namespace

S3Result<ChecksumRequest> checksum_request(const http::RequestHead& head) {
    TRY(auto request, checksum_of_fields(head.headers.fields()));
    TRY_VOID(take_announced_trailer(head, request));
    TRY_VOID(check_announced_algorithm(head, request));
    return request;
}

S3Result<ChecksumRequest> checksum_of_fields(const engine::NamedValues& fields) {
    ChecksumRequest request;
    for (const auto& [name, value] : fields) {
        TRY_VOID(take_value(name, value, request));
        if (!base::equal_ignoring_case(name, "content-md5")) continue;
        if (request.content_md5_raw) return refuse("InvalidDigest");
        request.content_md5_raw = base::base64_decode(base::trim(value));
        if (!request.content_md5_raw || request.content_md5_raw->size() != 16) return refuse("InvalidDigest");
    }
    return request;
}

S3Result<void> check_digests(const ChecksumRequest& request,
                             const std::vector<std::pair<std::string, std::string>>& trailers, std::string_view md5_raw,
                             const std::vector<engine::Checksum>& computed) {
    if (request.content_md5_raw && *request.content_md5_raw != md5_raw) return std::unexpected(s3_error("BadDigest"));
    if (!request.algorithm) return {};
    auto expected = request.expected_raw;
    if (!request.trailer_name.empty()) {
        const auto is_it = [&](const auto& t) { return t.first == request.trailer_name; };
        const auto found = std::find_if(trailers.begin(), trailers.end(), is_it);
        if (found == trailers.end()) return refuse("MalformedTrailerError");
        expected = value_of(*request.algorithm, found->second);
        if (!expected)
            return refuse("InvalidRequest", "Value for " + request.trailer_name + " trailing header is invalid.");
    }
    if (!expected) return {};
    for (const auto& sum : computed) {
        if (sum.algorithm == *request.algorithm && sum.value == *expected) return {};
    }
    return std::unexpected(s3_error("BadDigest", "The " + algorithm_name(*request.algorithm) +
                                                     " you specified did not match the calculated checksum."));
}

}  // namespace larder::s3
