// GetObject, HeadObject, GetObjectAttributes.
#include "s3/acl.h"
#include "s3/auth/checksum.h"
#include "s3/ops/ops.h"
#include "s3/ops/properties.h"
#include "s3/xml/xml_writer.h"
#include "src/base/encoding.h"
#include "src/base/limits.h"
#include "src/io/task_group.h"

#include <deque>

namespace larder::s3::ops {

namespace {

using base::Buffer;

// Only the unversioned object is here: its version id is "null".
S3Result<void> check_version_id(const Call& call) {
    const auto version = call.request.parameter("versionId");
    if (!version || version->empty() || *version == "null") return {};
    return refuse("NoSuchVersion");
}

std::string content_range(const Part& part, std::uint64_t size) {
    return "bytes " + std::to_string(part.offset) + "-" + std::to_string(part.offset + part.length - 1) + "/" +
           std::to_string(size);
}

// The head of an answer that shows `part` of the object, or the answer that ends the request (304, 412).
struct Head {
    http::ResponseHead head;
    Part part;
    bool final = false;
};
S3Result<Head> make_head(const Call& call, const engine::ObjectInfo& info) {
    Head out;
    TRY(const auto verdict, judge_read(call, info));
    if (verdict == 412) return refuse("PreconditionFailed");
    if (verdict == 304) {
        out.final = true;
        out.head.status = 304;
        out.head.headers.add("ETag", quoted(info.etag));
        out.head.headers.add("Last-Modified", base::format_http_date(info.modified));
        for (const auto& [name, value] : info.properties.headers) {
            if (name == "cache-control" || name == "expires") out.head.headers.add(name, value);
        }
        return out;
    }
    TRY(out.head.headers, object_headers(call, info));
    TRY(out.part, requested_part(call, info));
    if (out.part.partial) {
        out.head.status = 206;
        out.head.headers.add("Content-Range", content_range(out.part, info.size));
    }
    if (!out.part.partial || out.part.stored != nullptr) {
        add_checksum_headers(call, info, out.part.stored, out.head.headers);
    }
    if (out.part.parts_count) out.head.headers.add("x-amz-mp-parts-count", std::to_string(*out.part.parts_count));
    out.head.headers.add("x-amz-request-id", call.request_id);
    return out;
}

// Reads ahead of the socket: up to kReadAheadBlocks pieces are on their way while one is written.
class ReadAhead {
 public:
    ReadAhead(io::Env& env, engine::ObjectReader& reader, const Part& part)
        : env_(env), reader_(reader), next_(part.offset), end_(part.offset + part.length), tasks_(env.executor) {}

    io::Task<base::Result<Buffer>> next() {
        while (next_ < end_ && pieces_.size() < base::limits::kReadAheadBlocks) start_one();
        auto piece = std::move(pieces_.front());
        pieces_.pop_front();
        co_return co_await piece.future();
    }

 private:
    using Piece = io::Promise<base::Result<Buffer>>;

    void start_one() {
        // Pieces end where blocks do, so each is one block's read.
        const auto length = std::min(end_ - next_, base::limits::kBlockBytes - next_ % base::limits::kBlockBytes);
        Piece piece(env_.executor);
        pieces_.push_back(piece);
        tasks_.spawn(fetch(reader_, next_, length, piece));
        next_ += length;
    }

    static io::Task<void> fetch(engine::ObjectReader& reader, std::uint64_t offset, std::uint64_t length, Piece out) {
        auto first = co_await reader.read(offset, length);
        if (!first || first->size() == length) {
            out.set(std::move(first));
            co_return;
        }
        // Blocks of parts and copies lie elsewhere than on the grid: gather them into one piece.
        auto whole = Buffer::allocate(length);
        std::size_t have = 0;
        for (auto piece = std::move(*first);;) {
            std::memcpy(whole.writable().data() + have, piece.data(), piece.size());
            have += piece.size();
            if (have == length) break;
            auto more = co_await reader.read(offset + have, length - have);
            if (!more || more->empty()) {
                out.set(more ? base::fail(base::Code::corrupted, base::Subject::object, "the object ends early")
                             : base::fail(more.error()));
                co_return;
            }
            piece = std::move(*more);
        }
        out.set(std::move(whole));
    }

    io::Env& env_;
    engine::ObjectReader& reader_;
    std::uint64_t next_;
    std::uint64_t end_;
    std::deque<Piece> pieces_;
    io::TaskGroup tasks_;
};

// The body after a good head. A failure in the middle can only be shown by cutting the connection.
io::Task<Outcome> stream(Call& call, std::unique_ptr<engine::ObjectReader> reader, Head head) {
    Reply sent;
    sent.sent = true;
    ReadAhead pieces(call.env, *reader, head.part);
    // No head before the first block is in hand: what can be known to fail is answered with its error.
    auto piece = co_await pieces.next();
    if (!piece) co_return refuse(piece.error());
    if (piece->size() == head.part.length) {
        head.head.headers.set("Content-Length", std::to_string(piece->size()));
    }
    if (!co_await call.exchange.start(std::move(head.head), head.part.length)) co_return sent;
    for (std::uint64_t done = 0;;) {
        done += piece->size();
        if (!co_await call.exchange.write(std::move(*piece))) co_return sent;
        if (done == head.part.length) break;
        piece = co_await pieces.next();
        if (!piece) {
            call.exchange.abort();
            co_return sent;
        }
    }
    (void)co_await call.exchange.finish();
    co_return sent;
}

}  // namespace

io::Task<Outcome> get_object(Call& call) {
    S3_TRY_VOID(check_version_id(call));
    S3_TRY(auto reader, co_await call.engine.open_object(call.bucket->id, call.request.key));
    S3_TRY_VOID(check_object_readable(call, reader->info()));
    S3_TRY(auto head, make_head(call, reader->info()));
    const bool whole_inline = reader->info().size <= base::limits::kInlineBytesMax;
    Reply reply;
    if (head.final || head.part.length == 0 || whole_inline) {
        reply.status = head.head.status;
        reply.headers = std::move(head.head.headers);
        const bool whole = !head.final && head.part.length == reader->info().size;
        if (whole) reply.body = reader->take_inline();
        if (!head.final && reply.body.size() < head.part.length) {
            S3_TRY(const auto body, co_await reader->read(head.part.offset, head.part.length));
            reply.body = body.chars();
            while (reply.body.size() < head.part.length) {
                S3_TRY(const auto more, co_await reader->read(head.part.offset + reply.body.size(),
                                                              head.part.length - reply.body.size()));
                if (more.empty()) co_return refuse("InternalError");
                reply.body += more.chars();
            }
        }
        co_return reply;
    }
    co_return co_await stream(call, std::move(reader), std::move(head));
}

io::Task<Outcome> head_object(Call& call) {
    S3_TRY_VOID(check_version_id(call));
    S3_TRY(const auto info, co_await call.engine.head_object(call.bucket->id, call.request.key));
    S3_TRY_VOID(check_object_readable(call, info));
    S3_TRY(auto head, make_head(call, info));
    Reply reply;
    reply.status = head.head.status;
    reply.headers = std::move(head.head.headers);
    if (!head.final) reply.headers.set("Content-Length", std::to_string(head.part.length));
    co_return reply;
}

namespace {

void write_checksums(XmlWriter& xml, const std::vector<engine::Checksum>& checksums, std::size_t parts) {
    for (const auto& sum : checksums) {
        xml.element(xml_name(sum.algorithm), checksum_text(sum, parts));
    }
}

void write_parts(XmlWriter& xml, const engine::ObjectInfo& info, std::uint64_t after, std::uint64_t most) {
    xml.open("ObjectParts");
    std::uint64_t shown = 0;
    std::uint64_t last = after;
    bool more = false;
    for (const auto& part : info.parts) {
        if (static_cast<std::uint64_t>(part.number) <= after) continue;
        if (shown == most) {
            more = true;
            break;
        }
        ++shown;
        last = static_cast<std::uint64_t>(part.number);
        xml.open("Part");
        write_checksums(xml, part.checksums, 0);
        xml.element("PartNumber", last);
        xml.element("Size", part.size);
        xml.close("Part");
    }
    xml.element("IsTruncated", more ? "true" : "false");
    xml.element("MaxParts", most);
    xml.element("NextPartNumberMarker", last);
    xml.element("PartNumberMarker", after);
    xml.element("PartsCount", std::uint64_t{info.parts.size()});
    xml.close("ObjectParts");
}

// The attributes named in the request's list headers.
S3Result<std::set<std::string>> wanted_attributes(const Call& call) {
    static const std::set<std::string> known = {"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"};
    std::set<std::string> wanted;
    for (const auto list : call.exchange.request().headers.all("x-amz-object-attributes")) {
        for (auto rest = list; !rest.empty();) {
            const auto comma = rest.find(',');
            const std::string name(base::trim(rest.substr(0, comma)));
            rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
            if (!known.contains(name)) return refuse("InvalidArgument", "Invalid attribute name specified.");
            wanted.insert(name);
        }
    }
    if (wanted.empty()) {
        return refuse(
            "InvalidRequest",
            "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty");
    }
    return wanted;
}

std::uint64_t number_header(const Call& call, std::string_view name, std::uint64_t otherwise) {
    const auto text = call.header(name);
    return text ? std::strtoull(std::string(*text).c_str(), nullptr, 10) : otherwise;
}

}  // namespace

io::Task<Outcome> get_object_attributes(Call& call) {
    S3_TRY_VOID(check_version_id(call));
    S3_TRY(const auto wanted, wanted_attributes(call));
    S3_TRY(const auto info, co_await call.engine.head_object(call.bucket->id, call.request.key));
    XmlWriter xml;
    xml.open("GetObjectAttributesResponse", kXmlNamespace);
    if (wanted.contains("ETag")) xml.element("ETag", info.etag);
    if (wanted.contains("Checksum") && !info.checksums.empty()) {
        xml.open("Checksum");
        write_checksums(xml, info.checksums, info.parts.size());
        xml.element("ChecksumType", info.checksums.front().composite ? "COMPOSITE" : "FULL_OBJECT");
        xml.close("Checksum");
    }
    if (wanted.contains("ObjectParts") && !info.parts.empty()) {
        write_parts(xml, info, number_header(call, "x-amz-part-number-marker", 0),
                    number_header(call, "x-amz-max-parts", 1000));
    }
    if (wanted.contains("StorageClass")) {
        xml.element("StorageClass", info.properties.storage_class.empty() ? "STANDARD" : info.properties.storage_class);
    }
    if (wanted.contains("ObjectSize")) xml.element("ObjectSize", info.size);
    xml.close("GetObjectAttributesResponse");
    auto reply = xml_reply(xml.take());
    reply.headers.add("Last-Modified", base::format_http_date(info.modified));
    co_return reply;
}

}  // namespace larder::s3::ops
