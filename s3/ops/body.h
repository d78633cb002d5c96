// Bodies from the socket to the engine, hashed on the way.
#pragma once

#include "s3/auth/checksum.h"
#include "s3/auth/payload.h"
#include "s3/call.h"

namespace larder::s3::ops {

struct Received {
    std::string md5;                          // raw
    std::vector<engine::Checksum> checksums;  // those asked for
    std::uint64_t size = 0;
};

// Where bytes come from: a verified payload, or the file of a form.
using ReadBody = std::function<io::Task<S3Result<std::size_t>>(std::span<std::byte>)>;

// Reads to the verified end, writes every piece to `writer`, and checks the digests that the client gave. Memory is
// bounded by the writer's window. EntityTooLarge beyond `most` bytes.
io::Task<S3Result<Received>> receive_body(Call& call, PayloadReader& payload, engine::ObjectWriter& writer,
                                          std::vector<engine::ChecksumAlgorithm> algorithms, std::uint64_t most);
io::Task<S3Result<Received>> receive_bytes(Call& call, ReadBody read, engine::ObjectWriter& writer,
                                           std::vector<engine::ChecksumAlgorithm> algorithms, std::uint64_t most);

}  // namespace larder::s3::ops
