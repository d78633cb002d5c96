// The most that a listing could reach: SQLite's own ordered scan over the rows of objects of one file, each key and
// value handed to the program. row_floor FILE prints two numbers: rows, and seconds of the second pass (the first fills
// the cache).
#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <string_view>

namespace {

using Clock = std::chrono::steady_clock;

std::string_view column(sqlite3_stmt* statement, int index) {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, index));
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement, index))};
}

struct Seen {
    long rows = 0;
    bool done = false;
};

Seen scan(sqlite3_stmt* statement) {
    Seen seen;
    for (;;) {
        const int code = sqlite3_step(statement);
        if (code != SQLITE_ROW) {
            seen.done = code == SQLITE_DONE;
            break;
        }
        if (column(statement, 0).empty() || column(statement, 1).empty()) break;  // no row of ours
        ++seen.rows;
    }
    sqlite3_reset(statement);
    return seen;
}

}  // namespace

int main(int argc, char** argv) {
    sqlite3* db = nullptr;
    sqlite3_stmt* statement = nullptr;
    const bool ready =
        argc == 2 && sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr) == SQLITE_OK &&
        sqlite3_exec(db, "PRAGMA cache_size=-65536", nullptr, nullptr, nullptr) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "SELECT k,v FROM rows WHERE k>=x'0001' AND k<x'0002' ORDER BY k", -1, &statement,
                           nullptr) == SQLITE_OK;
    if (!ready) {
        std::fprintf(stderr, "row_floor: %s\n", argc == 2 ? sqlite3_errmsg(db) : "row_floor FILE");
        return 2;
    }
    (void)scan(statement);
    const auto began = Clock::now();
    const auto seen = scan(statement);
    const std::chrono::duration<double> spent = Clock::now() - began;
    std::printf("%ld %.6f\n", seen.rows, spent.count());
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return seen.done ? 0 : 1;
}
