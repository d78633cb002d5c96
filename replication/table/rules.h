// The rules of the register protocol that the simulator takes away one by one, to show that each is needed and that the
// checker would see its absence (docs/protocol.md). The product runs with the defaults and offers no way to change
// them.
#pragma once

namespace larder::table {

struct Rules {
    bool fence = true;                   // a promise is remembered and obeyed
    bool write_back_obeys_fence = true;  // a reader's write-back is refused below the fence
    bool superseded_obeys_fence = true;  // an old write is "overwritten already" only if it is not below the fence
    bool optimistic_is_not_superseded = true;  // a write without a read first is refused where a newer value is
    bool read_rejects_superseded = true;       // a reader does not return what a newer value has superseded
    bool read_writes_back = true;              // a value not at a quorum is put there before it is returned
    bool ambiguous_is_not_resent = true;       // a write of unknown fate is settled, never sent under a new tag
    bool conditional_promises = true;          // a conditional write promises before it decides
    bool conditional_checks_base = true;       // a retried conditional write needs the very version of its first look
    bool refuses_older = true;     // a replica refuses a tag below what it holds (else: plain last-writer-wins)
    bool collects_at_all = true;   // a tombstone is dropped only when every replica holds it
    bool raises_low_bound = true;  // dropping a row first raises the partition's low bound above it
    bool epochs_fence = true;      // a replica that has adopted a layout refuses what is asked under an older one
    bool transfers = true;         // a new replica is brought what a quorum of the former ones held
    bool transfer_settles_disputes = true;  // what has been promised on above its value is settled, not copied
    bool transfer_takes_promises = true;    // a row is brought with the promises made on it
    bool transfer_takes_bounds = true;      // a new replica is brought the low bound
    bool adoption_waits = true;             // a layout is adopted when what was begun under the older one is over
};

}  // namespace larder::table
