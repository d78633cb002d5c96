#include "replication/control/members.h"

#include "replication/control/certain.h"

#include <algorithm>

namespace larder::control {

using base::Code;
using base::Result;
using base::Subject;
using io::Task;
using model::MemberRow;
using model::MemberStage;

namespace {

constexpr int kAttempts = 20;
constexpr std::size_t kBeginningMin = 4;

}  // namespace

Task<Result<std::vector<MemberRow>>> MemberBook::all() {
    std::vector<MemberRow> out;
    table::RangeQuery query;
    query.partition_key = model::kMembersKey;
    query.prefix = model::kByNumber;
    for (;;) {
        CO_TRY(const auto page, co_await rows_.range(query));
        for (const auto& entry : page.entries) {
            if (entry.damaged) co_return base::fail(Code::corrupted, Subject::row, "a member row is damaged");
            CO_TRY(auto row, model::decode_member(entry.row));
            out.push_back(std::move(row));
        }
        if (!page.truncated) co_return out;
        query.start_at = page.resume;
    }
}

// The number that the node has or tries to get; 0: none.
Task<Result<io::NodeNumber>> MemberBook::claimed_by(base::NodeId id) {
    CO_TRY(const auto by_id, co_await rows_.read(model::member_id_row(id)));
    if (!by_id.exists()) co_return io::NodeNumber(0);
    co_return model::decode_number(by_id.value->row);
}

Task<Result<MemberRow>> MemberBook::find(base::NodeId id) {
    CO_TRY(const auto number, co_await claimed_by(id));
    if (number != 0) {
        CO_TRY(const auto row, co_await rows_.read(model::member_row(number)));
        if (row.exists()) {
            CO_TRY(const auto member, model::decode_member(row.value->row));
            if (member.id == id) co_return member;
        }
    }
    co_return base::fail(Code::not_found, Subject::node, "it is no member of this cluster.");
}

// Whoever adds the same node elsewhere meanwhile finds the claim and goes on with it. A claim is given up only when the
// number is another's, which it then stays: so a node never has two.
Task<Result<MemberRow>> MemberBook::add(MemberRow wanted) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const auto known = co_await find(wanted.id);
        if (known && known->stage == MemberStage::gone) {
            co_return base::fail(Code::permission_denied, Subject::node,
                                 "this machine was removed from the cluster and cannot come back under its key.");
        }
        if (known || !known.error().is(Code::not_found, Subject::node)) co_return known;
        CO_TRY(const auto before, co_await claimed_by(wanted.id));
        CO_TRY(const auto members, co_await all());
        const auto there = std::ranges::find(members, before, &MemberRow::number);
        const bool lost = there != members.end() && there->id != wanted.id;
        const auto next = members.empty() ? 1 : members.back().number + 1;
        wanted.number = before;
        if (before == 0 || lost) {
            CO_TRY(wanted.number, co_await claim(wanted.id, before, next));
        }
        auto taken = co_await take(wanted);
        if (taken || !taken.error().is(Code::already_exists, Subject::node)) co_return taken;
    }
    co_return base::fail(Code::overloaded, Subject::node, "too many machines join at once: try again.");
}

// Returns what the node claims now: `next`, or what somebody else made it claim.
Task<Result<io::NodeNumber>> MemberBook::claim(base::NodeId id, io::NodeNumber before, io::NodeNumber next) {
    table::Decide decide = [before, next](const table::Row& row, base::Tag) -> Result<table::Decision> {
        io::NodeNumber there = 0;
        if (row.exists()) {
            TRY(there, model::decode_number(row.value->row));
        }
        return table::Decision{table::Value{model::encode_number(there == before ? next : there), {}}};
    };
    CO_TRY(const auto written, co_await update_certainly(rows_, model::member_id_row(id), std::move(decide)));
    co_return model::decode_number(written.value->row);
}

// already_exists/node when the number is another's.
Task<Result<MemberRow>> MemberBook::take(MemberRow wanted) {
    table::Decide decide = [wanted](const table::Row& row, base::Tag) -> Result<table::Decision> {
        if (!row.exists()) return table::Decision{table::Value{model::encode_member(wanted), {}}};
        TRY(const auto there, model::decode_member(row.value->row));
        if (there.id == wanted.id) return table::Decision{row.value};
        return base::fail(Code::already_exists, Subject::node, "that number is another machine's.");
    };
    CO_TRY(const auto written, co_await update_certainly(rows_, model::member_row(wanted.number), std::move(decide)));
    co_return model::decode_member(written.value->row);
}

Task<Result<MemberRow>> MemberBook::change(io::NodeNumber number, Edit edit) {
    table::Decide decide = [edit](const table::Row& row, base::Tag) -> Result<table::Decision> {
        if (!row.exists()) return base::fail(Code::not_found, Subject::node, "there is no such member.");
        TRY(auto member, model::decode_member(row.value->row));
        TRY_VOID(edit(member));
        return table::Decision{table::Value{model::encode_member(member), {}}};
    };
    CO_TRY(const auto written, co_await update_certainly(rows_, model::member_row(number), std::move(decide)));
    co_return model::decode_member(written.value->row);
}

Result<MemberRow> member_named(const std::vector<MemberRow>& members, std::string_view name) {
    const auto pick = [&](auto means) -> std::vector<const MemberRow*> {
        std::vector<const MemberRow*> present, gone;
        for (const auto& row : members) {
            if (means(row)) (row.stage == MemberStage::gone ? gone : present).push_back(&row);
        }
        return present.empty() ? gone : present;
    };
    auto found = pick([&](const MemberRow& row) { return row.name == name; });
    if (found.empty()) found = pick([&](const MemberRow& row) { return std::to_string(row.number) == name; });
    if (found.empty() && name.size() >= kBeginningMin) {
        // An id is shown with a hyphen behind its fourth digit.
        std::string digits(name);
        if (digits.size() > kBeginningMin && digits[kBeginningMin] == '-') digits.erase(kBeginningMin, 1);
        found = pick([&](const MemberRow& row) { return row.id.hex().starts_with(digits); });
    }
    if (found.empty()) {
        return base::fail(Code::not_found, Subject::node, "there is no machine \"" + std::string(name) + "\".");
    }
    if (found.size() > 1) {
        return base::fail(Code::invalid_argument, Subject::node,
                          "\"" + std::string(name) + "\" means " + std::to_string(found.size()) +
                              " machines: name one by its number or the beginning of its id.");
    }
    return *found.front();
}

}  // namespace larder::control
