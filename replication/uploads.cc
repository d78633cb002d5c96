// Multipart uploads: parts are manifests of their own, and completing an upload names them.
#include "replication/local_engine.h"

namespace larder::engine {

namespace {

std::unexpected<base::Error> no_upload() {
    return fail(Code::not_found, Subject::upload, "the upload does not exist; it may have been completed or aborted");
}
std::unexpected<base::Error> bad_part(std::string message) {
    return fail(Code::invalid_argument, Subject::part, std::move(message));
}

PartInfo part_info(std::string_view sort_key, model::Object object) {
    PartInfo info;
    info.number = static_cast<std::uint8_t>(sort_key[0]) << 8 | static_cast<std::uint8_t>(sort_key[1]);
    info.size = object.size;
    info.etag = std::move(object.etag);
    info.checksums = std::move(object.checksums);
    info.modified = object.modified;
    return info;
}

Result<void> check_part(const CompletedPart& wanted, const PartInfo& have, bool last, std::uint64_t bytes_min) {
    if (wanted.etag != have.etag) {
        return bad_part("InvalidPart: part " + std::to_string(wanted.number) + " has another ETag");
    }
    for (const auto& sum : wanted.checksums) {
        const auto same = [&](const Checksum& c) { return c.algorithm == sum.algorithm && c.value == sum.value; };
        if (std::none_of(have.checksums.begin(), have.checksums.end(), same)) {
            return bad_part("InvalidPart: part " + std::to_string(wanted.number) + " has another checksum");
        }
    }
    if (!last && have.size < bytes_min) {
        return bad_part("EntityTooSmall: part " + std::to_string(wanted.number) +
                        " is smaller than the least part size");
    }
    return {};
}

}  // namespace

Task<Result<UploadInfo>> LocalEngine::create_upload(UploadInfo wanted) {
    CO_TRY_VOID(bucket_for_write(wanted.bucket));
    model::Upload upload;
    wanted.id = new_owner();
    wanted.created = env_.clock.wall_now();
    upload.info = wanted;
    const auto place = model::upload_row(wanted.bucket, wanted.key, wanted.id);
    CO_TRY_VOID(co_await upload_rows_->write(place, table::Value{model::encode_upload(upload), {}}));
    co_return wanted;
}

Task<Result<model::Upload>> LocalEngine::find_open_upload(BucketId bucket, std::string key, UploadId upload) {
    CO_TRY(const auto row, co_await upload_rows_->read(model::upload_row(bucket, key, upload), false));
    if (!row.exists()) co_return no_upload();
    CO_TRY(auto found, model::decode_upload(row.value->row));
    if (found.state != model::UploadState::open) co_return no_upload();
    co_return found;
}

Task<Result<UploadInfo>> LocalEngine::find_upload(BucketId bucket, std::string key, UploadId upload) {
    CO_TRY(auto found, co_await find_open_upload(bucket, std::move(key), upload));
    co_return std::move(found.info);
}

// Changes the upload's row atomically: the fence between those who complete and those who abort.
Task<Result<model::Upload>> LocalEngine::move_upload(BucketId bucket, std::string key, UploadId upload,
                                                     std::function<Result<void>(model::Upload&)> edit) {
    const auto decide = [&edit](const table::Row& current, Tag) -> Result<table::Decision> {
        if (!current.exists()) return no_upload();
        TRY(auto present, model::decode_upload(current.value->row));
        TRY_VOID(edit(present));
        return table::Decision{table::Value{model::encode_upload(present), {}}};
    };
    CO_TRY(const auto written, co_await upload_rows_->update(model::upload_row(bucket, key, upload), decide));
    co_return model::decode_upload(written.value->row);
}

Task<Result<std::vector<std::pair<PartInfo, model::Object>>>> LocalEngine::parts_of(UploadId upload) {
    std::vector<std::pair<PartInfo, model::Object>> parts;
    base::Result<void> decoded;
    CO_TRY_VOID(co_await collect_rows(
        std::string(upload.view()),
        [&](table::RangeEntry& entry) {
            auto object = model::decode_object(entry.row.value->row);
            if (!object) {
                decoded = fail(object.error());
                return;
            }
            auto info = part_info(entry.sort_key, *object);
            parts.emplace_back(std::move(info), std::move(*object));
        },
        *part_rows_));
    if (!decoded) co_return fail(decoded.error());
    co_return parts;
}

Task<Result<PartsPage>> LocalEngine::list_parts(BucketId bucket, std::string key, UploadId upload, int after,
                                                int limit) {
    CO_TRY_VOID(co_await find_open_upload(bucket, key, upload));
    table::RangeQuery query;
    query.partition_key = upload.view();
    query.start_after = model::part_row(upload, after).sort_key;
    query.limit = static_cast<std::size_t>(std::max(limit, 0));
    CO_TRY(auto rows, co_await part_rows_->range(query));
    PartsPage page;
    page.truncated = rows.truncated;
    for (auto& entry : rows.entries) {
        CO_TRY(auto object, model::decode_object(entry.row.value->row));
        page.parts.push_back(part_info(entry.sort_key, std::move(object)));
    }
    co_return page;
}

Task<Result<UploadsPage>> LocalEngine::list_uploads(BucketId bucket, UploadsQuery query) {
    CO_TRY_VOID(bucket_for_read(bucket));
    table::RangeQuery range;
    range.partition_key = bucket.view();
    range.prefix = query.prefix;
    if (!query.key_marker.empty()) {
        // A key's uploads end before key, 1.
        range.start_at = query.key_marker + '\1';
        if (query.id_marker) {
            range.start_at.clear();
            range.start_after = model::upload_row(bucket, query.key_marker, *query.id_marker).sort_key;
        }
    }
    const auto limit = static_cast<std::size_t>(std::max(query.limit, 0));
    UploadsPage page;
    if (limit == 0) co_return page;
    for (;;) {
        CO_TRY(auto rows, co_await upload_rows_->range(range));
        for (auto& entry : rows.entries) {
            CO_TRY(auto upload, model::decode_upload(entry.row.value->row));
            if (upload.state != model::UploadState::open) continue;
            const auto& key = upload.info.key;
            const auto fold =
                query.delimiter.empty() ? std::string::npos : key.find(query.delimiter, query.prefix.size());
            const bool folds = fold != std::string::npos;
            const auto prefix = folds ? key.substr(0, fold + query.delimiter.size()) : std::string();
            if (folds && ((!page.prefixes.empty() && page.prefixes.back() == prefix) ||
                          (!query.key_marker.empty() && query.key_marker.starts_with(prefix)))) {
                continue;
            }
            if (page.uploads.size() + page.prefixes.size() == limit) {
                page.truncated = true;
                co_return page;
            }
            page.next_key = folds ? prefix : key;
            page.next_id = folds ? std::nullopt : std::optional(upload.info.id);
            if (folds) page.prefixes.push_back(prefix);
            if (!folds) page.uploads.push_back(std::move(upload.info));
        }
        if (!rows.truncated) co_return page;
        range.start_at.clear();
        range.start_after = rows.entries.back().sort_key;
    }
}

Task<Result<ObjectInfo>> LocalEngine::complete_upload(BucketId bucket, std::string key, UploadId upload,
                                                      std::vector<CompletedPart> parts, CompleteOptions options) {
    CO_TRY(const auto state, bucket_for_write(bucket));
    CO_TRY(const auto row, co_await upload_rows_->read(model::upload_row(bucket, key, upload), false));
    if (!row.exists()) co_return no_upload();
    CO_TRY(auto found, model::decode_upload(row.value->row));
    if (found.state == model::UploadState::completed) {
        // The same answer again, as long as the object is still the one that was made.
        auto current = co_await find_object(bucket, key, false);
        if (current && current->object.upload == upload) co_return model::info_of(key, std::move(current->object));
        co_return no_upload();
    }
    if (found.state != model::UploadState::open) {
        co_return fail(Code::conflict, Subject::upload, "the upload is being completed");
    }
    co_return co_await complete_open(state, std::move(found), std::move(parts), std::move(options));
}

Task<Result<ObjectInfo>> LocalEngine::complete_open(std::shared_ptr<BucketState> bucket, model::Upload upload,
                                                    std::vector<CompletedPart> wanted, CompleteOptions options) {
    const auto id = upload.info.id;
    const auto bucket_id = upload.info.bucket;
    const auto key = upload.info.key;
    if (wanted.empty()) co_return bad_part("InvalidPart: no parts are named");
    CO_TRY(auto stored, co_await parts_of(id));
    std::map<int, std::pair<PartInfo, model::Object>> have;
    for (auto& part : stored) {
        const int number = part.first.number;
        have.emplace(number, std::move(part));
    }
    model::Object object;
    object.is_inline = false;
    object.upload = id;
    object.etag = options.etag;
    object.checksums = options.checksums;
    object.properties = upload.info.properties;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (i > 0 && wanted[i].number <= wanted[i - 1].number)
            co_return bad_part("InvalidPartOrder: part numbers must rise");
        const auto part = have.find(wanted[i].number);
        if (part == have.end()) {
            co_return bad_part("InvalidPart: part " + std::to_string(wanted[i].number) + " was not uploaded");
        }
        auto& [info, content] = part->second;
        CO_TRY_VOID(check_part(wanted[i], info, i + 1 == wanted.size(), options.part_bytes_min));
        for (auto& piece : content.pieces) {
            piece.offset = object.size;
            object.pieces.push_back(std::move(piece));
        }
        object.size += info.size;
        object.parts.push_back(std::move(info));
    }
    // Whoever moves the upload on from "open" has it for himself.
    CO_TRY_VOID(co_await move_upload(bucket_id, key, id, [](model::Upload& present) -> Result<void> {
        if (present.state != model::UploadState::open) return no_upload();
        present.state = model::UploadState::completing;
        return {};
    }));
    auto written = co_await write_object(bucket, key, std::move(object), {}, std::move(options.condition));
    const bool done = written.has_value();
    CO_TRY_VOID(co_await move_upload(bucket_id, key, id, [done](model::Upload& present) -> Result<void> {
        present.state = done ? model::UploadState::completed : model::UploadState::open;
        return {};
    }));
    if (done) tasks_.spawn(clear_parts(bucket_id, key, id));
    co_return written;
}

// Removes an ended upload's part rows, and gives up the content of those that the object does not name.
Task<void> LocalEngine::clear_parts(BucketId bucket, std::string key, UploadId upload) {
    auto parts = co_await parts_of(upload);
    if (!parts) co_return;
    std::vector<model::Owner> named;
    if (auto current = co_await find_object(bucket, key, false); current) {
        named = current->object.owners();
    } else if (current.error().code != Code::not_found) {
        co_return;
    }
    for (auto& [info, object] : *parts) {
        for (const auto& piece : object.pieces) {
            if (std::find(named.begin(), named.end(), piece.owner) == named.end()) co_await drop_later(piece.owner);
        }
        const auto place = model::part_row(upload, info.number);
        (void)co_await part_rows_->write(place, std::nullopt);
        tombstones_.emplace_back(model::kParts, place);
    }
}

Task<Result<void>> LocalEngine::abort_upload(BucketId bucket, std::string key, UploadId upload) {
    const auto place = model::upload_row(bucket, key, upload);
    const auto decide = [](const table::Row& current, Tag) -> Result<table::Decision> {
        if (!current.exists()) return no_upload();
        TRY(const auto present, model::decode_upload(current.value->row));
        if (present.state != model::UploadState::open) return no_upload();
        return table::Decision{};
    };
    CO_TRY_VOID(co_await upload_rows_->update(place, decide));
    tombstones_.emplace_back(model::kUploads, place);
    co_await clear_parts(bucket, key, upload);
    co_return Result<void>();
}

Task<Result<void>> LocalEngine::abort_bucket_uploads(BucketId bucket) {
    std::vector<model::Upload> uploads;
    CO_TRY_VOID(co_await collect_rows(
        std::string(bucket.view()),
        [&](table::RangeEntry& entry) {
            if (auto upload = model::decode_upload(entry.row.value->row)) uploads.push_back(std::move(*upload));
        },
        *upload_rows_));
    for (const auto& upload : uploads) {
        const auto place = model::upload_row(bucket, upload.info.key, upload.info.id);
        CO_TRY_VOID(co_await upload_rows_->write(place, std::nullopt));
        tombstones_.emplace_back(model::kUploads, place);
        co_await clear_parts(bucket, upload.info.key, upload.info.id);
    }
    co_return Result<void>();
}

}  // namespace larder::engine
