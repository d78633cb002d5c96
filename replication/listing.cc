// Listings of objects.
#include "replication/local_engine.h"

namespace larder::engine {

namespace {

// Common prefixes count as entries: one that is not greater than the place to start after is over, with all it folds.
void start_after(table::RangeQuery& range, const ListQuery& query) {
    range.start_after = query.start_after;
    if (query.delimiter.empty() || !query.start_after.starts_with(query.prefix)) return;
    const auto at = query.start_after.find(query.delimiter, query.prefix.size());
    if (at == std::string::npos) return;
    range.start_at = table::after_prefix(query.start_after.substr(0, at + query.delimiter.size()));
    // Nothing is greater than a prefix of bytes 0xff only.
    if (range.start_at.empty()) range.limit = 0;
}

}  // namespace

Task<Result<table::RangePage>> LocalEngine::list_rows(BucketId bucket, ListQuery query) {
    CO_TRY(const auto state, bucket_for_read(bucket));
    table::RangeQuery range;
    range.prefix = query.prefix;
    range.delimiter = query.delimiter;
    range.limit = static_cast<std::size_t>(std::max(query.limit, 0));
    start_after(range, query);
    // Content that several names share sorts before every key.
    range.start_at = std::max(range.start_at, std::string("\1"));
    if (!query.with_properties) range.row_bytes = model::kSummaryBytes;
    table::RangePage page;
    for (std::uint16_t shard = 0; shard < state->row.index_shards; ++shard) {
        range.partition_key = model::index_shard(bucket, shard);
        CO_TRY(auto part, co_await object_rows_->range(range));
        if (shard == 0) {
            page = std::move(part);
            continue;
        }
        // Several shards: merged in order; a prefix that stands in more than one is one entry.
        page.truncated = page.truncated || part.truncated;
        std::ranges::move(part.held, std::back_inserter(page.held));
        auto& entries = page.entries;
        entries.insert(entries.end(), part.entries.begin(), part.entries.end());
        const auto less = [](const auto& a, const auto& b) { return a.sort_key < b.sort_key; };
        const auto same = [](const auto& a, const auto& b) { return a.sort_key == b.sort_key; };
        std::sort(entries.begin(), entries.end(), less);
        entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());
        if (entries.size() > range.limit) {
            entries.resize(range.limit);
            page.truncated = true;
        }
    }
    co_return page;
}

Task<Result<ListPage>> LocalEngine::list_objects(BucketId bucket, ListQuery query) {
    const bool with_properties = query.with_properties;
    CO_TRY(const auto rows, co_await list_rows(bucket, std::move(query)));
    ListPage page;
    page.truncated = rows.truncated;
    page.objects.reserve(rows.entries.size());
    for (const auto& entry : rows.entries) {
        if (entry.is_prefix) {
            page.prefixes.emplace_back(entry.sort_key);
            continue;
        }
        ObjectInfo info;
        info.key = entry.sort_key;
        // Left out it would look deleted; so it is listed with what is known, and reading it tells the rest.
        if (entry.damaged) {
            page.objects.push_back(std::move(info));
            continue;
        }
        CO_TRY(const auto summary, model::decode_summary(entry.row));
        if (with_properties || summary.is_link) {
            auto object = model::decode_object(entry.row);
            if (object && object->link) object = co_await follow_link(bucket, info.key, *object->link);
            if (!object && object.error().is(Code::not_found)) continue;  // the name is gone by now
            if (!object && !object.error().is(Code::corrupted)) co_return fail(object.error());
            if (object) info = model::info_of(std::move(info.key), std::move(*object));
            page.objects.push_back(std::move(info));
            continue;
        }
        info.version = summary.version;
        info.modified = summary.modified;
        info.size = summary.size;
        info.etag = summary.etag;
        info.properties.storage_class = summary.storage_class;
        page.objects.push_back(std::move(info));
    }
    if (!rows.entries.empty()) page.next = rows.entries.back().sort_key;
    co_return page;
}

Task<Result<SummaryPage>> LocalEngine::list_summaries(BucketId bucket, ListQuery query) {
    query.with_properties = false;
    CO_TRY(auto rows, co_await list_rows(bucket, std::move(query)));
    SummaryPage page;
    page.truncated = rows.truncated;
    page.objects.reserve(rows.entries.size());
    for (const auto& entry : rows.entries) {
        if (entry.is_prefix) {
            page.prefixes.push_back(entry.sort_key);
            continue;
        }
        model::Summary summary;
        if (!entry.damaged) {
            CO_TRY(summary, model::decode_summary(entry.row));
        }
        if (summary.is_link) {
            CO_TRY(const auto name, model::decode_object(entry.row));
            const auto object = co_await follow_link(bucket, std::string(entry.sort_key), *name.link);
            if (!object && object.error().is(Code::not_found)) continue;  // the name is gone by now
            if (!object && !object.error().is(Code::corrupted)) co_return fail(object.error());
            const auto bytes =
                std::make_shared<const std::string>(model::encode_object(object ? *object : model::Object()));
            rows.held.push_back(bytes);
            CO_TRY(summary, model::decode_summary(*bytes));
        }
        page.objects.push_back({entry.sort_key, summary.modified, summary.size, summary.etag, summary.storage_class});
    }
    if (!rows.entries.empty()) page.next = rows.entries.back().sort_key;
    page.held = std::make_shared<const decltype(rows.held)>(std::move(rows.held));
    co_return page;
}

}  // namespace larder::engine
