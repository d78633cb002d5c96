// The coordinator's side of the register protocol: plain and conditional writes, reads with write-back, settling,
// ranges and the collection of tombstones. Any node may coordinate any row.
#pragma once

#include "replication/quorum/ask.h"
#include "replication/quorum/epochs.h"
#include "replication/quorum/tag_source.h"
#include "replication/table/messages.h"
#include "replication/table/rules.h"
#include "src/io/sync.h"

#include <map>

namespace larder::table {

class Replica;

struct TableOptions {
    TableId table = 0;
    bool everywhere = false;  // its rows lie on every storing node, not on those of their partition
    base::Duration call_timeout = std::chrono::seconds(10);  // for one round of messages
    base::Duration retry_pause = std::chrono::milliseconds(5);
    Rules rules;
};

class Coordinator final : public Registers {
 public:
    // All outlive it.
    Coordinator(io::Env& env, const quorum::Placement& placement, quorum::TagSource& tags, TableOptions options);

    // Where layouts change: what to catch up with when a replica knows newer ones; and how near replicas are, for
    // reads. Both outlive this.
    void use_epochs(quorum::Epochs& epochs) { epochs_ = &epochs; }
    void use_distances(const quorum::Distances& distances) { asker_.use(distances); }

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

    enum class Want { quorum, all };
    io::Task<base::Result<quorum::Answers>> ask(quorum::Replicas set, std::string body, bool nearest,
                                                quorum::Judge judge);
    io::Task<base::Result<Round>> send(quorum::Replicas set, RowRequest request, Want want = Want::quorum);
    io::Task<base::Result<Round>> send_here(quorum::Replicas set, RowRequest request);
    base::Result<Round> round_of(quorum::Replicas set, base::Result<Reply> reply);
    io::Task<base::Result<Round>> accept(quorum::Replicas set, AcceptKind kind, base::Tag tag,
                                         std::vector<Proposal> proposals, Want want = Want::quorum);
    io::Task<bool> caught_up(const Round& round);
    io::Task<bool> catch_up_with(io::NodeNumber node, quorum::Replicas set);
    io::Task<base::Result<Row>> read_here(quorum::Replicas set, RowKey key, bool with_body);
    io::Task<base::Result<base::Tag>> write_after_read(RowKey key, Make make, base::Tag above);
    io::Task<base::Result<base::Tag>> fate_of(RowKey key, base::Tag version);
    io::Task<base::Result<std::vector<Row>>> settle_rows(std::vector<RowKey> keys, bool anew = false);
    io::Task<base::Result<std::vector<Row>>> update_in_turn(std::vector<RowKey> keys, DecideAll decide);
    io::Task<base::Result<std::optional<std::vector<Row>>>> update_here(quorum::Replicas set, std::vector<RowKey> keys,
                                                                        DecideAll decide);
    io::Task<base::Result<RangePage>> range_once(RangeQuery query);
    io::Task<base::Result<RangePage>> merged_page(RangeQuery query, quorum::Answers answers);
    io::Task<base::Result<RangePage>> only_page(RangeQuery query, std::string reply);
    io::Task<base::Result<RangePage>> settled_entry(const RangeQuery query, RangeItem item);
    io::Task<base::Result<bool>> prefix_lives(const RangeQuery query, std::string prefix);
    io::Task<void> pause(int attempt);
    class Turn;
    quorum::Replicas set_of(const RowKey& key) const { return set_of(key.partition_key); }
    quorum::Replicas set_of(std::string_view partition_key) const;
    bool is_here(const quorum::ReplicaSet& set) const {
        return local_.replica != nullptr && set.nodes.size() == 1 && set.nodes[0] == local_.node;
    }
    Heading heading(const quorum::ReplicaSet& set) const { return {options_.table, set.epoch}; }

    io::Env& env_;
    const quorum::Placement& placement_;
    quorum::TagSource& tags_;
    quorum::Epochs* epochs_ = nullptr;
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
