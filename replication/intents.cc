// Large writes that were cut off: what they have stored and no row names is given up.
#include "replication/local_engine.h"
#include "src/base/log.h"

namespace larder::engine {

namespace {

constexpr auto kAskTime = std::chrono::seconds(5);

// Whether it stands for the end of an upload, not for content.
bool is_end(const model::Intent& intent) {
    return !intent.upload.is_zero() && intent.part == 0;
}

}  // namespace

// Of earlier boots, if the node is this one: those writes are dead for certain. Of another node: all, for it is no
// member any more (take_over).
Task<Result<void>> LocalEngine::finish_intents(io::NodeNumber node) {
    std::vector<std::pair<model::Owner, model::Intent>> dead;
    CO_TRY_VOID(co_await collect_rows(
        model::intents_of(node),
        [&](table::RangeEntry& entry) {
            const auto owner = model::Owner::from(entry.sort_key);
            const auto intent = model::decode_intent(entry.row);
            const bool over = intent && (node != self() || intent->boot != boot_);
            if (owner && over) dead.emplace_back(*owner, *intent);
        },
        *intent_rows_));
    // Ends of uploads first: parts are judged by them.
    std::partition(dead.begin(), dead.end(), [](const auto& entry) { return is_end(entry.second); });
    Result<void> outcome;
    for (const auto& [owner, intent] : dead) {
        // One that cannot be finished keeps its content, and no node from starting.
        if (const auto done = co_await finish_intent(owner, intent); !done) {
            base::log::warning("a write that was cut off could not be cleaned up; it is tried again later",
                               {{"reason", done.error().message}});
            if (!members_->alone()) outcome = done;
            continue;
        }
        co_await forget_intent_of(node, owner);
    }
    co_return outcome;
}

// What of the write may still be on its way to replicas is refused from here on, or stays below what they hold.
Task<Result<void>> LocalEngine::confirm(table::Coordinator& rows, table::RowKey key) {
    if (members_->alone()) co_return Result<void>();
    const auto done = co_await rows.confirm(std::move(key));
    if (!done) co_return fail(done.error());
    co_return Result<void>();
}

Task<Result<void>> LocalEngine::finish_intent(model::Owner owner, model::Intent intent) {
    if (is_end(intent)) {
        const auto settled = co_await settle_upload(intent.bucket, intent.key, intent.upload);
        if (!settled && settled.error().code != Code::not_found) co_return settled;
    }
    if (!intent.upload.is_zero()) {
        auto open = co_await find_open_upload(intent.bucket, intent.key, intent.upload);
        if (!open && open.error().code != Code::not_found) co_return fail(open.error());
        if (!open) CO_TRY_VOID(co_await clear_parts(intent.bucket, intent.key, intent.upload));
        if (is_end(intent)) co_return Result<void>();
        const auto place = model::part_row(intent.upload, static_cast<int>(intent.part), owner);
        CO_TRY_VOID(co_await confirm(*part_rows_, place));
        CO_TRY(const auto row, co_await part_rows_->read(place, false));
        if (row.exists()) co_return Result<void>();
    }
    if (const auto state = bucket_state(intent.bucket)) {
        CO_TRY_VOID(co_await confirm(*object_table_, object_row(*state, intent.key)));
    }
    const auto found = co_await find_object(intent.bucket, intent.key, false);
    if (!found && found.error().code != Code::not_found) co_return fail(found.error());
    const auto owners = found ? found->object.owners() : std::vector<model::Owner>();
    if (std::find(owners.begin(), owners.end(), owner) != owners.end()) co_return Result<void>();
    co_return co_await drop_owner(owner);
}

// Its writes are over once no member takes them any more: then nothing that it began can come to count behind the back
// of who cleans up.
Task<Result<void>> LocalEngine::take_over(io::NodeNumber node) {
    const auto& members = members_->all();
    if (node == self() || std::ranges::find(members, node) != members.end()) {
        co_return fail(Code::invalid_argument, Subject::node, "the node is a member: remove it first");
    }
    const auto peers = others();
    const auto answered = co_await ask_peers(peers, peer::ShutOut{node}, kAskTime);
    if (answered.size() < peers.size()) {
        co_return fail(Code::quorum_not_reached, Subject::node,
                       "not every member knows yet that node " + std::to_string(node) + " is removed");
    }
    CO_TRY_VOID(co_await undo_deletions(node));
    co_return co_await finish_intents(node);
}

Task<Result<io::Message>> LocalEngine::answer(peer::ShutOut ask) {
    const auto& members = members_->all();
    if (std::ranges::find(members, ask.node) != members.end()) {
        co_return fail(Code::conflict, Subject::node, "the node is still a member here");
    }
    co_return io::Message{};
}

}  // namespace larder::engine
