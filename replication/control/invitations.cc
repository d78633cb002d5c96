#include "replication/control/invitations.h"

#include "replication/control/certain.h"

#include <algorithm>

namespace larder::control {

using base::Code;
using base::Result;
using base::Subject;
using io::Task;
using model::InvitationRow;

namespace {

constexpr std::size_t kBeginningMin = 4;

Result<InvitationRow> row_of(const table::Row& row) {
    if (!row.exists()) return base::fail(Code::not_found, Subject::token, "this cluster knows no such invitation.");
    return model::decode_invitation(row.value->row);
}

}  // namespace

Task<Result<void>> InvitationBook::add(InvitationRow row) {
    table::Decide decide = [row](const table::Row&, base::Tag) -> Result<table::Decision> {
        return table::Decision{table::Value{model::encode_invitation(row), {}}};
    };
    CO_TRY_VOID(co_await update_certainly(rows_, model::invitation_row(row.name), std::move(decide)));
    co_return Result<void>();
}

Task<Result<std::vector<InvitationRow>>> InvitationBook::all() {
    std::vector<InvitationRow> out;
    table::RangeQuery query;
    query.partition_key = model::kInvitationsKey;
    for (;;) {
        CO_TRY(const auto page, co_await rows_.range(query));
        for (const auto& entry : page.entries) {
            // One that cannot be read lets nobody in; the others are shown.
            if (entry.damaged) continue;
            if (auto row = model::decode_invitation(entry.row)) out.push_back(std::move(*row));
        }
        if (!page.truncated) break;
        query.start_at = page.resume;
    }
    std::ranges::sort(out,
                      [](const auto& a, const auto& b) { return std::tie(b.made, b.name) < std::tie(a.made, a.name); });
    co_return out;
}

Task<Result<InvitationRow>> InvitationBook::revoke(std::string beginning) {
    CO_TRY(const auto rows, co_await all());
    std::vector<model::InvitationName> found;
    for (const auto& row : rows) {
        if (row.name.hex().starts_with(beginning)) found.push_back(row.name);
    }
    if (found.empty()) {
        co_return base::fail(Code::not_found, Subject::token, "there is no invitation \"" + beginning + "\".");
    }
    if (found.size() > 1 || beginning.size() < kBeginningMin) {
        co_return base::fail(Code::invalid_argument, Subject::token,
                             "\"" + beginning + "\" is too short to name one invitation: give at least four digits.");
    }
    table::Decide decide = [](const table::Row& current, base::Tag) -> Result<table::Decision> {
        TRY(auto row, row_of(current));
        row.revoked = true;
        return table::Decision{table::Value{model::encode_invitation(row), {}}};
    };
    CO_TRY(const auto written,
           co_await update_certainly(rows_, model::invitation_row(found.front()), std::move(decide)));
    co_return row_of(written);
}

Task<Result<InvitationRow>> InvitationBook::find(model::InvitationName invitation) {
    CO_TRY(const auto current, co_await rows_.read(model::invitation_row(invitation)));
    co_return row_of(current);
}

Task<Result<void>> InvitationBook::check(model::InvitationName invitation, base::NodeId node, base::WallTime now) {
    CO_TRY(const auto current, co_await rows_.read(model::invitation_row(invitation)));
    CO_TRY(auto row, row_of(current));
    co_return model::use_invitation(row, node, now);
}

Task<Result<void>> InvitationBook::use(model::InvitationName invitation, base::NodeId node, base::WallTime now) {
    table::Decide decide = [node, now](const table::Row& current, base::Tag) -> Result<table::Decision> {
        TRY(auto row, row_of(current));
        TRY_VOID(model::use_invitation(row, node, now));
        return table::Decision{table::Value{model::encode_invitation(row), {}}};
    };
    CO_TRY_VOID(co_await update_certainly(rows_, model::invitation_row(invitation), std::move(decide)));
    co_return Result<void>();
}

}  // namespace larder::control
