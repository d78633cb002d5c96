#include "tests/model/steps.h"

#include <array>
#include <random>

namespace larder::model_test {
namespace {

constexpr std::array<const char*, 28> kNames = {
    "create",    "create O_EXCL", "open",   "open O_TRUNC", "open O_APPEND", "write",          "write at end",
    "ftruncate", "punch",         "fsync",  "close",        "unlink",        "rename",         "rename NOREPLACE",
    "exchange",  "mkdir",         "rmdir",  "symlink",      "link",          "truncate",       "chmod",
    "setxattr",  "removexattr",   "forget", "S3 PUT",       "S3 DELETE",     "S3 DELETE many", "S3 COPY"};

class Maker {
 public:
    explicit Maker(std::uint64_t seed) : dice_(seed) {}

    std::vector<Step> make() {
        std::vector<Step> out;
        const auto count = 4 + roll(28);
        // Some cases know nothing but tame names, so that more of their steps succeed.
        hostile_ = roll(3);
        for (unsigned i = 0; i < count; ++i) out.push_back(step());
        return out;
    }

 private:
    unsigned roll(unsigned n) { return static_cast<unsigned>(dice_() % n); }

    std::string tame() {
        static const std::array<std::string, 5> bits = {"a", "b", "a-", "aa", "-"};
        return bits[roll(roll(2) == 0 ? 2 : 5)];
    }
    std::string segment() {
        static const std::array<std::string, 14> bits = {"",
                                                         ".",
                                                         "..",
                                                         "%obj",
                                                         "a%obj",
                                                         "%dot",
                                                         "%dotdot%",
                                                         "%empty",
                                                         "\x01",
                                                         "a%",
                                                         std::string(300, 'l'),
                                                         "\xc3\xa9",
                                                         "%long-",
                                                         "b%obj%obj"};
        if (hostile_ == 0 || roll(3) != 0) return tame();
        if (roll(6) == 0) return longest();
        return bits[roll(bits.size())];
    }
    // A character of two bytes lies across the place where it is cut.
    static std::string longest() {
        std::string out = "x";
        for (int i = 0; i < 140; ++i) out += "\xc3\xa9";
        return out;
    }
    std::string name() {
        static const std::array<std::string, 13> bits = {"%obj",
                                                         "a%obj",
                                                         "a%obj%",
                                                         "%dot",
                                                         "%dot%",
                                                         "%empty",
                                                         "%empty%",
                                                         "\x01",
                                                         "a%",
                                                         "\xff",
                                                         std::string(255, 'l'),
                                                         std::string(256, 'l'),
                                                         "%dotdot"};
        if (hostile_ == 0 || roll(5) != 0) return tame();
        return bits[roll(bits.size())];
    }
    std::string path() {
        auto out = name();
        for (int depth = 0; depth < 2 && roll(3) == 0; ++depth) out += "/" + name();
        return out;
    }
    std::string key() {
        auto out = segment();
        for (int depth = 0; depth < 2 && roll(2) == 0; ++depth) out += "/" + segment();
        if (roll(8) == 0) out += "/";
        return out.empty() ? "a" : out;
    }

    Step step() {
        static const std::array<Act, 47> acts = {
            Act::create,         Act::create,    Act::create,       Act::create_new,  Act::open,
            Act::open,           Act::open_cut,  Act::open_append,  Act::open_append, Act::write,
            Act::write,          Act::write,     Act::append_end,   Act::append_end,  Act::cut_open,
            Act::punch,          Act::sync,      Act::close,        Act::close,       Act::close,
            Act::unlink,         Act::unlink,    Act::rename,       Act::rename,      Act::rename,
            Act::rename_new,     Act::exchange,  Act::mkdir,        Act::mkdir,       Act::rmdir,
            Act::symlink,        Act::link,      Act::link,         Act::cut,         Act::cut,
            Act::chmod,          Act::set_xattr, Act::remove_xattr, Act::forget,      Act::s3_put,
            Act::s3_put,         Act::s3_put,    Act::s3_put,       Act::s3_delete,   Act::s3_delete,
            Act::s3_delete_many, Act::s3_copy};
        Step out;
        out.act = acts[roll(acts.size())];
        out.mount = static_cast<int>(roll(2));
        out.slot = static_cast<int>(roll(kSlots));
        const bool s3 = out.act >= Act::s3_put;
        out.a = s3 ? key() : path();
        out.b = s3 ? key() : path();
        // Mostly of what is there; a PUT and what makes a name take a new one more often.
        const bool makes = out.act == Act::create || out.act == Act::create_new || out.act == Act::mkdir ||
                           out.act == Act::symlink || out.act == Act::s3_put;
        if (roll(makes ? 5 : 4) < (makes ? 1u : 3u)) out.pick_a = 1 + roll(1000);
        if (roll(3) == 0) out.pick_b = 1 + roll(1000);
        out.offset = roll(24);
        out.size = roll(30);
        out.bytes = std::string(roll(6), static_cast<char>('A' + roll(26)));
        out.check = roll(4) != 0;
        out.room = 1 + roll(roll(2) == 0 ? 3 : 40);
        return out;
    }

    std::mt19937_64 dice_;
    unsigned hostile_ = 0;
};

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const unsigned char c : text.substr(0, 40)) {
        static constexpr char kDigits[] = "0123456789abcdef";
        if (c < 32) {
            out += {'\\', 'x', kDigits[c >> 4], kDigits[c & 15]};
        } else {
            out += static_cast<char>(c);
        }
    }
    return out + (text.size() > 40 ? "\"… of " + std::to_string(text.size()) : "\"");
}

std::string place(const std::string& text, unsigned pick) {
    return pick == 0 ? quoted(text) : "#" + std::to_string(pick);
}

}  // namespace

std::vector<Step> make_steps(std::uint64_t seed) {
    return Maker(seed).make();
}

std::string describe(const Step& step) {
    const std::string door = step.act >= Act::s3_put ? "" : step.mount == 0 ? "first: " : "second: ";
    return door + kNames[static_cast<std::size_t>(step.act)] + " slot " + std::to_string(step.slot) + " a " +
           place(step.a, step.pick_a) + " b " + place(step.b, step.pick_b) + " offset " + std::to_string(step.offset) +
           " size " + std::to_string(step.size) + " bytes " + quoted(step.bytes) +
           (step.check ? "" : " (not compared)");
}

}  // namespace larder::model_test
