#include "replication/spread/writer.h"

#include <algorithm>
#include <map>

namespace larder::spread {

using base::Code;
using base::Error;
using base::Result;
using base::Subject;

namespace {

constexpr int kAttempts = 3;  // while layouts change

}  // namespace

// One block on its way. Its calls hold a reference to it: they end before it does.
struct Writer::Round {
    Round(io::Executor& executor, block::Packed p, Holders h)
        : packed(std::move(p)), holders(std::move(h)), answer(executor), decided(executor), calls(executor) {}
    block::Packed packed;
    Holders holders;
    quorum::Epoch epoch = 0;
    Nodes stored;
    std::map<io::NodeNumber, Error> failed;
    bool stale = false;                // one of them knows a newer layout
    io::Promise<Result<void>> answer;  // for the caller
    io::Promise<io::Done> decided;     // for drive()
    io::TaskGroup calls;

    block::Reference reference() const { return {packed.header.owner, packed.header.name, packed.header.plain_bytes}; }
    // Whether the quorum could be there if all but those that failed, or of them those with `excused`, had stored it.
    bool possible(std::optional<Code> excused) const {
        Nodes hoped;
        for (const auto node : holders.nodes) {
            const auto failure = failed.find(node);
            if (failure == failed.end() || failure->second.code == excused) hoped.insert(node);
        }
        return holders.reached(hoped);
    }
};

// References to many blocks at once: which holders have them.
struct Writer::Batch {
    Batch(io::Executor& executor, Owner o, bool f) : owner(o), fetch(f), over(executor) {}
    Owner owner;
    bool fetch;
    quorum::Epoch epoch = 0;
    bool stale = false;  // one of them knows a newer layout
    struct Block {
        Holders holders;  // by the layout that was in force at the beginning
        Nodes done;
        Nodes absent;
    };
    std::map<Hash256, Block> blocks;
    std::size_t under_way = 0;
    io::Promise<io::Done> over;  // it has its quorums, or all have answered
};

Writer::Writer(const Context& context, Fetcher& fetcher, Debts& debts)
    : context_(context), fetcher_(fetcher), debts_(debts), tasks_(context.env.executor) {}

io::Task<Result<void>> Writer::store(block::Packed packed) {
    for (int attempt = 1;; ++attempt) {
        const auto round =
            std::make_shared<Round>(context_.env.executor, packed, context_.holding.of(packed.header.name));
        round->epoch = context_.holding.epoch();
        tasks_.spawn(drive(round));
        auto outcome = co_await round->answer.future();
        if (outcome || !round->stale || attempt == kAttempts) co_return outcome;
        if (context_.holding.epoch() == round->epoch) co_return outcome;
    }
}

io::Task<void> Writer::drive(std::shared_ptr<Round> round) {
    for (const auto node : round->holders.nodes) round->calls.spawn(send(*round, node));
    co_await round->decided.future();
    if (!round->holders.reached(round->stored)) {
        // It failed for its caller, who sends it again or gives the owner up.
        round->calls.stop();
        co_return;
    }
    const auto bytes = round->packed.payload.size();
    if (round->calls.size() > 0 && behind_ + bytes <= context_.options.behind_bytes) {
        behind_ += bytes;
        co_await round->calls.join();
        behind_ -= bytes;
    }
    round->calls.stop();
    for (const auto node : round->holders.nodes) {
        if (!round->stored.contains(node)) debts_.note(node, round->reference());
    }
}

io::Task<void> Writer::send(Round& round, io::NodeNumber node) {
    Result<void> outcome;
    if (node == context_.self()) {
        const auto arriving = context_.arrivals.enter();
        outcome = co_await context_.local.put_packed(round.packed);
        // It may have come so late that its owner was given up meanwhile.
        if (fetcher_.dropped().contains(round.packed.header.owner)) {
            (void)co_await context_.local.release({round.reference()});
        }
    } else {
        const auto answer =
            co_await context_.call(node, store_message(round.epoch, round.packed), context_.options.store_timeout);
        if (!answer) outcome = base::fail(answer.error());
        if (!answer && is_stale(answer.error())) round.stale = true;
    }
    if (outcome) {
        round.stored.insert(node);
    } else {
        round.failed.emplace(node, outcome.error());
    }
    if (round.decided.is_set()) co_return;
    const bool reached = round.holders.reached(round.stored);
    if (!reached && round.possible(std::nullopt)) co_return;
    round.answer.set(reached ? Result<void>() : base::fail(why_not(round)));
    round.decided.set(io::Done{});
}

Error Writer::why_not(const Round& round) const {
    std::string reasons;
    const Error* full = nullptr;
    for (const auto& [node, error] : round.failed) {
        reasons += (reasons.empty() ? ": node " : "; node ") + std::to_string(node) + ": " + error.message;
        if (error.code == Code::no_space) full = &error;
    }
    if (full != nullptr && round.possible(Code::no_space)) return {Code::no_space, Subject::disk, full->message};
    return {Code::quorum_not_reached, Subject::block, "too few nodes could store a block" + reasons};
}

io::Task<Result<bool>> Writer::offer(block::Reference reference) {
    const auto referred = co_await refer_some({reference.name}, reference.owner, false);
    if (referred) co_return true;
    if (referred.error().code == Code::not_found || referred.error().code == Code::quorum_not_reached) co_return false;
    co_return base::fail(referred.error());
}

io::Task<Result<void>> Writer::refer(std::vector<Hash256> names, Owner owner) {
    for (std::size_t at = 0; at < names.size(); at += kReferencesAtOnce) {
        const auto end = std::min(at + kReferencesAtOnce, names.size());
        std::vector<Hash256> some(names.begin() + static_cast<std::ptrdiff_t>(at),
                                  names.begin() + static_cast<std::ptrdiff_t>(end));
        CO_TRY_VOID(co_await refer_some(std::move(some), owner, true));
    }
    co_return Result<void>();
}

io::Task<Result<void>> Writer::refer_some(std::vector<Hash256> names, Owner owner, bool fetch) {
    for (int attempt = 1;; ++attempt) {
        const auto batch = start(names, owner, fetch);
        co_await batch->over.future();
        auto outcome = judge(*batch);
        if (outcome || !batch->stale || attempt == kAttempts) co_return outcome;
        if (context_.holding.epoch() == batch->epoch) co_return outcome;
    }
}

std::shared_ptr<Writer::Batch> Writer::start(const std::vector<Hash256>& names, Owner owner, bool fetch) {
    const auto batch = std::make_shared<Batch>(context_.env.executor, owner, fetch);
    std::map<io::NodeNumber, std::vector<Hash256>> by_node;
    for (const auto& name : names) {
        auto& block = batch->blocks[name];
        if (!block.holders.nodes.empty()) continue;
        block.holders = context_.holding.of(name);
        for (const auto node : block.holders.nodes) by_node[node].push_back(name);
    }
    batch->under_way = by_node.size();
    batch->epoch = context_.holding.epoch();
    for (auto& [node, some] : by_node) tasks_.spawn(refer_at(batch, node, std::move(some)));
    return batch;
}

io::Task<void> Writer::refer_at(std::shared_ptr<Batch> batch, io::NodeNumber node, std::vector<Hash256> names) {
    std::vector<Referred> outcomes;
    if (node == context_.self()) {
        const auto arriving = context_.arrivals.enter();
        for (const auto& name : names) {
            outcomes.push_back(co_await fetcher_.adopt({batch->owner, name, 0}, batch->fetch, {}));
        }
    } else {
        ReferRequest request{batch->epoch, batch->fetch, {context_.self()}, {}};
        for (const auto& name : names) request.references.push_back({batch->owner, name, 0});
        const auto answer = co_await context_.call(node, refer_message(request), context_.options.store_timeout);
        if (!answer && is_stale(answer.error())) batch->stale = true;
        if (answer) outcomes = open_referred(*answer, names.size()).value_or(std::vector<Referred>());
    }
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (outcomes[i] == Referred::done) batch->blocks[names[i]].done.insert(node);
        if (outcomes[i] == Referred::absent) batch->blocks[names[i]].absent.insert(node);
    }
    const auto last = --batch->under_way == 0;
    const auto reached = judge(*batch).has_value();
    if (last && reached) owe(*batch);
    if (last || reached) batch->over.set(io::Done{});
}

Result<void> Writer::judge(const Batch& batch) const {
    for (const auto& [name, block] : batch.blocks) {
        if (block.holders.reached(block.done)) continue;
        if (block.absent.size() == block.holders.nodes.size()) {
            return base::fail(Code::not_found, Subject::block, "no node has block " + name.hex());
        }
        return base::fail(Code::quorum_not_reached, Subject::block,
                          "too few nodes could take a reference to block " + name.hex());
    }
    return {};
}

// What some lack of a batch that counts.
void Writer::owe(const Batch& batch) {
    for (const auto& [name, block] : batch.blocks) {
        for (const auto node : block.holders.nodes) {
            if (!block.done.contains(node)) debts_.note(node, {batch.owner, name, 0});
        }
    }
}

}  // namespace larder::spread
