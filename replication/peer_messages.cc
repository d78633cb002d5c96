#include "replication/peer_messages.h"

#include "src/codec/codec.h"

namespace larder::engine::peer {

namespace {

// Stand in messages: never reused.
enum class Kind : std::uint8_t {
    seen = 1,
    close_bucket = 2,
    count_usage = 3,
    is_completing = 4,
    given_up = 5,
    watch = 6,
    shut_out = 7
};

codec::Writer begin(Kind kind) {
    codec::Writer out;
    out.u8(static_cast<std::uint8_t>(kind));
    return out;
}

std::string put(const Seen& ask) {
    auto out = begin(Kind::seen);
    return out.u8(ask.table).bytes(ask.key.partition_key).bytes(ask.key.sort_key).tag(ask.version).take();
}
std::string put(const CloseBucket& ask) {
    auto out = begin(Kind::close_bucket);
    return out.raw(ask.bucket.view()).tag(ask.mark).take();
}
std::string put(const CountUsage& ask) {
    auto out = begin(Kind::count_usage);
    return out.raw(ask.bucket.view()).take();
}
std::string put(const IsCompleting& ask) {
    auto out = begin(Kind::is_completing);
    return out.raw(ask.upload.view()).take();
}
std::string put(const GivenUp& ask) {
    auto out = begin(Kind::given_up);
    out.varint(ask.owners.size());
    for (const auto& owner : ask.owners) out.raw(owner.view());
    return out.take();
}
std::string put(const Watch& ask) {
    auto out = begin(Kind::watch);
    return out.raw(ask.bucket.view()).bytes(ask.prefix).bytes(ask.since).u32(ask.wait_ms).take();
}
std::string put(const ShutOut& ask) {
    auto out = begin(Kind::shut_out);
    return out.u32(ask.node).take();
}

Seen take_seen(codec::Reader& in) {
    Seen ask;
    ask.table = in.u8();
    ask.key.partition_key = in.bytes();
    ask.key.sort_key = in.bytes();
    ask.version = in.tag();
    return ask;
}
CloseBucket take_close(codec::Reader& in) {
    CloseBucket ask;
    ask.bucket = in.id<BucketId>();
    ask.mark = in.tag();
    return ask;
}
GivenUp take_given_up(codec::Reader& in) {
    GivenUp ask;
    const auto count = in.count(UploadId::kSize);
    for (std::size_t i = 0; i < count; ++i) ask.owners.push_back(in.id<UploadId>());
    return ask;
}
Watch take_watch(codec::Reader& in) {
    Watch ask;
    ask.bucket = in.id<BucketId>();
    ask.prefix = in.bytes();
    ask.since = in.bytes();
    ask.wait_ms = in.u32();
    return ask;
}

}  // namespace

std::string encode(const Ask& ask) {
    return std::visit([](const auto& one) { return put(one); }, ask);
}

Result<Ask> decode_ask(std::string_view bytes) {
    codec::Reader in(bytes);
    Ask ask;
    switch (static_cast<Kind>(in.u8())) {
        case Kind::seen:
            ask = take_seen(in);
            break;
        case Kind::close_bucket:
            ask = take_close(in);
            break;
        case Kind::count_usage:
            ask = CountUsage{in.id<BucketId>()};
            break;
        case Kind::is_completing:
            ask = IsCompleting{in.id<UploadId>()};
            break;
        case Kind::given_up:
            ask = take_given_up(in);
            break;
        case Kind::watch:
            ask = take_watch(in);
            break;
        case Kind::shut_out:
            ask = ShutOut{in.u32()};
            break;
        default:
            return base::fail(base::Code::unsupported, base::Subject::request, "an unknown call between engines");
    }
    TRY_VOID(in.finish("call between engines"));
    return ask;
}

std::string encode_page(const ChangePage& page) {
    codec::Writer out;
    out.boolean(page.missed).bytes(page.next).varint(page.events.size());
    for (const auto& event : page.events) {
        out.raw(event.bucket.view()).bytes(event.key).tag(event.version).boolean(event.removed);
    }
    return out.take();
}

Result<ChangePage> decode_page(std::string_view bytes) {
    codec::Reader in(bytes);
    ChangePage page;
    page.missed = in.boolean();
    page.next = in.bytes();
    const auto count = in.count(BucketId::kSize + 1 + Tag::kSize + 1);
    for (std::size_t i = 0; i < count; ++i) {
        auto& event = page.events.emplace_back();
        event.bucket = in.id<BucketId>();
        event.key = in.bytes();
        event.version = in.tag();
        event.removed = in.boolean();
    }
    TRY_VOID(in.finish("page of changes"));
    return page;
}

}  // namespace larder::engine::peer
