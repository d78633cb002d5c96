// Checksums that clients ask for or give: CRC32, CRC32C, CRC64NVME, SHA1, SHA256, and Content-MD5.
#pragma once

#include "replication/engine.h"
#include "s3/error.h"
#include "src/http/http.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace larder::s3 {

struct ChecksumRequest {
    std::optional<engine::ChecksumAlgorithm> algorithm;  // to compute and keep
    std::optional<std::string> expected_raw;             // from a header
    std::string trailer_name;                            // the value comes behind the body instead
    std::optional<std::string> content_md5_raw;
};
// InvalidRequest when several are given, one is unheard of, or what is announced does not come; NotImplemented for an
// algorithm of S3 that is not offered; BadDigest for a value that none can have; InvalidDigest for Content-MD5.
S3Result<ChecksumRequest> checksum_request(const http::RequestHead& head);
// The values alone, of header or form fields.
S3Result<ChecksumRequest> checksum_of_fields(const engine::NamedValues& fields);

// MD5 and the algorithms asked for, over a body in pieces.
class BodyDigests {
 public:
    BodyDigests(io::Env& env, std::vector<engine::ChecksumAlgorithm> algorithms, bool want_md5 = true);
    ~BodyDigests();
    // Large pieces are hashed on the pool. One at a time, in order.
    io::Task<void> update(base::Buffer piece);
    // Once each, at the end. Raw bytes.
    std::string md5();
    engine::Checksum checksum(engine::ChecksumAlgorithm algorithm);

 private:
    struct State;
    io::Env& env_;
    std::shared_ptr<State> state_;
};

// Compares what was computed with what the headers and trailers said: BadDigest, InvalidRequest.
S3Result<void> check_digests(const ChecksumRequest& request,
                             const std::vector<std::pair<std::string, std::string>>& trailers, std::string_view md5_raw,
                             const std::vector<engine::Checksum>& computed);

std::string header_name(engine::ChecksumAlgorithm algorithm);     // "x-amz-checksum-crc32"
std::string xml_name(engine::ChecksumAlgorithm algorithm);        // "ChecksumCRC32"
std::string algorithm_name(engine::ChecksumAlgorithm algorithm);  // "CRC32"
// Any case; nullopt for others.
std::optional<engine::ChecksumAlgorithm> algorithm_from(std::string_view name);
// Base64, "-N" appended when composite.
std::string checksum_text(const engine::Checksum& checksum, std::size_t parts);
// Of the whole, from the parts' checksums: the checksum of checksums, or the CRC of the concatenation.
S3Result<engine::Checksum> combine(engine::ChecksumAlgorithm algorithm, bool composite,
                                   const std::vector<engine::PartInfo>& parts);

}  // namespace larder::s3
