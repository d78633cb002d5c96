#include "src/rpc/send_queue.h"

#include <algorithm>

namespace larder::rpc {
namespace {

constexpr std::size_t kPiecesAtOnce = 64;
constexpr std::size_t kTextBytes = 64 * 1024;
// Up to this much is cheaper copied than named in a list of its own.
constexpr std::size_t kCopiedBulkBytes = 4096;
// Between nodes: so much has had its turn and waits for the socket; what comes later and is urgent waits behind it.
constexpr std::size_t kTakenBytes = 64 * 1024;

}  // namespace

void SendQueue::push(Frame frame) {
    add({std::move(frame), false, 0, 0, 0});
}

void SendQueue::push_answer(Frame frame, std::size_t weight) {
    add({std::move(frame), true, weight, 0, 0});
}

void SendQueue::add(Waiting one) {
    if (ends_ == Ends::processes) return take_whole(std::move(one));
    lines_[static_cast<std::size_t>(one.frame.urgency)].push_back(std::move(one));
}

std::size_t SendQueue::waiting() const {
    std::size_t count = 0;
    for (const auto& line : lines_) count += line.size();
    return count;
}

bool SendQueue::drop(bool answer, Urgency urgency, std::uint64_t id) {
    auto& line = lines_[static_cast<std::size_t>(urgency)];
    const auto found = std::ranges::find_if(line, [answer, id](const Waiting& one) {
        const auto kind = one.frame.kind;
        const bool fits = answer ? one.is_answer : kind == FrameKind::request;
        return fits && one.frame.id == id;
    });
    if (found == line.end()) return false;
    if (found->is_answer) gone_.push_back({urgency, found->weight});
    const auto stream = found->stream;
    line.erase(found);
    if (stream != 0) add({{FrameKind::dropped, stream, {}, Urgency::control}, false, 0, 0, 0});
    return true;
}

void SendQueue::take_whole(Waiting one) {
    auto& frame = one.frame;
    taken_ += kFrameHeaderBytes + payload_bytes(frame.content);
    append_front(text(), frame);
    for (auto& bulk : frame.content.bulk) take_bulk(std::move(bulk));
    if (one.is_answer) marks_.push_back({taken_, {frame.urgency, one.weight}});
}

void SendQueue::take_bulk(base::Buffer bulk) {
    if (bulk.empty()) return;
    if (bulk.size() <= kCopiedBulkBytes) {
        text().append(bulk.chars());
    } else {
        pieces_.push_back({{}, std::move(bulk)});
    }
}

bool SendQueue::take_part(Waiting& one) {
    const auto total = payload_bytes(one.frame.content);
    const auto bytes = std::min(kPartBytes, total - one.taken);
    const bool first = one.stream == 0;
    if (first) one.stream = ++last_stream_;
    const Frame part{first ? FrameKind::first_part : FrameKind::next_part, one.stream, {}, one.frame.urgency};
    append_header(text(), part, bytes + (first ? kFrameHeaderBytes : 0), 0);
    if (first) append_header(text(), one.frame, total, one.frame.content.body.size());
    taken_ += bytes + (first ? 2 : 1) * kFrameHeaderBytes;
    take_payload(one.frame.content, one.taken, bytes);
    one.taken += bytes;
    if (one.taken < total) return false;
    if (one.is_answer) marks_.push_back({taken_, {one.frame.urgency, one.weight}});
    return true;
}

void SendQueue::take_payload(const io::Message& content, std::size_t from, std::size_t bytes) {
    const auto overlap = [&from, &bytes](std::size_t size) {
        const auto begin = std::min(from, size);
        const auto length = std::min(bytes, size - begin);
        from -= begin;
        bytes -= length;
        return std::pair(begin, length);
    };
    const auto [begin, length] = overlap(content.body.size());
    text().append(content.body, begin, length);
    for (const auto& bulk : content.bulk) {
        if (bytes == 0) break;
        const auto [start, size] = overlap(bulk.size());
        take_bulk(bulk.slice(start, size));
    }
}

std::size_t SendQueue::whose_turn() {
    std::size_t turn = kUrgencies;
    for (std::size_t i = 0; i < kUrgencies; ++i) {
        if (lines_[i].empty()) continue;
        if (turn == kUrgencies || passed_over_[i] >= kTurnsPassedOver) turn = i;
    }
    for (std::size_t i = turn + 1; i < kUrgencies; ++i) passed_over_[i] += lines_[i].empty() ? 0 : 1;
    passed_over_[turn] = 0;
    return turn;
}

void SendQueue::fill() {
    while (taken_ - sent_ < kTakenBytes && waiting() > 0) {
        auto& line = lines_[whose_turn()];
        auto one = std::move(line.front());
        line.pop_front();
        if (one.stream == 0 && payload_bytes(one.frame.content) <= kPartBytes) {
            take_whole(std::move(one));
        } else if (!take_part(one)) {
            const auto place = std::min(line.size(), kFramesInTurn - 1);
            line.insert(line.begin() + static_cast<std::ptrdiff_t>(place), std::move(one));
        }
    }
}

std::string& SendQueue::text() {
    if (pieces_.empty() || !pieces_.back().is_text() || pieces_.back().text.size() >= kTextBytes)
        pieces_.emplace_back();
    return pieces_.back().text;
}

bool SendQueue::send(Transport& transport) {
    for (;;) {
        fill();
        if (pieces_.empty() && !transport.holds_unsent()) return true;
        std::array<iovec, kPiecesAtOnce> list;
        std::size_t count = 0;
        for (auto piece = pieces_.begin(); piece != pieces_.end() && count < list.size(); ++piece) {
            auto bytes = piece->bytes();
            if (count == 0) bytes.remove_prefix(front_sent_);
            list[count++] = {const_cast<char*>(bytes.data()), bytes.size()};
        }
        const auto moved = transport.write({list.data(), count});
        sent(moved.bytes);
        if (moved.broken) return false;
        if (moved.blocked) return true;
    }
}

void SendQueue::sent(std::size_t bytes) {
    sent_ += bytes;
    front_sent_ += bytes;
    while (!pieces_.empty() && front_sent_ >= pieces_.front().bytes().size()) {
        front_sent_ -= pieces_.front().bytes().size();
        pieces_.pop_front();
    }
    for (; !marks_.empty() && marks_.front().taken <= sent_; marks_.pop_front()) gone_.push_back(marks_.front().gone);
}

}  // namespace larder::rpc
