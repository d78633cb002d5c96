// What a node's engine is made of, and how it fares; for engine.h, which everybody includes instead.
#pragma once

#include "replication/layout/layout.h"
#include "src/base/error.h"
#include "src/base/id.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace larder::engine {

// ---- State for administrators -------------------------------------------------------------------------------------
struct DataFolder {
    std::string path;
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0;
    std::uint64_t used_bytes = 0;  // by segments
    bool writable = true;
};
struct EngineStatus {
    base::NodeId node;
    std::string cluster_name;
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;
    std::uint64_t buckets = 0;
    std::uint64_t blocks = 0;
    std::uint64_t block_bytes = 0;  // stored, after compression
    std::vector<DataFolder> data_folders;
    std::vector<std::string> problems;  // sentences with their cure; empty when healthy
};

class Contacts;  // contacts.h
class Members;   // members.h

struct Options {
    std::string meta_folder;                // rows
    std::vector<std::string> data_folders;  // segments
    std::size_t cache_bytes = 16u << 20;
    bool create = false;       // make a new node when the folders are empty; otherwise fail with not_found
    std::string cluster_name;  // for create; empty picks one
    // Gives the id of this node, once its folders are known to be its own. Without it a new node draws one.
    std::function<base::Result<base::NodeId>()> identify = {};
    // The cluster that this node is part of under the number of its io::Network; outlives the engine. None: it is
    // alone.
    const Members* members = nullptr;
    // Instead: a cluster whose members and layout change. The number of the io::Network is this node's. A new cluster
    // begins with `first_layout`; without one a node that knows of none waits to hear of it.
    const Contacts* contacts = nullptr;
    std::optional<layout::Layout> first_layout;
    bool threads = true;  // off in a simulated world (src/db/db.h)
};

}  // namespace larder::engine
