#include "src/db/connection.h"

#include "src/base/crc.h"
#include "src/base/encoding.h"
#include "src/base/log.h"

#include <sqlite3.h>

namespace larder::db {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kNamedKeyBytes = 24;  // of a damaged row's key, in messages

std::string_view column(sqlite3_stmt* statement, int index) {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, index));
    return {bytes == nullptr ? "" : bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement, index))};
}

void bind_blob(sqlite3_stmt* statement, int index, std::string_view bytes) {
    // A null pointer would bind NULL; an empty value is an empty blob.
    sqlite3_bind_blob64(statement, index, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
}

// Resets a statement when the scope ends, so that it holds no read transaction.
struct ResetLater {
    sqlite3_stmt* statement;
    ~ResetLater() { sqlite3_reset(statement); }
};

}  // namespace

std::string stored_key(TreeId tree, std::string_view key) {
    std::string out;
    out.reserve(key.size() + 2);
    out.push_back(static_cast<char>(tree >> 8));
    out.push_back(static_cast<char>(tree));
    out.append(key);
    return out;
}

std::string stored_value(std::string_view stored_key, std::string_view value) {
    const auto sum = base::crc32c(value, base::crc32c(stored_key));
    std::string out;
    out.reserve(value.size() + kChecksumBytes);
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(sum >> (8 * i)));
    out.append(value);
    return out;
}

void FinalizeStatement::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Result<std::unique_ptr<Connection>> Connection::open(const std::string& vfs, const std::string& path, Access access,
                                                     std::size_t cache_bytes) {
    sqlite3* db = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                      (access == Access::write ? SQLITE_OPEN_CREATE : 0);
    const int code = sqlite3_open_v2(path.c_str(), &db, flags, vfs.c_str());
    std::unique_ptr<Connection> connection(new Connection(db, path));
    if (code != SQLITE_OK) return connection->failed(code, "opening");
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, 10'000);
    // SQLite 3.40 loses commits when two connections checkpoint: the writer does so when told, nobody by closing.
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    // The page size counts only before the first write, the journal mode is kept in the file.
    for (const char* pragma :
         {"PRAGMA page_size=8192", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA wal_autocheckpoint=0",
          "PRAGMA mmap_size=0", "PRAGMA cell_size_check=ON", "PRAGMA temp_store=MEMORY"}) {
        TRY_VOID(connection->run(pragma));
    }
    TRY_VOID(connection->run(("PRAGMA cache_size=-" + std::to_string(cache_bytes / 1024)).c_str()));
    if (access == Access::write) {
        // A checkpoint does what it can beside the readers and never waits for them: commits would wait with it.
        sqlite3_busy_timeout(db, 0);
        sqlite3_wal_hook(
            db,
            [](void* self, sqlite3*, const char*, int frames) {
                static_cast<Connection*>(self)->log_frames_ = frames;
                return SQLITE_OK;
            },
            connection.get());
        TRY_VOID(connection->run("CREATE TABLE IF NOT EXISTS rows(k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID"));
    } else {
        // SQLite 3.40 loses commits when two connections checkpoint: a reader never does, not even as the last to
        // close.
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
        TRY_VOID(connection->run("PRAGMA query_only=ON"));
    }
    TRY(connection->get_, connection->prepare("SELECT v FROM rows WHERE k=?1"));
    TRY(connection->put_, connection->prepare("INSERT OR REPLACE INTO rows(k,v) VALUES(?1,?2)"));
    TRY(connection->erase_, connection->prepare("DELETE FROM rows WHERE k=?1"));
    TRY(connection->begin_, connection->prepare("BEGIN"));
    TRY(connection->end_, connection->prepare("ROLLBACK"));
    return connection;
}

Connection::~Connection() {
    scans_.clear();
    for (auto* statement : {&get_, &put_, &erase_, &begin_, &end_}) statement->reset();
    sqlite3_close(db_);
}

std::unexpected<base::Error> Connection::failed(int code, std::string_view doing) const {
    const std::string message = std::string(doing) + " " + path_ + ": " + sqlite3_errmsg(db_);
    switch (code & 0xff) {
        case SQLITE_FULL:
            return base::fail(Code::no_space, Subject::disk, message);
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return base::fail(Code::corrupted, Subject::row, message);
        case SQLITE_PERM:
        case SQLITE_READONLY:
            return base::fail(Code::permission_denied, Subject::disk, message);
        default:
            return base::fail(Code::io_failure, Subject::disk, message);
    }
}

Result<void> Connection::run(const char* sql) {
    const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) return {};
    return failed(code, "running on");
}

Result<Statement> Connection::prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return failed(code, "preparing for");
    return Statement(statement);
}

Result<std::optional<std::string>> Connection::get(std::string_view stored) {
    const ResetLater reset{get_.get()};
    bind_blob(get_.get(), 1, stored);
    const int code = sqlite3_step(get_.get());
    if (code == SQLITE_DONE) return std::nullopt;
    if (code != SQLITE_ROW) return failed(code, "reading");
    TRY(const auto value, checked(stored, column(get_.get(), 0)));
    return std::string(value);
}

Result<std::string_view> Connection::checked(std::string_view stored_key, std::string_view stored) const {
    if (stored.size() >= kChecksumBytes) {
        const auto value = stored.substr(kChecksumBytes);
        const auto sum = base::crc32c(value, base::crc32c(stored_key));
        std::uint32_t told = 0;
        for (std::size_t i = 0; i < kChecksumBytes; ++i) {
            told |= std::uint32_t{static_cast<std::uint8_t>(stored[i])} << (8 * i);
        }
        if (sum == told) return value;
    }
    const auto tree = base::hex_encode(stored_key.substr(0, sizeof(TreeId)));
    const auto key = base::hex_encode(stored_key.substr(sizeof(TreeId)).substr(0, kNamedKeyBytes));
    base::log::error("a row is damaged on the disk",
                     "write or delete the object again (larder verify names it), or restore a snapshot; check the disk",
                     {{"file", path_}, {"tree", tree}, {"key", key}});
    return base::fail(Code::corrupted, Subject::row,
                      "row " + key + " of tree " + tree + " in " + path_ + " is damaged on the disk");
}

Result<void> Connection::begin_view() {
    const ResetLater reset{begin_.get()};
    if (const int code = sqlite3_step(begin_.get()); code != SQLITE_DONE) return failed(code, "reading");
    // SQLite takes its snapshot at the first read.
    const ResetLater reset_get{get_.get()};
    bind_blob(get_.get(), 1, {});
    const int code = sqlite3_step(get_.get());
    if (code == SQLITE_DONE || code == SQLITE_ROW) return {};
    auto failure = failed(code, "reading");
    end_view();
    return failure;
}

void Connection::end_view() {
    const ResetLater reset{end_.get()};
    (void)sqlite3_step(end_.get());
}

Result<void> Connection::put(std::string_view stored, std::string_view value) {
    const auto with_sum = stored_value(stored, value);
    const ResetLater reset{put_.get()};
    bind_blob(put_.get(), 1, stored);
    bind_blob(put_.get(), 2, with_sum);
    const int code = sqlite3_step(put_.get());
    if (code == SQLITE_DONE) return {};
    return failed(code, "writing");
}

Result<void> Connection::erase(std::string_view stored) {
    const ResetLater reset{erase_.get()};
    bind_blob(erase_.get(), 1, stored);
    const int code = sqlite3_step(erase_.get());
    if (code == SQLITE_DONE) return {};
    return failed(code, "erasing from");
}

Result<Statement> Connection::take_scan() {
    if (scans_.empty()) return prepare("SELECT k,v FROM rows WHERE k>=?1 ORDER BY k");
    auto scan = std::move(scans_.back());
    scans_.pop_back();
    return scan;
}

void Connection::give_back_scan(Statement scan) {
    sqlite3_reset(scan.get());
    sqlite3_clear_bindings(scan.get());
    scans_.push_back(std::move(scan));
}

Result<void> Connection::checkpoint(bool truncate) {
    int in_log = 0;
    int moved = 0;
    const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    const int code = sqlite3_wal_checkpoint_v2(db_, nullptr, mode, &in_log, &moved);
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) return failed(code, "checkpointing");
    if (code == SQLITE_OK && in_log == moved) log_frames_ = 0;
    return {};
}

void Connection::interrupt() {
    sqlite3_interrupt(db_);
}

Result<std::string> Connection::check(bool quick) {
    TRY(const auto statement, prepare(quick ? "PRAGMA quick_check(1)" : "PRAGMA integrity_check(1)"));
    const int code = sqlite3_step(statement.get());
    if (code != SQLITE_ROW) return failed(code, "checking");
    return std::string(column(statement.get(), 0));
}

Result<StepResult> scan_next(Connection& connection, sqlite3_stmt* statement) {
    const int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) return StepResult::row;
    if (code == SQLITE_DONE) return StepResult::end;
    return connection.failed(code, "scanning");
}

Result<StepResult> scan_from(Connection& connection, sqlite3_stmt* statement, std::string_view stored) {
    sqlite3_reset(statement);
    sqlite3_bind_blob64(statement, 1, stored.data(), stored.size(), SQLITE_TRANSIENT);
    return scan_next(connection, statement);
}

std::string_view scan_key(sqlite3_stmt* statement) {
    return column(statement, 0);
}
std::string_view scan_value(sqlite3_stmt* statement) {
    return column(statement, 1);
}

}  // namespace larder::db
