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
// Frames that may be under way in parts at once; the sender keeps to fewer (send_queue.cc).
constexpr std::size_t kStreamsMax = 32;

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

void append_header(std::string& out, const Frame& frame, std::size_t payload, std::size_t message) {
    char header[kFrameHeaderBytes];
    char* at = header;
    put(at, static_cast<std::uint32_t>(payload));
    put(at, static_cast<std::uint8_t>(static_cast<unsigned>(frame.kind) | static_cast<unsigned>(frame.urgency) << 4));
    put(at, frame.id);
    put(at, static_cast<std::uint32_t>(message));
    out.append(header, sizeof header);
}

void append_front(std::string& out, const Frame& frame) {
    append_header(out, frame, payload_bytes(frame.content), frame.content.body.size());
    out.append(frame.content.body);
}

// As it came.
struct FrameReader::Header {
    std::size_t payload = 0;
    FrameKind kind = FrameKind::hello;
    Urgency urgency = Urgency::control;
    std::uint64_t id = 0;
    std::size_t message = 0;

    static Header read(const char* at) {
        codec::Reader in({at, kFrameHeaderBytes});
        Header out;
        out.payload = in.u32();
        const auto kind = in.u8();
        out.kind = static_cast<FrameKind>(kind & 15);
        out.urgency = static_cast<Urgency>(kind >> 4);
        out.id = in.u64();
        out.message = in.u32();
        return out;
    }
    ComingFrame frame() const {
        ComingFrame coming;
        coming.frame.kind = kind;
        coming.frame.id = id;
        coming.frame.urgency = urgency;
        coming.message_bytes = message;
        coming.frame.content.body.resize(message);
        if (payload > message) coming.bulk = base::Buffer::allocate(payload - message);
        return coming;
    }
};

FrameReader::FrameReader(std::size_t payload_max, Ends ends)
    : payload_max_(payload_max), ends_(ends), stage_(std::make_unique_for_overwrite<char[]>(kStageBytes)) {}

std::span<iovec> FrameReader::rooms(Rooms& storage) {
    std::size_t count = 0;
    if (current_ != nullptr) {
        auto left = left_;
        auto& body = current_->frame.content.body;
        const auto message = std::min(left, body.size() - current_->message_filled);
        if (message > 0) storage[count++] = {body.data() + current_->message_filled, message};
        left -= message;
        auto bulk = current_->bulk.writable().subspan(current_->bulk_filled);
        if (left > 0 && !bulk.empty()) storage[count++] = {bulk.data(), std::min(left, bulk.size())};
    }
    if (begin_ > 0) {
        std::memmove(stage_.get(), stage_.get() + begin_, end_ - begin_);
        end_ -= std::exchange(begin_, 0);
    }
    storage[count++] = {stage_.get() + end_, kStageBytes - end_};
    return std::span(storage).first(count);
}

void FrameReader::filled(std::size_t bytes) {
    if (current_ != nullptr) {
        const auto mine = std::min(bytes, left_);
        const auto message = std::min(mine, current_->message_bytes - current_->message_filled);
        current_->message_filled += message;
        current_->bulk_filled += mine - message;
        left_ -= mine;
        bytes -= mine;
    }
    end_ += bytes;
}

base::Result<std::optional<Frame>> FrameReader::next() {
    for (;;) {
        if (current_ == nullptr) {
            TRY(const bool begun, begin());
            if (!begun) return std::nullopt;
            if (current_ == nullptr) continue;
        }
        take_staged();
        if (left_ > 0) return std::nullopt;
        if (!std::exchange(current_, nullptr)->whole()) continue;  // of a stream
        auto& coming = coming_ ? *coming_ : streams_.at(stream_);
        auto frame = std::move(coming.frame);
        if (!coming.bulk.empty()) frame.content.bulk.push_back(std::move(coming.bulk));
        if (coming_) {
            coming_.reset();
        } else {
            streams_.erase(stream_);
        }
        return frame;
    }
}

base::Result<void> FrameReader::check(const Header& header) const {
    const auto kind = static_cast<unsigned>(header.kind);
    const auto last = ends_ == Ends::nodes ? FrameKind::pong : FrameKind::goodbye;
    const auto least_urgent = ends_ == Ends::nodes ? Urgency::background : Urgency::control;
    if (kind < 1 || header.kind > last || header.urgency > least_urgent)
        return fail(Code::corrupted, Subject::request, "a frame of unknown kind " + std::to_string(kind));
    if (header.payload > payload_max_)
        return fail(Code::corrupted, Subject::request,
                    "a frame of " + std::to_string(header.payload) + " bytes, at most " + std::to_string(payload_max_));
    if (header.message > header.payload)
        return fail(Code::corrupted, Subject::request, "a message longer than its frame");
    return {};
}

// False: more bytes are needed. A frame that says all in its header may leave nothing to fill.
base::Result<bool> FrameReader::begin() {
    if (end_ - begin_ < kFrameHeaderBytes) return false;
    const auto header = Header::read(stage_.get() + begin_);
    TRY_VOID(check(header));
    if (header.kind == FrameKind::first_part) return begin_stream(header);
    begin_ += kFrameHeaderBytes;
    if (header.kind == FrameKind::next_part || header.kind == FrameKind::dropped) {
        TRY_VOID(go_on(header));
        return true;
    }
    current_ = &coming_.emplace(header.frame());
    left_ = header.payload;
    return true;
}

base::Result<bool> FrameReader::begin_stream(const Header& part) {
    if (end_ - begin_ < 2 * kFrameHeaderBytes) return false;
    const auto whole = Header::read(stage_.get() + begin_ + kFrameHeaderBytes);
    TRY_VOID(check(whole));
    const bool fits = part.payload > kFrameHeaderBytes && part.payload - kFrameHeaderBytes < whole.payload;
    const bool may_be_cut =
        whole.kind == FrameKind::request || whole.kind == FrameKind::answer || whole.kind == FrameKind::failure;
    if (!fits || !may_be_cut || streams_.size() >= kStreamsMax || streams_.contains(part.id))
        return fail(Code::corrupted, Subject::request, "a part that begins nothing");
    begin_ += 2 * kFrameHeaderBytes;
    stream_ = part.id;
    current_ = &streams_.emplace(stream_, whole.frame()).first->second;
    left_ = part.payload - kFrameHeaderBytes;
    return true;
}

base::Result<void> FrameReader::go_on(const Header& part) {
    const auto stream = streams_.find(part.id);
    if (stream == streams_.end())
        return fail(Code::corrupted, Subject::request, "a part of a frame that has not begun");
    if (part.kind == FrameKind::dropped) {
        streams_.erase(stream);
        if (part.payload == 0) return {};
        return fail(Code::corrupted, Subject::request, "a part that says nothing, with bytes");
    }
    auto& coming = stream->second;
    const auto missing = coming.message_bytes - coming.message_filled + coming.bulk.size() - coming.bulk_filled;
    if (part.payload == 0 || part.payload > missing)
        return fail(Code::corrupted, Subject::request, "a part longer than what is missing of its frame");
    stream_ = part.id;
    current_ = &coming;
    left_ = part.payload;
    return {};
}

void FrameReader::take_staged() {
    const auto bytes = std::min(end_ - begin_, left_);
    auto& coming = *current_;
    const auto message = std::min(bytes, coming.message_bytes - coming.message_filled);
    if (message > 0)
        std::memcpy(coming.frame.content.body.data() + coming.message_filled, stage_.get() + begin_, message);
    const auto bulk = bytes - message;
    if (bulk > 0)
        std::memcpy(coming.bulk.writable().data() + coming.bulk_filled, stage_.get() + begin_ + message, bulk);
    coming.message_filled += message;
    coming.bulk_filled += bulk;
    begin_ += bytes;
    left_ -= bytes;
}

}  // namespace larder::rpc
