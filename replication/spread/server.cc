#include "replication/spread/server.h"

#include "src/io/timeout.h"

#include <algorithm>

namespace larder::spread {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr std::size_t kPageReferencesMax = 65'536;
constexpr std::size_t kAdoptAtOnce = 8;
constexpr std::size_t kDropsAtOnce = 32;  // so that they share commits

io::Task<Result<bool>> wait_for_earlier(ReadGate& gate) {
    co_await gate.earlier_are_over();
    co_return true;
}

io::Task<void> adopt_into(Fetcher& fetcher, block::Reference reference, bool fetch, std::vector<io::NodeNumber> sources,
                          Referred& out) {
    out = co_await fetcher.adopt(std::move(reference), fetch, std::move(sources));
}

io::Task<void> drop_into(block::LocalBlocks& local, Owner owner, Result<void>& out) {
    const auto dropped = co_await local.drop_references(owner);
    if (!dropped) out = base::fail(dropped.error());
}

}  // namespace

Server::Server(const Context& context, Fetcher& fetcher, ReadGate& gate)
    : context_(context), fetcher_(fetcher), gate_(gate) {
    context_.env.network.serve(
        kMethod, [this](io::NodeNumber from, io::Message request) { return answer(from, std::move(request)); });
}

io::Task<Result<io::Message>> Server::answer(io::NodeNumber from, io::Message request) {
    CO_TRY(const auto envelope, open_envelope(request.body));
    CO_TRY_VOID(co_await in_order(from, envelope));
    switch (envelope.operation) {
        case Operation::store: {
            CO_TRY(auto packed, decode_packed(envelope.rest, request.bulk));
            co_return co_await store(std::move(packed));
        }
        case Operation::refer: {
            CO_TRY(auto wanted, decode_refer(envelope.rest));
            co_return co_await refer(std::move(wanted));
        }
        case Operation::read: {
            CO_TRY(const auto wanted, decode_read(envelope.rest));
            co_return co_await read(wanted);
        }
        case Operation::fetch: {
            CO_TRY(const auto name, decode_fetch(envelope.rest));
            co_return co_await fetch(name);
        }
        case Operation::list: {
            CO_TRY(auto wanted, decode_list(envelope.rest));
            co_return co_await list(std::move(wanted));
        }
        case Operation::look:
            if (look_) look_();
            co_return empty_reply();
        case Operation::drop:
        case Operation::barrier:
        case Operation::under_way:
        case Operation::in_rows: {
            CO_TRY(auto owners, decode_owners(envelope.rest));
            co_return co_await answer_owners(envelope.operation, std::move(owners));
        }
    }
    co_return base::fail(Code::unsupported, Subject::request, "an unknown operation between block stores");
}

io::Task<Result<void>> Server::in_order(io::NodeNumber from, Envelope envelope) {
    auto* const epochs = context_.epochs;
    const auto operation = envelope.operation;
    const bool counts = operation == Operation::store || operation == Operation::refer || operation == Operation::list;
    if (epochs == nullptr || !counts) co_return Result<void>();
    if (envelope.epoch > epochs->epoch()) {
        CO_TRY_VOID(co_await epochs->catch_up(from));
        if (envelope.epoch > epochs->epoch()) {
            co_return base::fail(Code::overloaded, Subject::node, "a newer layout is not known here yet");
        }
    }
    if (envelope.epoch < epochs->fence()) co_return stale();
    co_return Result<void>();
}

io::Task<Result<io::Message>> Server::answer_owners(Operation operation, std::vector<Owner> owners) {
    if (operation == Operation::drop) {
        CO_TRY_VOID(co_await drop(std::move(owners)));
        co_return empty_reply();
    }
    std::vector<Owner> found;
    if (operation == Operation::barrier) {
        CO_TRY(found, co_await barrier(std::move(owners)));
    } else {
        CO_TRY(found, co_await ask_book(operation, std::move(owners)));
    }
    co_return owners_reply({context_.members.version(), std::move(found)});
}

io::Task<Result<std::vector<Owner>>> Server::barrier(std::vector<Owner> owners) {
    const auto deadline = context_.env.clock.after(context_.options.ask_timeout);
    CO_TRY_VOID(
        co_await io::with_deadline(context_.env.executor, context_.env.clock, deadline, wait_for_earlier(gate_)));
    std::erase_if(owners, [this](const Owner& owner) { return !context_.local.leased(owner); });
    co_return owners;
}

io::Task<Result<void>> Server::drop(std::vector<Owner> owners) {
    for (const auto& owner : owners) {
        if (context_.local.leased(owner)) co_return base::fail(Code::conflict, Subject::block, "it is being read");
    }
    // Known as dropped first: what is on its way here is refused from now on, or taken back when it has come.
    for (const auto& owner : owners) fetcher_.dropped().add(owner);
    Result<void> outcome;
    io::TaskGroup group(context_.env.executor);
    for (const auto& owner : owners) {
        if (group.size() >= kDropsAtOnce) co_await group.join();
        group.spawn(drop_into(context_.local, owner, outcome));
    }
    co_await group.join();
    co_return outcome;
}

io::Task<Result<std::vector<Owner>>> Server::ask_book(Operation operation, std::vector<Owner> owners) {
    if (book_ == nullptr) {
        co_return base::fail(Code::unsupported, Subject::node, "this node does not know yet what its rows name");
    }
    if (operation == Operation::under_way) co_return co_await book_->under_way(std::move(owners));
    co_return co_await book_->in_rows(std::move(owners));
}

// What comes is verified against its digest here, whatever the sender did: a bit may have flipped in its memory.
io::Task<Result<io::Message>> Server::store(block::Packed packed) {
    const auto arriving = context_.arrivals.enter();
    const auto reference = block::Reference{packed.header.owner, packed.header.name, packed.header.plain_bytes};
    if (fetcher_.dropped().contains(reference.owner)) {
        co_return base::fail(Code::conflict, Subject::block, "the owner of the block was dropped");
    }
    CO_TRY_VOID(co_await context_.env.blocking.run([packed] { return block::verify(packed); }));
    CO_TRY_VOID(co_await context_.local.put_packed(std::move(packed)));
    if (fetcher_.dropped().contains(reference.owner)) {
        (void)co_await context_.local.release({reference});
        co_return base::fail(Code::conflict, Subject::block, "the owner of the block was dropped");
    }
    co_return empty_reply();
}

io::Task<Result<io::Message>> Server::refer(ReferRequest request) {
    const auto arriving = context_.arrivals.enter();
    std::vector<Referred> outcomes(request.references.size(), Referred::failed);
    io::TaskGroup group(context_.env.executor);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (group.size() >= kAdoptAtOnce) co_await group.join();
        group.spawn(adopt_into(fetcher_, request.references[i], request.fetch, request.sources, outcomes[i]));
    }
    co_await group.join();
    co_return referred_reply(outcomes);
}

void Server::noticed(const Hash256& name, const base::Error& error) {
    if (error.code == Code::corrupted || error.code == Code::io_failure) fetcher_.mend_later(name);
}

io::Task<Result<io::Message>> Server::read(ReadRequest request) {
    const auto excerpt = co_await context_.local.read_excerpt(request.name, request.offset, request.length);
    if (!excerpt) {
        noticed(request.name, excerpt.error());
        co_return base::fail(excerpt.error());
    }
    co_return excerpt_reply(*excerpt);
}

io::Task<Result<io::Message>> Server::fetch(Hash256 name) {
    const auto packed = co_await context_.local.read_whole(name);
    if (!packed) {
        noticed(name, packed.error());
        co_return base::fail(packed.error());
    }
    co_return packed_reply(*packed);
}

io::Task<Result<io::Message>> Server::list(ListRequest request) {
    // What was let in under an older layout is listed, or was not acknowledged.
    if (request.after.empty()) co_await context_.arrivals.earlier_are_over();
    const auto limit = std::clamp<std::size_t>(request.limit, 1, kPageReferencesMax);
    const auto filter = [holding = &context_.holding, partitions = request.partitions](const Hash256& name) {
        return partitions.has(holding->partition_of(name));
    };
    const bool whole = whole_ && whole_();
    CO_TRY(auto page, co_await context_.local.references(std::move(request.after), limit, filter));
    co_return page_reply({whole, std::move(page)});
}

}  // namespace larder::spread
