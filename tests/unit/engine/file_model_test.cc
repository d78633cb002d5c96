// Files against bytes in memory: whatever is done through handles, by S3 clients and by restarts, each handle sees its
// own content, and the key what was committed last.
#include "src/base/limits.h"
#include "tests/sim/world.h"
#include "tests/unit/engine/file_clients.h"

#include <catch2/catch.hpp>

namespace larder::engine {
namespace {

namespace limits = base::limits;

struct Open {
    std::unique_ptr<OpenFile> file;
    std::string bytes;
    std::size_t key;
};

class FileModel {
 public:
    FileModel(std::uint64_t seed, std::uint64_t size_max) : dice_(seed), size_max_(size_max), id_(node_.bucket("b")) {
        for (std::size_t key = 0; key < kKeys; ++key) put(key);
        while (open_.size() < kHandles) open();
    }
    ~FileModel() { open_.clear(); }

    void step() {
        const auto at = dice_.below(open_.size());
        switch (dice_.below(24)) {
            case 0:
                return commit(open_[at]);
            case 1:
                return put(dice_.below(kKeys));
            case 2:
                return reopen(at);
            case 3:
                return copy(open_[at], open_[dice_.below(open_.size())]);
            case 4:
                return truncate(open_[at]);
            case 5:
            case 6:
                return punch(open_[at]);
            case 7:
            case 8:
                return seek(open_[at]);
            case 9:
                return copy_object();
            case 10:
                return dice_.below(4) == 0 ? remove(dice_.below(kKeys)) : commit(open_[at]);
            case 11:
            case 12:
            case 13:
            case 14:
                return read(open_[at]);
            default:
                return write(open_[at]);
        }
    }

    void restart() {
        open_.clear();
        if (dice_.below(2) == 0) node_.close();
        if (node_.engine) node_.kill();
        node_.open();
        while (open_.size() < kHandles) open();
    }

    void check_all() {
        for (auto& one : open_) REQUIRE((one.file->content() == one.bytes));
        std::uint64_t bytes = 0;
        for (std::size_t key = 0; key < kKeys; ++key) {
            if (!committed_[key]) continue;
            REQUIRE((object_bytes(node_, id_, name(key)) == *committed_[key]));
            bytes += committed_[key]->size();
        }
        REQUIRE(node_.status().bytes == bytes);
        REQUIRE(node_.damage().empty());
    }

    // Everything is given back that nothing uses any more.
    void check_space() {
        open_.clear();
        for (std::size_t key = 0; key < kKeys; ++key) remove(key);
        REQUIRE(node_.comes_to_blocks(0));
    }

 private:
    static constexpr std::size_t kKeys = 3;
    static constexpr std::size_t kHandles = 4;

    static std::string name(std::size_t key) { return "k" + std::to_string(key); }
    std::string some(std::uint64_t size) { return pattern(size, dice_.below(1u << 30)); }
    std::uint64_t place(const std::string& in) {
        // Borders are where mistakes are.
        static constexpr std::array<std::uint64_t, 4> kBorders = {0, limits::kInlineBytesMax, limits::kBlockBytes,
                                                                  2 * limits::kBlockBytes};
        const auto kind = dice_.below(4);
        auto at = kind == 0 ? in.size() : dice_.below(in.size() + 1);
        if (kind == 1) at = kBorders[dice_.below(4)] + dice_.below(3) - 1;
        return std::min<std::uint64_t>(at, size_max_);
    }
    std::uint64_t length() { return 1 + dice_.below(dice_.below(6) == 0 ? size_max_ / 2 : 6000); }

    void open() {
        for (;;) {
            const auto key = dice_.below(kKeys);
            if (!committed_[key]) put(key);
            open_.push_back({std::make_unique<OpenFile>(node_, id_, name(key)), *committed_[key], key});
            return;
        }
    }
    void reopen(std::size_t at) {
        open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
        open();
    }
    void put(std::size_t key) {
        auto body = some(dice_.below(2) == 0 ? dice_.below(20'000) : dice_.below(size_max_));
        REQUIRE(node_.put(id_, name(key), body));
        committed_[key] = std::move(body);
    }
    void remove(std::size_t key) {
        REQUIRE(node_.remove(id_, name(key)));
        committed_[key].reset();
    }
    void copy_object() {
        const auto from = dice_.below(kKeys);
        const auto to = dice_.below(kKeys);
        if (!committed_[from] || from == to) return;
        CopySource source;
        source.bucket = id_;
        source.key = name(from);
        REQUIRE(node_.run(node_.engine->copy_object(source, id_, name(to), {})));
        committed_[to] = committed_[from];
    }
    void write(Open& one) {
        const auto at = place(one.bytes);
        const auto bytes = some(length());
        REQUIRE(one.file->write(at, bytes));
        if (one.bytes.size() < at + bytes.size()) one.bytes.resize(at + bytes.size());
        one.bytes.replace(at, bytes.size(), bytes);
    }
    void read(Open& one) {
        const auto at = place(one.bytes);
        const auto n = length();
        REQUIRE((one.file->read(at, n) == (at < one.bytes.size() ? one.bytes.substr(at, n) : "")));
    }
    void truncate(Open& one) {
        const auto size = place(one.bytes);
        REQUIRE(one.file->truncate(size));
        one.bytes.resize(size);
    }
    void punch(Open& one) {
        const auto at = place(one.bytes);
        const auto n = length();
        REQUIRE(one.file->punch(at, n));
        for (auto i = at; i < std::min<std::uint64_t>(at + n, one.bytes.size()); ++i) one.bytes[i] = '\0';
    }
    // What is called a hole reads as zeros.
    void seek(Open& one) {
        const auto at = place(one.bytes);
        const auto data = one.file->seek(at, false);
        const auto hole = one.file->seek(at, true);
        REQUIRE(hole.has_value() == (at < one.bytes.size()));
        if (!hole) return;
        REQUIRE((*hole >= at && *hole <= one.bytes.size()));
        const auto until = data.value_or(one.bytes.size());
        REQUIRE(until >= at);
        REQUIRE(((*hole == at) != (until == at)));
        REQUIRE(one.bytes.find_first_not_of('\0', at) >= until);
    }
    void copy(Open& one, Open& from) {
        auto at = place(from.bytes);
        const auto to = place(one.bytes);
        const auto n = length();
        REQUIRE(one.file->copy_from(*from.file, at, to, n));
        if (at >= from.bytes.size()) return;
        const auto bytes = from.bytes.substr(at, n);
        if (one.bytes.size() < to + bytes.size()) one.bytes.resize(to + bytes.size());
        one.bytes.replace(to, bytes.size(), bytes);
    }
    void commit(Open& one) {
        const bool changed = one.file->handle->changed();
        const auto done = one.file->commit();
        REQUIRE(one.file->handle->size() == one.bytes.size());
        if (!changed) return;
        if (!committed_[one.key]) {
            REQUIRE(done.error().is(base::Code::not_found, base::Subject::object));
            return;
        }
        REQUIRE(done);
        REQUIRE(done->size == one.bytes.size());
        REQUIRE(!one.file->handle->changed());
        committed_[one.key] = one.bytes;
    }

    sim::Dice dice_;
    std::uint64_t size_max_;
    Node node_;
    BucketId id_;
    std::array<std::optional<std::string>, kKeys> committed_;
    std::vector<Open> open_;
};

void run_model(std::uint64_t seed, std::uint64_t size_max, int steps) {
    INFO("seed " << seed << ", sizes to " << size_max);
    FileModel model(seed, size_max);
    for (int step = 0; step < steps; ++step) {
        model.step();
        if (step % 100 == 99) model.check_all();
        if (step % 150 == 149) model.restart();
    }
    model.check_all();
    model.check_space();
}

TEST_CASE("files are what was done to them: small ones", "[file][model]") {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) run_model(seed, 3 * limits::kInlineBytesMax, 600);
}

TEST_CASE("files are what was done to them: of some blocks", "[file][model]") {
    for (std::uint64_t seed = 11; seed <= 13; ++seed) run_model(seed, 3 * limits::kBlockBytes, 400);
}

}  // namespace
}  // namespace larder::engine
