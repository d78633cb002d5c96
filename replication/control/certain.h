// Conditional writes of control rows, asked again until it is known what became of them: they are rare, and a person
// waits for the answer.
#pragma once

#include "replication/table/register.h"

namespace larder::control {

// As Registers::update and update_rows. `decide` must be content with finding that it has been at work already: after a
// write of unknown fate it judges the rows once more.
io::Task<base::Result<table::Row>> update_certainly(table::Registers& rows, table::RowKey key, table::Decide decide);
io::Task<base::Result<std::vector<table::Row>>> update_certainly(table::Registers& rows,
                                                                 std::vector<table::RowKey> keys,
                                                                 table::DecideAll decide);

}  // namespace larder::control
