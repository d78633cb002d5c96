#include "replication/control/certain.h"

namespace larder::control {

using base::Code;
using base::Result;

namespace {

constexpr int kAttempts = 10;

// Not an answer of whoever judged the row: the race for them went on, or the line broke.
bool is_open(const base::Error& error) {
    return error.is(Code::conflict, base::Subject::none) || error.is(Code::unknown_outcome);
}

}  // namespace

io::Task<Result<table::Row>> update_certainly(table::Registers& rows, table::RowKey key, table::Decide decide) {
    for (int attempt = 1;; ++attempt) {
        auto done = co_await rows.update(key, decide);
        if (done || !is_open(done.error()) || attempt == kAttempts) co_return done;
    }
}

}  // namespace larder::control
