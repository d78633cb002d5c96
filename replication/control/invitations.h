// Invitations as rows: made, listed, withdrawn, used. Every change is a conditional write.
#pragma once

#include "replication/model/invitation.h"
#include "replication/table/register.h"

namespace larder::control {

class InvitationBook {
 public:
    explicit InvitationBook(table::Registers& rows) : rows_(rows) {}

    io::Task<base::Result<void>> add(model::InvitationRow row);
    io::Task<base::Result<std::vector<model::InvitationRow>>> all();
    // By a beginning of the hash in hexadecimal. not_found/token, invalid_argument/token. Idempotent.
    io::Task<base::Result<model::InvitationRow>> revoke(std::string beginning);
    // not_found/token for what this cluster never made.
    io::Task<base::Result<model::InvitationRow>> find(model::InvitationName invitation);
    // What use() would answer now, changing nothing.
    io::Task<base::Result<void>> check(model::InvitationName invitation, base::NodeId node, base::WallTime now);
    // model::use_invitation, durably; not_found/token for what this cluster never made.
    io::Task<base::Result<void>> use(model::InvitationName invitation, base::NodeId node, base::WallTime now);

 private:
    table::Registers& rows_;
};

}  // namespace larder::control
