// The unit of the wire (docs/formats.md, "Links"): a header of 17 bytes, a coded message, and bulk bytes that are no
// part of the message, so that content goes between socket and buffer without a stop in between.
#pragma once

#include "src/base/bytes.h"
#include "src/base/error.h"
#include "src/base/limits.h"
#include "src/io/network.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <sys/uio.h>

namespace larder::rpc {

enum class FrameKind : std::uint8_t {
    hello = 1,    // of the side that connected: what it speaks
    welcome = 2,  // of the other: what will be spoken
    request = 3,
    answer = 4,
    failure = 5,  // instead of an answer, or of a welcome
    cancel = 6,   // the answer is no longer wanted
    goodbye = 7,  // between processes: no more requests, please; between nodes: I make none any more
    // Between nodes alone. A frame whose payload is longer than a part is sent in parts, so that others go in between.
    first_part = 8,  // the number is that of the stream of parts; a header of the whole frame, and its first bytes
    next_part = 9,
    dropped = 10,  // the rest of the stream will not come
    ping = 11,     // the number comes back in a pong
    pong = 12,
};

// What leaves first, of frames between nodes. Between processes all are of the first kind and leave as they come.
enum class Urgency : std::uint8_t { control = 0, metadata = 1, bulk = 2, background = 3 };
constexpr std::size_t kUrgencies = 4;

// Whose frames a connection carries.
enum class Ends { processes, nodes };

constexpr std::size_t kFrameHeaderBytes = 17;
// One block and what is said about it.
constexpr std::size_t kFramePayloadMax = base::limits::kBlockBytes + 128 * 1024;

struct Frame {
    FrameKind kind = FrameKind::request;
    std::uint64_t id = 0;
    io::Message content;  // at most one piece of bulk when it was received
    Urgency urgency = Urgency::control;
};

// The bytes of a header. `message` is the length of the message in the payload.
void append_header(std::string& out, const Frame& frame, std::size_t payload, std::size_t message);

// Header and message; the bulk goes behind them as it is.
void append_front(std::string& out, const Frame& frame);
std::size_t payload_bytes(const io::Message& content);

// A frame whose end has not come yet.
struct ComingFrame {
    Frame frame;
    std::size_t message_bytes = 0;
    std::size_t message_filled = 0;
    base::Buffer bulk;
    std::size_t bulk_filled = 0;
    bool whole() const { return message_filled == message_bytes && bulk_filled == bulk.size(); }
};

// Makes frames of bytes as they come. The owner of a socket fills rooms() and says how much with filled(); then asks
// for next() until there is none. Bulk is received into its own buffer.
class FrameReader {
 public:
    explicit FrameReader(std::size_t payload_max, Ends ends = Ends::processes);

    void allow(std::size_t payload_max) { payload_max_ = payload_max; }
    // Where the next bytes belong, in this order; never none.
    using Rooms = std::array<iovec, 3>;
    std::span<iovec> rooms(Rooms& storage);
    void filled(std::size_t bytes);
    // corrupted: what came is no frame, or a larger one than allowed; nothing more can be read.
    base::Result<std::optional<Frame>> next();

 private:
    struct Header;

    base::Result<bool> begin();
    base::Result<bool> begin_stream(const Header& part);
    base::Result<void> go_on(const Header& part);
    base::Result<void> check(const Header& header) const;
    void take_staged();

    std::size_t payload_max_;
    Ends ends_;
    std::unique_ptr<char[]> stage_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    // The frame that the bytes to come belong to, and how many of them.
    ComingFrame* current_ = nullptr;
    std::size_t left_ = 0;
    std::optional<ComingFrame> coming_;
    std::map<std::uint64_t, ComingFrame> streams_;
    std::uint64_t stream_ = 0;  // whose part is coming
};

}  // namespace larder::rpc
