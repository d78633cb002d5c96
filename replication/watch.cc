// What changes, for those who watch. A node logs what its replica takes; a bucket whose rows lie elsewhere is watched
// at its replicas, in so many logs that no acknowledged write can be missing from all of them.
#include "replication/local_engine.h"

namespace larder::engine {

namespace {

constexpr std::size_t kChangesKept = 65'536;
constexpr auto kWaitMax = std::chrono::seconds(30);
constexpr auto kFirstTime = std::chrono::seconds(5);
constexpr auto kTravelTime = std::chrono::seconds(2);

// Places to go on from: "node:boot.sequence" of each log, with commas between.
using Places = std::map<io::NodeNumber, std::string>;

std::string text_of(const Places& places) {
    std::string out;
    for (const auto& [node, place] : places) {
        if (!out.empty()) out += ',';
        out += std::to_string(node) + ':' + place;
    }
    return out;
}

struct Moment {
    unsigned boot = 0;
    unsigned long long sequence = 0;
};

std::optional<Moment> moment_of(const std::string& place) {
    Moment out;
    char rest = 0;
    if (std::sscanf(place.c_str(), "%u.%llu%c", &out.boot, &out.sequence, &rest) != 2) return std::nullopt;
    return out;
}

// A place without a node was given before logs had one: it is too old wherever it comes to.
Result<Places> places_of(const std::string& text) {
    Places places;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find(',', at), text.size());
        const auto one = text.substr(at, end - at);
        const auto colon = one.find(':');
        const auto place = colon == std::string::npos ? one : one.substr(colon + 1);
        unsigned node = 0;
        const bool named = colon != std::string::npos && std::sscanf(one.c_str(), "%u:", &node) == 1;
        if (!moment_of(place) || (colon != std::string::npos && !named)) {
            return fail(Code::invalid_argument, Subject::request, "a place to watch from was not given by a node");
        }
        places[node] = place;
        at = end + 1;
    }
    return places;
}

}  // namespace

void LocalEngine::object_changed(const table::RowKey& key, const table::StoredRow& after) {
    const auto bucket = BucketId::from(std::string_view(key.partition_key).substr(0, BucketId::kSize));
    if (!bucket) return;
    if (after.tombstone) note_tombstone(model::kObjects, key);
    tell({*bucket, key.sort_key, after.version, after.tombstone});
    if (garbage_wake_) garbage_wake_->set(io::Done{});
}

void LocalEngine::tell(ChangeEvent event) {
    changes_.push_back({++change_sequence_, std::move(event)});
    if (changes_.size() > kChangesKept) changes_.pop_front();
    for (auto& watcher : std::exchange(watchers_, {})) watcher.set(io::Done{});
}

Task<Result<ChangePage>> LocalEngine::watch(BucketId bucket, std::string prefix, std::string since,
                                            base::Instant deadline) {
    CO_TRY(auto places, places_of(since));
    if (!holds(bucket)) co_return co_await watch_replicas({bucket, std::move(prefix), std::move(since), 0}, deadline);
    const auto mine = places.find(self());
    // A place in the log of another node says nothing of this one.
    if (!places.empty()) since = mine == places.end() ? "0.0" : mine->second;
    CO_TRY(auto page, co_await watch_here({bucket, std::move(prefix), std::move(since), 0}, deadline));
    page.next = text_of({{self(), page.next}});
    co_return page;
}

bool LocalEngine::holds(const BucketId& bucket) const {
    if (members_->alone()) return true;
    const auto& placement = members_->placement();
    const auto set = placement.replicas(placement.partition_of(model::index_shard(bucket, 0)));
    return set->has(self());
}

Task<Result<ChangePage>> LocalEngine::watch_here(peer::Watch ask, base::Instant deadline) {
    // The log lives as long as the process, so a place of another boot is too old.
    const auto place = [this](std::uint64_t sequence) {
        return std::to_string(boot_) + "." + std::to_string(sequence);
    };
    ChangePage page;
    const auto since = ask.since.empty() ? Moment{boot_, change_sequence_} : moment_of(ask.since).value_or(Moment{});
    const auto oldest = changes_.empty() ? change_sequence_ : changes_.front().sequence - 1;
    if (since.boot != boot_ || since.sequence < oldest) {
        page.missed = true;
        page.next = place(change_sequence_);
        co_return page;
    }
    auto after = since.sequence;
    for (;;) {
        // One change a number, without gaps.
        const auto oldest_kept = changes_.empty() ? 0 : changes_.front().sequence;
        for (std::size_t at = after < oldest_kept ? 0 : after - oldest_kept + 1; at < changes_.size(); ++at) {
            const auto& event = changes_[at].event;
            if (event.bucket == ask.bucket && event.key.starts_with(ask.prefix)) page.events.push_back(event);
        }
        after = change_sequence_;
        if (!page.events.empty() || env_.clock.now() >= deadline) break;
        io::Promise<io::Done> woken(env_.executor);
        watchers_.push_back(woken);
        const auto timer = env_.clock.call_at(deadline, [woken] { woken.set(io::Done{}); });
        co_await woken.future();
        env_.clock.cancel(timer);
    }
    page.next = place(after);
    co_return page;
}

Task<Result<io::Message>> LocalEngine::answer(peer::Watch ask) {
    if (!holds(ask.bucket)) co_return fail(Code::not_found, Subject::bucket, "the bucket's rows do not lie here");
    const auto wait = std::min<base::Duration>(std::chrono::milliseconds(ask.wait_ms), kWaitMax);
    CO_TRY(const auto page, co_await watch_here(std::move(ask), env_.clock.after(wait)));
    co_return io::Message{peer::encode_page(page), {}};
}

// What the replicas' logs say, until one of them has something new.
struct LocalEngine::Listening {
    explicit Listening(io::Executor& executor) : told(executor), calls(executor) {}
    std::map<io::NodeNumber, ChangePage> pages;
    std::size_t asked = 0;
    std::size_t over = 0;
    io::Promise<io::Done> told;
    io::TaskGroup calls;
};

Task<void> LocalEngine::listen_to(io::NodeNumber node, peer::Watch ask, Listening& all) {
    const auto patience = std::chrono::milliseconds(ask.wait_ms) + kTravelTime;
    const auto answer = co_await ask_peer(node, std::move(ask), patience);
    ++all.over;
    auto page = answer ? peer::decode_page(answer->body) : Result<ChangePage>(fail(answer.error()));
    const bool news = page && (page->missed || !page->events.empty());
    if (page) all.pages[node] = std::move(*page);
    if (news || all.over == all.asked) all.told.set(io::Done{});
}

// A log that has lost what came since its place begins anew; what it lost is in the logs of the others, provided that
// enough of them have answered in the same round.
Task<Result<ChangePage>> LocalEngine::watch_replicas(peer::Watch ask, base::Instant deadline) {
    const auto& placement = members_->placement();
    const auto set = placement.replicas(placement.partition_of(model::index_shard(ask.bucket, 0)));
    CO_TRY(auto places, places_of(ask.since));
    std::erase_if(places, [&](const auto& one) { return !set->has(one.first); });
    const bool begins = ask.since.empty();
    ChangePage out;
    Listening all(env_.executor);
    all.asked = set->nodes.size();
    for (const auto node : set->nodes) {
        const auto known = places.find(node);
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - env_.clock.now()).count();
        auto wait = known == places.end() ? 0 : std::clamp<std::int64_t>(left, 0, 30'000);
        ask.since = known == places.end() ? "" : known->second;
        ask.wait_ms = static_cast<std::uint32_t>(wait);
        all.calls.spawn(listen_to(node, ask, all));
    }
    const auto patience = std::max(deadline, env_.clock.after(kFirstTime));
    const auto timer = env_.clock.call_at(patience, [told = all.told] { told.set(io::Done{}); });
    co_await all.told.future();
    const auto went_on = [&](std::uint32_t at) {
        const auto page = all.pages.find(set->nodes[at]);
        return page != all.pages.end() && !page->second.missed && places.contains(set->nodes[at]);
    };
    const bool gap = std::ranges::any_of(
        all.pages, [&](const auto& one) { return places.contains(one.first) && one.second.missed; });
    // Those that were about to answer tell whether a gap matters.
    if (gap && !set->reached(went_on) && all.over < all.asked) co_await all.calls.join();
    env_.clock.cancel(timer);
    if (begins && !set->reached([&](auto at) { return all.pages.contains(set->nodes[at]); })) {
        co_return fail(Code::quorum_not_reached, Subject::bucket, "too few replicas of the bucket answered");
    }
    const bool followed = set->reached([&](auto at) { return places.contains(set->nodes[at]); });
    out.missed = !begins && (!followed || (gap && !set->reached(went_on)));
    std::set<std::pair<std::string, Tag>> seen;
    for (auto& [node, page] : all.pages) {
        places[node] = page.next;
        for (auto& event : page.events) {
            if (!out.missed && seen.emplace(event.key, event.version).second) out.events.push_back(std::move(event));
        }
    }
    out.next = text_of(places);
    co_return out;
}

}  // namespace larder::engine
