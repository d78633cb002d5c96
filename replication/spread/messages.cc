#include "replication/spread/messages.h"

#include "src/codec/codec.h"

namespace larder::spread {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kOperations = 10;

codec::Writer start(Operation operation, quorum::Epoch epoch = 0) {
    codec::Writer out;
    out.u8(kFormat).u8(static_cast<std::uint8_t>(operation)).varint(epoch);
    return out;
}

codec::Writer start_reply() {
    codec::Writer out;
    out.u8(kFormat);
    return out;
}

std::unexpected<base::Error> malformed(std::string what) {
    return base::fail(Code::corrupted, Subject::request, what + " between block stores has an unknown form");
}

// What follows the format of a reply.
Result<std::string_view> open_reply(const io::Message& message) {
    codec::Reader in(message.body);
    if (in.u8() != kFormat) return malformed("an answer");
    return in.rest();
}

void put_references(codec::Writer& out, const std::vector<block::Reference>& references) {
    out.varint(references.size());
    out.reserve(out.size() + references.size() * (Owner::kSize + Hash256::kSize + 4));
    for (const auto& reference : references) {
        out.raw(reference.owner.view()).raw(reference.name.view()).varint(reference.plain_bytes);
    }
}

std::vector<block::Reference> take_references(codec::Reader& in) {
    std::vector<block::Reference> out(in.count(Owner::kSize + Hash256::kSize + 1));
    for (auto& reference : out) {
        reference.owner = in.id<Owner>();
        reference.name = in.id<Hash256>();
        reference.plain_bytes = static_cast<std::uint32_t>(in.varint());
    }
    return out;
}

// A header as in a segment, but with no folder's mark: it says nothing of places.
std::string header_of(block::RecordHeader header) {
    header.mark = 0;
    return block::encode_header(header);
}

Result<block::RecordHeader> parse_header(std::string_view bytes) {
    auto header = block::decode_header(bytes, 0);
    if (!header || header->header_bytes() != bytes.size()) return malformed("the header of a block");
    return std::move(*header);
}

}  // namespace

io::Message store_message(quorum::Epoch epoch, const block::Packed& packed) {
    return {start(Operation::store, epoch).bytes(header_of(packed.header)).take(), {packed.payload}};
}

io::Message refer_message(const ReferRequest& request) {
    auto out = start(Operation::refer, request.epoch);
    out.boolean(request.fetch).varint(request.sources.size());
    for (const auto node : request.sources) out.varint(node);
    put_references(out, request.references);
    return {out.take(), {}};
}

io::Message read_message(const ReadRequest& request) {
    auto out = start(Operation::read);
    return {out.raw(request.name.view()).varint(request.offset).varint(request.length).take(), {}};
}

io::Message fetch_message(const Hash256& name) {
    return {start(Operation::fetch).raw(name.view()).take(), {}};
}

io::Message owners_message(Operation operation, const std::vector<Owner>& owners) {
    auto out = start(operation);
    out.varint(owners.size());
    for (const auto& owner : owners) out.raw(owner.view());
    return {out.take(), {}};
}

io::Message list_message(const ListRequest& request) {
    auto out = start(Operation::list, request.epoch);
    return {out.bytes(request.after).varint(request.limit).bytes(request.partitions.bytes()).take(), {}};
}

io::Message look_message() {
    return {start(Operation::look).take(), {}};
}

io::Message packed_reply(const block::Packed& packed) {
    return {start_reply().bytes(header_of(packed.header)).take(), {packed.payload}};
}

io::Message excerpt_reply(const block::Excerpt& excerpt) {
    return {start_reply().bytes(header_of(excerpt.header)).varint(excerpt.first_chunk).take(), {excerpt.stored}};
}

io::Message referred_reply(const std::vector<Referred>& outcomes) {
    auto out = start_reply();
    out.varint(outcomes.size());
    for (const auto outcome : outcomes) out.u8(static_cast<std::uint8_t>(outcome));
    return {out.take(), {}};
}

io::Message owners_reply(const OwnersReply& reply) {
    auto out = start_reply();
    out.varint(reply.members).varint(reply.owners.size());
    for (const auto& owner : reply.owners) out.raw(owner.view());
    return {out.take(), {}};
}

io::Message page_reply(const ListReply& reply) {
    const auto& page = reply.page;
    auto out = start_reply();
    out.boolean(reply.whole).boolean(page.until.has_value()).bytes(page.until.value_or(std::string()));
    put_references(out, page.references);
    return {out.take(), {}};
}

io::Message empty_reply() {
    return {start_reply().take(), {}};
}

Result<Envelope> open_envelope(std::string_view body) {
    codec::Reader in(body);
    const auto format = in.u8();
    const auto operation = in.u8();
    const auto epoch = in.varint();
    if (!in.ok() || format != kFormat || operation < 1 || operation > kOperations) return malformed("a message");
    return Envelope{static_cast<Operation>(operation), epoch, in.rest()};
}

Result<block::Packed> decode_packed(std::string_view rest, const std::vector<base::Buffer>& bulk) {
    codec::Reader in(rest);
    const auto header = in.bytes();
    TRY_VOID(in.finish("block"));
    block::Packed packed;
    TRY(packed.header, parse_header(header));
    if (bulk.size() > 1) return malformed("a block");
    if (!bulk.empty()) packed.payload = bulk.front();
    if (packed.payload.size() != packed.header.stored_bytes) return malformed("a block");
    return packed;
}

Result<ReferRequest> decode_refer(std::string_view rest) {
    codec::Reader in(rest);
    ReferRequest request;
    request.fetch = in.boolean();
    const auto sources = in.count();
    for (std::size_t i = 0; i < sources; ++i) request.sources.push_back(static_cast<io::NodeNumber>(in.varint()));
    request.references = take_references(in);
    TRY_VOID(in.finish("references"));
    if (request.references.size() > kReferencesAtOnce) return malformed("a list of references");
    return request;
}

Result<ReadRequest> decode_read(std::string_view rest) {
    codec::Reader in(rest);
    ReadRequest request;
    request.name = in.id<Hash256>();
    request.offset = in.varint();
    request.length = in.varint();
    TRY_VOID(in.finish("read of a block"));
    return request;
}

Result<Hash256> decode_fetch(std::string_view rest) {
    codec::Reader in(rest);
    const auto name = in.id<Hash256>();
    TRY_VOID(in.finish("fetch of a block"));
    return name;
}

Result<std::vector<Owner>> decode_owners(std::string_view rest) {
    codec::Reader in(rest);
    std::vector<Owner> owners(in.count(Owner::kSize));
    for (auto& owner : owners) owner = in.id<Owner>();
    TRY_VOID(in.finish("owners"));
    return owners;
}

Result<ListRequest> decode_list(std::string_view rest) {
    codec::Reader in(rest);
    ListRequest request;
    request.after = in.bytes();
    request.limit = in.varint();
    request.partitions = Partitions(std::string(in.bytes()));
    TRY_VOID(in.finish("list request"));
    return request;
}

std::unexpected<base::Error> stale() {
    return base::fail(Code::conflict, Subject::node, "the layout has changed");
}

bool is_stale(const base::Error& error) {
    return error.is(Code::conflict, Subject::node);
}

Result<block::Packed> open_packed(const io::Message& message) {
    TRY(const auto rest, open_reply(message));
    return decode_packed(rest, message.bulk);
}

Result<block::Excerpt> open_excerpt(const io::Message& message) {
    TRY(const auto rest, open_reply(message));
    codec::Reader in(rest);
    const auto header = in.bytes();
    const auto first_chunk = in.varint();
    TRY_VOID(in.finish("part of a block"));
    block::Excerpt excerpt;
    TRY(excerpt.header, parse_header(header));
    const auto chunks = excerpt.header.chunk_sums.size();
    if (message.bulk.size() > 1 || first_chunk > chunks) return malformed("a part of a block");
    if (!message.bulk.empty()) excerpt.stored = message.bulk.front();
    excerpt.first_chunk = static_cast<std::uint32_t>(first_chunk);
    const auto before = first_chunk * block::kChunkBytes;
    const auto most = excerpt.header.stored_bytes - std::min<std::uint64_t>(before, excerpt.header.stored_bytes);
    const bool whole = excerpt.header.codec == block::Codec::raw ||
                       (first_chunk == 0 && excerpt.stored.size() == excerpt.header.stored_bytes);
    if (excerpt.stored.size() > most || !whole) return malformed("a part of a block");
    return excerpt;
}

Result<std::vector<Referred>> open_referred(const io::Message& message, std::size_t expected) {
    TRY(const auto rest, open_reply(message));
    codec::Reader in(rest);
    std::vector<Referred> outcomes(in.count());
    bool known = outcomes.size() == expected;
    for (auto& outcome : outcomes) {
        const auto value = in.u8();
        known = known && value <= static_cast<std::uint8_t>(Referred::failed);
        outcome = static_cast<Referred>(value);
    }
    TRY_VOID(in.finish("answer on references"));
    if (!known) return malformed("an answer on references");
    return outcomes;
}

Result<OwnersReply> open_owners(const io::Message& message) {
    TRY(const auto rest, open_reply(message));
    codec::Reader in(rest);
    OwnersReply reply;
    reply.members = in.varint();
    if (!in.ok()) return malformed("an answer on owners");
    TRY(reply.owners, decode_owners(in.rest()));
    return reply;
}

Result<ListReply> open_page(const io::Message& message) {
    TRY(const auto rest, open_reply(message));
    codec::Reader in(rest);
    ListReply reply;
    reply.whole = in.boolean();
    const bool more = in.boolean();
    const auto until = in.bytes();
    auto& page = reply.page;
    page.references = take_references(in);
    TRY_VOID(in.finish("page of references"));
    if (more) page.until = std::string(until);
    if (!std::ranges::is_sorted(page.references)) return malformed("a page of references");
    return reply;
}

}  // namespace larder::spread
