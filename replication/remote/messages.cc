#include "replication/remote/messages.h"

#include "src/base/hash.h"
#include "src/codec/codec.h"

#include <array>
#include <concepts>
#include <type_traits>

namespace larder::remote {
namespace {

template <typename T, typename... Kinds>
concept Is = (std::same_as<std::remove_const_t<T>, Kinds> || ...);

// The engine's nouns, member by member, for both directions.
auto members_of(Is<FileAttributes> auto& a) {
    return std::tie(a.mode, a.uid, a.gid, a.device, a.mtime_ns, a.atime_ns, a.ctime_ns, a.xattrs);
}
auto members_of(Is<engine::FileEntry> auto& e) {
    return std::tie(e.key, e.implied, e.version, e.state, e.modified, e.size, e.etag, e.inode, e.links, e.attributes);
}
auto members_of(Is<engine::FoundPath> auto& f) {
    return std::tie(f.object, f.directory);
}
auto members_of(Is<engine::DirectoryPage> auto& p) {
    return std::tie(p.entries, p.truncated, p.next);
}
auto members_of(Is<engine::NewFile> auto& f) {
    return std::tie(f.key, f.attributes, f.content, f.exclusive, f.inode);
}
auto members_of(Is<engine::Quota> auto& q) {
    return std::tie(q.bytes_max, q.objects_max);
}
auto members_of(Is<engine::BucketUsage> auto& u) {
    return std::tie(u.objects, u.bytes, u.uploads);
}
auto members_of(Is<engine::FileUsage> auto& u) {
    return std::tie(u.used, u.quota, u.total_bytes, u.free_bytes);
}
// Neither owner nor the documents of other doors: a mount needs none of them.
auto members_of(Is<engine::Bucket> auto& b) {
    return std::tie(b.id, b.names, b.created, b.quota);
}
auto members_of(Is<engine::ChangeEvent> auto& e) {
    return std::tie(e.bucket, e.key, e.version, e.removed);
}
auto members_of(Is<engine::ChangePage> auto& p) {
    return std::tie(p.events, p.next, p.missed);
}
auto members_of(auto& message)
    requires requires { message.members(); }
{
    return message.members();
}

struct Put {
    codec::Writer out;

    void operator()(bool v) { out.boolean(v); }
    void operator()(std::uint32_t v) { out.varint(v); }
    void operator()(std::uint64_t v) { out.varint(v); }
    void operator()(std::int64_t v) { out.u64(static_cast<std::uint64_t>(v)); }
    void operator()(engine::XattrMode v) { out.u8(static_cast<std::uint8_t>(v)); }
    void operator()(const std::string& v) { out.bytes(v); }
    void operator()(const base::Tag& v) { out.tag(v); }
    void operator()(const base::BucketId& v) { out.raw(v.view()); }
    void operator()(base::WallTime v) { (*this)(v.ms); }
    template <typename T>
    void operator()(const std::optional<T>& v) {
        out.boolean(v.has_value());
        if (v) (*this)(*v);
    }
    template <typename T>
    void operator()(const std::vector<T>& list) {
        out.varint(list.size());
        for (const auto& item : list) (*this)(item);
    }
    void operator()(const std::map<std::string, std::string>& map) {
        out.varint(map.size());
        for (const auto& [name, value] : map) out.bytes(name).bytes(value);
    }
    template <typename T>
        requires requires(const T& v) { members_of(v); }
    void operator()(const T& v) {
        std::apply([this](const auto&... member) { ((*this)(member), ...); }, members_of(v));
    }
};

struct Take {
    codec::Reader in;
    bool ok = true;

    void operator()(bool& v) { v = in.boolean(); }
    void operator()(std::uint32_t& v) {
        const auto wide = in.varint();
        v = static_cast<std::uint32_t>(wide);
        ok = ok && wide == v;
    }
    void operator()(std::uint64_t& v) { v = in.varint(); }
    void operator()(std::int64_t& v) { v = static_cast<std::int64_t>(in.u64()); }
    void operator()(engine::XattrMode& v) {
        const auto number = in.u8();
        ok = ok && number <= static_cast<std::uint8_t>(engine::XattrMode::replace);
        v = static_cast<engine::XattrMode>(number);
    }
    void operator()(std::string& v) { v = in.bytes(); }
    void operator()(base::Tag& v) { v = in.tag(); }
    void operator()(base::BucketId& v) { v = in.id<base::BucketId>(); }
    void operator()(base::WallTime& v) { (*this)(v.ms); }
    template <typename T>
    void operator()(std::optional<T>& v) {
        if (in.boolean()) (*this)(v.emplace());
    }
    template <typename T>
    void operator()(std::vector<T>& list) {
        const auto count = in.count();
        for (std::size_t i = 0; i < count && in.ok(); ++i) (*this)(list.emplace_back());
    }
    void operator()(std::map<std::string, std::string>& map) {
        const auto count = in.count(2);
        for (std::size_t i = 0; i < count && in.ok(); ++i) {
            std::string name(in.bytes());
            map[std::move(name)] = in.bytes();
        }
    }
    template <typename T>
        requires requires(T& v) { members_of(v); }
    void operator()(T& v) {
        std::apply([this](auto&... member) { ((*this)(member), ...); }, members_of(v));
    }

    base::Result<void> finish(std::string_view what) const {
        if (ok) return in.finish(what);
        return base::fail(base::Code::corrupted, base::Subject::request, std::string(what) + ": malformed bytes");
    }
};

constexpr auto kOperations = std::to_array<std::string_view>({"begin_session",
                                                              "prove",
                                                              "find",
                                                              "list",
                                                              "create",
                                                              "set_attributes",
                                                              "set_xattr",
                                                              "remove",
                                                              "rename",
                                                              "exchange",
                                                              "rename_directory",
                                                              "link",
                                                              "usage",
                                                              "watch",
                                                              "open",
                                                              "close",
                                                              "read",
                                                              "write",
                                                              "truncate",
                                                              "punch",
                                                              "seek",
                                                              "copy_from",
                                                              "commit"});
static_assert(kOperations.size() == std::variant_size_v<Request>);

template <std::size_t place = 0>
bool emplace(Request& request, std::size_t wanted) {
    if constexpr (place == std::variant_size_v<Request>) {
        return false;
    } else {
        if (place != wanted) return emplace<place + 1>(request, wanted);
        request.emplace<place>();
        return true;
    }
}

}  // namespace

std::string encode(const Request& request) {
    Put put;
    put.out.u8(static_cast<std::uint8_t>(request.index() + 1));
    std::visit([&put](const auto& message) { put(message); }, request);
    return put.out.take();
}

base::Result<Request> decode_request(std::string_view bytes) {
    Take take{codec::Reader(bytes)};
    Request request;
    const std::size_t number = take.in.u8();
    if (number == 0 || !emplace(request, number - 1))
        return base::fail(base::Code::corrupted, base::Subject::request,
                          "an operation of unknown number " + std::to_string(number));
    std::visit([&take](auto& message) { take(message); }, request);
    TRY_VOID(take.finish(kOperations[number - 1]));
    return request;
}

std::string_view operation_name(std::size_t place) {
    return kOperations[place];
}

template <typename Answer>
std::string encode_answer(const Answer& answer) {
    Put put;
    put(answer);
    return put.out.take();
}

template <typename Answer>
base::Result<Answer> decode_answer(std::string_view bytes) {
    Take take{codec::Reader(bytes)};
    Answer answer;
    take(answer);
    TRY_VOID(take.finish("an answer"));
    return answer;
}

template std::string encode_answer(const engine::FoundPath&);
template std::string encode_answer(const engine::DirectoryPage&);
template std::string encode_answer(const engine::FileEntry&);
template std::string encode_answer(const engine::FileUsage&);
template std::string encode_answer(const engine::ChangePage&);
template std::string encode_answer(const Session&);
template std::string encode_answer(const HandleState&);
template std::string encode_answer(const Opened&);
template std::string encode_answer(const Committed&);
template std::string encode_answer(const Position&);
template std::string encode_answer(const Nothing&);
template base::Result<engine::FoundPath> decode_answer(std::string_view);
template base::Result<engine::DirectoryPage> decode_answer(std::string_view);
template base::Result<engine::FileEntry> decode_answer(std::string_view);
template base::Result<engine::FileUsage> decode_answer(std::string_view);
template base::Result<engine::ChangePage> decode_answer(std::string_view);
template base::Result<Session> decode_answer(std::string_view);
template base::Result<HandleState> decode_answer(std::string_view);
template base::Result<Opened> decode_answer(std::string_view);
template base::Result<Committed> decode_answer(std::string_view);
template base::Result<Position> decode_answer(std::string_view);
template base::Result<Nothing> decode_answer(std::string_view);

std::string make_proof(std::string_view secret, std::string_view nonce, const BeginSession& session) {
    codec::Writer what;
    what.raw("larder files 1\n").bytes(nonce).bytes(session.key_id).bytes(session.bucket);
    return base::hmac_sha256(secret, what.view());
}

}  // namespace larder::remote
