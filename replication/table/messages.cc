#include "replication/table/messages.h"

namespace larder::table {
namespace {

constexpr std::uint8_t kFormat = 1;

codec::Writer start(Heading heading, Operation operation) {
    codec::Writer out;
    out.u8(kFormat).u8(heading.table).u8(static_cast<std::uint8_t>(operation)).varint(heading.epoch);
    return out;
}

void put_key(codec::Writer& out, const RowKey& key) {
    out.bytes(key.partition_key).bytes(key.sort_key);
}

RowKey take_key(codec::Reader& in) {
    RowKey key;
    key.partition_key = in.bytes();
    key.sort_key = in.bytes();
    return key;
}

base::Result<StoredRow> take_row(codec::Reader& in) {
    return decode_row(in.bytes());
}

}  // namespace

std::string encode(Heading heading, const ReadRequest& request) {
    auto out = start(heading, Operation::read);
    put_key(out, request.key);
    return out.boolean(request.with_body).take();
}

std::string encode(Heading heading, const PrepareRequest& request) {
    auto out = start(heading, Operation::prepare);
    out.tag(request.ballot).varint(request.keys.size());
    for (const auto& key : request.keys) put_key(out, key);
    return out.take();
}

std::string encode(Heading heading, const AcceptRequest& request) {
    auto out = start(heading, Operation::accept);
    std::size_t size = 64;
    for (const auto& p : request.proposals)
        size += 64 + p.key.sort_key.size() + p.value.row.size() + p.value.body.size();
    out.reserve(size);
    out.u8(static_cast<std::uint8_t>(request.kind)).tag(request.tag).varint(request.proposals.size());
    for (const auto& proposal : request.proposals) {
        put_key(out, proposal.key);
        out.tag(proposal.version).boolean(proposal.tombstone).bytes(proposal.value.row).bytes(proposal.value.body);
    }
    return out.take();
}

std::string encode(Heading heading, const RangeQuery& query) {
    auto out = start(heading, Operation::range);
    out.bytes(query.partition_key).bytes(query.prefix).bytes(query.start_after).bytes(query.start_at);
    out.bytes(query.end_before).bytes(query.delimiter).varint(query.limit).boolean(query.with_bodies);
    return out.varint(query.row_bytes).take();
}

std::string encode(Heading heading, Operation operation, const CollectRequest& request) {
    auto out = start(heading, operation);
    put_key(out, request.key);
    return out.tag(request.tag).take();
}

std::string encode(Heading heading, const RowRequest& request) {
    if (const auto* raise = std::get_if<RaiseLowRequest>(&request))
        return encode(heading, Operation::raise_low, *raise);
    if (const auto* drop = std::get_if<CollectRequest>(&request)) return encode(heading, Operation::collect, *drop);
    if (const auto* read = std::get_if<ReadRequest>(&request)) return encode(heading, *read);
    if (const auto* prepare = std::get_if<PrepareRequest>(&request)) return encode(heading, *prepare);
    return encode(heading, std::get<AcceptRequest>(request));
}

std::string encode(const Reply& reply) {
    codec::Writer out;
    const auto word = reply.stale ? Word::stale : reply.ok ? Word::yes : Word::no;
    out.u8(kFormat).u8(static_cast<std::uint8_t>(word));
    if (reply.stale) return out.varint(reply.epoch).take();
    out.varint(reply.rows.size());
    for (const auto& row : reply.rows) {
        out.boolean(row.ok).boolean(row.superseded).tag(row.low);
        append_row(out, view_of(row.row));
        out.bytes(row.body);
    }
    return out.take();
}

void RangeReplyMaker::add(const RangeItem& item) {
    ++count_;
    items_.bytes(item.sort_key).boolean(item.is_prefix).boolean(item.row.damaged).bytes(item.witness);
    append_row(items_, item.row);
    items_.bytes(item.body);
}

std::string RangeReplyMaker::finish(bool more, std::string_view resume) {
    codec::Writer out;
    out.reserve(resume.size() + items_.size() + 32);
    out.u8(kFormat).boolean(more).bytes(resume).varint(count_).raw(items_.view());
    return out.take();
}

std::string encode(const RangeReply& reply) {
    RangeReplyMaker maker;
    for (const auto& item : reply.items) maker.add(item);
    return maker.finish(reply.more, reply.resume);
}

Word word_of(std::string_view answer) {
    const auto word = answer.size() > 1 ? static_cast<std::uint8_t>(answer[1]) : std::uint8_t{0};
    return word == 1 ? Word::yes : word == 2 ? Word::stale : Word::no;
}

base::Result<Envelope> open_envelope(std::string_view bytes) {
    codec::Reader in(bytes);
    Envelope envelope;
    const auto format = in.u8();
    envelope.table = in.u8();
    const auto operation = in.u8();
    envelope.epoch = in.varint();
    if (!in.ok() || format != kFormat || operation < 1 || operation > 6) {
        return base::fail(base::Code::corrupted, base::Subject::request, "a table message has an unknown form");
    }
    envelope.operation = static_cast<Operation>(operation);
    envelope.rest = in.rest();
    return envelope;
}

base::Result<ReadRequest> decode_read(std::string_view bytes) {
    codec::Reader in(bytes);
    ReadRequest request;
    request.key = take_key(in);
    request.with_body = in.boolean();
    TRY_VOID(in.finish("read request"));
    return request;
}

base::Result<PrepareRequest> decode_prepare(std::string_view bytes) {
    codec::Reader in(bytes);
    PrepareRequest request;
    request.ballot = in.tag();
    const auto count = in.count(2);
    for (std::size_t i = 0; i < count; ++i) request.keys.push_back(take_key(in));
    TRY_VOID(in.finish("prepare request"));
    return request;
}

base::Result<AcceptRequest> decode_accept(std::string_view bytes) {
    codec::Reader in(bytes);
    AcceptRequest request;
    const auto kind = in.u8();
    request.kind = static_cast<AcceptKind>(kind);
    request.tag = in.tag();
    const auto count = in.count(20);
    request.proposals.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        Proposal proposal;
        proposal.key = take_key(in);
        proposal.version = in.tag();
        proposal.tombstone = in.boolean();
        proposal.value.row = in.bytes();
        proposal.value.body = in.bytes();
        request.proposals.push_back(std::move(proposal));
    }
    TRY_VOID(in.finish("accept request"));
    if (kind < 1 || kind > 4) {
        return base::fail(base::Code::corrupted, base::Subject::request, "an accept request of unknown kind");
    }
    return request;
}

base::Result<RangeQuery> decode_range(std::string_view bytes) {
    codec::Reader in(bytes);
    RangeQuery query;
    query.partition_key = in.bytes();
    query.prefix = in.bytes();
    query.start_after = in.bytes();
    query.start_at = in.bytes();
    query.end_before = in.bytes();
    query.delimiter = in.bytes();
    query.limit = in.varint();
    query.with_bodies = in.boolean();
    query.row_bytes = in.varint();
    TRY_VOID(in.finish("range request"));
    return query;
}

base::Result<CollectRequest> decode_collect(std::string_view bytes) {
    codec::Reader in(bytes);
    CollectRequest request;
    request.key = take_key(in);
    request.tag = in.tag();
    TRY_VOID(in.finish("collect request"));
    return request;
}

base::Result<Reply> decode_reply(std::string_view bytes) {
    codec::Reader in(bytes);
    Reply reply;
    const auto format = in.u8();
    const auto word = in.u8();
    reply.ok = word == static_cast<std::uint8_t>(Word::yes);
    reply.stale = word == static_cast<std::uint8_t>(Word::stale);
    if (reply.stale) reply.epoch = in.varint();
    const auto count = reply.stale ? 0 : in.count(30);
    for (std::size_t i = 0; i < count; ++i) {
        RowReply row;
        row.ok = in.boolean();
        row.superseded = in.boolean();
        row.low = in.tag();
        TRY(row.row, take_row(in));
        row.body = in.bytes();
        reply.rows.push_back(std::move(row));
    }
    TRY_VOID(in.finish("reply"));
    if (format != kFormat || word > static_cast<std::uint8_t>(Word::stale))
        return base::fail(base::Code::corrupted, base::Subject::request, "a reply of unknown form");
    return reply;
}

base::Result<RangeReplyReader> RangeReplyReader::open(std::string_view bytes) {
    RangeReplyReader reader(bytes);
    const auto format = reader.in_.u8();
    reader.more_ = reader.in_.boolean();
    reader.resume_ = reader.in_.bytes();
    reader.left_ = reader.in_.count(20);
    if (reader.in_.ok() && format != kFormat)
        return base::fail(base::Code::corrupted, base::Subject::request, "a reply of unknown form");
    if (reader.left_ == 0) TRY_VOID(reader.check_end());
    return reader;
}

base::Result<void> RangeReplyReader::check_end() const {
    return in_.finish("range reply");
}

base::Result<RangeItem> RangeReplyReader::next() {
    RangeItem item;
    item.sort_key = in_.bytes();
    item.is_prefix = in_.boolean();
    const bool damaged = in_.boolean();
    item.witness = in_.bytes();
    TRY(item.row, decode_row_front(in_.bytes(), SIZE_MAX));
    item.row.damaged = damaged;
    item.body = in_.bytes();
    --left_;
    // One that is cut short must not pass as its end.
    if (left_ == 0 || !in_.ok()) TRY_VOID(check_end());
    return item;
}

base::Result<RangeReply> decode_range_reply(std::string_view bytes) {
    TRY(auto reader, RangeReplyReader::open(bytes));
    RangeReply reply;
    reply.more = reader.more();
    reply.resume = reader.resume();
    reply.items.reserve(reader.left());
    while (reader.left() > 0) {
        TRY(const auto item, reader.next());
        reply.items.push_back(item);
    }
    return reply;
}

}  // namespace larder::table
