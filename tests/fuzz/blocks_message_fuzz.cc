// Messages between block stores: what decodes says again what it said, nothing is taken on a stranger's word, and a
// block that arrives is the one its name says or is refused. The first byte of the input picks what the rest is.
#include "replication/spread/messages.h"
#include "src/base/assert.h"

using namespace larder;
using namespace larder::spread;

namespace {

constexpr std::uint32_t kUnpackMax = 256 * 1024;  // unpacking allocates what the header asks for

std::string body_of(const io::Message& message) {
    return message.body;
}

// One that decodes is encoded to what decodes to the same.
void check_request(std::string_view bytes, const std::vector<base::Buffer>& bulk) {
    const auto envelope = open_envelope(bytes);
    if (!envelope) return;
    switch (envelope->operation) {
        case Operation::store:
            if (const auto packed = decode_packed(envelope->rest, bulk)) {
                const auto again = store_message(envelope->epoch, *packed);
                ENSURE(open_envelope(again.body)->epoch == envelope->epoch);
                ENSURE(decode_packed(open_envelope(again.body)->rest, again.bulk));
                if (packed->header.plain_bytes <= kUnpackMax) (void)block::verify(*packed);
            }
            break;
        case Operation::refer:
            if (auto request = decode_refer(envelope->rest)) {
                ENSURE(request->references.size() <= kReferencesAtOnce);
                request->epoch = envelope->epoch;
                const auto again = body_of(refer_message(*request));
                const auto read = decode_refer(open_envelope(again)->rest);
                ENSURE(read && read->references == request->references && read->sources == request->sources);
            }
            break;
        case Operation::read:
            if (const auto request = decode_read(envelope->rest)) {
                const auto again = body_of(read_message(*request));
                ENSURE(decode_read(open_envelope(again)->rest)->length == request->length);
            }
            break;
        case Operation::fetch:
            if (const auto name = decode_fetch(envelope->rest)) {
                ENSURE(*decode_fetch(open_envelope(fetch_message(*name).body)->rest) == *name);
            }
            break;
        case Operation::list:
            if (auto request = decode_list(envelope->rest)) {
                (void)request->partitions.has(0);
                (void)request->partitions.has(1u << 20);
                const auto again = body_of(list_message(*request));
                const auto read = decode_list(open_envelope(again)->rest);
                ENSURE(read && read->after == request->after &&
                       read->partitions.bytes() == request->partitions.bytes());
            }
            break;
        case Operation::look:
            break;
        case Operation::drop:
        case Operation::barrier:
        case Operation::under_way:
        case Operation::in_rows:
            if (const auto owners = decode_owners(envelope->rest)) {
                const auto again = body_of(owners_message(envelope->operation, *owners));
                ENSURE(*decode_owners(open_envelope(again)->rest) == *owners);
            }
            break;
    }
}

void check_reply(const io::Message& message) {
    if (const auto packed = open_packed(message)) ENSURE(open_packed(packed_reply(*packed)));
    if (const auto excerpt = open_excerpt(message)) {
        ENSURE(open_excerpt(excerpt_reply(*excerpt)));
        const auto bytes = excerpt->header.plain_bytes;
        if (bytes <= kUnpackMax) {
            const auto from = std::uint64_t{excerpt->first_chunk} * block::kChunkBytes;
            (void)block::unpack(excerpt->header, excerpt->stored, excerpt->first_chunk, from, bytes);
            (void)block::unpack(excerpt->header, excerpt->stored, excerpt->first_chunk, from, 1);
        }
    }
    for (const std::size_t count : {0, 1, 3}) (void)open_referred(message, count);
    if (const auto reply = open_owners(message)) {
        ENSURE(open_owners(owners_reply(*reply))->owners == reply->owners);
    }
    if (const auto page = open_page(message)) {
        const auto again = open_page(page_reply(*page));
        ENSURE(again && again->page.references == page->page.references && again->page.until == page->page.until &&
               again->whole == page->whole);
    }
}

// A block on its way, with a bit flipped somewhere.
void check_travel(std::string_view bytes, std::uint8_t choice) {
    block::Owner owner;
    owner.bytes[0] = choice;
    const auto packed = block::pack(base::Buffer::copy_of(bytes), owner, std::nullopt, false, 1);
    auto message = store_message(choice, *packed);
    const auto arrived = decode_packed(open_envelope(message.body)->rest, message.bulk);
    ENSURE(arrived && block::verify(*arrived) && arrived->header.owner == owner);
    if (bytes.empty()) return;
    std::string payload(packed->payload.chars());
    payload[payload.size() * choice / 256] ^= static_cast<char>(1 << choice % 8);
    const auto spoilt = decode_packed(open_envelope(message.body)->rest, {base::Buffer::copy_of(payload)});
    ENSURE(!spoilt || !block::verify(*spoilt));
    ENSURE(!decode_packed(open_envelope(message.body)->rest, {base::Buffer::copy_of(payload.substr(1))}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2 || size > 80 * 1024) return 0;
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    // Half of the input may be what comes beside the body.
    const auto rest = all.substr(2);
    const auto split = rest.size() * data[1] / 255;
    std::vector<base::Buffer> bulk;
    if (split < rest.size()) bulk.push_back(base::Buffer::copy_of(rest.substr(split)));
    switch (data[0]) {
        case 'm':
            check_request(rest.substr(0, split), bulk);
            break;
        case 'r':
            check_reply({std::string(rest.substr(0, split)), bulk});
            break;
        default:
            check_travel(rest, data[1]);
    }
    return 0;
}
