#include "replication/control/layouts.h"

#include "replication/control/certain.h"
#include "src/base/hash.h"

namespace larder::control {

using base::Code;
using base::Result;
using base::Subject;
using io::Task;
using model::LayoutNote;
using model::LayoutRow;
using model::StagedRow;

namespace {

constexpr std::size_t kNameDigits = 12;

Result<LayoutRow> layout_of(const table::Row& row) {
    if (!row.exists()) return base::fail(Code::not_found, Subject::config, "this cluster has no layout yet.");
    return model::decode_layout_row(*row.value);
}

Result<table::Decision> decide_append(const table::Row& row, const LayoutSeen& seen, const layout::Layout& next,
                                      const LayoutNote& note, bool take_staged) {
    TRY(const auto there, layout_of(row));
    // A write of unknown fate had its effect.
    if (there.newest == next && there.notes.back() == note) return table::Decision{row.value};
    TRY(auto after, model::append_layout(there, next, note));
    if (take_staged && there.staged != seen.staged) {
        return base::fail(Code::conflict, Subject::config,
                          "what is staged has been changed meanwhile: look at the plan again.");
    }
    if (take_staged) after.staged.reset();
    return table::Decision{model::encode_layout_row(after)};
}

}  // namespace

std::string LayoutSeen::staged_name() const {
    return staged ? base::sha256(model::encode_staged(*staged)).hex().substr(0, kNameDigits) : std::string();
}

Task<Result<LayoutSeen>> LayoutBook::read() {
    CO_TRY(const auto row, co_await rows_.read(model::layout_row()));
    CO_TRY(auto layout, layout_of(row));
    auto staged = layout.staged;
    co_return LayoutSeen{std::move(layout), std::move(staged)};
}

Task<Result<void>> LayoutBook::found(layout::Layout first, LayoutNote note) {
    note.epoch = first.epoch;
    table::Decide decide = [row = LayoutRow{std::move(first), {std::move(note)}, {}}](
                               const table::Row& there, base::Tag) -> Result<table::Decision> {
        if (there.exists()) return base::fail(Code::already_exists, Subject::config, "there is a layout already.");
        return table::Decision{model::encode_layout_row(row)};
    };
    const auto done = co_await update_certainly(rows_, model::layout_row(), std::move(decide));
    if (!done && !done.error().is(Code::already_exists, Subject::config)) co_return base::fail(done.error());
    co_return Result<void>();
}

Task<Result<void>> LayoutBook::append(LayoutSeen seen, layout::Layout next, LayoutNote note, bool take_staged) {
    note.epoch = next.epoch;
    table::Decide decide = [seen = std::move(seen), next = std::move(next), note = std::move(note), take_staged](
                               const table::Row& row, base::Tag) {
        return decide_append(row, seen, next, note, take_staged);
    };
    CO_TRY_VOID(co_await update_certainly(rows_, model::layout_row(), std::move(decide)));
    co_return Result<void>();
}

Task<Result<void>> LayoutBook::stage(Edit edit, std::string by, base::WallTime now) {
    table::Decide decide = [edit, by, now](const table::Row& row, base::Tag) -> Result<table::Decision> {
        TRY(auto there, layout_of(row));
        auto staged = there.staged.value_or(StagedRow());
        TRY_VOID(edit(staged.changes));
        staged.by = by;
        staged.when = now;
        there.staged = staged.changes.empty() ? std::nullopt : std::optional(std::move(staged));
        return table::Decision{model::encode_layout_row(there)};
    };
    CO_TRY_VOID(co_await update_certainly(rows_, model::layout_row(), std::move(decide)));
    co_return Result<void>();
}

}  // namespace larder::control
