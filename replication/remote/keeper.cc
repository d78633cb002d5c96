#include "replication/remote/keeper.h"

#include "src/base/log.h"
#include "src/io/timeout.h"

#include <algorithm>

namespace larder::remote {

using base::Code;
using base::fail;
using base::Result;
using base::Subject;
using io::Task;
using Content = Keeper::Content;

namespace {

std::unexpected<base::Error> lost(std::string why) {
    return fail(Code::disconnected, Subject::node, std::move(why));
}

// Trying again will not help before somebody has done something about it.
bool is_refusal(const base::Error& error) {
    return error.is(Code::permission_denied) || error.is(Code::unsupported) || error.is(Code::not_found) ||
           error.is(Code::conflict);
}

}  // namespace

Keeper::Keeper(io::RealEnv& env, ConnectOptions options)
    : world_(env), options_(std::move(options)), tasks_(env.env().executor) {}

Task<Result<void>> Keeper::open() {
    CO_TRY_VOID(co_await dial());
    tasks_.spawn(keep());
    co_return Result<void>();
}

void Keeper::close() {
    closed_ = true;
    tasks_.stop();
    link_.reset();
    wake(lost("the store is closed"));
}

Task<Result<void>> Keeper::dial() {
    const auto deadline = this->deadline();
    return io::with_deadline(env().executor, env().clock, deadline, begin_session());
}

Task<Result<void>> Keeper::begin_session() {
    rpc::LinkOptions link_options;
    link_options.hello = {kService, kVersion, kVersion};
    CO_TRY(auto link, co_await rpc::connect_link(world_, options_.socket, link_options));
    const BeginSession begin{options_.bucket, options_.key_id};
    CO_TRY(auto session, co_await exchange(*link, begin));
    if (!session.nonce.empty()) {
        CO_TRY(session, co_await exchange(*link, Prove{make_proof(options_.secret, session.nonce, begin)}));
    }
    if (session_ > 0 && session.bucket.id != bucket_.id)
        co_return fail(Code::conflict, Subject::bucket, "another bucket has the name \"" + options_.bucket + "\" now.");
    bucket_ = std::move(session.bucket);
    link_ = std::move(link);
    ++session_;
    co_return Result<void>();
}

Task<Result<Session>> Keeper::exchange(rpc::Link& link, Request request) {
    CO_TRY(const auto answer, co_await link.call({encode(request), {}}, deadline()));
    co_return decode_answer<Session>(answer.body);
}

Task<void> Keeper::keep() {
    for (;;) {
        const auto reason = co_await link_->ended();
        link_.reset();
        base::log::warning("the connection to larderd is lost",
                           {{"socket", options_.socket}, {"reason", reason.message}});
        tell(false);
        co_await redial();
        base::log::info("connected to larderd again", {{"socket", options_.socket}});
        tell(true);
        wake(Result<void>());
    }
}

Task<void> Keeper::redial() {
    auto pause = options_.retry_first;
    for (;;) {
        const auto dialled = co_await dial();
        if (dialled) co_return;
        if (is_refusal(dialled.error())) wake(dialled);
        // Many mounts of one daemon do not come back all at once.
        const auto jitter =
            static_cast<std::int64_t>(env().random.below(static_cast<std::uint64_t>(pause.count()) + 1));
        co_await env().clock.sleep_for(pause / 2 + base::Duration(jitter / 2));
        pause = std::min(pause * 2, options_.retry_last);
    }
}

void Keeper::tell(bool connected) {
    if (options_.on_state) options_.on_state(connected);
}

void Keeper::wake(const Result<void>& outcome) {
    for (auto& waiter : std::exchange(waiting_, {})) waiter.set(outcome);
}

Task<Result<void>> Keeper::connected(base::Instant deadline) {
    if (is_connected()) co_return Result<void>();
    if (closed_) co_return lost("the store is closed");
    const io::Promise<Result<void>> promise(env().executor);
    std::erase_if(waiting_, [](const auto& waiter) { return waiter.is_set(); });
    waiting_.push_back(promise);
    struct Timer {
        io::Clock& clock;
        io::Clock::Timer timer;
        ~Timer() { clock.cancel(timer); }
    } const timer{env().clock,
                  env().clock.call_at(deadline, [promise] { promise.set(lost("larderd does not answer")); })};
    co_return co_await promise.future();
}

Task<Content> Keeper::ask(std::uint64_t session, Request request, base::Instant deadline) {
    if (session != session_ || !is_connected()) co_return lost("the connection to larderd is lost");
    io::Message message{encode(request), {}};
    if (auto* const write = std::get_if<Write>(&request); write != nullptr && !write->data.empty())
        message.bulk.push_back(std::move(write->data));
    co_return co_await link_->call(std::move(message), deadline);
}

Task<Content> Keeper::change(Request request) {
    return ask(session_, std::move(request), deadline());
}

Task<Content> Keeper::read(Request request, base::Instant deadline) {
    if (is_connected()) {
        auto answer = co_await ask(session_, request, deadline);
        if (answer || !(answer.error().is(Code::disconnected) || answer.error().is(Code::shutting_down)))
            co_return answer;
    }
    CO_TRY_VOID(co_await connected(deadline));
    co_return co_await ask(session_, std::move(request), deadline);
}

void Keeper::forget(std::uint64_t session, HandleNumber handle) {
    if (session == session_ && is_connected()) tasks_.spawn(drop_handle(session, handle));
}

Task<void> Keeper::drop_handle(std::uint64_t session, HandleNumber handle) {
    (void)co_await ask(session, Close{handle}, deadline());
}

}  // namespace larder::remote
