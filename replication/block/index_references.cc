// References one by one and in pages, for peers and background workers.
#include "replication/block/index.h"

#include <algorithm>

namespace larder::block {

using base::Hash256;
using base::Result;
using rows::Edit;

namespace {

constexpr db::ShardId kWorkerShard = 0;
constexpr std::string_view kWorkerMark = "worker-";

// One shard's part of a page, and the last key that was looked at; nothing: all were.
struct Part {
    std::vector<Reference> references;
    std::optional<std::string> until;
};

Result<void> read_part(db::Reader& reader, const std::string& after, std::size_t rows, const NameFilter& filter,
                       Part& part) {
    // Keys first: the store gives one cursor at a time, and the sizes lie in another tree.
    {
        TRY(const auto cursor, reader.cursor(rows::kOwners));
        TRY_VOID(cursor->seek(after.empty() ? after : after + '\0'));
        for (std::size_t n = 0; cursor->valid(); ++n) {
            const auto key = cursor->key();
            const auto owner = Owner::from(key.substr(0, std::min(key.size(), Owner::kSize)));
            const auto name = Hash256::from(key.substr(std::min(key.size(), Owner::kSize)));
            if (owner && name && filter(*name)) part.references.push_back({*owner, *name, 0});
            if (n + 1 >= rows) {
                part.until = std::string(key);
                break;
            }
            TRY_VOID(cursor->next());
        }
    }
    for (auto& reference : part.references) {
        TRY(const auto bytes, reader.get(rows::kPlaces, reference.name.view()));
        if (!bytes) continue;
        TRY(const auto entry, rows::decode_entry(*bytes));
        reference.plain_bytes = entry.plain_bytes;
    }
    return {};
}

}  // namespace

std::string reference_key(const Reference& reference) {
    return rows::owner_key(reference.owner, reference.name);
}

Result<bool> Index::refers(const Hash256& name, const Owner& owner) {
    const auto shard = shard_of(name);
    const auto row = db_.get(shard, rows::kOwners, rows::owner_key(owner, name));
    if (row) return row->has_value();
    notice(row.error(), shard);
    return base::fail(row.error());
}

io::Task<Result<void>> Index::release(std::vector<Reference> references) {
    std::map<db::ShardId, std::vector<Reference>> by_shard;
    for (const auto& reference : references) by_shard[shard_of(reference.name)].push_back(reference);
    for (const auto& [shard, some] : by_shard) {
        CO_TRY_VOID(co_await change(shard, [some](Edit& edit, db::Writer&) -> Result<void> {
            for (const auto& reference : some) TRY_VOID(edit.unrefer(reference.name, reference.owner));
            return {};
        }));
    }
    co_return Result<void>();
}

io::Task<Result<ReferencePage>> Index::references(std::string after, std::size_t rows, NameFilter filter) {
    ReferencePage page;
    for (db::ShardId shard = 0; shard < db_.shards(); ++shard) {
        const auto part = std::make_shared<Part>();
        CO_TRY_VOID(co_await db_.look_later(shard, [part, after, rows, filter](db::Reader& reader) -> Result<void> {
            return read_part(reader, after, rows, filter, *part);
        }));
        if (part->until && (!page.until || *part->until < *page.until)) page.until = part->until;
        page.references.insert(page.references.end(), part->references.begin(), part->references.end());
    }
    // Shards come to different keys: the page ends where the first of them did.
    if (page.until) {
        std::erase_if(page.references, [&page](const Reference& r) { return reference_key(r) > *page.until; });
    }
    std::sort(page.references.begin(), page.references.end());
    co_return page;
}

Result<std::string> Index::recall(const std::string& worker) {
    const auto row = db_.get(kWorkerShard, rows::kMarks, std::string(kWorkerMark) + worker);
    // A damaged one is as good as none: the worker begins anew.
    if (!row && row.error().code == base::Code::corrupted) return std::string();
    if (!row) return base::fail(row.error());
    return *row ? **row : std::string();
}

io::Task<Result<void>> Index::remember(std::string worker, std::string bytes) {
    return db_.commit(kWorkerShard, [key = std::string(kWorkerMark) + worker, bytes](db::Writer& writer) {
        return writer.put(rows::kMarks, key, bytes);
    });
}

}  // namespace larder::block
