#include "replication/company.h"

#include "src/base/log.h"

namespace larder::engine {

namespace {

// How long a start waits for word of layouts before it says so, again and again.
constexpr auto kWaitTold = std::chrono::seconds(10);
constexpr auto kLayoutPause = std::chrono::seconds(10);

}  // namespace

// The members as the content of a cluster needs to know them. Any of them may have blocks: one that is to give its own
// up has them until others do.
class Company::Holders final : public spread::Members {
 public:
    explicit Holders(const Contacts& contacts) : contacts_(contacts) {}
    std::vector<io::NodeNumber> all() const override { return contacts_.all(); }
    std::uint64_t version() const override { return contacts_.version(); }
    std::vector<io::NodeNumber> storing() const override { return contacts_.all(); }

 private:
    const Contacts& contacts_;
};

Company::Company(io::Env& env, db::Db& db, quorum::TagSource& tags, const Contacts& contacts, const base::NodeId& self)
    : env_(env), db_(db), tags_(tags), contacts_(contacts), standing_(db) {
    cluster::KeeperOptions options;
    options.self = self;
    options.numbers = [&contacts](const base::NodeId& id) { return contacts.number_of(id); };
    options.peers = [&contacts] { return contacts.all(); };
    keeper_ = std::make_unique<cluster::LayoutKeeper>(env, standing_, tags, std::move(options));
    holders_ = std::make_unique<Holders>(contacts);
}

io::Task<base::Result<void>> Company::open(table::Replica& replica, table::RowStore& rows, std::uint32_t boot,
                                           std::optional<layout::Layout> first) {
    sync_ = std::make_unique<table::Sync>(env_, rows, replica);
    mover_ = std::make_unique<table::Mover>(env_, *keeper_, replica, *sync_, tags_, table::MoverOptions{});
    reconciler_ =
        std::make_unique<table::Reconciler>(env_, *keeper_, replica, *sync_, tags_, table::ReconcilerOptions{});
    CO_TRY_VOID(co_await keeper_->open(replica, boot));
    if (first && keeper_->history().live.empty()) CO_TRY_VOID(co_await keeper_->found(std::move(*first)));
    auto told = env_.clock.now();
    for (std::uint64_t seen = 0; !keeper_->is_ready();) {
        seen = co_await keeper_->changed(seen, std::chrono::seconds(1));
        if (env_.clock.now() - told < kWaitTold) continue;
        told = env_.clock.now();
        base::log::warning("this node waits for other members before it serves", {{"members", contacts_.all().size()}});
    }
    co_return base::Result<void>();
}

void Company::start(io::TaskGroup& tasks) {
    tasks.spawn(mover_->run());
    tasks.spawn(reconciler_->run());
    content_->start();
    tasks.spawn(follow_layouts());
}

io::Task<base::Result<std::unique_ptr<block::BlockStore>>> Company::open_blocks(base::Metrics& metrics,
                                                                                block::StoreOptions options) {
    const spread::World world{env_, metrics, *keeper_, *holders_, &contacts_.distances(), keeper_.get()};
    CO_TRY(auto content, co_await spread::SpreadStore::open(world, db_, std::move(options), spread::Options{}));
    content_ = content.get();
    co_return std::unique_ptr<block::BlockStore>(std::move(content));
}

io::Task<void> Company::follow_layouts() {
    auto epoch = keeper_->epoch();
    auto members = contacts_.version();
    for (std::uint64_t seen = 0;;) {
        seen = co_await keeper_->changed(seen, kLayoutPause);
        if (keeper_->epoch() == epoch && contacts_.version() == members) continue;
        epoch = keeper_->epoch();
        members = contacts_.version();
        content_->layout_changed();
    }
}

}  // namespace larder::engine
