// What the calls inside the engine hand to each other. Inside replication/ only.
#pragma once

#include "replication/block/block_store.h"
#include "replication/model/object.h"

namespace larder::engine {

using base::Code;
using base::fail;
using base::Subject;

struct EngineParts {
    // Where a body goes when it is whole.
    struct Target {
        BucketId bucket;
        std::string key;
        std::optional<UploadId> upload;  // a part of it
        int part = 0;
    };

    // What stands at a key, with its body or a lease on its blocks: it can be read although it is replaced meanwhile.
    struct Found {
        model::Object object;
        std::string body;
        std::unique_ptr<block::Lease> lease;  // on its blocks; only of find_content
        Tag state;                            // of the row that holds it
        std::string row;                      // its sort key: the object's, or one that several names share
    };

    // New content of an object that is there, which keeps its properties, attributes and identity.
    struct NewContent {
        std::optional<Tag> base;  // conflict/object unless this is the version there; none: whatever is there
        std::uint64_t size = 0;
        std::string etag;
        bool is_inline = false;
        std::string body;
        std::vector<model::Piece> pieces;
        FileAttributes changes;
    };
    struct ContentRow {
        model::Object object;
        Tag state;  // of the row
    };

    // What must hold of what is written over.
    struct Guard {
        Guard(Condition c) : condition(std::move(c)) {}
        Guard(Condition c, Tag version) : condition(std::move(c)), over(version) {}
        Condition condition;
        std::optional<Tag> over;
    };

    struct Copied {
        model::Object content;
        std::string body;
        std::optional<model::Owner> owner;
        std::unique_ptr<block::Lease> lease;  // the source's: its blocks stay while they get their second reference
    };

    struct Part {
        std::string row;  // sort key
        PartInfo info;
        model::Object content;
    };

    // An object that a completion of an upload makes.
    struct Completed {
        model::Object object;
        UploadId attempt;
    };
};

}  // namespace larder::engine
