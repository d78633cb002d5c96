// Copies by reference: the same blocks under a new owner.
#include "replication/piece_reader.h"
#include "src/base/hash.h"

namespace larder::engine {

namespace {

Result<void> judge_source(const CopySource& source, const model::Object& object) {
    const auto refuse = [] {
        return fail(Code::precondition_failed, Subject::object, "a condition on the copy source does not hold");
    };
    if (source.if_etag && *source.if_etag != "*" && *source.if_etag != object.etag) return refuse();
    if (source.if_not_etag && (*source.if_not_etag == "*" || *source.if_not_etag == object.etag)) return refuse();
    // An ETag that matches outweighs the date, as in RFC 9110 §13.2.2.
    if (!source.if_etag && source.if_unmodified_since &&
        object.modified.seconds() > source.if_unmodified_since->seconds()) {
        return refuse();
    }
    if (!source.if_not_etag && source.if_modified_since &&
        object.modified.seconds() <= source.if_modified_since->seconds()) {
        return refuse();
    }
    return {};
}

}  // namespace

// The bytes [offset, offset + length) of an object as content of its own, for `target`. Small bodies are copied for an
// object, and become a block for a part.
Task<Result<LocalEngine::Copied>> LocalEngine::copy_content(Found found, std::uint64_t offset, std::uint64_t length,
                                                            Target target) {
    Copied copied;
    copied.content.size = length;
    if (found.object.is_inline && !target.upload) {
        copied.body = found.body.substr(offset, length);
        co_return copied;
    }
    copied.content.is_inline = false;
    copied.owner = new_owner();
    copied.lease = std::move(found.lease);
    CO_TRY_VOID(co_await note_intent(*copied.owner, std::move(target)));
    if (auto shared = co_await share_content(found, offset, length, copied); !shared) {
        end_write(*copied.owner, false);
        co_return fail(shared.error());
    }
    co_return copied;
}

Task<Result<void>> LocalEngine::share_content(const Found& found, std::uint64_t offset, std::uint64_t length,
                                              Copied& copied) {
    model::Piece piece;
    piece.owner = *copied.owner;
    piece.size = length;
    if (found.object.is_inline && length > 0) {
        auto bytes = base::Buffer::copy_of(std::string_view(found.body).substr(offset, length));
        CO_TRY(const auto name, co_await blocks_->put(std::move(bytes), piece.owner, std::nullopt, false));
        piece.extents.push_back({0, static_cast<std::uint32_t>(length), 0, name});
    }
    if (!found.object.is_inline) {
        PieceReader source(*this, found.object.pieces, found.object.size);
        CO_TRY(const auto extents, co_await source.extents(offset, length));
        cut(extents, offset, offset + length, 0 - offset, piece.extents);
        std::vector<base::Hash256> names;
        for (const auto& extent : piece.extents) names.push_back(extent.block);
        CO_TRY_VOID(co_await blocks_->add_references(std::move(names), piece.owner));
    }
    CO_TRY(piece, co_await page_out(std::move(piece)));
    copied.content.pieces.push_back(std::move(piece));
    co_return Result<void>();
}

Task<Result<ObjectInfo>> LocalEngine::copy_object(CopySource source, BucketId bucket, std::string key,
                                                  CopyOptions options) {
    CO_TRY(auto found, co_await find_content(source.bucket, source.key));
    CO_TRY_VOID(judge_source(source, found.object));
    CO_TRY(const auto into, bucket_for_object(bucket, key));
    const Target target{bucket, key, std::nullopt, 0};
    auto object = found.object;
    CO_TRY(auto copied, co_await copy_content(std::move(found), 0, object.size, target));
    object.is_inline = copied.content.is_inline;
    object.pieces = copied.content.pieces;
    object.parts.clear();
    object.upload = {};
    // A file of its own. Its attributes go with its metadata.
    object.inode = 0;
    object.names.clear();
    if (options.properties) object.attributes = {};
    auto tags = options.tags.value_or(object.properties.tags);
    if (options.properties) object.properties = *options.properties;
    auto& headers = object.properties.headers;
    std::erase_if(headers, [&](const auto& header) {
        return std::find(options.headers_dropped.begin(), options.headers_dropped.end(), header.first) !=
               options.headers_dropped.end();
    });
    headers.insert(headers.end(), options.headers_added.begin(), options.headers_added.end());
    object.properties.tags = std::move(tags);
    if (options.checksums) object.checksums = *options.checksums;
    if (options.etag) object.etag = *options.etag;
    auto written = co_await write_object(into, std::move(key), std::move(object), std::move(copied.body),
                                         std::move(options.condition));
    if (copied.owner) settle_write(*copied.owner, target, written);
    co_return written;
}

Task<Result<PartInfo>> LocalEngine::copy_part(CopySource source, std::uint64_t offset, std::uint64_t length,
                                              BucketId bucket, std::string key, UploadId upload, int number,
                                              std::string etag, std::vector<Checksum> checksums) {
    CO_TRY_VOID(check_part_number(number));
    CO_TRY_VOID(co_await find_open_upload(bucket, key, upload));
    CO_TRY(auto found, co_await find_content(source.bucket, source.key));
    CO_TRY_VOID(judge_source(source, found.object));
    if (offset > found.object.size || length > found.object.size - offset) {
        co_return fail(Code::invalid_argument, Subject::part, "the range lies beyond the end of the copy source");
    }
    const Target target{bucket, key, upload, number};
    CO_TRY(auto copied, co_await copy_content(std::move(found), offset, length, target));
    PutResultFacts facts;
    facts.etag = etag;
    facts.checksums = checksums;
    const auto committed = co_await commit_body(target, std::move(facts), std::move(copied.content), {});
    settle_write(*copied.owner, target, committed);
    if (!committed) co_return fail(committed.error());
    PartInfo part;
    part.number = number;
    part.size = length;
    part.etag = std::move(etag);
    part.checksums = std::move(checksums);
    part.modified = committed->modified;
    co_return part;
}

}  // namespace larder::engine
