#include "replication/model/layout_rows.h"

#include "src/codec/codec.h"

namespace larder::model {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kRemoved = 0;
constexpr std::uint8_t kRole = 1;

std::unexpected<base::Error> damaged(std::string_view what) {
    return base::fail(Code::corrupted, Subject::row, std::string(what) + " of unknown form");
}

void put_role(codec::Writer& out, const layout::Role& role) {
    out.bytes(role.zone).varint(role.capacity).boolean(role.gateway).varint(role.tags.size());
    for (const auto& tag : role.tags) out.bytes(tag);
}

layout::Role take_role(codec::Reader& in) {
    layout::Role role;
    role.zone = in.bytes();
    role.capacity = in.varint();
    role.gateway = in.boolean();
    for (auto left = in.count(); left > 0 && in.ok(); --left) role.tags.emplace_back(in.bytes());
    return role;
}

}  // namespace

table::Value encode_layout_row(const LayoutRow& row) {
    codec::Writer out;
    out.u8(kFormat).varint(row.notes.size());
    for (const auto& note : row.notes) {
        out.varint(note.epoch).u64(static_cast<std::uint64_t>(note.when.ms)).bytes(note.by).bytes(note.what);
        out.varint(note.copies_moved);
    }
    out.bytes(row.staged ? encode_staged(*row.staged) : std::string());
    return {out.take(), layout::encode(row.newest)};
}

Result<LayoutRow> decode_layout_row(const table::Value& value) {
    codec::Reader in(value.row);
    LayoutRow row;
    const auto format = in.u8();
    for (auto left = in.count(12); left > 0 && in.ok(); --left) {
        LayoutNote note;
        note.epoch = in.varint();
        note.when.ms = static_cast<std::int64_t>(in.u64());
        note.by = in.bytes();
        note.what = in.bytes();
        note.copies_moved = in.varint();
        row.notes.push_back(std::move(note));
    }
    const auto staged = in.bytes();
    TRY_VOID(in.finish("layout row"));
    if (!staged.empty()) {
        TRY(row.staged, decode_staged(staged));
    }
    TRY(row.newest, layout::decode(value.body));
    const bool fits = !row.notes.empty() && row.notes.back().epoch == row.newest.epoch;
    if (format != kFormat || !fits) return damaged("a layout row");
    return row;
}

std::string encode_staged(const StagedRow& row) {
    codec::Writer out;
    out.u8(kFormat).bytes(row.by).u64(static_cast<std::uint64_t>(row.when.ms));
    out.boolean(row.changes.policy.has_value());
    if (row.changes.policy) out.u8(row.changes.policy->copies).u8(row.changes.policy->zone_redundancy);
    out.varint(row.changes.roles.size());
    for (const auto& [node, role] : row.changes.roles) {
        out.raw(node.view()).u8(role ? kRole : kRemoved);
        if (role) put_role(out, *role);
    }
    return out.take();
}

Result<StagedRow> decode_staged(std::string_view bytes) {
    codec::Reader in(bytes);
    StagedRow row;
    const auto format = in.u8();
    row.by = in.bytes();
    row.when.ms = static_cast<std::int64_t>(in.u64());
    if (in.boolean()) {
        layout::Policy policy;
        policy.copies = in.u8();
        policy.zone_redundancy = in.u8();
        row.changes.policy = policy;
    }
    bool known = true;
    for (auto left = in.count(base::NodeId::kSize + 1); left > 0 && in.ok(); --left) {
        const auto node = in.id<base::NodeId>();
        const auto kind = in.u8();
        known = known && kind <= kRole;
        auto& role = row.changes.roles[node];
        if (kind == kRole) role = take_role(in);
    }
    TRY_VOID(in.finish("row of staged changes"));
    if (format != kFormat || !known) return damaged("a row of staged changes");
    return row;
}

Result<LayoutRow> append_layout(const LayoutRow& former, layout::Layout next, LayoutNote note) {
    if (next.epoch != former.newest.epoch + 1) {
        return base::fail(Code::conflict, Subject::config,
                          "layout " + std::to_string(former.newest.epoch) + " is in force by now, so layout " +
                              std::to_string(next.epoch) + " cannot be made: somebody else's came first.");
    }
    LayoutRow row;
    row.notes = former.notes;
    row.staged = former.staged;
    note.epoch = next.epoch;
    row.newest = std::move(next);
    row.notes.push_back(std::move(note));
    if (row.notes.size() > LayoutRow::kNotesMax) {
        row.notes.erase(row.notes.begin(), row.notes.end() - LayoutRow::kNotesMax);
    }
    return row;
}

}  // namespace larder::model
