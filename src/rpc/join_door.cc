#include "src/base/encoding.h"
#include "src/base/log.h"
#include "src/io/task_group.h"
#include "src/io/timeout.h"
#include "src/rpc/join.h"
#include "src/rpc/join_words.h"

namespace larder::rpc {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Subject;
using io::Message;
using io::Task;

constexpr std::size_t kJoinersAtOnce = 16;
constexpr auto kPatience = std::chrono::seconds(60);
constexpr auto kHelloPatience = std::chrono::seconds(10);

base::Error unknown() {
    return {Code::permission_denied, Subject::request, "there is no such invitation, or it was used or withdrawn"};
}

}  // namespace

// One who asks, as long as its connection lasts. Each step is taken once.
struct JoinSession {
    Secured secured;
    std::optional<KeptInvitation> invitation;
    bool has_begun = false;
    bool has_proved = false;
    std::unique_ptr<Link> link;
};

struct JoinDoor::Impl {
    Impl(io::RealEnv& w, NodeDoor& d, const base::NodeId& s, JoinRules r)
        : world(w), env(w.env()), door(d), self(s), rules(std::move(r)), tasks(env.executor) {}

    void enter(Secured secured);
    Task<void> look_after(std::unique_ptr<JoinSession> session);
    Task<Result<Message>> answer(JoinSession& session, Message request);
    Task<Result<Message>> begin(JoinSession& session, JoinBegin words);
    Task<Result<Message>> prove(JoinSession& session, JoinProve words);
    JoinContext context(const JoinSession& session) const {
        return {session.secured.binding, rules.cluster, self, session.secured.peer};
    }

    io::RealEnv& world;
    io::Env& env;
    NodeDoor& door;
    base::NodeId self;
    JoinRules rules;
    io::TaskGroup tasks;
};

void JoinDoor::Impl::enter(Secured secured) {
    if (tasks.size() >= kJoinersAtOnce) {
        base::log::warning("a machine that asks to join was turned away: too many ask at once",
                           {{"address", secured.address}});
        return;
    }
    auto session = std::make_unique<JoinSession>();
    session->secured = std::move(secured);
    tasks.spawn(look_after(std::move(session)));
}

namespace {

Task<Result<base::Error>> end_of(Link& link) {
    co_return co_await link.ended();
}

}  // namespace

Task<void> JoinDoor::Impl::look_after(std::unique_ptr<JoinSession> session) {
    auto& mine = *session;
    mine.link = std::make_unique<Link>(world, std::move(mine.secured.transport), Side::accepted,
                                       join_link_options(kHelloPatience));
    mine.link->serve([this, &mine](Message request) { return answer(mine, std::move(request)); }, {});
    mine.link->start();
    (void)co_await io::with_deadline(env.executor, env.clock, env.clock.after(kPatience), end_of(*mine.link));
}

Task<Result<Message>> JoinDoor::Impl::answer(JoinSession& session, Message request) {
    CO_TRY(auto words, decode_join(request.body));
    Result<Message> result;
    if (auto* first = std::get_if<JoinBegin>(&words)) {
        result = co_await begin(session, *first);
    } else {
        auto second = std::move(std::get<JoinProve>(words));
        result = co_await prove(session, std::move(second));
    }
    if (!result)
        base::log::warning("a machine that asks to join was refused", {{"address", session.secured.address},
                                                                       {"node", session.secured.peer.hex()},
                                                                       {"reason", result.error().message}});
    co_return result;
}

Task<Result<Message>> JoinDoor::Impl::begin(JoinSession& session, JoinBegin words) {
    if (std::exchange(session.has_begun, true)) co_return fail(unknown());
    auto found = co_await rules.find(words.invitation);
    if (!found && !found.error().is(Code::not_found)) co_return fail(found.error());
    if (!found || found->id() != words.invitation) co_return fail(unknown());
    session.invitation = std::move(*found);
    const JoinBegun begun{proof_of_cluster(context(session), session.invitation->key), env.clock.wall_now()};
    co_return Message{encode_begun(begun), {}};
}

Task<Result<Message>> JoinDoor::Impl::prove(JoinSession& session, JoinProve words) {
    if (!session.invitation || std::exchange(session.has_proved, true)) co_return fail(unknown());
    const auto signed_words = words_to_sign(context(session), words.facts);
    if (!is_signed_by(session.invitation->key, signed_words, words.signature)) co_return fail(unknown());
    if (env.clock.wall_now().ms > session.invitation->expires.ms)
        co_return fail(Code::precondition_failed, Subject::request, "this invitation ran out");
    Joiner joiner{session.secured.peer, session.invitation->id(), session.secured.address, std::move(words.facts)};
    auto welcome = co_await rules.accept(std::move(joiner));
    if (!welcome && welcome.error().is(Code::not_found)) co_return fail(unknown());
    if (!welcome) co_return fail(welcome.error());
    base::log::info("a machine joined", {{"address", session.secured.address}, {"node", session.secured.peer.hex()}});
    co_return Message{std::move(*welcome), {}};
}

JoinDoor::JoinDoor(io::RealEnv& world, NodeDoor& door, const base::NodeId& self, JoinRules rules)
    : impl_(std::make_unique<Impl>(world, door, self, std::move(rules))) {
    // Anybody may ask; what counts is proved afterwards.
    door.serve(Purpose::join, {[](const base::NodeId&) { return true; },
                               [impl = impl_.get()](Secured secured) { impl->enter(std::move(secured)); }});
}

JoinDoor::~JoinDoor() {
    impl_->door.stop_serving(Purpose::join);
    impl_->tasks.stop();
}

}  // namespace larder::rpc
