#include "src/db/group_log.h"

#include "src/base/bytes.h"
#include "src/base/crc.h"
#include "src/codec/codec.h"

namespace larder::db {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr std::uint32_t kMagic = 0x474c524c;  // "LRLG"
constexpr std::size_t kHeaderBytes = 36;
constexpr std::size_t kSummedHeaderBytes = 32;
constexpr std::uint64_t kRecordAlignment = 512;
constexpr std::uint64_t kWriteAheadBytes = 256 * 1024;

std::uint64_t aligned(std::uint64_t bytes) {
    return (bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

}  // namespace

std::string encode_group(const Overlay& group) {
    std::size_t size = 0;
    for (const auto& [key, value] : group) size += key.size() + (value ? value->size() : 0) + 8;
    codec::Writer out;
    out.reserve(size);
    for (const auto& [key, value] : group) {
        out.boolean(value.has_value()).bytes(key);
        if (value) out.bytes(*value);
    }
    return out.take();
}

Result<Overlay> decode_group(std::string_view payload) {
    Overlay group;
    codec::Reader in(payload);
    while (in.ok() && !in.at_end()) {
        const bool there = in.boolean();
        std::string key(in.bytes());
        std::optional<std::string> value;
        if (there) value.emplace(in.bytes());
        group.insert_or_assign(std::move(key), std::move(value));
    }
    TRY_VOID(in.finish("log record"));
    return group;
}

Result<std::unique_ptr<GroupLog>> GroupLog::open(io::Disk& disk, LogOptions options) {
    std::unique_ptr<GroupLog> log(new GroupLog(std::move(options)));
    for (std::size_t i = 0; i < log->files_.size(); ++i) {
        auto& file = log->files_[i];
        file.path = log->options_.path + std::to_string(i);
        TRY(file.file, disk.open(file.path, io::OpenMode::create));
        TRY(const auto size, file.file->size());
        if (size >= log->options_.file_bytes) continue;
        // Without the space now, the file grows as it is written.
        const auto reserved = file.file->allocate(log->options_.file_bytes);
        if (!reserved && reserved.error().code != Code::no_space) return base::fail(reserved.error());
    }
    return log;
}

std::optional<GroupLog::Record> GroupLog::record_at(std::string_view bytes, std::uint64_t offset) const {
    if (offset + kHeaderBytes > bytes.size()) return std::nullopt;
    const auto header = bytes.substr(offset, kHeaderBytes);
    codec::Reader in(header);
    const auto magic = in.u32();
    const auto payload_bytes = in.u32();
    const auto identity = in.u64();
    Record record;
    record.epoch = in.u64();
    record.sequence = in.u64();
    const auto sum = in.u32();
    if (magic != kMagic || identity != options_.identity) return std::nullopt;
    if (payload_bytes > bytes.size() - offset - kHeaderBytes) return std::nullopt;
    record.payload = bytes.substr(offset + kHeaderBytes, payload_bytes);
    record.stored_bytes = kHeaderBytes + payload_bytes;
    if (base::crc32c(record.payload, base::crc32c(header.substr(0, kSummedHeaderBytes))) != sum) return std::nullopt;
    return record;
}

// Behind the last record lie bytes of a former epoch, or of a record that a crash cut short. Only a readable record of
// the same epoch further on shows that something between was damaged.
Result<GroupLog::Contents> GroupLog::read(std::size_t file) {
    Contents out;
    out.file = file;
    TRY(const auto size, files_[file].file->size());
    out.bytes.resize(size);
    auto* bytes = reinterpret_cast<std::byte*>(out.bytes.data());
    TRY(const auto got, files_[file].file->read_at(0, {bytes, out.bytes.size()}));
    out.bytes.resize(got);
    for (std::uint64_t at = 0; at < out.bytes.size();) {
        const auto record = record_at(out.bytes, at);
        const bool ours = record && (out.records.empty() ||
                                     (record->epoch == out.epoch() && record->sequence > out.records.back().sequence));
        if (!ours) {
            at += kRecordAlignment;
            continue;
        }
        if (!out.records.empty()) out.lost += record->sequence - out.records.back().sequence - 1;
        if (out.records.empty() && at > 0) ++out.lost;
        out.records.push_back(*record);
        at += aligned(record->stored_bytes);
        out.end = at;
    }
    return out;
}

Result<GroupLog::Recovered> GroupLog::recover(Epoch poured, Tables& tables) {
    TRY(auto first, read(0));
    TRY(auto second, read(1));
    if (first.epoch() > second.epoch()) std::swap(first, second);
    epoch_ = std::max(poured, second.epoch());
    Recovered out;
    std::uint64_t lost = 0;
    for (const auto* contents : {&first, &second}) {
        if (contents->epoch() <= poured) continue;
        if (!tables.nothing_active()) {
            out.full = first.epoch();
            tables.freeze();
            lost += contents->records.front().sequence - last_sequence_ - 1;
        }
        lost += contents->lost;
        for (const auto& record : contents->records) {
            TRY(const auto group, decode_group(record.payload));
            tables.add(group, record.sequence);
            last_sequence_ = record.sequence;
        }
    }
    if (lost > 0) {
        out.damage = options_.path + "*: " + std::to_string(lost) + " groups of changes in the log are unreadable";
    }
    current_ = second.file;
    if (second.epoch() <= poured) {
        (void)turn();
        return out;
    }
    // A sync that failed, or that never came, may have left the last record in memory alone.
    end_ = second.end;
    const auto& last = second.records.back();
    const auto at = static_cast<std::uint64_t>(last.payload.data() - second.bytes.data()) - kHeaderBytes;
    const auto stored = std::string_view(second.bytes).substr(at, last.stored_bytes);
    TRY_VOID(files_[current_].file->write_at(at, base::as_bytes(stored)));
    TRY_VOID(files_[current_].file->sync_data());
    return out;
}

bool GroupLog::has_room(std::size_t payload_bytes) const {
    // A record larger than the file gets a file of its own, which grows.
    return end_ == 0 || end_ + kHeaderBytes + payload_bytes <= options_.file_bytes;
}

Result<void> GroupLog::append(std::string_view payload, Sequence sequence) {
    codec::Writer out;
    out.reserve(kHeaderBytes + payload.size());
    out.u32(kMagic).u32(static_cast<std::uint32_t>(payload.size())).u64(options_.identity).u64(epoch_).u64(sequence);
    out.u32(base::crc32c(payload, base::crc32c(out.view()))).raw(payload);
    auto& file = files_[current_];
    const auto end = end_ + aligned(out.size());
    if (end > file.written) TRY_VOID(write_ahead(file, end));
    TRY_VOID(file.file->write_at(end_, base::as_bytes(out.view())));
    TRY_VOID(file.file->sync_data());
    end_ = end;
    last_sequence_ = sequence;
    return {};
}

// The first write to space that was only reserved makes the file system note that it holds data, at the next sync and
// in its journal. Zeroes far ahead of the records make that once for many of them.
Result<void> GroupLog::write_ahead(File& file, std::uint64_t from) {
    file.written = std::max(from, std::min(from + kWriteAheadBytes, options_.file_bytes));
    if (file.written == from) return {};
    auto done = file.file->write_at(from, base::as_bytes(std::string(file.written - from, '\0')));
    return done || done.error().code == Code::no_space ? Result<void>() : done;
}

Epoch GroupLog::turn() {
    const auto ended = epoch_++;
    current_ = 1 - current_;
    end_ = 0;
    return ended;
}

}  // namespace larder::db
