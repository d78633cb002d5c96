// Conditional writes of control rows, asked again until it is known what became of them: they are rare, and a person
// waits for the answer.
#pragma once

#include "replication/table/register.h"

namespace larder::control {

// As Registers::update. `decide` must be content with finding that it has been at work already: after a
// write of unknown fate it judges the row once more.
io::Task<base::Result<table::Row>> update_certainly(table::Registers& rows, table::RowKey key, table::Decide decide);

}  // namespace larder::control
