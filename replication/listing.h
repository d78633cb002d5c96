// What is asked of a listing of objects, and its short form. Part of engine.h.
#pragma once

#include "src/base/time.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace larder::engine {

struct ListQuery {
    std::string prefix;
    std::string delimiter;    // empty: none
    std::string start_after;  // exclusive; keys and prefixes greater than it. With start_at_prefix it may be a prefix.
    int limit = 1000;         // entries and prefixes together
    bool with_properties = false;  // fill ObjectInfo::properties, checksums and parts; costs more
};

// An object as listings show it: views of what its page holds. One that cannot be read shows its key alone.
struct ObjectSummary {
    std::string_view key;
    base::WallTime modified;
    std::uint64_t size = 0;
    std::string_view etag;  // text without quotes
    std::string_view storage_class;
};

struct SummaryPage {
    std::vector<ObjectSummary> objects;
    std::vector<std::string_view> prefixes;  // common prefixes, delimiter included
    bool truncated = false;                  // exact: true only if something follows
    std::string next;                        // give as start_after to go on; the last entry or prefix of this page
    std::shared_ptr<const void> held;        // what the views are of
};

}  // namespace larder::engine
