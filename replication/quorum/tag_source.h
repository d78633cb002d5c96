// Where tags come from: a hybrid logical clock (Kulkarni et al. 2014) with the node's number and boot counter. It
// orders versions; it never decides safety.
#pragma once

#include "src/base/id.h"
#include "src/io/clock.h"

namespace larder::quorum {

// Engine thread.
class TagSource {
 public:
    // `floor` is a time no tag of an earlier boot was above (0 at first).
    TagSource(const io::Clock& clock, std::uint32_t node, std::uint32_t boot, std::uint64_t floor = 0)
        : clock_(clock), node_(node), boot_(boot), last_(floor) {}

    // A tag never given before, above all tags given or seen here and above `above`.
    base::Tag next(base::Tag above = {}) {
        const auto wall = base::make_hybrid(static_cast<std::uint64_t>(clock_.wall_now().ms), 0);
        last_ = std::max({wall, last_ + 1, above.time + 1});
        return {last_, node_, boot_};
    }
    // Every tag in a message advances the clock.
    void see(base::Tag tag) { last_ = std::max(last_, tag.time); }
    // Whether a tag is so far in the future that accepting it would poison the row for years.
    bool too_far_ahead(base::Tag tag) const { return base::hybrid_ms(tag.time) > clock_.wall_now().ms + kAheadMaxMs; }
    std::uint64_t last() const { return last_; }
    std::uint32_t node() const { return node_; }
    std::uint32_t boot() const { return boot_; }
    // The boot counter was lost with a disk: peers remember a greater one.
    void use_boot(std::uint32_t boot) { boot_ = boot; }

 private:
    static constexpr std::int64_t kAheadMaxMs = 60'000;

    const io::Clock& clock_;
    std::uint32_t node_;
    std::uint32_t boot_;
    std::uint64_t last_;
};

}  // namespace larder::quorum
