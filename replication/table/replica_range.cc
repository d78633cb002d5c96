// The replica's pages of a range, made while rows pass by.
#include "replication/table/replica.h"

namespace larder::table {

using base::Result;

namespace {

// Bounds what one message makes a replica look at: tombstones and folded rows count too.
constexpr std::size_t kRowsPerMessage = 20'000;

// Builds one page of a range while rows pass by.
class PageMaker {
 public:
    explicit PageMaker(const RangeQuery& query) : query_(query) {}

    Result<ScanStep> take(std::string_view sort_key, const RowView& row) {
        if (!sort_key.starts_with(query_.prefix) || (!query_.end_before.empty() && sort_key >= query_.end_before)) {
            return ScanStep{true, {}};
        }
        if (live_ == query_.limit || ++seen_ > kRowsPerMessage) {
            more_ = true;
            resume_ = sort_key;
            return ScanStep{true, {}};
        }
        const auto fold = folded_length(sort_key);
        if (fold == 0) {
            live_ += row.has_value() || row.damaged ? 1 : 0;
            add({sort_key, false, {}, row, {}});
            return ScanStep{};
        }
        // A tombstone tells nothing of its prefix, but the merge must see it if another replica holds the row alive.
        if (!row.has_value() && !row.damaged) return ScanStep{};
        ++live_;
        const auto prefix = sort_key.substr(0, fold);
        auto witness = row;
        witness.row = {};
        witness.damaged = false;
        add({prefix, true, sort_key, witness, {}});
        return ScanStep{false, after_prefix(std::string(prefix))};
    }

    // Rows whose bodies are wanted, in order; they are not in the reply yet.
    struct Waiting {
        std::string sort_key, witness;
        bool is_prefix = false;
        StoredRow row;
    };
    std::vector<Waiting> take_waiting() { return std::exchange(waiting_, {}); }
    void add_now(const RangeItem& item) { reply_.add(item); }
    std::string finish() { return reply_.finish(more_, resume_); }

 private:
    // What is shown goes straight into the reply, unless bodies have to be looked up once the scan is over.
    void add(const RangeItem& item) {
        if (!query_.with_bodies) return reply_.add(item);
        waiting_.push_back({std::string(item.sort_key), std::string(item.witness), item.is_prefix, owned(item.row)});
    }
    std::size_t folded_length(std::string_view sort_key) const {
        if (query_.delimiter.empty()) return 0;
        const auto at = sort_key.find(query_.delimiter, query_.prefix.size());
        return at == std::string_view::npos ? 0 : at + query_.delimiter.size();
    }

    const RangeQuery& query_;
    RangeReplyMaker reply_;
    std::vector<Waiting> waiting_;
    bool more_ = false;
    std::string resume_;
    std::size_t live_ = 0;
    std::size_t seen_ = 0;
};

}  // namespace

io::Task<Result<io::Message>> Replica::range(TableId table, RangeQuery query) {
    const auto partition = placement_.partition_of(query.partition_key);
    std::string from = std::max(query.prefix, query.start_at);
    if (!query.start_after.empty() && query.start_after >= from) from = query.start_after + '\0';
    PageMaker page(query);
    CO_TRY_VOID(store_.scan(table, partition, query.partition_key, from, query.row_bytes,
                            [&](std::string_view key, const RowView& row) { return page.take(key, row); }));
    for (auto& item : page.take_waiting()) {
        std::string body;
        if (!item.is_prefix) {
            CO_TRY(body, body_of(table, {query.partition_key, item.sort_key}, item.row));
            if (item.row.row.size() > query.row_bytes) item.row.row.resize(query.row_bytes);
        }
        page.add_now({item.sort_key, item.is_prefix, item.witness, view_of(item.row), body});
    }
    co_return io::Message{page.finish(), {}};
}

}  // namespace larder::table
