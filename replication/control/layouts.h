// The layout and what is staged, as one row, replaced by a conditional write that holds only while both are what was
// read. Two operators cannot both make version n + 1.
#pragma once

#include "replication/model/layout_rows.h"

#include <functional>

namespace larder::control {

// Both, as of one moment.
struct LayoutSeen {
    model::LayoutRow layout;
    std::optional<model::StagedRow> staged;
    // Names what is staged; empty when nothing is.
    std::string staged_name() const;
    const layout::Layout& newest() const { return layout.newest; }
};

class LayoutBook {
 public:
    explicit LayoutBook(table::Registers& rows) : rows_(rows) {}

    // not_found/config before the first layout.
    io::Task<base::Result<LayoutSeen>> read();
    // The first layout; nothing when there is one already.
    io::Task<base::Result<void>> found(layout::Layout first, model::LayoutNote note);
    // Makes `next` the newest. conflict/config, changing nothing, when the newest is not the one in `seen`, and, with
    // `take_staged`, when what is staged is not; then nothing is staged any more.
    io::Task<base::Result<void>> append(LayoutSeen seen, layout::Layout next, model::LayoutNote note, bool take_staged);
    // Applies `edit` to what is staged; nothing left is nothing staged.
    using Edit = std::function<base::Result<void>(layout::Staged&)>;
    io::Task<base::Result<void>> stage(Edit edit, std::string by, base::WallTime now);

 private:
    table::Registers& rows_;
};

}  // namespace larder::control
