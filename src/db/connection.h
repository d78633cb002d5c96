// One SQLite connection to one shard, used by one thread at a time. Rows of all trees lie in one table, keyed by two
// bytes of tree number and the key. Inside src/db only.
#pragma once

#include "src/db/db.h"

#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace larder::db {

// The key under which a row is stored: the tree number big-endian, then the key.
std::string stored_key(TreeId tree, std::string_view key);
// The value as it is stored: a CRC-32C of stored key and value, then the value.
std::string stored_value(std::string_view stored_key, std::string_view value);

struct FinalizeStatement {
    void operator()(sqlite3_stmt* statement) const;
};
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

enum class Access { read, write };
enum class StepResult { row, end };

class Connection {
 public:
    static base::Result<std::unique_ptr<Connection>> open(const std::string& vfs, const std::string& path,
                                                          Access access, std::size_t cache_bytes);
    ~Connection();

    base::Result<void> run(const char* sql);
    base::Result<std::optional<std::string>> get(std::string_view stored_key);
    base::Result<void> put(std::string_view stored_key, std::string_view value);
    base::Result<void> erase(std::string_view stored_key);
    // The value out of what is stored under the key, or corrupted.
    base::Result<std::string_view> checked(std::string_view stored_key, std::string_view stored) const;
    // Everything read between the two is of one moment, that of begin_view().
    base::Result<void> begin_view();
    void end_view();
    // A statement for scan_from, to be given back; several may be out at once.
    base::Result<Statement> take_scan();
    void give_back_scan(Statement scan);
    // Moves pages from SQLite's log to the file without waiting for readers. Empties the log when `truncate` and nobody
    // reads.
    base::Result<void> checkpoint(bool truncate);
    // Pages in SQLite's log after the last commit here.
    int log_frames() const { return log_frames_; }
    // "ok", or the first damage found. `quick` leaves index contents unchecked.
    base::Result<std::string> check(bool quick);
    // Makes what runs on it fail soon. Any thread.
    void interrupt();

    // The error of the last SQLite call, with what was being done.
    std::unexpected<base::Error> failed(int code, std::string_view doing) const;
    const std::string& path() const { return path_; }

 private:
    Connection(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
    base::Result<Statement> prepare(const char* sql);

    sqlite3* db_;
    std::string path_;
    int log_frames_ = 0;
    Statement get_;
    Statement put_;
    Statement erase_;
    Statement begin_;
    Statement end_;
    std::vector<Statement> scans_;
};

// Moves a scan statement: bind the start, step.
base::Result<StepResult> scan_from(Connection& connection, sqlite3_stmt* statement, std::string_view stored_key);
base::Result<StepResult> scan_next(Connection& connection, sqlite3_stmt* statement);
std::string_view scan_key(sqlite3_stmt* statement);
std::string_view scan_value(sqlite3_stmt* statement);

}  // namespace larder::db
