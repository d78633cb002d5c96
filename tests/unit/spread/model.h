// One random life of a cluster's content, by seed: bodies are put, copied, overwritten, deleted and read at random
// nodes while nodes die, links are cut, copies rot, a disk is lost and the layout changes. Rows are a register that a
// model keeps; what is checked is the content. At the end every block that a row names is on its holders, and nothing
// else is anywhere.
#pragma once

#include "tests/unit/spread/harness.h"

#include <map>
#include <set>

namespace larder::spread {

// Switches that take a rule away: the checks must notice.
struct Ablation {
    bool no_gate = false;     // row reads are not bracketed
    bool no_lease = false;    // readers hold none
    bool no_barrier = false;  // owners are dropped node by node, without asking
    bool rows_first = false;  // orphans are judged by rows first, then by what is under way
};

class Model {
 public:
    explicit Model(std::uint64_t seed, Ablation ablation = {});
    ~Model();
    // Empty when all went well.
    std::string live();
    std::uint64_t trace() const { return cluster_.world.trace; }

 private:
    struct Row {
        Owner owner;
        std::vector<std::uint64_t> contents;
    };
    class Book;

    static constexpr std::uint64_t kContents = 10;
    static std::string content(std::uint64_t number);
    static base::Hash256 name(std::uint64_t number) { return base::sha256(content(number)); }
    std::uint64_t below(std::uint64_t bound) { return cluster_.world.dice.below(bound); }
    io::NodeNumber any_node() { return static_cast<io::NodeNumber>(1 + below(cluster_.size())); }
    bool chance(double p) { return cluster_.world.dice.chance(p); }
    base::Duration some_time(std::int64_t most_ms) {
        return base::Duration(1'000'000 * below(most_ms) + below(999'999));
    }
    void wrong(std::string what) {
        if (verdict_.empty()) verdict_ = std::move(what);
    }

    // Operations, each at a node; they end with its life.
    io::Task<void> put(io::NodeNumber at);
    io::Task<void> copy(io::NodeNumber at);
    io::Task<void> read(io::NodeNumber at);
    io::Task<void> collect(io::NodeNumber at);
    io::Task<void> collect_orphans(io::NodeNumber at);
    io::Task<void> read_row(io::NodeNumber at, std::uint64_t key, std::optional<Row>& out,
                            std::unique_ptr<block::Lease>& lease);

    Owner begin(io::NodeNumber at);
    void end(io::NodeNumber at, Owner owner, bool kept);
    void commit(std::uint64_t key, std::optional<Row> row);
    void tell_nodes(Owner owner, bool named);

    void act();
    void disturb();
    void up(io::NodeNumber number);
    void down(io::NodeNumber number);
    void rot();
    void lose_disk();
    void move_layout();
    bool everybody_is_up() const;
    std::size_t good_copies(std::uint64_t number, io::NodeNumber but = 0) const;

    void make_well();
    bool is_well();
    std::string state() const;

    Ablation ablation_;
    Cluster cluster_;
    std::map<std::uint64_t, Row> rows_;  // key → what stands there
    struct Seen {
        std::set<Owner> names, let_go;
    };
    std::map<io::NodeNumber, Seen> seen_;                  // owners that the rows of a node name, and named before
    std::map<Owner, io::NodeNumber> intents_;              // durable
    std::map<io::NodeNumber, std::set<Owner>> under_way_;  // in the memory of a node
    std::set<Owner> garbage_;                              // durable
    std::map<io::NodeNumber, std::unique_ptr<Book>> books_;
    std::uint64_t owners_ = 0;
    int layout_ = 0;
    bool disk_lost_ = false;
    std::string verdict_;
};

}  // namespace larder::spread
