// The members as rows: numbered, found, changed. Every change is a conditional write.
#pragma once

#include "replication/model/member.h"
#include "replication/table/register.h"

#include <functional>

namespace larder::control {

class MemberBook {
 public:
    explicit MemberBook(table::Registers& rows) : rows_(rows) {}

    // All that ever were, by number.
    io::Task<base::Result<std::vector<model::MemberRow>>> all();
    // not_found/node.
    io::Task<base::Result<model::MemberRow>> find(base::NodeId id);
    // Gives `wanted` the next number and writes it. A node that is a member already gets the row it has;
    // permission_denied/node for one that was removed.
    io::Task<base::Result<model::MemberRow>> add(model::MemberRow wanted);
    // Applies `edit` to the row; it may run more than once and may refuse.
    using Edit = std::function<base::Result<void>(model::MemberRow&)>;
    io::Task<base::Result<model::MemberRow>> change(io::NodeNumber number, Edit edit);

 private:
    io::Task<base::Result<io::NodeNumber>> claimed_by(base::NodeId id);
    io::Task<base::Result<io::NodeNumber>> claim(base::NodeId id, io::NodeNumber before, io::NodeNumber next);
    io::Task<base::Result<model::MemberRow>> take(model::MemberRow wanted);

    table::Registers& rows_;
};

// The member that a person means: a name, a number, an id or a beginning of it. Those that are gone only when no other
// is meant. not_found/node, invalid_argument/node.
base::Result<model::MemberRow> member_named(const std::vector<model::MemberRow>& members, std::string_view name);

}  // namespace larder::control
