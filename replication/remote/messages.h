// What the file service's two ends say to each other (docs/formats.md, "File service"). The bytes of files are the bulk
// of a frame and never in here. Every decode of a stranger's bytes fails cleanly.
#pragma once

#include "replication/files.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>

namespace larder::remote {

constexpr const char* kService = "files";
constexpr std::uint8_t kVersion = 3;
constexpr std::size_t kNonceBytes = 32;

using HandleNumber = std::uint64_t;  // of one connection; never given twice
using engine::FileAttributes;

// ---- Requests: the place in `Request` is the operation's number, from 1 ---------------------------------------------
struct BeginSession {
    std::string bucket;
    std::string key_id;  // empty: by the right of the process that connected
    auto members(this auto& self) { return std::tie(self.bucket, self.key_id); }
};
struct Prove {
    std::string proof;
    auto members(this auto& self) { return std::tie(self.proof); }
};
struct Find {
    std::string path;
    auto members(this auto& self) { return std::tie(self.path); }
};
struct List {
    std::string directory;
    std::string after;
    std::uint32_t limit = 0;
    auto members(this auto& self) { return std::tie(self.directory, self.after, self.limit); }
};
struct Create {
    engine::NewFile file;
    auto members(this auto& self) { return std::tie(self.file); }
};
struct SetAttributes {
    std::string key;
    FileAttributes changes;
    auto members(this auto& self) { return std::tie(self.key, self.changes); }
};
struct SetXattr {
    std::string key;
    std::string name;
    std::optional<std::string> value;
    engine::XattrMode mode = engine::XattrMode::create_or_replace;
    std::int64_t ctime_ns = 0;
    auto members(this auto& self) { return std::tie(self.key, self.name, self.value, self.mode, self.ctime_ns); }
};
struct Remove {
    std::string key;
    std::int64_t ctime_ns = 0;
    auto members(this auto& self) { return std::tie(self.key, self.ctime_ns); }
};
struct Rename {
    std::string from;
    std::string to;
    bool exclusive = false;
    std::int64_t ctime_ns = 0;
    auto members(this auto& self) { return std::tie(self.from, self.to, self.exclusive, self.ctime_ns); }
};
struct Exchange {
    std::string first;
    std::string second;
    std::int64_t ctime_ns = 0;
    auto members(this auto& self) { return std::tie(self.first, self.second, self.ctime_ns); }
};
struct RenameDirectory {
    std::string from;
    std::string to;
    std::int64_t ctime_ns = 0;
    auto members(this auto& self) { return std::tie(self.from, self.to, self.ctime_ns); }
};
struct Link {
    std::string from;
    std::string to;
    std::int64_t ctime_ns = 0;
    auto members(this auto& self) { return std::tie(self.from, self.to, self.ctime_ns); }
};
struct Usage {
    auto members(this auto&) { return std::tuple<>(); }
};
struct Watch {
    std::string since;
    std::uint64_t wait_ms = 0;
    auto members(this auto& self) { return std::tie(self.since, self.wait_ms); }
};
struct Open {
    std::string key;
    auto members(this auto& self) { return std::tie(self.key); }
};
struct Close {
    HandleNumber handle = 0;
    auto members(this auto& self) { return std::tie(self.handle); }
};
struct Read {
    HandleNumber handle = 0;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    auto members(this auto& self) { return std::tie(self.handle, self.offset, self.length); }
};
struct Write {
    HandleNumber handle = 0;
    std::uint64_t offset = 0;
    base::Buffer data;  // the bulk; no part of the message
    auto members(this auto& self) { return std::tie(self.handle, self.offset); }
};
struct Truncate {
    HandleNumber handle = 0;
    std::uint64_t size = 0;
    auto members(this auto& self) { return std::tie(self.handle, self.size); }
};
struct Punch {
    HandleNumber handle = 0;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    auto members(this auto& self) { return std::tie(self.handle, self.offset, self.length); }
};
struct Seek {
    HandleNumber handle = 0;
    std::uint64_t offset = 0;
    bool hole = false;
    auto members(this auto& self) { return std::tie(self.handle, self.offset, self.hole); }
};
struct CopyFrom {
    HandleNumber handle = 0;
    HandleNumber source = 0;
    std::uint64_t source_offset = 0;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    auto members(this auto& self) {
        return std::tie(self.handle, self.source, self.source_offset, self.offset, self.length);
    }
};
struct Commit {
    HandleNumber handle = 0;
    FileAttributes changes;
    bool only_current = false;
    auto members(this auto& self) { return std::tie(self.handle, self.changes, self.only_current); }
};

using Request = std::variant<BeginSession, Prove, Find, List, Create, SetAttributes, SetXattr, Remove, Rename, Exchange,
                             RenameDirectory, Link, Usage, Watch, Open, Close, Read, Write, Truncate, Punch, Seek,
                             CopyFrom, Commit>;

// ---- Answers --------------------------------------------------------------------------------------------------------
// To BeginSession and Prove: either a question, or the session is open.
struct Session {
    std::string nonce;  // not empty: prove with it that the secret is known
    engine::Bucket bucket;
    auto members(this auto& self) { return std::tie(self.nonce, self.bucket); }
};
// Of a handle after a change through it.
struct HandleState {
    std::uint64_t size = 0;
    bool changed = false;
    auto members(this auto& self) { return std::tie(self.size, self.changed); }
};
struct Opened {
    HandleNumber handle = 0;
    engine::FileEntry entry;
    HandleState state;
    auto members(this auto& self) { return std::tie(self.handle, self.entry, self.state); }
};
struct Committed {
    engine::FileEntry entry;
    HandleState state;
    auto members(this auto& self) { return std::tie(self.entry, self.state); }
};
struct Position {
    std::uint64_t offset = 0;
    auto members(this auto& self) { return std::tie(self.offset); }
};
struct Nothing {
    auto members(this auto&) { return std::tuple<>(); }
};

std::string encode(const Request& request);
base::Result<Request> decode_request(std::string_view bytes);
// The snake_case name of an operation by its place, for metrics.
std::string_view operation_name(std::size_t place);

// For engine::FoundPath, DirectoryPage, FileEntry, FileUsage, ChangePage, and the answers above.
template <typename Answer>
std::string encode_answer(const Answer& answer);
template <typename Answer>
base::Result<Answer> decode_answer(std::string_view bytes);

// What proves the knowledge of an access key's secret, for this server's nonce and this bucket alone.
std::string make_proof(std::string_view secret, std::string_view nonce, const BeginSession& session);

}  // namespace larder::remote
