// What a machine says of itself when it asks to be let into a cluster. docs/formats.md, "Membership".
#pragma once

#include "src/base/error.h"
#include "src/base/time.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace larder::model {

struct JoinerFacts {
    std::string name;
    std::string zone;
    std::uint64_t capacity = 0;
    bool gateway = false;
    std::vector<std::string> addresses;
    std::string release;
    base::WallTime clock;      // what its clock shows
    bool zone_agreed = false;  // it knows that others stand in its zone

    bool operator==(const JoinerFacts&) const = default;
};

std::string encode_joiner(const JoinerFacts& facts);
// invalid_argument/node for what is no such thing, or far beyond what a member may say.
base::Result<JoinerFacts> decode_joiner(std::string_view bytes);

}  // namespace larder::model
