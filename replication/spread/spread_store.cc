#include "replication/spread/spread_store.h"

#include "replication/spread/reader.h"
#include "replication/spread/writer.h"

namespace larder::spread {

using base::Buffer;
using base::Code;
using base::Result;
using base::Subject;
using block::VerifyReport;

namespace {

constexpr auto kLookPause = std::chrono::minutes(5);

class Store final : public SpreadStore {
 public:
    Store(World world, std::unique_ptr<block::LocalBlocks> local, Options options)
        : options_(std::move(options)),
          local_(std::move(local)),
          holding_(world.placement),
          gate_(world.env.executor),
          arrivals_(world.env.executor),
          context_{world.env, *local_, holding_, world.members, world.distances, world.epochs, arrivals_, options_},
          fetcher_(context_, world.metrics),
          server_(context_, fetcher_, gate_),
          debts_(context_, world.metrics),
          writer_(context_, fetcher_, debts_),
          reader_(context_, world.metrics),
          dropper_(context_, server_, debts_),
          orphans_(context_, server_, dropper_),
          resync_(context_, fetcher_, world.metrics),
          scrub_(context_, fetcher_) {
        server_.vouch_by([this] { return resync_.whole(); });
        server_.on_look([this] { resync_.wake(); });
        if (!local_->recovered_owners().empty()) resync_.distrust();
        resync_.on_whole([this] { return became_whole(); });
    }

    void start() override {
        resync_.start();
        scrub_.start();
    }

    io::Task<Result<Hash256>> put(Buffer plain, Owner owner, std::optional<Hash256> expected, bool trusted) override {
        if (alone()) return put_here(std::move(plain), owner, expected, trusted);
        return put_everywhere(std::move(plain), owner, expected, trusted);
    }

    io::Task<Result<Buffer>> get(Hash256 name, std::uint64_t offset, std::uint64_t length) override {
        if (alone()) return local_->get(name, offset, length);
        return get_anywhere(name, offset, length);
    }

    io::Task<Result<void>> add_references(std::vector<Hash256> names, Owner owner) override {
        if (alone()) return refer_here(std::move(names), owner);
        return writer_.refer(std::move(names), owner);
    }

    // Of a cluster, none: what a rebuild did not find is compared with other nodes first, and owners that nobody knows
    // are orphans then.
    std::vector<Owner> recovered_owners() const override {
        return alone() ? local_->recovered_owners() : std::vector<Owner>();
    }

    io::Task<Result<void>> accept_recovery() override {
        if (alone()) resync_.vouch();
        if (resync_.whole()) co_return co_await local_->accept_recovery();
        co_return Result<void>();  // became_whole() does
    }

    io::Task<Result<void>> drop_references(Owner owner) override {
        const auto drop = co_await dropper_.drop({owner});
        if (drop.done()) co_return Result<void>();
        co_return base::fail(Code::conflict, Subject::block, drop.why);
    }

    std::unique_ptr<block::Lease> lease(std::vector<Owner> owners) override { return local_->lease(std::move(owners)); }
    block::StoreStatus status() const override { return local_->status(); }
    io::Task<Result<std::uint64_t>> reclaim(base::Instant deadline) override { return local_->reclaim(deadline); }
    io::Task<Result<VerifyReport>> verify() override { return local_->verify(); }

    io::Task<Result<void>> close() override {
        resync_.stop();
        scrub_.stop();
        debts_.stop();
        co_await writer_.idle();
        co_return co_await local_->close();
    }

    ReadGate& gate() override { return gate_; }
    io::Task<Drop> drop_everywhere(std::vector<Owner> owners) override { return dropper_.drop(std::move(owners)); }
    void set_book(OwnerBook* book) override { server_.set_book(book); }
    io::Task<Result<Orphans::Report>> collect_orphans() override { return orphans_.collect(); }
    void layout_changed() override { resync_.wake(); }
    void distrust() override {
        resync_.distrust();
        resync_.wake();
    }
    Resync& resync() override { return resync_; }
    Scrub& scrub() override { return scrub_; }
    io::Task<void> settle() override { return writer_.idle(); }
    std::size_t owed() const override { return debts_.size(); }

 private:
    // Looked at once for each layout: it is asked for every block.
    bool alone() const {
        if (alone_epoch_ != holding_.epoch()) {
            alone_epoch_ = holding_.epoch();
            alone_ = holding_.alone(context_.self());
        }
        return alone_;
    }

    // Let in as what comes from others is: a layout with more holders waits for it.
    io::Task<Result<Hash256>> put_here(Buffer plain, Owner owner, std::optional<Hash256> expected, bool trusted) {
        const auto arriving = arrivals_.enter();
        co_return co_await local_->put(std::move(plain), owner, expected, trusted);
    }

    io::Task<Result<void>> refer_here(std::vector<Hash256> names, Owner owner) {
        const auto arriving = arrivals_.enter();
        co_return co_await local_->add_references(std::move(names), owner);
    }

    io::Task<Result<Hash256>> put_everywhere(Buffer plain, Owner owner, std::optional<Hash256> expected, bool trusted) {
        const auto bytes = static_cast<std::uint32_t>(plain.size());
        if (expected && trusted) {
            CO_TRY(const auto known, co_await known_already({owner, *expected, bytes}));
            if (known) co_return *expected;
        }
        CO_TRY(auto packed, co_await local_->pack_block(std::move(plain), owner, expected, trusted));
        const auto name = packed.header.name;
        if (!expected || !trusted) {
            CO_TRY(const auto known, co_await known_already({owner, name, bytes}));
            if (known) co_return name;
        }
        CO_TRY_VOID(co_await writer_.store(std::move(packed)));
        co_return name;
    }

    // A block that this node has is likely to be where it belongs: then it need not travel. Each holder looks at its
    // copy before it relies on it.
    io::Task<Result<bool>> known_already(block::Reference reference) {
        CO_TRY(const auto here, local_->contains(reference.name));
        if (!here) co_return false;
        co_return co_await writer_.offer(reference);
    }

    io::Task<Result<Buffer>> get_anywhere(Hash256 name, std::uint64_t offset, std::uint64_t length) {
        auto here = co_await local_->get(name, offset, length);
        if (here || here.error().code == Code::invalid_argument) co_return here;
        if (here.error().code == Code::not_found) {
            if (holding_.of(name).has(context_.self())) missed();
        } else {
            fetcher_.mend_later(name);
        }
        co_return co_await reader_.read(name, offset, length);
    }

    // It ought to be here: that is looked into, but not for every read.
    void missed() {
        const auto now = context_.env.clock.now();
        if (now < look_again_) return;
        look_again_ = now + kLookPause;
        resync_.wake();
    }

    io::Task<void> became_whole() {
        const auto accepted = co_await local_->accept_recovery();
        if (!accepted) resync_.distrust();
    }

    Options options_;
    std::unique_ptr<block::LocalBlocks> local_;
    Holding holding_;
    ReadGate gate_;
    ReadGate arrivals_;
    Context context_;
    Fetcher fetcher_;
    Server server_;
    Debts debts_;
    Writer writer_;
    Reader reader_;
    Dropper dropper_;
    Orphans orphans_;
    Resync resync_;
    Scrub scrub_;
    mutable std::optional<quorum::Epoch> alone_epoch_;
    mutable bool alone_ = false;
    base::Instant look_again_;
};

}  // namespace

std::unique_ptr<SpreadStore> SpreadStore::make(World world, std::unique_ptr<block::LocalBlocks> local,
                                               Options options) {
    return std::make_unique<Store>(world, std::move(local), std::move(options));
}

io::Task<Result<std::unique_ptr<SpreadStore>>> SpreadStore::open(World world, db::Db& db, block::StoreOptions store,
                                                                 Options options) {
    CO_TRY(auto local, co_await block::LocalBlocks::open(world.env, db, world.metrics, std::move(store)));
    co_return make(world, std::move(local), std::move(options));
}

}  // namespace larder::spread
