#include "src/rpc/errors.h"
#include "src/rpc/link_impl.h"

namespace larder::rpc {
namespace {

using base::Code;
using base::fail;
using base::Subject;

// After this many bytes without a wait, a connection lets the others have a turn.
constexpr std::size_t kTurnBytes = 2u << 20;
// What an answer may have, as long as nothing else is known: of a request for content a block.
constexpr std::size_t kSmallAnswer = 64 * 1024;

}  // namespace

io::Task<void> Link::Impl::read() {
    std::size_t this_turn = 0;
    // What came with the end of a handshake lies in the transport already, and no socket tells of it.
    bool drained = !between_nodes();
    if (!drained) co_await take_turns();
    while (!is_ended) {
        if (drained) {
            this_turn = 0;
            co_await transport->socket().wait(io::Readiness::Direction::read);
        }
        FrameReader::Rooms storage;
        const auto rooms = reader.rooms(storage);
        const auto moved = transport->read(rooms);
        if (moved.broken) co_return end(gone("the other side closed the connection"));
        // What was read may have to be answered by the transport itself.
        if (transport->holds_unsent()) schedule_flush();
        drained = moved.blocked;
        if (moved.bytes == 0) continue;
        reader.filled(moved.bytes);
        this_turn += moved.bytes;
        if (between_nodes()) pulse.heard(env.clock.now());
        for (;;) {
            auto frame = reader.next();
            if (!frame) co_return end(frame.error());
            if (!*frame) break;
            if (!co_await take(std::move(**frame)) || is_ended) co_return;
        }
        if (this_turn > kTurnBytes) {
            this_turn = 0;
            co_await take_turns();
        }
    }
}

io::Task<void> Link::Impl::take_turns() {
    const io::Promise<io::Done> turn(env.executor);
    auto mine = turn.future();
    env.executor.post([turn] { turn.set(io::Done{}); });
    co_await std::move(mine);
}

io::Task<bool> Link::Impl::take(Frame frame) {
    if (!greeted) co_return take_greeting(frame);
    const auto id = frame.id;
    switch (frame.kind) {
        case FrameKind::request:
            co_return co_await take_request(std::move(frame));
        case FrameKind::answer:
        case FrameKind::failure:
            co_return take_answer(std::move(frame));
        case FrameKind::cancel:
            // Its answer may be on its way already.
            if (out.drop(true, frame.urgency, id)) schedule_flush();
            serving.cancel(id);
            if (between_nodes()) schedule_flush();
            co_return true;
        case FrameKind::goodbye:
            co_return take_goodbye();
        case FrameKind::ping:
            push({FrameKind::pong, id, {}, Urgency::control});
            co_return true;
        case FrameKind::pong:
            if (static_cast<std::int64_t>(id) <= env.clock.now().ns)
                pulse.answered({static_cast<std::int64_t>(id)}, env.clock.now());
            co_return true;
        default:
            co_return malformed("a second hello");
    }
}

std::size_t Link::Impl::weigh_request(const Frame& frame) const {
    if (weigh) return weigh(frame.content);
    const auto bytes = payload_bytes(frame.content);
    if (!between_nodes()) return bytes;
    const bool asks_for_content = frame.urgency >= Urgency::bulk && frame.content.bulk.empty();
    return bytes + (asks_for_content ? base::limits::kBlockBytes : kSmallAnswer);
}

io::Task<bool> Link::Impl::take_request(Frame frame) {
    const auto urgency = frame.urgency;
    const auto weight = weigh_request(frame);
    const auto cost = payload_bytes(frame.content) + kRequestOverhead;
    if (between_nodes()) {
        const auto used = serving.cost(urgency);
        if (used > 0 && used + cost > kWindows[static_cast<std::size_t>(urgency)])
            co_return malformed("more was asked at once than may be");
    } else {
        co_await serving.admit(urgency, weight);
        if (is_ended) co_return false;
    }
    if (!serving.take({frame.id, urgency, weight, cost, std::move(frame.content)}))
        co_return malformed("a request has the number of another");
    co_return true;
}

bool Link::Impl::take_answer(Frame frame) {
    if (frame.id > last_call) return malformed("an answer to what was not asked");
    const auto found = calls.find(frame.id);
    if (found == calls.end()) return true;  // it was given up meanwhile
    const auto waiter = found->second;
    calls.erase(found);
    if (frame.kind == FrameKind::answer) {
        waiter.set(std::move(frame.content));
    } else {
        const auto error = decode_error(frame.content.body);
        if (!error) return malformed(error.error().message);
        waiter.set(fail(*error));
    }
    return true;
}

io::Task<void> Link::Impl::answer(std::uint64_t id, Urgency urgency, io::Message request) {
    auto result = Content(fail(Code::unsupported, Subject::request, "no requests are answered here"));
    if (handler) result = co_await handler(std::move(request));
    if (is_ended) co_return;
    if (result && payload_bytes(*result) > kFramePayloadMax)
        result = fail(Code::too_large, Subject::request, "the answer does not fit into one frame");
    const auto weight = serving.weight_of(id);
    if (result) {
        out.push_answer({FrameKind::answer, id, std::move(*result), urgency}, weight);
    } else {
        out.push_answer({FrameKind::failure, id, {encode_error(result.error()), {}}, urgency}, weight);
    }
    schedule_flush();
    serving.finish(id);
}

void Link::Impl::push(Frame frame) {
    if (is_ended) return;
    out.push(std::move(frame));
    schedule_flush();
}

void Link::Impl::schedule_flush() {
    if (is_ended || std::exchange(flush_posted, true)) return;
    env.executor.post([self = weak_from_this()] {
        if (const auto link = self.lock()) link->flush();
    });
}

// Once a turn: what was answered meanwhile leaves together.
void Link::Impl::flush() {
    flush_posted = false;
    serving.reap();
    if (between_nodes() && !is_ended) serving.go_on();
    if (is_ended || writing || !send_some()) return;
    part();
    if (is_ended || (out.empty() && !transport->holds_unsent())) return;
    writing = true;
    tasks.spawn(write());
}

bool Link::Impl::send_some() {
    const bool good = out.send(*transport);
    for (const auto& gone_now : out.take_gone()) serving.sent(gone_now.urgency, gone_now.weight);
    if (!good) end(gone("the other side closed the connection"));
    return good;
}

io::Task<void> Link::Impl::write() {
    while (!is_ended && (!out.empty() || transport->holds_unsent())) {
        co_await transport->socket().wait(io::Readiness::Direction::write);
        if (is_ended || !send_some()) break;
        if (between_nodes()) schedule_flush();
    }
    writing = false;
    if (between_nodes()) schedule_flush();
}

}  // namespace larder::rpc
