#include "tests/unit/spread/model.h"

#include <algorithm>

namespace larder::spread {

namespace {

using Layout = TestPlacement::Layout;

constexpr std::uint64_t kKeys = 6;
constexpr int kActs = 250;

}  // namespace

// What a node's rows name comes to it late, but for a majority; what is under way is known at once.
class Model::Book final : public OwnerBook {
 public:
    using Owners = std::vector<base::UploadId>;
    Book(Model& model, io::NodeNumber node) : model_(model), node_(node) {}
    io::Task<base::Result<Owners>> under_way(Owners owners) override {
        return model_.ablation_.rows_first ? of_rows(std::move(owners)) : of_writes(std::move(owners));
    }
    io::Task<base::Result<Owners>> in_rows(Owners owners) override {
        return model_.ablation_.rows_first ? of_writes(std::move(owners)) : of_rows(std::move(owners));
    }

 private:
    // To look takes its time.
    io::Task<void> look() { return model_.cluster_.node(node_).clock.sleep_for(model_.some_time(300)); }
    io::Task<base::Result<Owners>> of_writes(Owners owners) {
        co_await look();
        std::erase_if(owners, [this](const Owner& owner) {
            return !model_.under_way_[node_].contains(owner) && !model_.intents_.contains(owner);
        });
        co_return owners;
    }
    io::Task<base::Result<Owners>> of_rows(Owners owners) {
        co_await look();
        std::erase_if(owners, [this](const Owner& owner) { return !model_.seen_[node_].names.contains(owner); });
        co_return owners;
    }

    Model& model_;
    io::NodeNumber node_;
};

Model::Model(std::uint64_t seed, Ablation ablation) : ablation_(ablation), cluster_(seed % 2 == 0 ? 3 : 5, seed) {
    cluster_.links.loss = chance(0.5) ? 0 : 0.02;
    cluster_.links.duplication = chance(0.5) ? 0 : 0.02;
    auto& options = cluster_.options;
    options.store_timeout = std::chrono::seconds(3);
    options.read_timeout = std::chrono::seconds(2);
    options.ask_timeout = std::chrono::seconds(2);
    options.look_period = std::chrono::minutes(1);
    options.scrub_period = std::chrono::minutes(1);
    options.behind_bytes = chance(0.5) ? 4000 : 64u << 20;
    options.debts_max = chance(0.5) ? 3 : 1000;
    options.page_references = 1 + below(20);
    if (cluster_.size() == 5) cluster_.set_layouts({{{1, 2, 3, 4}, 3}});
    for (const auto number : cluster_.members.nodes) {
        books_[number] = std::make_unique<Book>(*this, number);
        down(number);
        up(number);
    }
}

Model::~Model() = default;

std::string Model::content(std::uint64_t number) {
    return bytes_of(number, 500 + 300 * number);
}

void Model::up(io::NodeNumber number) {
    if (cluster_.is_up(number)) return;
    cluster_.start(number);
    cluster_.store(number).set_book(books_[number].get());
    cluster_.store(number).start();
    // Its writes of before are dead: what no row names is given up.
    std::erase_if(intents_, [&](const auto& intent) {
        if (intent.second != number) return false;
        const auto names = [&intent](const auto& row) { return row.second.owner == intent.first; };
        if (std::ranges::none_of(rows_, names)) garbage_.insert(intent.first);
        return true;
    });
}

void Model::down(io::NodeNumber number) {
    cluster_.kill(number);
    under_way_[number].clear();
}

Owner Model::begin(io::NodeNumber at) {
    const auto made = owner(++owners_);
    under_way_[at].insert(made);
    // The intent is written beside the first blocks: a node may die before it is there.
    if (chance(0.5)) intents_[made] = at;
    return made;
}

void Model::end(io::NodeNumber at, Owner owner, bool kept) {
    if (!kept) garbage_.insert(owner);
    intents_.erase(owner);
    under_way_[at].erase(owner);
}

void Model::tell_nodes(Owner owner, bool named) {
    std::size_t majority = cluster_.size() / 2 + 1;
    const auto first = below(cluster_.size());
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
        const auto number = static_cast<io::NodeNumber>(1 + (first + i) % cluster_.size());
        const auto tell = [this, number, owner, named] {
            // A row's newer version may come before the older one.
            auto& [names, let_go] = seen_[number];
            if (!named) let_go.insert(owner);
            if (named && !let_go.contains(owner)) names.insert(owner);
            if (!named) names.erase(owner);
        };
        if (i < majority) {
            tell();
        } else {
            cluster_.world.at(cluster_.world.now + some_time(5000).count(), 0, tell);
        }
    }
}

void Model::commit(std::uint64_t key, std::optional<Row> row) {
    if (const auto before = rows_.find(key); before != rows_.end()) {
        garbage_.insert(before->second.owner);
        tell_nodes(before->second.owner, false);
        rows_.erase(before);
    }
    if (!row) return;
    tell_nodes(row->owner, true);
    rows_[key] = std::move(*row);
}

io::Task<void> Model::put(io::NodeNumber at) {
    auto& life = cluster_.node(at);
    Row row{begin(at), {}};
    bool stored = true;
    for (auto count = 1 + below(3); count > 0 && stored; --count) {
        row.contents.push_back(below(kContents));
        const auto bytes = content(row.contents.back());
        const bool trusted = chance(0.5);
        const auto put = co_await life.store->put(base::Buffer::copy_of(bytes), row.owner,
                                                  trusted ? std::optional(base::sha256(bytes)) : std::nullopt, trusted);
        stored = put.has_value();
        co_await life.clock.sleep_for(some_time(100));
    }
    if (stored) {
        intents_[row.owner] = at;
        co_await life.clock.sleep_for(some_time(20));
        commit(below(kKeys), row);
        co_await life.clock.sleep_for(some_time(20));
    }
    end(at, row.owner, stored);
}

io::Task<void> Model::read_row(io::NodeNumber at, std::uint64_t key, std::optional<Row>& out,
                               std::unique_ptr<block::Lease>& lease) {
    auto& life = cluster_.node(at);
    auto pass = life.store->gate().enter();
    if (ablation_.no_gate) pass = ReadGate::Pass();
    co_await life.clock.sleep_for(some_time(200));
    const auto found = rows_.find(key);
    if (found != rows_.end()) out = found->second;
    co_await life.clock.sleep_for(some_time(200));
    if (out && !ablation_.no_lease) lease = life.store->lease({out->owner});
}

io::Task<void> Model::copy(io::NodeNumber at) {
    auto& life = cluster_.node(at);
    std::optional<Row> source;
    std::unique_ptr<block::Lease> lease;
    co_await read_row(at, below(kKeys), source, lease);
    if (!source) co_return;
    Row row{begin(at), source->contents};
    std::vector<base::Hash256> names;
    for (const auto number : row.contents) names.push_back(name(number));
    const auto referred = co_await life.store->add_references(names, row.owner);
    if (!referred && referred.error().code == base::Code::not_found) wrong("a block that is leased is not there");
    if (referred) {
        intents_[row.owner] = at;
        co_await life.clock.sleep_for(some_time(20));
        commit(below(kKeys), row);
        co_await life.clock.sleep_for(some_time(20));
    }
    end(at, row.owner, referred.has_value());
}

io::Task<void> Model::read(io::NodeNumber at) {
    auto& life = cluster_.node(at);
    std::optional<Row> row;
    std::unique_ptr<block::Lease> lease;
    co_await read_row(at, below(kKeys), row, lease);
    if (!row) co_return;
    for (const auto number : row->contents) {
        const auto bytes = content(number);
        const auto offset = below(bytes.size());
        const auto length = below(bytes.size() - offset + 1);
        const auto data = co_await life.store->get(base::sha256(bytes), offset, length);
        if (data && data->chars() != std::string_view(bytes).substr(offset, length)) wrong("other bytes were read");
        if (!data && data.error().code == base::Code::not_found) {
            wrong("content " + std::to_string(number) + " is gone while it is read at node " + std::to_string(at));
        }
        co_await life.clock.sleep_for(some_time(3000));
    }
}

io::Task<void> Model::collect(io::NodeNumber at) {
    const std::vector<Owner> owners(garbage_.begin(), garbage_.end());
    if (ablation_.no_barrier) {
        for (const auto& owner : owners) {
            for (io::NodeNumber number = 1; number <= cluster_.size(); ++number) {
                const auto references = cluster_.shelf(number).references();
                for (const auto& r : references) {
                    if (r.owner == owner) cluster_.shelf(number).blocks.erase(r.name);
                }
            }
        }
    }
    const auto drop = co_await cluster_.store(at).drop_everywhere(owners);
    for (const auto& owner : owners) garbage_.erase(owner);
    garbage_.insert(drop.left.begin(), drop.left.end());
}

io::Task<void> Model::collect_orphans(io::NodeNumber at) {
    (void)co_await cluster_.store(at).collect_orphans();
}

void Model::act() {
    const auto at = any_node();
    if (!cluster_.is_up(at)) return;
    auto& tasks = cluster_.node(at).tasks;
    const auto what = below(20);
    if (what < 7) {
        tasks.spawn(put(at));
    } else if (what < 9) {
        tasks.spawn(copy(at));
    } else if (what < 14) {
        tasks.spawn(read(at));
    } else if (what < 16) {
        commit(below(kKeys), std::nullopt);
        tasks.spawn(collect(at));
    } else if (what < 18) {
        tasks.spawn(collect(at));
    } else {
        tasks.spawn(collect_orphans(at));
    }
}

bool Model::everybody_is_up() const {
    return std::ranges::all_of(cluster_.members.nodes, [this](auto number) { return cluster_.is_up(number); });
}

std::size_t Model::good_copies(std::uint64_t number, io::NodeNumber but) const {
    auto nodes = cluster_.have(content(number));
    nodes.erase(but);
    return static_cast<std::size_t>(std::ranges::count_if(
        nodes, [&](auto node) { return const_cast<Cluster&>(cluster_).shelf(node).is_good(name(number)); }));
}

// Never the last good copies.
void Model::rot() {
    const auto number = below(kContents);
    const auto nodes = cluster_.have(content(number));
    if (nodes.empty() || good_copies(number) < 3) return;
    const auto place = static_cast<std::ptrdiff_t>(below(nodes.size()));
    cluster_.shelf(*std::next(nodes.begin(), place)).rot(name(number));
}

void Model::lose_disk() {
    if (disk_lost_ || !everybody_is_up()) return;
    const auto lost = any_node();
    for (std::uint64_t number = 0; number < kContents; ++number) {
        if (!cluster_.have(content(number)).empty() && good_copies(number, lost) < 2) return;
    }
    disk_lost_ = true;
    down(lost);
    cluster_.shelf(lost) = {};
    up(lost);
    cluster_.store(lost).distrust();
}

// From nodes 1 to 4 to nodes 2 to 5, by way of both; the old layout ends when everybody has what it ought to have.
void Model::move_layout() {
    if (cluster_.size() != 5 || layout_ == 2 || !everybody_is_up()) return;
    const Layout old{{1, 2, 3, 4}, 3};
    const Layout fresh{{2, 3, 4, 5}, 3};
    if (layout_ == 0) {
        layout_ = 1;
        // One learns of it; the others hear of it with the next message, or soon.
        cluster_.set_layouts_at(static_cast<io::NodeNumber>(1 + below(5)), {old, fresh});
        return;
    }
    for (const auto number : cluster_.members.nodes) {
        if (cluster_.node(number).placement.epoch() != cluster_.placement.epoch()) {
            cluster_.node(number).placement = cluster_.placement;
            cluster_.store(number).layout_changed();
        }
        if (cluster_.store(number).resync().complete_epoch() != cluster_.placement.epoch()) return;
    }
    layout_ = 2;
    cluster_.set_layouts({fresh});
}

void Model::disturb() {
    const auto number = any_node(), other = any_node();
    const auto what = below(12);
    if (what < 2) {
        down(number);
    } else if (what < 6) {
        up(number);
    } else if (what < 7 && number != other) {
        cluster_.links.cut.insert({number, other});
    } else if (what < 9) {
        cluster_.heal();
    } else if (what < 10) {
        rot();
    } else if (what < 11) {
        lose_disk();
    } else {
        move_layout();
    }
}

std::string Model::live() {
    for (int i = 0; i < kActs && verdict_.empty(); ++i) {
        act();
        if (chance(0.25)) disturb();
        cluster_.pass(some_time(400));
    }
    make_well();
    for (int i = 0; i < 60 && verdict_.empty(); ++i) {
        if (is_well()) return {};
        cluster_.pass(std::chrono::seconds(10));
        const auto at = any_node();
        cluster_.run(at, cluster_.store(at).collect_orphans());
        if (!garbage_.empty()) cluster_.node(at).tasks.spawn(collect(at));
        move_layout();
    }
    return verdict_.empty() ? "it does not become well: " + state() : verdict_;
}

void Model::make_well() {
    cluster_.heal();
    cluster_.links.loss = 0;
    cluster_.links.duplication = 0;
    for (const auto number : cluster_.members.nodes) {
        up(number);
        cluster_.node(number).placement = cluster_.placement;
        cluster_.store(number).layout_changed();
    }
    // What is being read and written comes to its end.
    cluster_.pass(std::chrono::minutes(1));
}

}  // namespace larder::spread
