// Uploads that come to their end: exactly one completion takes effect, wherever it is asked for. Whoever moves the
// upload on from "open" has it; one whose node does not answer any more is taken over, and what it may still be doing
// is shut out first (decision 33).
#include "replication/local_engine.h"
#include "src/base/log.h"

namespace larder::engine {

namespace {

constexpr int kAttempts = 8;
constexpr auto kAskTime = std::chrono::seconds(2);

// Gives up the upload's place among those being completed.
struct Completing {
    Completing(std::set<UploadId>& all, UploadId one) : set(all), id(one) {}
    ~Completing() { set.erase(id); }
    Completing(const Completing&) = delete;
    Completing& operator=(const Completing&) = delete;
    std::set<UploadId>& set;
    UploadId id;
};

std::unexpected<base::Error> no_upload() {
    return fail(Code::not_found, Subject::upload, "the upload does not exist; it may have been completed or aborted");
}
std::unexpected<base::Error> being_completed() {
    return fail(Code::conflict, Subject::upload, "the upload is being completed");
}
std::unexpected<base::Error> bad_part(std::string message) {
    return fail(Code::invalid_argument, Subject::part, std::move(message));
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

// The object changed between the look at the upload and the write.
std::unexpected<base::Error> moved_on() {
    return fail(Code::conflict, Subject::version, "the object changed meanwhile");
}

}  // namespace

Task<Result<ObjectInfo>> LocalEngine::complete_upload(BucketId bucket, std::string key, UploadId upload,
                                                      std::vector<CompletedPart> parts, CompleteOptions options) {
    CO_TRY(const auto state, bucket_for_write(bucket));
    CO_TRY_VOID(co_await settle_upload(bucket, key, upload));
    CO_TRY(const auto row, co_await upload_rows_->read(model::upload_row(bucket, key, upload), false));
    if (!row.exists()) co_return no_upload();
    CO_TRY(const auto found, model::decode_upload(row.value->row));
    if (found.state == model::UploadState::completed) {
        // The same answer again, as long as the object is still the one that was made.
        auto current = co_await find_object(bucket, key, false);
        if (current && current->object.upload == upload) co_return model::info_of(key, std::move(current->object));
        co_return no_upload();
    }
    if (!completing_.insert(upload).second) co_return being_completed();
    const Completing mine(completing_, upload);
    co_return co_await complete_open(state, found, std::move(parts), std::move(options));
}

// The object that the parts named make, if they are all there.
Task<Result<model::Object>> LocalEngine::assemble(UploadId id, std::vector<CompletedPart> wanted,
                                                  CompleteOptions options) {
    if (wanted.empty()) co_return bad_part("InvalidPart: no parts are named");
    CO_TRY(auto stored, co_await parts_of(id));
    auto have = newest_of(std::move(stored));
    model::Object object;
    object.is_inline = false;
    object.upload = id;
    object.etag = std::move(options.etag);
    object.checksums = std::move(options.checksums);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (i > 0 && wanted[i].number <= wanted[i - 1].number) {
            co_return bad_part("InvalidPartOrder: part numbers must rise");
        }
        const auto part = have.find(wanted[i].number);
        if (part == have.end()) {
            co_return bad_part("InvalidPart: part " + std::to_string(wanted[i].number) + " was not uploaded");
        }
        auto& [row, info, content] = part->second;
        CO_TRY_VOID(check_part(wanted[i], info, i + 1 == wanted.size(), options.part_bytes_min));
        for (auto& piece : content.pieces) {
            piece.offset = object.size;
            object.pieces.push_back(std::move(piece));
        }
        object.size += info.size;
        object.parts.push_back(std::move(info));
    }
    if (options.size && *options.size != object.size) {
        co_return fail(Code::invalid_argument, Subject::request, "the parts are not of the size that was announced");
    }
    co_return object;
}

Task<Result<ObjectInfo>> LocalEngine::complete_open(std::shared_ptr<BucketState> bucket, model::Upload upload,
                                                    std::vector<CompletedPart> wanted, CompleteOptions options) {
    const auto id = upload.info.id;
    const auto bucket_id = upload.info.bucket;
    const auto key = upload.info.key;
    const auto attempt = new_owner();
    CO_TRY_VOID(co_await note_intent(id, Target{bucket_id, key, id, 0}));
    // Whoever moves the upload on from "open" has it for himself, and only then looks at the parts: one that is written
    // later finds the upload no longer open, and is not counted as stored.
    CO_TRY_VOID(co_await move_upload(bucket_id, key, id, [this, attempt](model::Upload& present) -> Result<void> {
        if (present.state != model::UploadState::open) return no_upload();
        present.state = model::UploadState::completing;
        present.completer = self();
        present.attempt = attempt;
        present.began = {};
        return {};
    }));
    auto object = co_await assemble(id, std::move(wanted), options);
    Result<ObjectInfo> written = base::fail(Code::internal, "not written");
    if (object) {
        object->properties = upload.info.properties;
        written = co_await write_completed(bucket, key, {std::move(*object), attempt}, std::move(options.condition));
    } else {
        written = fail(object.error());
    }
    // Of unknown fate: settled by the next call or the next start.
    if (!written && written.error().code == Code::unknown_outcome) co_return written;
    const bool done = written.has_value();
    const auto ended = [done, attempt](model::Upload& present) -> Result<void> {
        if (present.state != model::UploadState::completing || present.attempt != attempt) return being_completed();
        present.state = done ? model::UploadState::completed : model::UploadState::open;
        return {};
    };
    const auto moved = co_await move_upload(bucket_id, key, id, ended);
    // The object is there, whatever became of the upload's row: that is settled later.
    if (moved && done) tasks_.spawn(clear_ended(bucket_id, key, id));
    if (moved && !done) tasks_.spawn(forget_intent(id));
    co_return written;
}

// Of several nodes the object is written over the very version that was there while the upload was still this
// attempt's: whoever takes the attempt over gives the object another version.
Task<Result<ObjectInfo>> LocalEngine::write_completed(std::shared_ptr<BucketState> bucket, std::string key,
                                                      Completed made, Condition condition) {
    if (members_->alone()) {
        co_return co_await write_object(bucket, std::move(key), std::move(made.object), {}, std::move(condition));
    }
    const auto upload = made.object.upload;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        CO_TRY(const auto there, co_await object_rows_->read(object_row(*bucket, key), false));
        const auto place = model::upload_row(bucket->row.bucket.id, key, upload);
        CO_TRY(const auto row, co_await upload_rows_->read(place, false));
        if (!row.exists()) co_return no_upload();
        CO_TRY(const auto now, model::decode_upload(row.value->row));
        if (now.state != model::UploadState::completing || now.attempt != made.attempt) co_return being_completed();
        auto written = co_await write_object(bucket, key, made.object, {}, {condition, there.version});
        if (written || !written.error().is(Code::conflict, Subject::version)) co_return written;
    }
    co_return moved_on();
}

// Whether a completion of another node is at work, and if it may be although nobody says so: then what it does is shut
// out.
Task<Result<bool>> LocalEngine::shut_out_completer(const model::Upload upload) {
    if (upload.completer == 0 || upload.completer == self()) co_return false;
    const auto& members = members_->all();
    // A node that was removed is asked nothing, and refused everywhere.
    if (std::ranges::find(members, upload.completer) == members.end()) co_return false;
    const auto answer = co_await ask_peer(upload.completer, peer::IsCompleting{upload.info.id}, kAskTime);
    if (!answer) co_return true;
    if (answer->body == std::string_view("\1")) co_return being_completed();
    co_return false;
}

// Brings a completion that was cut off to an end: forward when its object was written, else back.
Task<Result<void>> LocalEngine::settle_upload(BucketId bucket, std::string key, UploadId upload) {
    CO_TRY(const auto row, co_await upload_rows_->read(model::upload_row(bucket, key, upload), false));
    if (!row.exists()) co_return Result<void>();
    CO_TRY(const auto found, model::decode_upload(row.value->row));
    if (found.state != model::UploadState::completing) co_return Result<void>();
    if (!completing_.insert(upload).second) co_return being_completed();
    const Completing mine(completing_, upload);
    CO_TRY(const bool may_live, co_await shut_out_completer(found));
    const auto attempt = new_owner();
    const auto began = found.began.is_zero() ? row.version : found.began;
    if (!members_->alone()) {
        CO_TRY_VOID(co_await move_upload(bucket, key, upload, [&](model::Upload& present) -> Result<void> {
            const bool same = present.state == model::UploadState::completing && present.attempt == found.attempt;
            if (!same) return being_completed();
            present.completer = self();
            present.attempt = attempt;
            present.began = began;
            return {};
        }));
    }
    CO_TRY(const auto state, bucket_for_read(bucket));
    CO_TRY(const auto now, co_await last_word(object_row(*state, key), may_live));
    bool ours = false;
    if (now.exists()) {
        CO_TRY(const auto object, model::decode_object(now.value->row));
        ours = object.upload == upload;
    }
    // Something newer than the attempt hides whether it succeeded; its parts may be garbage already. It has ended.
    const bool ended = ours || now.version > began;
    CO_TRY_VOID(co_await move_upload(bucket, key, upload, [&](model::Upload& present) -> Result<void> {
        const bool taken = !members_->alone() && present.attempt != attempt;
        if (present.state != model::UploadState::completing || taken) return being_completed();
        present.state = ended ? model::UploadState::completed : model::UploadState::open;
        return {};
    }));
    if (ended) tasks_.spawn(clear_ended(bucket, key, upload));
    co_return Result<void>();
}

// The row as it was before it got another version, where somebody may still be trying to write over that one.
Task<Result<table::Row>> LocalEngine::last_word(table::RowKey key, bool may_live) {
    if (members_->alone()) co_return co_await object_table_->settle(std::move(key));
    if (!may_live) co_return co_await object_table_->confirm(std::move(key));
    table::Row before;
    const auto again = [&before](const table::Row& current, Tag) -> Result<table::Decision> {
        before = current;
        return table::Decision{current.value};
    };
    CO_TRY_VOID(co_await object_table_->update(std::move(key), again));
    co_return before;
}

}  // namespace larder::engine
