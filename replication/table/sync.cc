#include "replication/table/sync.h"

#include "src/base/crc.h"
#include "src/base/hash.h"

#include <algorithm>

namespace larder::table {

using base::Code;
using base::Result;
using base::Subject;
using quorum::Slot;

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kFetchBytes = 4u << 20;
constexpr std::size_t kListMost = 10'000;
constexpr std::uint8_t kBitsMost = 16;

enum class Question : std::uint8_t { digest = 1, list = 2, fetch = 3 };

std::unexpected<base::Error> malformed() {
    return base::fail(Code::corrupted, Subject::request, "a message of another form than this Larder knows");
}

codec::Writer question(Question what, quorum::Epoch epoch, Slot slot) {
    codec::Writer out;
    out.u8(kFormat).u8(static_cast<std::uint8_t>(what)).varint(epoch).varint(slot.partition).boolean(slot.everywhere);
    return out;
}

codec::Writer yes() {
    codec::Writer out;
    out.u8(kFormat).u8(static_cast<std::uint8_t>(Word::yes));
    return out;
}

void add_to(std::array<std::uint64_t, 2>& leaf, std::string_view place, base::Tag acc) {
    std::string text(place);
    text += acc.encode();
    const auto hash = base::sha256(text);
    for (std::size_t half = 0; half < 2; ++half) {
        std::uint64_t part = 0;
        for (std::size_t i = 0; i < 8; ++i) part = part << 8 | hash.bytes[half * 8 + i];
        leaf[half] += part;
    }
}

std::string encode(const Digest& digest) {
    auto out = yes();
    out.tag(digest.low).varint(digest.rows).varint(digest.bytes).varint(digest.leaves.size());
    for (const auto& leaf : digest.leaves) out.u64(leaf[0]).u64(leaf[1]);
    return out.take();
}

Result<Digest> decode_digest(std::string_view bytes) {
    codec::Reader in(bytes);
    Digest digest;
    digest.low = in.tag();
    digest.rows = in.varint();
    digest.bytes = in.varint();
    for (auto left = in.count(16); left > 0; --left) {
        auto& leaf = digest.leaves.emplace_back();
        leaf[0] = in.u64();
        leaf[1] = in.u64();
    }
    TRY_VOID(in.finish("digest"));
    return digest;
}

std::string encode(const Listing& listing) {
    auto out = yes();
    out.tag(listing.low).boolean(listing.more).varint(listing.rows.size());
    for (const auto& row : listing.rows) out.bytes(row.place).tag(row.acc).tag(row.fence).varint(row.bytes);
    return out.take();
}

Result<Listing> decode_listing(std::string_view bytes) {
    codec::Reader in(bytes);
    Listing listing;
    listing.low = in.tag();
    listing.more = in.boolean();
    for (auto left = in.count(34); left > 0; --left) {
        Listed row;
        row.place = in.bytes();
        row.acc = in.tag();
        row.fence = in.tag();
        row.bytes = in.varint();
        if (!listing.rows.empty() && row.place <= listing.rows.back().place) return malformed();
        listing.rows.push_back(std::move(row));
    }
    TRY_VOID(in.finish("listing"));
    if (listing.more && listing.rows.empty()) return malformed();
    return listing;
}

Result<std::vector<Fetched>> decode_fetched(std::string_view bytes) {
    codec::Reader in(bytes);
    std::vector<Fetched> rows;
    for (auto left = in.count(3); left > 0; --left) {
        Fetched row;
        row.place = in.bytes();
        TRY(row.row, decode_row(in.bytes()));
        row.body = in.bytes();
        rows.push_back(std::move(row));
    }
    TRY_VOID(in.finish("fetched rows"));
    return rows;
}

Result<ListQuery> take_list_query(codec::Reader& in) {
    ListQuery query;
    query.from = in.bytes();
    query.most = std::min<std::size_t>(in.varint(), kListMost);
    query.bits = in.u8();
    for (auto left = in.count(1); left > 0; --left) query.leaves.push_back(static_cast<std::uint32_t>(in.varint()));
    TRY_VOID(in.finish("list request"));
    if (query.bits > kBitsMost || query.most == 0) return malformed();
    return query;
}

}  // namespace

std::uint32_t leaf_of(std::string_view place, std::uint8_t bits) {
    return bits == 0 ? 0 : static_cast<std::uint32_t>(base::crc64nvme(place) >> (64 - bits));
}

Proposal Fetched::proposal() const {
    Proposal out;
    out.key = read_place(place)->key();
    out.version = row.version;
    out.tombstone = !row.has_value();
    if (row.has_value()) out.value = Value{row.row, body};
    return out;
}

Sync::Sync(io::Env& env, RowStore& store, Replica& replica, base::Duration call_timeout)
    : env_(env), store_(store), replica_(replica), call_timeout_(call_timeout) {
    env_.network.serve(kMethod,
                       [this](io::NodeNumber from, io::Message request) { return serve(from, std::move(request)); });
}

Result<Digest> Sync::digest(Slot slot, std::uint8_t bits) {
    auto& cached = cache_[slot];
    const auto changes = store_.changes(slot.partition);
    if (cached.bits == bits && cached.changes == changes && !cached.digest.leaves.empty()) return cached.digest;
    Digest digest;
    digest.leaves.resize(std::size_t{1} << bits);
    TRY_VOID(store_.scan_slice(replica_.slice_of(slot), {}, [&](std::string_view place, const RowView& row) {
        ++digest.rows;
        digest.bytes += place.size() + row.row.size() + row.body_size;
        add_to(digest.leaves[leaf_of(place, bits)], place, row.damaged ? base::Tag{} : row.acc);
        return Result<bool>(true);
    }));
    TRY(digest.low, store_.low(slot.partition));
    cached = {changes, bits, digest};
    return digest;
}

Result<Listing> Sync::list(Slot slot, const ListQuery& query) {
    Listing listing;
    std::vector<bool> wanted(query.leaves.empty() ? 0 : std::size_t{1} << query.bits);
    for (const auto leaf : query.leaves) {
        if (leaf < wanted.size()) wanted[leaf] = true;
    }
    TRY_VOID(store_.scan_slice(replica_.slice_of(slot), query.from, [&](std::string_view place, const RowView& row) {
        if (!wanted.empty() && !wanted[leaf_of(place, query.bits)]) return Result<bool>(true);
        listing.more = listing.rows.size() == query.most;
        if (listing.more) return Result<bool>(false);
        Listed listed{std::string(place), row.acc, row.fence, row.row.size() + row.body_size};
        // Nothing is known of a damaged row but that others may have it.
        if (row.damaged) listed.acc = listed.fence = {};
        listing.rows.push_back(std::move(listed));
        return Result<bool>(true);
    }));
    TRY(listing.low, store_.low(slot.partition));
    return listing;
}

Result<Fetched> Sync::row_at(const std::string& place) {
    const auto at = read_place(place);
    if (!at) return malformed();
    TRY(auto reply, replica_.read_plainly(at->table, at->key()));
    return Fetched{place, std::move(reply.rows.front().row), std::move(reply.rows.front().body)};
}

io::Task<Result<io::Message>> Sync::serve(io::NodeNumber from, io::Message request) {
    codec::Reader in(request.body);
    const auto format = in.u8();
    in.u8();
    const auto epoch = in.varint();
    Slot slot;
    slot.partition = static_cast<quorum::Partition>(in.varint());
    slot.everywhere = in.boolean();
    if (!in.ok() || format != kFormat) co_return malformed();
    if (const auto refusal = co_await replica_.refusal_of(from, epoch, slot)) {
        CO_TRY(const auto stale, *refusal);
        co_return io::Message{table::encode(stale), {}};
    }
    CO_TRY(auto body, answer(slot, request.body));
    co_return io::Message{std::move(body), {}};
}

Result<std::string> Sync::answer(Slot slot, std::string_view request) {
    codec::Reader in(request);
    in.u8();
    const auto what = static_cast<Question>(in.u8());
    in.varint();
    in.varint();
    in.boolean();
    if (what == Question::digest) {
        const auto bits = in.u8();
        TRY_VOID(in.finish("digest request"));
        if (bits > kBitsMost) return malformed();
        TRY(const auto found, digest(slot, bits));
        return encode(found);
    }
    if (what == Question::list) {
        TRY(const auto query, take_list_query(in));
        TRY(const auto listing, list(slot, query));
        return encode(listing);
    }
    if (what != Question::fetch) return malformed();
    const auto slice = replica_.slice_of(slot);
    codec::Writer rows;
    std::size_t count = 0;
    for (auto left = in.count(3); left > 0 && rows.size() < kFetchBytes; --left) {
        const std::string place(in.bytes());
        const auto at = read_place(place);
        if (!at || !slice.has(at->table, at->partition_key)) return malformed();
        const auto row = row_at(place);
        if (!row && !row.error().is(Code::corrupted)) return base::fail(row.error());
        if (!row) continue;
        rows.bytes(place);
        append_row(rows, view_of(row->row));
        rows.bytes(row->body);
        ++count;
    }
    auto out = yes();
    out.varint(count).raw(rows.view());
    return out.take();
}

io::Task<Result<std::string>> Sync::call(io::NodeNumber node, std::string request) {
    if (node == 0) co_return base::fail(Code::disconnected, "the number of a member is not known yet");
    const auto deadline = env_.clock.after(call_timeout_);
    CO_TRY(auto answer, co_await env_.network.call(node, kMethod, {std::move(request), {}}, deadline));
    const auto word = word_of(answer.body);
    if (word == Word::stale) co_return base::fail(Code::conflict, Subject::node, "layouts have changed");
    if (word != Word::yes) co_return malformed();
    co_return answer.body.substr(2);
}

io::Task<Result<Digest>> Sync::digest_of(io::NodeNumber node, quorum::Epoch epoch, Slot slot, std::uint8_t bits) {
    if (node == env_.network.self()) co_return digest(slot, bits);
    CO_TRY(const auto body, co_await call(node, question(Question::digest, epoch, slot).u8(bits).take()));
    co_return decode_digest(body);
}

io::Task<Result<Listing>> Sync::list_of(io::NodeNumber node, quorum::Epoch epoch, Slot slot, ListQuery query) {
    if (node == env_.network.self()) co_return list(slot, query);
    auto request = question(Question::list, epoch, slot);
    request.bytes(query.from).varint(query.most).u8(query.bits).varint(query.leaves.size());
    for (const auto leaf : query.leaves) request.varint(leaf);
    CO_TRY(const auto body, co_await call(node, request.take()));
    co_return decode_listing(body);
}

io::Task<Result<std::vector<Fetched>>> Sync::fetch(io::NodeNumber node, quorum::Epoch epoch, Slot slot,
                                                   std::vector<std::string> places) {
    auto request = question(Question::fetch, epoch, slot);
    request.varint(places.size());
    for (const auto& place : places) request.bytes(place);
    CO_TRY(const auto body, co_await call(node, request.take()));
    co_return decode_fetched(body);
}

}  // namespace larder::table
