// One operation under way: the request, who asks, and what it may touch.
#pragma once

#include "replication/engine.h"
#include "s3/auth/sigv4.h"
#include "s3/request.h"
#include "s3/s3_server.h"

#include <memory>
#include <string>

namespace larder::s3 {

// A finished answer; `sent` when the operation has streamed it itself.
struct Reply {
    int status = 200;
    http::Headers headers;
    std::string body;
    bool sent = false;
};

struct Call {
    http::Exchange& exchange;
    io::Env& env;
    engine::Engine& engine;
    const S3Options& options;
    S3Request request;
    Authenticated auth;
    std::shared_ptr<const engine::AccessKey> key;
    std::shared_ptr<const engine::Bucket> bucket;  // of the request, when it exists and the operation is on one
    std::string request_id;

    std::optional<std::string_view> header(std::string_view name) const { return exchange.request().headers.get(name); }
    engine::Rights rights_on(const base::BucketId& id) const {
        if (!key) return {};
        const auto found = key->rights.find(id);
        return found == key->rights.end() ? engine::Rights{} : found->second;
    }
};

using Outcome = S3Result<Reply>;
using Operation = io::Task<Outcome> (*)(Call&);

inline std::unexpected<S3Error> refuse(std::string_view code, std::string message = {}) {
    return std::unexpected(s3_error(code, std::move(message)));
}
inline std::unexpected<S3Error> refuse(const base::Error& error) {
    return std::unexpected(s3_error_of(error));
}

inline std::unexpected<S3Error> refuse(S3Error error) {
    return std::unexpected(std::move(error));
}

inline Reply xml_reply(std::string body) {
    Reply reply;
    reply.headers.add("Content-Type", "application/xml");
    reply.body = std::move(body);
    return reply;
}
inline std::string quoted(std::string_view etag) {
    return "\"" + std::string(etag) + "\"";
}

constexpr std::string_view kXmlNamespace = "http://s3.amazonaws.com/doc/2006-03-01/";

// Reads a whole small body, verified as the request's payload mode asks; MaxMessageLengthExceeded beyond `most` bytes.
// Content-MD5 and checksum headers are checked.
// `digests`: whether checksum headers speak of this body; of a completion they speak of the object.
enum class DocumentDigests { optional, required, not_of_the_document };
io::Task<S3Result<std::string>> read_document(Call& call, std::size_t most,
                                              DocumentDigests digests = DocumentDigests::optional);

// Writes base results as S3 results inside operations.
#define S3_TRY_IMPL_(tmp, decl, ...)                       \
    auto tmp = __VA_ARGS__;                                \
    if (!tmp) co_return ::larder::s3::refuse(tmp.error()); \
    decl = *::std::move(tmp)
#define S3_TRY(decl, ...) S3_TRY_IMPL_(LARDER_CONCAT(s3_result_, __LINE__), decl, __VA_ARGS__)
#define S3_TRY_VOID(...) \
    if (auto s3_result_ = __VA_ARGS__; !s3_result_) co_return ::larder::s3::refuse(s3_result_.error())

}  // namespace larder::s3
