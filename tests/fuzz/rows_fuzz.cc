// Rows and messages: whatever decodes is written as bytes that decode to the same. The first byte of the input picks
// the kind.
#include "replication/model/bucket.h"
#include "replication/model/invitation.h"
#include "replication/model/joiner.h"
#include "replication/model/layout_rows.h"
#include "replication/model/membership.h"
#include "replication/model/upload.h"
#include "replication/table/messages.h"
#include "src/base/assert.h"
#include "src/base/crc.h"

using namespace larder;

namespace {

// The bytes may be another form of the same (longer numbers, unused flags); what is written of them is the one form.
template <typename Decode, typename Encode>
void check(std::string_view bytes, Decode decode, Encode encode) {
    const auto first = decode(bytes);
    if (!first) return;
    const std::string written = encode(*first);
    const auto second = decode(written);
    ENSURE(second);
    ENSURE(encode(*second) == written);
}

void check_summary(std::string_view bytes) {
    const auto object = model::decode_object(bytes);
    const auto whole = model::decode_summary(bytes);
    if (object) ENSURE(whole);
    const auto cut = model::decode_summary(bytes.substr(0, model::kSummaryBytes));
    if (!cut) return;
    ENSURE(whole && cut->version == whole->version && cut->modified == whole->modified && cut->size == whole->size);
    ENSURE(cut->etag == whole->etag && cut->storage_class == whole->storage_class);
}

void check_front(std::string_view bytes) {
    const auto whole = table::decode_row(bytes);
    const auto front = table::decode_row_front(bytes, 5);
    ENSURE(whole.has_value() == front.has_value());
    if (whole) ENSURE(front->row == whole->row.substr(0, 5) && front->acc == whole->acc);
}

// The rows that begin with a prefix lie below what after_prefix names, and nothing else does.
void check_prefix(std::string_view prefix, std::string_view rest) {
    const auto after = table::after_prefix(std::string(prefix));
    if (after.empty()) {
        ENSURE(prefix.find_first_not_of('\xff') == std::string_view::npos);
        return;
    }
    ENSURE(std::string(prefix).append(rest) < after);
    ENSURE(rest < prefix || rest.starts_with(prefix) || rest >= after);
}

void check_message(std::string_view bytes) {
    const auto envelope = table::open_envelope(bytes);
    if (!envelope) return;
    const auto id = envelope->table;
    // What is written has the envelope in front again.
    const auto rest_of = [](std::string message) {
        const auto opened = table::open_envelope(message);
        ENSURE(opened);
        return std::string(opened->rest);
    };
    const auto encode = [&](const auto& request) { return rest_of(table::encode(id, request)); };
    switch (envelope->operation) {
        case table::Operation::read:
            return check(envelope->rest, table::decode_read, encode);
        case table::Operation::prepare:
            return check(envelope->rest, table::decode_prepare, encode);
        case table::Operation::accept:
            return check(envelope->rest, table::decode_accept, encode);
        case table::Operation::range:
            return check(envelope->rest, table::decode_range, encode);
        case table::Operation::raise_low:
        case table::Operation::collect:
            return check(envelope->rest, table::decode_collect, [&](const table::CollectRequest& request) {
                return rest_of(table::encode(id, envelope->operation, request));
            });
    }
}

template <typename Message>
std::string encode_answer(const Message& message) {
    return table::encode(message);
}

// The log is the row, behind its length; the layout is the rest.
void check_layout_row(std::string_view bytes) {
    codec::Reader in(bytes);
    const std::string log(in.bytes());
    if (!in.ok()) return;
    const auto row = model::decode_layout_row({log, std::string(in.rest())});
    if (!row) return;
    const auto again = model::decode_layout_row(model::encode_layout_row(*row));
    ENSURE(again && *again == *row);
}

// The sum over a membership is made here: no input would pass it otherwise.
void check_welcome(std::string_view bytes) {
    check(bytes, model::decode_welcome, model::encode_welcome);
    std::string summed(bytes);
    summed += codec::Writer().u32(base::crc32c(bytes)).take();
    check(summed, model::decode_membership, model::encode_membership);
}

void check_codec(std::string_view bytes) {
    codec::Reader in(bytes);
    const auto number = in.varint();
    const auto text = in.bytes();
    const auto tag = in.tag();
    if (!in.ok()) return;
    codec::Writer out;
    out.varint(number).bytes(text).tag(tag);
    codec::Reader again(out.view());
    ENSURE(again.varint() == number && again.bytes() == text && again.tag() == tag && again.finish("rows"));
    ENSURE(base::Tag::from_hex(tag.hex()) == tag);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 16 * 1024) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0]) {
        case 'r':
            check_front(bytes);
            check(bytes, table::decode_row, table::encode_row);
            break;
        case 'o':
            check_summary(bytes);
            check(bytes, model::decode_object, model::encode_object);
            break;
        case 'e':
            check(bytes, model::decode_extents, model::encode_extents);
            break;
        case 'u':
            check(bytes, model::decode_upload, model::encode_upload);
            break;
        case 'i':
            check(bytes, model::decode_intent, model::encode_intent);
            break;
        case 'b':
            check(bytes, model::decode_bucket, model::encode_bucket);
            break;
        case 'k':
            check(bytes, model::decode_access_key, model::encode_access_key);
            break;
        case 'M':
            check(bytes, model::decode_member, model::encode_member);
            break;
        case 'N':
            check(bytes, model::decode_number, model::encode_number);
            break;
        case 'I':
            check(bytes, model::decode_invitation, model::encode_invitation);
            break;
        case 'S':
            check(bytes, model::decode_staged, model::encode_staged);
            break;
        case 'J':
            check(bytes, model::decode_joiner, model::encode_joiner);
            break;
        case 'L':
            check_layout_row(bytes);
            break;
        case 'W':
            check_welcome(bytes);
            break;
        case 'm':
            check_message(bytes);
            break;
        case 'A':
            check(bytes, table::decode_reply, encode_answer<table::Reply>);
            break;
        case 'R':
            check(bytes, table::decode_range_reply, encode_answer<table::RangeReply>);
            break;
        case 'p':
            check_prefix(bytes.substr(0, bytes.size() / 2), bytes.substr(bytes.size() / 2));
            break;
        default:
            check_codec(bytes);
    }
    return 0;
}
