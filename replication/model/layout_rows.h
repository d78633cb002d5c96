// The one row of partition key "layout": the newest layout, a log of how it came to be, and what operators have staged.
// Every layout comes by a conditional write of the one row, judged by the epoch that is there: of two who both
// make version n + 1 one has made it and the other is told.
#pragma once

#include "replication/layout/plan.h"
#include "replication/table/register.h"

namespace larder::model {

struct LayoutNote {
    layout::Epoch epoch = 0;
    base::WallTime when;
    std::string by;    // who asked
    std::string what;  // "shed joined", "capacity of attic 4 TB"
    std::uint64_t copies_moved = 0;

    bool operator==(const LayoutNote&) const = default;
};

struct StagedRow {
    layout::Staged changes;
    std::string by;  // who staged last
    base::WallTime when;

    bool operator==(const StagedRow&) const = default;
};

struct LayoutRow {
    static constexpr std::size_t kNotesMax = 100;  // older ones go

    layout::Layout newest;
    std::vector<LayoutNote> notes;  // ascending epochs; the last is of `newest`
    std::optional<StagedRow> staged;

    bool operator==(const LayoutRow&) const = default;
};

// Log and staged changes are the row, the layout its body.
table::Value encode_layout_row(const LayoutRow& row);
base::Result<LayoutRow> decode_layout_row(const table::Value& value);
std::string encode_staged(const StagedRow& row);
base::Result<StagedRow> decode_staged(std::string_view bytes);

// `former` followed by `next` and its note; what is staged stays. Fails with conflict/config unless next's epoch
// follows.
base::Result<LayoutRow> append_layout(const LayoutRow& former, layout::Layout next, LayoutNote note);

inline table::RowKey layout_row() {
    return {"layout", "newest"};
}

}  // namespace larder::model
