// What the journal's records say. Inside replication/write_behind.
#pragma once

#include "replication/files.h"

#include <string>
#include <variant>
#include <vector>

namespace larder::behind {

using engine::FileAttributes;
using engine::FileEntry;
using engine::NewFile;

struct Written {
    std::uint64_t offset = 0;
    base::Buffer data;
};

// A file that this mount made, whole.
struct Made {
    NewFile file;
};
// Writes into a file that is in the store.
struct Changed {
    std::string key;
    std::uint64_t inode = 0;
    FileAttributes attributes;  // its times
    std::vector<Written> writes;
};
using Unstored = std::variant<Made, Changed>;

std::string encode(const Unstored& unstored);
base::Result<Unstored> decode_unstored(std::string_view body);

}  // namespace larder::behind
