#include "src/io/unix_socket.h"
#include "src/rpc/errors.h"
#include "src/rpc/link_impl.h"

#include <sys/socket.h>

namespace larder::rpc {
namespace {

using base::Code;
using base::fail;
using base::Subject;

// What is begun at once between nodes, in bytes of requests and of their answers until these are sent.
constexpr std::array<std::size_t, kUrgencies> kRooms = {4u << 20, 16u << 20, 32u << 20, 8u << 20};

std::array<Serving::Room, kUrgencies> rooms_of(const LinkOptions& options) {
    std::array<Serving::Room, kUrgencies> rooms;
    for (std::size_t i = 0; i < kUrgencies; ++i) {
        const bool nodes = options.ends == Ends::nodes;
        rooms[i] = {options.requests, nodes ? kRooms[i] : options.request_bytes};
    }
    return rooms;
}

std::array<Gate, kUrgencies> gates_of(io::Executor& executor, const LinkOptions& options) {
    const bool nodes = options.ends == Ends::nodes;
    const auto gate = [&](std::size_t i) { return Gate(executor, nodes ? kWindows[i] : options.call_bytes); };
    return {gate(0), gate(1), gate(2), gate(3)};
}

io::Message only(std::string body) {
    return {std::move(body), {}};
}

}  // namespace

Link::Impl::Impl(io::RealEnv& world, std::unique_ptr<Transport> t, Side s, LinkOptions o)
    : env(world.env()),
      side(s),
      options(std::move(o)),
      transport(std::move(t)),
      reader(options.payload_max, options.ends),
      out(options.ends),
      gates(gates_of(env.executor, options)),
      serving(env.executor, rooms_of(options),
              [this](std::uint64_t id, Urgency urgency, io::Message content) {
                  return answer(id, urgency, std::move(content));
              }),
      pulse(options.pulse, env.clock.now()),
      ready(env.executor),
      ended(env.executor),
      tasks(env.executor) {}

void Link::Impl::start() {
    if (side == Side::connected) push({FrameKind::hello, 0, only(encode_hello(options.hello))});
    hello_timer = env.clock.call_at(env.clock.after(options.hello_patience), [this] {
        hello_timer = 0;
        if (!greeted) end({Code::timeout, Subject::none, "the other side said no hello"});
    });
    tasks.spawn(read());
    if (between_nodes()) tasks.spawn(keep_pulse());
}

void Link::Impl::stop() {
    end(gone("the connection was given up"));
    env.clock.cancel(hello_timer);
    tasks.stop();
    serving.clear();
}

void Link::Impl::end(base::Error reason) {
    if (std::exchange(is_ended, true)) return;
    ::shutdown(transport->socket().descriptor(), SHUT_RDWR);
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
    transport->socket().interrupt();
}

bool Link::Impl::malformed(std::string what) {
    end({Code::corrupted, Subject::request, std::move(what)});
    return false;
}

bool Link::Impl::take_hello(std::string_view bytes) {
    auto theirs = decode_hello(bytes);
    if (!theirs) return malformed(theirs.error().message);
    const auto version = agree(*theirs, options.hello);
    if (!version) {
        push({FrameKind::failure, 0, only(encode_error(version.error()))});
        (void)out.send(*transport);
        end(version.error());
        return false;
    }
    // Who says nothing beyond the versions may not expect it of the welcome either.
    const auto& words = theirs->words.empty() ? std::string() : options.hello.words;
    push({FrameKind::welcome, 0, only(static_cast<char>(*version) + words)});
    their_words = std::move(theirs->words);
    greeted = true;
    ready.set(*version);
    return true;
}

bool Link::Impl::take_greeting(const Frame& frame) {
    const std::string_view bytes = frame.content.body;
    if (side == Side::accepted) {
        if (frame.kind != FrameKind::hello) return malformed("the connection does not begin with a hello");
        return take_hello(bytes);
    }
    if (frame.kind == FrameKind::failure) {
        const auto reason = decode_error(bytes);
        end(reason ? *reason : reason.error());
        return false;
    }
    const std::size_t words = options.hello.words.empty() ? 0 : kHelloWordsMax;
    if (frame.kind != FrameKind::welcome || bytes.empty() || bytes.size() > 1 + words)
        return malformed("the other side gave no welcome");
    their_words = bytes.substr(1);
    greeted = true;
    ready.set(static_cast<std::uint8_t>(bytes[0]));
    return true;
}

Link::Link(io::RealEnv& env, int descriptor, Side side, LinkOptions options)
    : Link(env, make_plain_transport(env.loop(), descriptor), side, std::move(options)) {}

Link::Link(io::RealEnv& env, std::unique_ptr<Transport> transport, Side side, LinkOptions options)
    : impl_(std::make_shared<Impl>(env, std::move(transport), side, std::move(options))) {}

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

const std::string& Link::their_words() const {
    return impl_->their_words;
}

io::Task<Link::Content> Link::call(io::Message request, base::Instant deadline, Urgency urgency) {
    return Impl::call(impl_, std::move(request), deadline, urgency);
}

void Link::goodbye() {
    if (!impl_->between_nodes()) return impl_->push({FrameKind::goodbye, 0, {}});
    impl_->retired = true;
    impl_->part();
}

void Link::on_goodbye(std::function<void()> told) {
    impl_->on_goodbye = std::move(told);
}

bool Link::is_open() const {
    return !impl_->is_ended && !impl_->leaving && !impl_->retired;
}

std::optional<base::Duration> Link::round_trip() const {
    return impl_->pulse.round_trip();
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
