// Buckets, their names and access keys in memory. Fed by this node's replica of their rows, and by what this node reads
// and writes itself: whichever knows more. Inside replication/ only.
#pragma once

#include "replication/model/bucket.h"
#include "replication/model/rows.h"

#include <map>
#include <memory>
#include <set>

namespace larder::engine {

struct BucketState {
    model::BucketRow row;
    std::shared_ptr<const Bucket> shown;
    int writes = 0;  // commits under way on this node
};

// Engine thread.
class ControlCache {
 public:
    // What a row holds; nothing when it is deleted.
    struct Word {
        table::TableId table = 0;
        std::string sort_key;
        Tag at;                            // under which it was accepted, or the version of what a quorum holds
        std::optional<std::string> value;  // of the row
        bool from_here = false;            // by this node's replica
    };
    // Whether it is news. What is known already is not replaced by what is older. corrupted: it cannot be read.
    Result<bool> take(const Word& word);
    // The tag of the word that counts; zero when none is remembered.
    Tag known(table::TableId table, const std::string& sort_key) const;

    // The sort keys of a table's rows that are there.
    std::set<std::string> all(table::TableId table) const;

    std::shared_ptr<const Bucket> find_bucket(std::string_view name) const;
    std::shared_ptr<const Bucket> find_bucket(const BucketId& id) const;
    std::vector<std::shared_ptr<const Bucket>> buckets() const;
    std::shared_ptr<const AccessKey> find_key(std::string_view id) const;
    std::vector<std::shared_ptr<const AccessKey>> keys() const;
    std::shared_ptr<BucketState> state(const BucketId& id) const;
    const std::map<BucketId, std::shared_ptr<BucketState>>& states() const { return states_; }
    // A name whose own row cannot be read: the bucket's row tells.
    void trust_bucket(const std::string& name);

 private:
    using Place = std::pair<table::TableId, std::string>;
    Result<void> show(const Word& word);

    std::map<BucketId, std::shared_ptr<BucketState>> states_;
    std::map<std::string, BucketId, std::less<>> names_;
    std::map<std::string, std::shared_ptr<const AccessKey>, std::less<>> keys_;
    std::map<Place, Tag>
        known_;  // of what is shown, and of what is gone while this node's replica has yet to hear of it
};

}  // namespace larder::engine
