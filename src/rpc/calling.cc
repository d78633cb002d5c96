#include "src/io/timeout.h"
#include "src/rpc/link_impl.h"

namespace larder::rpc {

using base::Code;
using base::fail;
using base::Subject;

// An entry in `calls` for as long as somebody waits for it.
struct Link::Impl::Waiting {
    Impl& link;
    Urgency urgency;
    std::uint64_t id;
    io::Clock::Timer timer;
    Waiting(Impl& l, Urgency u, const io::Promise<Content>& answer, base::Instant deadline)
        : link(l), urgency(u), id(++l.last_call) {
        link.calls.emplace(id, answer);
        timer = link.env.clock.call_at(deadline,
                                       [answer] { answer.set(fail(Code::timeout, "no answer before the deadline")); });
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() {
        link.env.clock.cancel(timer);
        if (link.calls.erase(id) > 0) link.give_up(id, urgency);
    }
};

struct Link::Impl::Asking {
    Impl& link;
    explicit Asking(Impl& l) : link(l) { ++link.asking; }
    Asking(const Asking&) = delete;
    Asking& operator=(const Asking&) = delete;
    ~Asking() {
        if (--link.asking == 0) link.part();
    }
};

void Link::Impl::give_up(std::uint64_t id, Urgency urgency) {
    if (is_ended) return;
    // In the line of its request, so that it cannot come before it.
    if (!out.drop(false, urgency, id)) {
        push({FrameKind::cancel, id, {}, urgency});
    } else {
        schedule_flush();
    }
}

io::Task<base::Result<Gate::Pass>> Link::Impl::enter(std::shared_ptr<Impl> self, std::size_t bytes, Urgency urgency) {
    co_return co_await self->gate(urgency).enter(bytes);
}

io::Task<Link::Content> Link::Impl::call(std::shared_ptr<Impl> self, io::Message request, base::Instant deadline,
                                         Urgency urgency) {
    const auto bytes = payload_bytes(request);
    if (bytes > self->options.payload_max)
        co_return fail(Code::too_large, Subject::request, "the request is too large");
    if (self->is_ended || self->leaving || self->retired) co_return fail(gone("the connection has ended"));
    const Asking asking(*self);
    const auto cost = self->between_nodes() ? bytes + kRequestOverhead : bytes;
    auto pass = self->gate(urgency).try_enter(cost);
    if (!pass) {
        auto& env = self->env;
        CO_TRY(pass, co_await io::with_deadline(env.executor, env.clock, deadline, enter(self, cost, urgency)));
    }
    if (self->is_ended || (self->leaving && !self->between_nodes())) co_return fail(gone("the connection has ended"));
    const io::Promise<Content> answer(self->env.executor);
    const Waiting waiting(*self, urgency, answer, deadline);
    self->push({FrameKind::request, waiting.id, std::move(request), urgency});
    co_return co_await answer.future();
}

bool Link::Impl::take_goodbye() {
    leaving = true;
    if (on_goodbye) on_goodbye();
    part();
    return true;
}

void Link::Impl::part() {
    if (is_ended || !(leaving || retired) || asking > 0) return;
    if (between_nodes()) {
        if (!std::exchange(said_goodbye, true)) push({FrameKind::goodbye, 0, {}, Urgency::background});
        if (!leaving || !serving.is_idle() || !out.empty() || transport->holds_unsent()) return;
    }
    if (leaving) end(gone("the other side is stopping"));
}

io::Task<void> Link::Impl::keep_pulse() {
    while (!is_ended) {
        const auto due = env.clock.after(pulse.interval());
        co_await env.clock.sleep_until(due);
        const auto now = env.clock.now();
        const auto late = now - due;
        if (late > pulse.interval() / 4) pulse.excuse(late);
        if (is_ended) break;
        if (pulse.is_lost(now)) {
            const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(pulse.silence(now)).count();
            end({Code::timeout, Subject::node, "nothing was heard for " + std::to_string(ms) + " ms"});
            break;
        }
        if (greeted) push({FrameKind::ping, static_cast<std::uint64_t>(now.ns), {}, Urgency::control});
    }
}

}  // namespace larder::rpc
