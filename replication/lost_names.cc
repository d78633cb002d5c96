// Names of files that another door took: the content they shared is told behind.
#include "replication/file_rows.h"
#include "src/base/log.h"
#include "src/codec/codec.h"

namespace larder::engine {

namespace {

constexpr std::size_t kNamesAtOnce = 64;

}  // namespace

// Names that were replaced or deleted by a door that does not look at what stood there: the shared content is told.
Task<Result<bool>> LocalEngine::settle_lost_names() {
    bool more = false;
    for (db::ShardId shard = 0; shard < db_->shards(); ++shard) {
        std::vector<std::pair<std::string, std::string>> lost;
        CO_TRY_VOID(db_->look(shard, [&](db::Reader& reader) -> Result<void> {
            TRY(const auto cursor, reader.cursor(kLostNamesTree));
            TRY_VOID(cursor->seek({}));
            while (cursor->valid() && lost.size() < kNamesAtOnce) {
                lost.emplace_back(cursor->key(), cursor->value());
                TRY_VOID(cursor->next());
            }
            return {};
        }));
        more = more || lost.size() == kNamesAtOnce;
        for (const auto& [key, value] : lost) {
            CO_TRY_VOID(co_await settle_lost_name(value));
            CO_TRY_VOID(co_await db_->commit(shard, [key](db::Writer& w) { return w.erase(kLostNamesTree, key); }));
        }
    }
    co_return more;
}

Task<Result<void>> LocalEngine::settle_lost_name(std::string lost) {
    codec::Reader in(lost);
    const std::string partition(in.bytes());
    const std::string name(in.bytes());
    const auto link = in.id<model::LinkId>();
    CO_TRY_VOID(in.finish("lost name"));
    // The name may point there again by now: both rows are judged together.
    const auto decide = [&](const std::vector<table::Row>& rows, Tag) -> Result<table::Decided> {
        const auto nothing_to_do = fail(Code::precondition_failed, "the content's row knows");
        if (!rows[1].exists()) return nothing_to_do;
        TRY(auto content, model::decode_object(rows[1].value->row));
        if (std::find(content.names.begin(), content.names.end(), name) == content.names.end()) return nothing_to_do;
        if (rows[0].exists()) {
            TRY(const auto there, model::decode_object(rows[0].value->row));
            if (there.link == link) return nothing_to_do;
        }
        std::erase(content.names, name);
        if (content.names.empty()) return table::Decided{rows[0].value, std::nullopt};
        return table::Decided{rows[0].value, files::value_of(content, rows[1].value->body)};
    };
    const auto done =
        co_await object_rows_->update_rows({{partition, name}, {partition, model::link_key(link)}}, decide);
    if (!done && done.error().is(Code::corrupted)) {
        // It cannot be told now or later; its space stays taken, and the names of others go on.
        base::log::warning("a file's lost name could not be taken from its content",
                           {{"reason", done.error().message}});
        co_return Result<void>();
    }
    if (!done && !done.error().is(Code::precondition_failed)) co_return fail(done.error());
    co_return Result<void>();
}

}  // namespace larder::engine
