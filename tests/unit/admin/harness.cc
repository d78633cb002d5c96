#include "tests/unit/admin/harness.h"

#include "replication/cluster_rows.h"

#include <catch2/catch.hpp>

namespace larder::admin {
namespace {

namespace json = boost::json;

// One request whose answer is kept.
class KeptExchange final : public http::Exchange {
 public:
    KeptExchange(http::RequestHead head, std::string body) : head_(std::move(head)), body_(std::move(body)) {}

    const http::RequestHead& request() const override { return head_; }
    io::Task<base::Result<std::size_t>> read_some(std::span<std::byte> out) override { co_return take(out); }
    io::Task<base::Result<std::size_t>> read(std::span<std::byte> out) override { co_return take(out); }
    io::Task<base::Result<void>> respond(http::ResponseHead head, std::string body) override {
        status = head.status;
        answer = std::move(body);
        co_return base::Result<void>();
    }
    io::Task<base::Result<void>> start(http::ResponseHead, std::optional<std::uint64_t>) override { return none(); }
    io::Task<base::Result<void>> write(base::Buffer) override { return none(); }
    io::Task<base::Result<void>> write(std::string) override { return none(); }
    io::Task<base::Result<void>> finish() override { return none(); }
    void abort() override {}
    bool responded() const override { return status != 0; }
    std::uint64_t body_bytes_read() const override { return 0; }
    std::uint64_t body_bytes_written() const override { return 0; }

    int status = 0;
    std::string answer;

 private:
    static io::Task<base::Result<void>> none() { co_return base::Result<void>(); }
    std::size_t take(std::span<std::byte> out) {
        const auto n = std::min(out.size(), body_.size());
        std::copy_n(base::as_bytes(body_).begin(), n, out.begin());
        body_.erase(0, n);
        return n;
    }

    http::RequestHead head_;
    std::string body_;
};

io::Task<bool> serve(http::Handler handler, http::Exchange& exchange) {
    co_await handler(exchange);
    co_return true;
}

}  // namespace

// One that others reach, and that reaches them.
class AdminWorld::Reached final : public control::Surroundings {
 public:
    layout::History history() const override { return alone_.history(); }
    control::Task<base::Result<void>> adopt(layout::Layout next) override { return alone_.adopt(std::move(next)); }
    control::Task<base::Result<void>> give_up(std::vector<base::NodeId>, bool) override {
        co_return base::Result<void>();
    }
    void members_are(const std::vector<model::MemberRow>&) override {}
    control::Contact contact(io::NodeNumber) const override { return {true, {}, std::chrono::microseconds(31'500)}; }
    std::optional<cluster::CatchingUp> catching_up(io::NodeNumber member) const override {
        if (member != 2) return std::nullopt;
        return cluster::CatchingUp{0.25, 7200};
    }
    control::Task<base::Result<std::vector<std::uint64_t>>> partition_bytes() override {
        co_return std::vector<std::uint64_t>(layout::kDefaultPartitions, 100);
    }
    std::uint64_t bandwidth() const override { return 1000; }
    bool makes_tokens() const override { return true; }
    base::Result<control::Token> make_token(base::WallTime) override {
        control::Token out{"token", {}, {}};
        out.name.bytes.fill(++made_);
        return out;
    }

 private:
    std::uint8_t made_ = 0;
    control::Alone alone_{[]() -> control::Task<base::Result<std::uint64_t>> { co_return 0; }};
};

std::string Answer::code() const {
    const auto* error = body.if_contains("error");
    return error == nullptr ? std::string() : std::string(error->at("code").as_string());
}

std::string Answer::message() const {
    const auto* error = body.if_contains("error");
    return error == nullptr ? std::string() : std::string(error->at("message").as_string());
}

AdminWorld::AdminWorld() : surroundings_(std::make_unique<Reached>()) {
    engine::Options options;
    options.meta_folder = folder.path() + "/meta";
    options.data_folders = {folder.path() + "/data"};
    options.create = true;
    options.cluster_name = "quiet-heron";
    auto opened = world.run(engine::make_engine(world.env(), metrics, options));
    REQUIRE(opened);
    engine = std::move(*opened);
    const auto rows = [this](table::TableId id) -> table::Registers& { return engine::cluster_rows(*engine, id); };
    const control::Tables tables{rows(model::kMembers), rows(model::kInvitations), rows(model::kLayouts)};
    const auto status = world.run(engine->status());
    REQUIRE(status);
    cluster_ = std::make_unique<control::ClusterControl>(world.env(), tables, *surroundings_,
                                                         control::Identity{status->node, "quiet-heron", "1.0"});
    REQUIRE(world.run(cluster_->found({"attic", "home", 1'000'000'000, false, {"10.0.0.1:3901"}, "1.0"})));
    api_ = std::make_unique<AdminApi>(world.env(), metrics, *engine, *cluster_, AdminOptions{"1.0", "http://x", "r"});
}

AdminWorld::~AdminWorld() {
    (void)world.run(engine->close());
}

Answer AdminWorld::ask(const std::string& method, const std::string& target, const std::string& body) {
    http::RequestHead head;
    head.method = method;
    head.target = target;
    head.peer_uid = 0;
    KeptExchange exchange(std::move(head), body);
    world.run(serve(api_->local_handler(), exchange));
    Answer out;
    out.status = exchange.status;
    boost::system::error_code bad;
    const auto value = json::parse(exchange.answer, bad);
    REQUIRE_FALSE(bad);
    out.body = value.as_object();
    return out;
}

void AdminWorld::join(std::uint8_t n, const std::string& name, const std::string& zone) {
    const auto made = ask("POST", "/v1/invites", "{}");
    const auto digits = std::string(made.body.at("id").as_string().subview(0, 2));
    model::InvitationName invitation;
    invitation.bytes.fill(static_cast<std::uint8_t>(std::stoi(digits, nullptr, 16)));
    control::Joiner joiner;
    joiner.id.bytes.fill(n);
    joiner.machine = {name, zone, 1'000'000'000, false, {}, "1.0"};
    joiner.clock = world.env().clock.wall_now();
    joiner.zone_agreed = true;
    REQUIRE(world.run(cluster_->admit(invitation, joiner)));
}

}  // namespace larder::admin
