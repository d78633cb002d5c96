// Giving an owner up in the whole cluster. Nothing is dropped by a timer, and nothing that somebody still reads.
#pragma once

#include "replication/spread/debts.h"
#include "replication/spread/server.h"

namespace larder::spread {

// What came of giving owners up: those that are left are tried again later.
struct Drop {
    std::vector<Owner> left;
    std::string why;  // a sentence on the last of them; empty when none is left
    bool done() const { return left.empty(); }
};

class Dropper {
 public:
    Dropper(const Context& context, Server& server, Debts& debts);

    // The caller has seen, by a quorum read that began after the owners were let go, that no row names them. Then
    // 1. every member lets the row reads that are under way there end and says which of the owners are leased;
    // 2. when all have answered, every storing member drops the references of those that nobody leases.
    // A member that does not answer leaves all of them. Idempotent; whatever was done of it may be done again.
    io::Task<Drop> drop(std::vector<Owner> owners);

 private:
    io::Task<Drop> drop_some(std::vector<Owner> owners);
    io::Task<base::Result<std::set<Owner>>> leased_anywhere(std::vector<Owner> owners);

    const Context& context_;
    Server& server_;
    Debts& debts_;
};

// Owners that have references and that nobody names: left over by writes that were cut off in ways that nothing else
// notices. Found by asking.
class Orphans {
 public:
    Orphans(const Context& context, Server& server, Dropper& dropper);

    struct Report {
        std::uint64_t owners = 0;   // looked at
        std::uint64_t dropped = 0;  // orphans that are gone now
        std::uint64_t left = 0;     // orphans, or owners that could not be judged now
    };
    // Looks at every owner that has references on this node. First every member says what is under way or intended
    // there, then every member says what its rows name; an owner that no answer names is dropped everywhere. In this
    // order: a write that has ended by the first question is seen by the second.
    io::Task<base::Result<Report>> collect();

 private:
    io::Task<void> judge(std::vector<Owner> owners, Report& report);
    io::Task<base::Result<void>> strike_named(Operation question, std::set<Owner>& unnamed);

    const Context& context_;
    Server& server_;
    Dropper& dropper_;
};

}  // namespace larder::spread
