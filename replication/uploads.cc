// Multipart uploads: parts are manifests of their own, and completing an upload names them.
#include "replication/local_engine.h"
#include "src/base/limits.h"
#include "src/base/log.h"

namespace larder::engine {

namespace {

constexpr auto kSettlePause = std::chrono::milliseconds(100);

std::unexpected<base::Error> no_upload() {
    return fail(Code::not_found, Subject::upload, "the upload does not exist; it may have been completed or aborted");
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

}  // namespace

Result<void> check_part_number(int number) {
    if (number >= 1 && number <= base::limits::kPartsMax) return {};
    return fail(Code::invalid_argument, Subject::part,
                "part numbers go from 1 to " + std::to_string(base::limits::kPartsMax));
}

Task<Result<UploadInfo>> LocalEngine::create_upload(UploadInfo wanted) {
    CO_TRY(const auto bucket, bucket_for_object(wanted.bucket, wanted.key));
    const Writing writing(bucket);
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

// Every write of a part that has a row, by number.
Task<Result<std::vector<LocalEngine::Part>>> LocalEngine::parts_of(UploadId upload) {
    std::vector<Part> parts;
    base::Result<void> decoded;
    CO_TRY_VOID(co_await collect_rows(
        std::string(upload.view()),
        [&](table::RangeEntry& entry) {
            auto object = model::decode_object(entry.row);
            if (!object) {
                decoded = fail(object.error());
                return;
            }
            auto info = part_info(entry.sort_key, *object);
            parts.push_back({std::string(entry.sort_key), std::move(info), std::move(*object)});
        },
        *part_rows_));
    if (!decoded) co_return fail(decoded.error());
    co_return parts;
}

std::map<int, LocalEngine::Part> LocalEngine::newest_of(std::vector<Part> parts) {
    std::map<int, Part> newest;
    for (auto& part : parts) {
        auto& best = newest[part.info.number];
        if (best.row.empty() || part.content.version > best.content.version) best = std::move(part);
    }
    return newest;
}

Task<Result<PartsPage>> LocalEngine::list_parts(BucketId bucket, std::string key, UploadId upload, int after,
                                                int limit) {
    CO_TRY_VOID(co_await find_open_upload(bucket, key, upload));
    CO_TRY(auto stored, co_await parts_of(upload));
    PartsPage page;
    for (auto& [number, part] : newest_of(std::move(stored))) {
        if (number <= after) continue;
        page.truncated = page.parts.size() >= static_cast<std::size_t>(std::max(limit, 0));
        if (page.truncated) break;
        page.parts.push_back(std::move(part.info));
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
            if (entry.damaged) continue;
            CO_TRY(auto upload, model::decode_upload(entry.row));
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

// Removes an ended upload's part rows, and gives up the content of those that the object does not name.
Task<Result<void>> LocalEngine::clear_parts(BucketId bucket, std::string key, UploadId upload) {
    CO_TRY(const auto parts, co_await parts_of(upload));
    std::vector<model::Owner> named;
    if (const auto current = co_await find_object(bucket, key, false); current) {
        named = current->object.owners();
    } else if (current.error().code != Code::not_found) {
        co_return fail(current.error());
    }
    std::sort(named.begin(), named.end());
    for (const auto& part : parts) {
        for (const auto& piece : part.content.pieces) {
            if (!std::binary_search(named.begin(), named.end(), piece.owner)) {
                CO_TRY_VOID(co_await drop_owner(piece.owner));
            }
        }
        const table::RowKey place{std::string(upload.view()), part.row};
        CO_TRY_VOID(co_await part_rows_->write(place, std::nullopt));
        note_tombstone(model::kParts, place);
    }
    co_return Result<void>();
}

// What is left to do when an upload is no longer open, in the background. What fails here is done at the next start, by
// the upload's intent.
Task<void> LocalEngine::clear_ended(BucketId bucket, std::string key, UploadId upload) {
    for (;;) {
        const auto settled = co_await settle_upload(bucket, key, upload);
        if (settled) break;
        if (settled.error().code != Code::conflict) co_return;
        co_await env_.clock.sleep_for(kSettlePause);
    }
    if (co_await find_open_upload(bucket, key, upload)) co_return;
    const auto cleared = co_await clear_parts(bucket, key, upload);
    if (!cleared) {
        base::log::warning("parts no longer needed could not be given up; it is tried again at the next start",
                           {{"reason", cleared.error().message}});
        co_return;
    }
    co_await forget_intent(upload);
    if (garbage_wake_) garbage_wake_->set(io::Done{});
}

Task<Result<void>> LocalEngine::abort_upload(BucketId bucket, std::string key, UploadId upload) {
    CO_TRY_VOID(co_await settle_upload(bucket, key, upload));
    CO_TRY_VOID(co_await find_open_upload(bucket, key, upload));
    CO_TRY_VOID(co_await note_intent(upload, Target{bucket, key, upload, 0}));
    const auto place = model::upload_row(bucket, key, upload);
    const auto decide = [](const table::Row& current, Tag) -> Result<table::Decision> {
        if (!current.exists()) return no_upload();
        TRY(const auto present, model::decode_upload(current.value->row));
        if (present.state != model::UploadState::open) return no_upload();
        return table::Decision{};
    };
    CO_TRY_VOID(co_await upload_rows_->update(place, decide));
    note_tombstone(model::kUploads, place);
    co_await clear_ended(bucket, key, upload);
    co_return Result<void>();
}

Task<Result<void>> LocalEngine::abort_bucket_uploads(BucketId bucket) {
    std::vector<model::Upload> uploads;
    CO_TRY_VOID(co_await collect_rows(
        std::string(bucket.view()),
        [&](table::RangeEntry& entry) {
            if (auto upload = model::decode_upload(entry.row)) uploads.push_back(std::move(*upload));
        },
        *upload_rows_));
    for (const auto& upload : uploads) {
        const auto place = model::upload_row(bucket, upload.info.key, upload.info.id);
        CO_TRY_VOID(co_await upload_rows_->write(place, std::nullopt));
        note_tombstone(model::kUploads, place);
        CO_TRY_VOID(co_await clear_parts(bucket, upload.info.key, upload.info.id));
    }
    co_return Result<void>();
}

}  // namespace larder::engine
