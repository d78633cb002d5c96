#include "src/io/unix_socket.h"
#include "src/rpc/errors.h"
#include "src/rpc/link_impl.h"

#include <cerrno>
#include <sys/socket.h>

namespace larder::rpc {
namespace {

using base::Code;
using base::fail;
using base::Subject;

// After this many bytes without a wait, a connection lets the others have a turn.
constexpr std::size_t kTurnBytes = 2u << 20;
// The kernel grants what it may; a block then crosses in few pieces.
constexpr int kSocketBytes = 1 << 20;

base::Error gone(std::string why) {
    return {Code::disconnected, Subject::none, std::move(why)};
}

std::size_t size_of(std::span<const iovec> rooms) {
    std::size_t bytes = 0;
    for (const auto& room : rooms) bytes += room.iov_len;
    return bytes;
}

io::Message only(std::string body) {
    return {std::move(body), {}};
}

}  // namespace

Link::Impl::Impl(io::RealEnv& world, int descriptor, Side s, LinkOptions o)
    : env(world.env()),
      side(s),
      options(std::move(o)),
      socket(world.loop(), descriptor),
      reader(options.payload_max),
      gate(env.executor, options.call_bytes),
      serving(env.executor, options),
      ready(env.executor),
      ended(env.executor),
      tasks(env.executor) {
    ::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &kSocketBytes, sizeof kSocketBytes);
}

void Link::Impl::start() {
    if (side == Side::connected) push({FrameKind::hello, 0, only(encode_hello(options.hello))});
    hello_timer = env.clock.call_at(env.clock.after(options.hello_patience), [this] {
        hello_timer = 0;
        if (!greeted) end({Code::timeout, Subject::none, "the other side said no hello"});
    });
    tasks.spawn(read());
}

void Link::Impl::stop() {
    end(gone("the connection was given up"));
    env.clock.cancel(hello_timer);
    tasks.stop();
    serving.clear();
}

void Link::Impl::end(base::Error reason) {
    if (std::exchange(is_ended, true)) return;
    ::shutdown(socket.descriptor(), SHUT_RDWR);
    ready.set(fail(reason));
    for (auto& [id, call] : std::exchange(calls, {})) {
        const auto code = reason.is(Code::unsupported) ? Code::unsupported : Code::disconnected;
        call.set(fail(code, Subject::none, reason.message));
    }
    ended.set(std::move(reason));
    // Not from here: this may be work that is being ended.
    env.executor.post([self = weak_from_this()] {
        if (const auto link = self.lock()) link->serving.clear();
    });
    socket.interrupt();
}

bool Link::Impl::malformed(std::string what) {
    end({Code::corrupted, Subject::request, std::move(what)});
    return false;
}

io::Task<void> Link::Impl::read() {
    std::size_t this_turn = 0;
    bool drained = true;
    while (!is_ended) {
        if (drained) {
            this_turn = 0;
            co_await socket.wait(io::Readiness::Direction::read);
        }
        FrameReader::Rooms storage;
        const auto rooms = reader.rooms(storage);
        msghdr message{};
        message.msg_iov = rooms.data();
        message.msg_iovlen = rooms.size();
        const auto n = ::recvmsg(socket.descriptor(), &message, 0);
        const bool nothing_there = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
        if (n <= 0 && !nothing_there) co_return end(gone("the other side closed the connection"));
        drained = nothing_there || static_cast<std::size_t>(n) < size_of(rooms);
        if (nothing_there) continue;
        reader.filled(static_cast<std::size_t>(n));
        this_turn += static_cast<std::size_t>(n);
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
        case FrameKind::request: {
            const auto weight = weigh ? weigh(frame.content) : payload_bytes(frame.content);
            co_await serving.admit(weight);
            if (is_ended) co_return false;
            if (!serving.begin(id, weight)) co_return malformed("a request has the number of another");
            serving.run(id, answer(id, std::move(frame.content)));
            co_return true;
        }
        case FrameKind::answer:
        case FrameKind::failure:
            co_return take_answer(std::move(frame));
        case FrameKind::cancel:
            serving.cancel(id);
            co_return true;
        case FrameKind::goodbye:
            leaving = true;
            if (calls.empty()) end(gone("the other side is stopping"));
            co_return true;
        default:
            co_return malformed("a second hello");
    }
}

bool Link::Impl::take_greeting(const Frame& frame) {
    const std::string_view bytes = frame.content.body;
    if (side == Side::accepted) {
        if (frame.kind != FrameKind::hello) return malformed("the connection does not begin with a hello");
        const auto theirs = decode_hello(bytes);
        if (!theirs) return malformed(theirs.error().message);
        const auto version = agree(*theirs, options.hello);
        if (!version) {
            push({FrameKind::failure, 0, only(encode_error(version.error()))});
            (void)out.send(socket.descriptor());
            end(version.error());
            return false;
        }
        push({FrameKind::welcome, 0, only(std::string(1, static_cast<char>(*version)))});
        greeted = true;
        ready.set(*version);
        return true;
    }
    if (frame.kind == FrameKind::failure) {
        const auto reason = decode_error(bytes);
        end(reason ? *reason : reason.error());
        return false;
    }
    if (frame.kind != FrameKind::welcome || bytes.size() != 1) return malformed("the other side gave no welcome");
    greeted = true;
    ready.set(static_cast<std::uint8_t>(bytes[0]));
    return true;
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
    if (leaving && calls.empty()) end(gone("the other side is stopping"));
    return true;
}

io::Task<void> Link::Impl::answer(std::uint64_t id, io::Message request) {
    auto result = Content(fail(Code::unsupported, Subject::request, "no requests are answered here"));
    if (handler) result = co_await handler(std::move(request));
    if (is_ended) co_return;
    if (result && payload_bytes(*result) > kFramePayloadMax)
        result = fail(Code::too_large, Subject::request, "the answer does not fit into one frame");
    if (result) {
        push({FrameKind::answer, id, std::move(*result)});
    } else {
        push({FrameKind::failure, id, only(encode_error(result.error()))});
    }
    serving.finish(id, out.pushed());
}

void Link::Impl::push(Frame frame) {
    if (is_ended) return;
    out.push(std::move(frame));
    if (std::exchange(flush_posted, true)) return;
    env.executor.post([self = weak_from_this()] {
        if (const auto link = self.lock()) link->flush();
    });
}

// Once a turn: what was answered meanwhile leaves together.
void Link::Impl::flush() {
    flush_posted = false;
    serving.reap();
    if (is_ended || writing || !send_some() || out.empty()) return;
    writing = true;
    tasks.spawn(write());
}

bool Link::Impl::send_some() {
    const bool good = out.send(socket.descriptor());
    serving.sent(out.sent());
    if (!good) end(gone("the other side closed the connection"));
    return good;
}

io::Task<void> Link::Impl::write() {
    while (!is_ended && !out.empty()) {
        co_await socket.wait(io::Readiness::Direction::write);
        if (is_ended || !send_some()) break;
    }
    writing = false;
}

// An entry in `calls` for as long as somebody waits for it.
struct Link::Impl::Waiting {
    Impl& link;
    std::uint64_t id;
    io::Clock::Timer timer;
    Waiting(Impl& l, const io::Promise<Content>& answer, base::Instant deadline) : link(l), id(++l.last_call) {
        link.calls.emplace(id, answer);
        timer = link.env.clock.call_at(deadline,
                                       [answer] { answer.set(fail(Code::timeout, "no answer before the deadline")); });
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() {
        link.env.clock.cancel(timer);
        if (link.calls.erase(id) == 0) return;
        link.push({FrameKind::cancel, id, {}});
        if (link.leaving && link.calls.empty()) link.end(gone("the other side is stopping"));
    }
};

io::Task<Link::Content> Link::Impl::call(std::shared_ptr<Impl> self, io::Message request, base::Instant deadline) {
    const auto bytes = payload_bytes(request);
    if (bytes > self->options.payload_max)
        co_return fail(Code::too_large, Subject::request, "the request is too large");
    auto pass = self->gate.try_enter(bytes);
    if (!pass) pass = co_await self->gate.enter(bytes);
    if (self->is_ended || self->leaving) co_return fail(gone("the connection has ended"));
    const io::Promise<Content> answer(self->env.executor);
    const Waiting waiting(*self, answer, deadline);
    self->push({FrameKind::request, waiting.id, std::move(request)});
    co_return co_await answer.future();
}

Link::Link(io::RealEnv& env, int descriptor, Side side, LinkOptions options)
    : impl_(std::make_shared<Impl>(env, descriptor, side, std::move(options))) {}

Link::~Link() {
    impl_->stop();
}

void Link::serve(Handler handler, Weigh weigh) {
    impl_->handler = std::move(handler);
    impl_->weigh = std::move(weigh);
}

void Link::start() {
    impl_->start();
}

io::Task<base::Result<std::uint8_t>> Link::ready() {
    const auto impl = impl_;
    co_return co_await impl->ready.future();
}

io::Task<Link::Content> Link::call(io::Message request, base::Instant deadline) {
    return Impl::call(impl_, std::move(request), deadline);
}

void Link::goodbye() {
    impl_->push({FrameKind::goodbye, 0, {}});
}

bool Link::is_open() const {
    return !impl_->is_ended && !impl_->leaving;
}

void Link::allow(std::size_t payload_max) {
    impl_->reader.allow(payload_max);
}

void Link::cut(base::Error reason) {
    impl_->end(std::move(reason));
}

io::Task<base::Error> Link::ended() {
    const auto impl = impl_;
    co_return co_await impl->ended.future();
}

io::Task<base::Result<std::unique_ptr<Link>>> connect_link(io::RealEnv& env, std::string socket_path,
                                                           LinkOptions options) {
    CO_TRY(const int descriptor, io::connect_unix(socket_path, false));
    auto link = std::make_unique<Link>(env, descriptor, Side::connected, std::move(options));
    link->start();
    CO_TRY_VOID(co_await link->ready());
    co_return link;
}

}  // namespace larder::rpc
