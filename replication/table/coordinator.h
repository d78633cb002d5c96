// The coordinator's side of the register protocol: plain and conditional writes, reads with write-back, settling,
// ranges and the collection of tombstones. Any node may coordinate any row.
#pragma once

#include "replication/quorum/ask.h"
#include "replication/quorum/tag_source.h"
#include "replication/table/messages.h"
#include "replication/table/rules.h"
#include "src/io/sync.h"

#include <map>

namespace larder::table {

class Replica;

struct TableOptions {
    TableId table = 0;
    base::Duration call_timeout = std::chrono::seconds(10);  // for one round of messages
    base::Duration retry_pause = std::chrono::milliseconds(5);
    Rules rules;
};

class Coordinator final : public Registers {
 public:
    // All outlive it.
    Coordinator(io::Env& env, const quorum::Placement& placement, quorum::TagSource& tags, TableOptions options);

    // Rows that have `self` as their only replica are asked of `here`, which outlives this, without a message.
    void use_local(Replica& here, io::NodeNumber self) { local_ = Local{&here, self}; }

    io::Task<base::Result<Row>> read(RowKey key, bool with_body) override;
    io::Task<base::Result<base::Tag>> write(RowKey key, std::optional<Value> value) override;
    io::Task<base::Result<base::Tag>> write_made(RowKey key, Make make) override;
    io::Task<base::Result<Row>> update(RowKey key, Decide decide) override;
    io::Task<base::Result<std::vector<Row>>> update_rows(std::vector<RowKey> keys, DecideAll decide) override;
    io::Task<base::Result<RangePage>> range(RangeQuery query) override;

    // Brings the row to a state that a quorum holds, whatever was left half done, and returns it.
    io::Task<base::Result<Row>> settle(RowKey key);
    // The same, and the value is accepted anew by a quorum, its version kept: whatever older tag is still on its way to
    // a replica, or lies on a few of them, never counts again.
    io::Task<base::Result<Row>> confirm(RowKey key);
    // Drops the row everywhere if it is a tombstone that every replica can hold. False: not now.
    io::Task<base::Result<bool>> collect(RowKey key);

 private:
    struct Round;

    io::Task<base::Result<quorum::Answers>> ask(quorum::ReplicaSet set, std::string body,
                                                std::function<bool(const quorum::Answers&)> enough);
    io::Task<base::Result<Round>> send(RowKey place, RowRequest request, std::size_t needed);
    io::Task<base::Result<Round>> send_here(RowRequest request);
    base::Result<Round> round_of(base::Result<Reply> reply);
    io::Task<base::Result<Round>> accept(AcceptKind kind, base::Tag tag, std::vector<Proposal> proposals,
                                         std::size_t needed);
    io::Task<base::Result<base::Tag>> write_after_read(RowKey key, Make make, base::Tag above);
    io::Task<base::Result<base::Tag>> fate_of(RowKey key, base::Tag version);
    io::Task<base::Result<std::vector<Row>>> settle_rows(std::vector<RowKey> keys, bool anew = false);
    io::Task<base::Result<std::vector<Row>>> update_in_turn(std::vector<RowKey> keys, DecideAll decide);
    io::Task<base::Result<std::optional<std::vector<Row>>>> update_here(std::vector<RowKey> keys, DecideAll decide);
    io::Task<base::Result<RangePage>> range_once(RangeQuery query);
    io::Task<base::Result<RangePage>> only_page(RangeQuery query, std::string reply);
    io::Task<base::Result<RangePage>> settled_entry(const RangeQuery query, RangeItem item);
    io::Task<base::Result<bool>> prefix_lives(const RangeQuery query, std::string prefix);
    io::Task<void> pause(int attempt);
    class Turn;
    quorum::ReplicaSet set_of(const RowKey& key) const;
    bool is_here(const quorum::ReplicaSet& set) const {
        return local_.replica != nullptr && set.nodes.size() == 1 && set.nodes[0] == local_.node;
    }
    std::size_t write_quorum(const RowKey& key) const { return set_of(key).write_quorum; }

    io::Env& env_;
    const quorum::Placement& placement_;
    quorum::TagSource& tags_;
    TableOptions options_;
    quorum::Asker asker_;
    struct Local {
        Replica* replica = nullptr;
        io::NodeNumber node = 0;
    };
    Local local_;
    std::map<RowKey, std::shared_ptr<io::Semaphore>> turns_;  // of the rows that conditional writes are at
};

}  // namespace larder::table
