// The rows of objects, seen as if directories that are on their way had arrived. Inside replication/ only.
//
// A directory is renamed by one row, its move; the rows below it follow one by one. Until they have, a row under the
// old name that is older than the move belongs to the new name, and one that is newer stands where it is. Whoever asks
// for a key under either name first brings that one row over; ranges show each row under the name it belongs to.
#pragma once

#include "replication/table/coordinator.h"

#include <list>

namespace larder::engine {

// Everything below `from` that is older than `since` belongs below `to`. Both end in a slash and do not contain each
// other; moves that are there at once do not meet.
struct DirectoryMove {
    base::BucketId bucket;  // the partition keys of its rows begin with it
    std::string from;
    std::string to;
    base::Tag since;
};

// Engine thread. Calls on rows that no move touches go straight to the table.
class MovedRows final : public table::Registers {
 public:
    // Brings the row `from + rest` to its new key if it is older than the move; nothing to do is no error.
    using Bring = std::function<io::Task<base::Result<void>>(DirectoryMove move, std::string rest)>;

    MovedRows(io::Env& env, table::Registers& rows, Bring bring)
        : env_(env), rows_(rows), bring_(std::move(bring)), writes_(std::make_shared<Writes>(env.executor)) {}

    io::Task<base::Result<table::Row>> read(table::RowKey key, bool with_body) override;
    io::Task<base::Result<base::Tag>> write(table::RowKey key, std::optional<table::Value> value) override;
    io::Task<base::Result<base::Tag>> write_made(table::RowKey key, Make make) override;
    io::Task<base::Result<table::Row>> update(table::RowKey key, table::Decide decide) override;
    io::Task<base::Result<std::vector<table::Row>>> update_rows(std::vector<table::RowKey> keys,
                                                                table::DecideAll decide) override;
    io::Task<base::Result<table::RangePage>> range(table::RangeQuery query) override;

    // While it lives, changes of rows below both directories wait. close() returns when those begun before have ended:
    // a tag taken then is above all of theirs, and below all to come.
    class Closed;
    io::Task<std::shared_ptr<Closed>> close(base::BucketId bucket, std::string from, std::string to);
    void add(DirectoryMove move) { moves_.push_back(std::move(move)); }
    // Its rows have arrived.
    void remove(const base::BucketId& bucket, const std::string& from);

 private:
    // Counts by being referred to, from when nothing keeps a write waiting any more; `over` is told when the last one
    // has ended.
    struct Writes {
        explicit Writes(io::Executor& executor) : over(executor) {}
        ~Writes() { over.set(io::Done{}); }
        Writes(const Writes&) = delete;
        Writes& operator=(const Writes&) = delete;
        io::Promise<io::Done> over;
    };

    using Keys = std::vector<table::RowKey>;
    const DirectoryMove* move_of(const table::RowKey& key) const;
    Closed* closed_for(const table::RowKey& key) const;
    io::Task<base::Result<void>> bring(Keys keys, bool to_change);
    io::Task<base::Result<table::Row>> read_brought(table::RowKey key, bool with_body);
    bool quiet() const { return moves_.empty() && closed_.empty(); }

    io::Env& env_;
    table::Registers& rows_;
    Bring bring_;
    std::list<DirectoryMove> moves_;
    std::list<Closed*> closed_;
    std::shared_ptr<Writes> writes_;  // begun since the last close()
};

class MovedRows::Closed {
 public:
    Closed(MovedRows& owner, base::BucketId bucket, std::string from, std::string to);
    ~Closed();
    Closed(const Closed&) = delete;
    Closed& operator=(const Closed&) = delete;
    bool covers(const table::RowKey& key) const;
    io::Task<void> opened();

 private:
    MovedRows& owner_;
    base::BucketId bucket_;
    std::string from_, to_;
    std::vector<io::Promise<io::Done>> waiting_;
};

}  // namespace larder::engine
