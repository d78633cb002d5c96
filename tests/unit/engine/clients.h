// Clients that work on few keys at once, and what they saw: a history a key, for the checker of linearizability.
#pragma once

#include "tests/sim/linearizability.h"
#include "tests/unit/engine/shuffled.h"

#include <map>
#include <string>
#include <vector>

namespace larder::engine {

class Clients {
 public:
    // On buckets that are there and empty. Every value of the run is another number.
    Clients(ShuffledNode& node, std::vector<BucketId> buckets, std::uint64_t seed);

    // `count` clients do `operations` each, and each key is read at the end.
    Task<void> work(int count, int operations);
    // What is wrong with what they saw; empty when all is well.
    std::vector<std::string> verdict();
    // How many operations took effect, or were read.
    std::size_t successes() const;

 private:
    static constexpr std::size_t kKeys = 3;
    struct Place {
        std::size_t bucket = 0;
        std::size_t key = 0;
        auto operator<=>(const Place&) const = default;
    };
    // One side of an operation in the history of one key.
    struct Entry {
        Place place;
        std::size_t index = 0;
    };

    Task<void> client(int operations);
    Task<void> one_operation();
    Task<void> put(Place place);
    Task<void> put_if_absent(Place place);
    Task<void> replace(Place place);
    Task<void> remove(Place place);
    Task<void> remove_seen(Place place);
    Task<void> get(Place place);
    Task<void> head(Place place);
    Task<void> copy(Place from, Place to);
    Task<void> rename(Place from, Place to);
    Task<void> list(std::size_t bucket);
    Task<void> upload(Place place);
    Task<void> complete(Place place, UploadId id, std::vector<CompletedPart> parts, std::uint64_t value);
    Task<void> abort(Place place, UploadId id);
    Task<void> remove_all(std::size_t bucket);

    // The body and etag of a value: some inline, some in blocks. Uploads have two parts.
    static std::string body_of(std::uint64_t value);
    std::uint64_t new_value(bool upload);
    Result<std::uint64_t> value_of(const std::string& etag) const;

    Entry ask(Place place, sim::Operation::Kind kind, std::uint64_t argument = 0, std::uint64_t expected = 0);
    sim::Operation& at(Entry entry) { return histories_[entry.place][entry.index]; }
    void answer(Entry entry);
    // A read that saw the object of this etag, or nothing.
    void answer_read(Entry entry, const std::string& etag);
    // The fate that an error tells; others than expected are faults.
    void answer_failed(Entry entry, const base::Error& error);
    void fault(std::string sentence) { faults_.push_back(std::move(sentence)); }

    BucketId bucket(Place place) const { return buckets_[place.bucket]; }
    static std::string key(Place place) { return "key-" + std::to_string(place.key); }
    Place draw() { return {dice_.below(buckets_.size()), dice_.below(kKeys)}; }
    Condition seen_etag(Place place);

    ShuffledNode& node_;
    Engine& engine_;
    std::vector<BucketId> buckets_;
    sim::Dice dice_;
    std::uint64_t moment_ = 0;
    std::uint64_t values_ = 0;
    std::map<std::string, std::uint64_t> etags_;
    std::map<Place, std::uint64_t> last_seen_;
    std::map<std::uint64_t, std::string> etag_by_value_;
    std::map<Place, std::vector<sim::Operation>> histories_;
    std::vector<std::string> faults_;
};

}  // namespace larder::engine
