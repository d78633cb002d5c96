// Random walks: two mounts and the other door change one bucket with names from a small hostile alphabet. After every
// step both mounts show exactly the tree that the keys make, by listing and by path. A seed replays a failure.
#include "tests/support/seeds.h"
#include "tests/unit/fuse/harness.h"

#include <cerrno>
#include <random>

namespace larder::fuse {
namespace {

// What a mount shows of a set of keys: the rule of names, once more and by itself. Path to content; directories end
// in "/".
using Tree = std::map<std::string, std::string>;

Tree materialise(const test::MemoryFiles& store) {
    Tree out;
    const auto keys = store.keys();
    const std::set<std::string> all(keys.begin(), keys.end());
    const auto is_directory = [&all](const std::string& path) {
        const auto at = all.lower_bound(path + "/");
        return at != all.end() && at->starts_with(path + "/");
    };
    for (const auto& key : keys) {
        std::string shown;
        std::size_t from = 0;
        for (;;) {
            const auto slash = key.find('/', from);
            const auto segment = key.substr(from, slash - from);
            if (slash == std::string::npos) {
                out[shown + names::show(segment, is_directory(key))] = *store.content(key);
                break;
            }
            shown += names::show(segment) + "/";
            out[shown] = "";
            from = slash + 1;
            if (from == key.size()) break;
        }
    }
    return out;
}

void walk(Mount& mount, const std::string& folder, Tree& out) {
    for (const auto& name : mount.names(folder, 2)) {
        const auto path = folder.empty() ? name : folder + "/" + name;
        const auto there = mount.find(path);
        if (!there) {
            out[path] = "error " + std::to_string(there.error());
        } else if (S_ISDIR(there->stat.st_mode)) {
            out[path + "/"] = "";
            walk(mount, path, out);
        } else {
            const auto content = mount.get(path);
            out[path] = content ? *content : "error " + std::to_string(content.error());
        }
    }
}

class Walk {
 public:
    explicit Walk(unsigned seed) : dice_(seed), second_store_(store_.another()), second_(world_, *second_store_) {}

    // Returns what differs first, or "".
    std::string run(int steps) {
        for (int i = 0; i < steps; ++i) {
            log_ += step() + "\n";
            const auto expected = materialise(store_);
            for (auto* mount : {&first_, &second_}) {
                Tree shown;
                walk(*mount, "", shown);
                if (shown != expected) return log_ + describe(expected, shown);
            }
        }
        return "";
    }

 private:
    unsigned roll(unsigned n) { return dice_() % n; }
    std::string name() {
        static const std::vector<std::string> bits = {"a", "a-", "b", "%obj", ".", "", "%dot"};
        return bits[roll(4) == 0 ? roll(7) : roll(3)];
    }
    std::string key() {
        std::string out = name();
        while (roll(2) == 0) out += "/" + name();
        return out.empty() ? "a" : out;
    }
    std::string path() {
        static const std::vector<std::string> bits = {"a", "a-", "b"};
        std::string out = bits[roll(3)];
        while (roll(2) == 0) out += "/" + bits[roll(3)];
        return out;
    }

    std::string step() {
        auto& mount = roll(2) == 0 ? first_ : second_;
        const auto one = path();
        const auto two = path();
        const auto content = std::to_string(roll(1000));
        const auto said = [](const auto& answer) { return answer ? " ok" : " " + std::to_string(answer.error()); };
        switch (roll(9)) {
            case 0: {
                const auto at = key();
                store_.put(at, content);
                return "S3 PUT " + at;
            }
            case 1: {
                const auto keys = store_.keys();
                if (keys.empty()) return "nothing";
                const auto at = keys[roll(static_cast<unsigned>(keys.size()))];
                store_.erase(at);
                return "S3 DELETE " + at;
            }
            case 2:
            case 3:
                return "write " + one + said(mount.put(one, content));
            case 4:
                return "mkdir " + one + said(mount.mkdir(one));
            case 5:
                return "unlink " + one + said(mount.unlink(one));
            case 6:
                return "rmdir " + one + said(mount.rmdir(one));
            case 7:
                return "link " + one + " " + two + said(mount.link(one, two));
            default:
                // The kernel refuses a move into itself before it asks.
                if ((two + "/").starts_with(one + "/")) return "nothing";
                return "rename " + one + " " + two + said(mount.rename(one, two));
        }
    }

    static std::string describe(const Tree& expected, const Tree& shown) {
        std::string out;
        for (const auto& [path, content] : expected) {
            const auto there = shown.find(path);
            if (there == shown.end())
                out += "missing " + path + "\n";
            else if (there->second != content)
                out += path + ": " + there->second + ", not " + content + "\n";
        }
        for (const auto& [path, content] : shown) {
            if (!expected.contains(path)) out += "too much: " + path + "\n";
        }
        return out;
    }

    std::mt19937 dice_;
    test::World world_;
    test::MemoryFiles store_{world_.env()};
    std::unique_ptr<engine::FileStore> second_store_;
    Mount first_{world_, store_};
    Mount second_;
    std::string log_;
};

TEST_CASE("two mounts and S3 show the same tree after every step", "[fuse]") {
    for (unsigned seed = 1; seed <= 60; ++seed) {
        INFO("seed " << seed);
        const auto difference = Walk(seed).run(40);
        CHECK(difference == "");
        if (!difference.empty()) break;
    }
}

}  // namespace
}  // namespace larder::fuse
