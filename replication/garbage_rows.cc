// Which content may be given up. Each replica of a row notes, with the change itself, what the row names no more; that
// is a hint. What a quorum says of the row decides, and a version that may still come to count is put aside first
// (decision 32).
#include "replication/local_engine.h"
#include "src/base/log.h"

namespace larder::engine {

namespace {

constexpr std::size_t kGarbageAtOnce = 64;
// The first replica that is there gives content up; the others see to it when it has not after so long.
constexpr std::int64_t kOthersWaitMs = 20'000;
constexpr auto kTellTime = std::chrono::seconds(2);

}  // namespace

struct LocalEngine::Noted {
    std::string key;  // in its tree
    Garbage garbage;
};

// Those of a shard's rows that come after `from`.
Result<std::vector<LocalEngine::Noted>> LocalEngine::noted_garbage(db::ShardId shard, std::string from) {
    std::vector<Noted> out;
    TRY_VOID(db_->look(shard, [&](db::Reader& reader) -> Result<void> {
        TRY(const auto cursor, reader.cursor(kGarbageTree));
        TRY_VOID(cursor->seek(from));
        while (cursor->valid() && out.size() < kGarbageAtOnce) {
            TRY(auto garbage, decode_garbage(cursor->value()));
            out.push_back({std::string(cursor->key()), std::move(garbage)});
            TRY_VOID(cursor->next());
        }
        return {};
    }));
    return out;
}

// What a Larder of one node noted: the row that named it had no other replica.
Task<Result<bool>> LocalEngine::collect_old(db::ShardId shard) {
    bool left = false;
    for (std::string from;;) {
        std::vector<std::pair<std::string, std::string>> rows;
        CO_TRY_VOID(db_->look(shard, [&](db::Reader& reader) -> Result<void> {
            TRY(const auto cursor, reader.cursor(kOldGarbageTree));
            TRY_VOID(cursor->seek(from));
            while (cursor->valid() && rows.size() < kGarbageAtOnce) {
                rows.emplace_back(cursor->key(), cursor->value());
                TRY_VOID(cursor->next());
            }
            return {};
        }));
        if (rows.empty()) co_return left;
        from = rows.back().first + '\0';
        for (const auto& [key, bytes] : rows) {
            std::vector<model::Owner> owners;
            for (std::size_t at = 0; at + model::Owner::kSize <= bytes.size(); at += model::Owner::kSize) {
                owners.push_back(*model::Owner::from(std::string_view(bytes).substr(at, model::Owner::kSize)));
            }
            const auto wanted = owners.size();
            CO_TRY(const auto gone, co_await drop_owners(std::move(owners)));
            left = left || gone.size() < wanted;
            if (gone.size() < wanted) continue;
            CO_TRY_VOID(co_await db_->commit(shard, [key](db::Writer& w) { return w.erase(kOldGarbageTree, key); }));
        }
    }
}

// One round over the garbage of every shard; true when some is left for later.
Task<Result<bool>> LocalEngine::collect_some() {
    bool left = false;
    for (db::ShardId shard = 0; shard < db_->shards(); ++shard) {
        CO_TRY(const bool old_left, co_await collect_old(shard));
        left = left || old_left;
        for (std::string from;;) {
            CO_TRY(auto noted, noted_garbage(shard, from));
            if (noted.empty()) break;
            from = noted.back().key + '\0';
            CO_TRY(const bool some_left, co_await give_up(shard, std::move(noted)));
            left = left || some_left;
        }
    }
    co_return left;
}

// Whether it is for this node to do now.
bool LocalEngine::is_mine(const Noted& noted) const {
    const auto& placement = members_->placement();
    const auto set = placement.replicas(placement.partition_of(noted.garbage.row.partition_key));
    for (const auto node : set->nodes) {
        if (node == self()) return true;
        if (node == 0 || members_->is_away(node)) continue;
        const auto changed = Tag::decode(std::string_view(noted.key).substr(0, Tag::kSize));
        return !changed || base::hybrid_ms(changed->time) + kOthersWaitMs < env_.clock.wall_now().ms;
    }
    return true;
}

// True when some is left.
Task<Result<bool>> LocalEngine::give_up(db::ShardId shard, std::vector<Noted> noted) {
    const bool alone = members_->alone();
    const auto all = noted.size();
    if (!alone) {
        std::erase_if(noted, [this](const Noted& one) { return !is_mine(one); });
        co_await put_aside(noted);
    }
    std::set<model::Owner> owners;
    for (const auto& one : noted) owners.insert(one.garbage.owners.begin(), one.garbage.owners.end());
    CO_TRY(const auto gone, co_await drop_owners({owners.begin(), owners.end()}));
    bool left = noted.size() < all;
    for (const auto& one : noted) {
        if (!std::ranges::all_of(one.garbage.owners, [&](const auto& owner) { return gone.contains(owner); })) {
            left = true;
            continue;
        }
        CO_TRY_VOID(co_await db_->commit(shard, [key = one.key](db::Writer& w) { return w.erase(kGarbageTree, key); }));
    }
    if (!alone && !gone.empty()) {
        (void)co_await ask_peers(others(), peer::GivenUp{{gone.begin(), gone.end()}}, kTellTime);
    }
    co_return left;
}

Task<Result<std::set<model::Owner>>> LocalEngine::drop_owners(std::vector<model::Owner> owners) {
    std::set<model::Owner> gone;
    for (const auto& owner : owners) {
        const auto dropped = co_await drop_owner(owner);
        if (dropped) gone.insert(owner);
        if (!dropped && members_->alone() && !dropped.error().is(Code::conflict)) co_return fail(dropped.error());
    }
    co_return gone;
}

// Leaves those of which a quorum could be asked, with the owners that may go.
Task<void> LocalEngine::put_aside(std::vector<Noted>& noted) {
    const auto one = [](LocalEngine& self, Noted& note) -> Task<void> {
        auto owners = co_await self.owners_to_drop(note.garbage);
        if (!owners) note.key.clear();
        if (owners) note.garbage.owners = std::move(*owners);
    };
    io::TaskGroup group(env_.executor);
    for (auto& note : noted) group.spawn(one(*this, note));
    co_await group.join();
    std::erase_if(noted, [](const Noted& note) { return note.key.empty(); });
}

// Makes sure that the version which named the content never counts again. It does not once a newer one is at a quorum.
// Else it may be what the row holds, and this replica had something else for a while; or a conditional write that is
// still being tried, which goes on only while the row has the version that it judged: so the row gets another.
Task<Result<std::vector<model::Owner>>> LocalEngine::owners_to_drop(Garbage garbage) {
    const auto unnamed = [&garbage](const table::Row& row) -> Result<std::vector<model::Owner>> {
        if (!row.exists()) return garbage.owners;
        TRY(const auto object, model::decode_object(row.value->row));
        const auto named = object.owners();
        std::vector<model::Owner> out;
        std::ranges::set_difference(garbage.owners, named, std::back_inserter(out));
        return out;
    };
    CO_TRY(auto now, co_await object_table_->read(garbage.row, false));
    CO_TRY(const auto owners_now, unnamed(now));
    if (owners_now.empty()) co_return owners_now;
    if (now.version <= garbage.version) {
        bool moved_on = false;
        const auto again = [&](const table::Row& current, Tag) -> Result<table::Decision> {
            now = current;
            moved_on = current.version > garbage.version;
            TRY(const auto owners, unnamed(current));
            if (moved_on || owners.empty()) return fail(Code::precondition_failed, "nothing is to be put aside");
            return table::Decision{current.value};
        };
        const auto done = co_await object_table_->update(garbage.row, again);
        if (!done && !done.error().is(Code::precondition_failed)) co_return fail(done.error());
    }
    co_return unnamed(now);
}

// Another replica has done what is noted here too.
Task<Result<io::Message>> LocalEngine::answer(peer::GivenUp ask) {
    const std::set<model::Owner> gone(ask.owners.begin(), ask.owners.end());
    for (db::ShardId shard = 0; shard < db_->shards(); ++shard) {
        for (std::string from;;) {
            CO_TRY(const auto noted, noted_garbage(shard, from));
            if (noted.empty()) break;
            from = noted.back().key + '\0';
            for (const auto& one : noted) {
                const auto& owners = one.garbage.owners;
                if (!std::ranges::all_of(owners, [&](const auto& owner) { return gone.contains(owner); })) continue;
                CO_TRY_VOID(
                    co_await db_->commit(shard, [key = one.key](db::Writer& w) { return w.erase(kGarbageTree, key); }));
            }
        }
    }
    co_return io::Message{};
}

}  // namespace larder::engine
