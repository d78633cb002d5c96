#include "src/rpc/frame.h"

#include "src/codec/codec.h"

#include <algorithm>
#include <cstring>

namespace larder::rpc {
namespace {

using base::Code;
using base::fail;
using base::Subject;

// Many small frames in one system call; of a large one, this much is copied at most.
constexpr std::size_t kStageBytes = 32 * 1024;

template <typename T>
void put(char*& at, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) *at++ = static_cast<char>(value >> (8 * i));
}

}  // namespace

std::size_t payload_bytes(const io::Message& content) {
    std::size_t bytes = content.body.size();
    for (const auto& piece : content.bulk) bytes += piece.size();
    return bytes;
}

void append_front(std::string& out, const Frame& frame) {
    char header[kFrameHeaderBytes];
    char* at = header;
    put(at, static_cast<std::uint32_t>(payload_bytes(frame.content)));
    put(at, static_cast<std::uint8_t>(frame.kind));
    put(at, frame.id);
    put(at, static_cast<std::uint32_t>(frame.content.body.size()));
    out.append(header, sizeof header).append(frame.content.body);
}

FrameReader::FrameReader(std::size_t payload_max)
    : payload_max_(payload_max), stage_(std::make_unique_for_overwrite<char[]>(kStageBytes)) {}

std::span<iovec> FrameReader::rooms(Rooms& storage) {
    std::size_t count = 0;
    if (coming_) {
        auto& message = coming_->frame.content.body;
        auto bulk = coming_->bulk.writable().subspan(coming_->bulk_filled);
        if (coming_->message_filled < message.size())
            storage[count++] = {message.data() + coming_->message_filled, message.size() - coming_->message_filled};
        if (!bulk.empty()) storage[count++] = {bulk.data(), bulk.size()};
    }
    if (begin_ > 0) {
        std::memmove(stage_.get(), stage_.get() + begin_, end_ - begin_);
        end_ -= std::exchange(begin_, 0);
    }
    storage[count++] = {stage_.get() + end_, kStageBytes - end_};
    return std::span(storage).first(count);
}

void FrameReader::filled(std::size_t bytes) {
    if (coming_) {
        const auto message = std::min(bytes, coming_->message_bytes - coming_->message_filled);
        coming_->message_filled += message;
        const auto bulk = std::min(bytes - message, coming_->bulk.size() - coming_->bulk_filled);
        coming_->bulk_filled += bulk;
        bytes -= message + bulk;
    }
    end_ += bytes;
}

base::Result<std::optional<Frame>> FrameReader::next() {
    if (!coming_) {
        if (end_ - begin_ < kFrameHeaderBytes) return std::nullopt;
        TRY_VOID(begin());
    }
    if (!coming_->whole()) return std::nullopt;
    auto frame = std::move(coming_->frame);
    if (!coming_->bulk.empty()) frame.content.bulk.push_back(std::move(coming_->bulk));
    coming_.reset();
    return frame;
}

base::Result<void> FrameReader::begin() {
    codec::Reader header({stage_.get() + begin_, kFrameHeaderBytes});
    const auto payload = header.u32();
    const auto kind = header.u8();
    const auto id = header.u64();
    const auto message = header.u32();
    if (kind < 1 || kind > static_cast<std::uint8_t>(FrameKind::goodbye))
        return fail(Code::corrupted, Subject::request, "a frame of unknown kind " + std::to_string(kind));
    if (payload > payload_max_)
        return fail(Code::corrupted, Subject::request,
                    "a frame of " + std::to_string(payload) + " bytes, at most " + std::to_string(payload_max_));
    if (message > payload) return fail(Code::corrupted, Subject::request, "a message longer than its frame");
    begin_ += kFrameHeaderBytes;
    auto& coming = coming_.emplace();
    coming.frame.kind = static_cast<FrameKind>(kind);
    coming.frame.id = id;
    coming.message_bytes = message;
    coming.frame.content.body.resize(message);
    if (payload > message) coming.bulk = base::Buffer::allocate(payload - message);
    take_staged();
    return {};
}

void FrameReader::take_staged() {
    auto& coming = *coming_;
    const auto message = std::min(end_ - begin_, coming.message_bytes);
    std::memcpy(coming.frame.content.body.data(), stage_.get() + begin_, message);
    coming.message_filled = message;
    begin_ += message;
    const auto bulk = std::min(end_ - begin_, coming.bulk.size());
    if (bulk > 0) std::memcpy(coming.bulk.writable().data(), stage_.get() + begin_, bulk);
    coming.bulk_filled = bulk;
    begin_ += bulk;
}

}  // namespace larder::rpc
