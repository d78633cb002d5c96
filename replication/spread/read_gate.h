// Who is between reading a row and holding a lease on what it names. A node that is about to give an owner up asks
// every member to wait until the row reads under way there are over: whoever read the row before it changed has its
// lease by then, and whoever reads it later does not see the owner. Engine thread.
#pragma once

#include "src/io/executor.h"
#include "src/io/future.h"
#include "src/io/task.h"

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace larder::spread {

class ReadGate {
    struct State;

 public:
    explicit ReadGate(io::Executor& executor);

    // Taken before a row is read, kept until the lease is taken, or it is clear that none will be. It may outlive the
    // gate.
    class Pass {
     public:
        Pass() = default;
        Pass(Pass&&) noexcept = default;
        Pass& operator=(Pass&& other) noexcept;
        ~Pass() { leave(); }

     private:
        friend class ReadGate;
        Pass(std::shared_ptr<State> state, std::uint64_t generation)
            : state_(std::move(state)), generation_(generation) {}
        void leave();
        std::shared_ptr<State> state_;
        std::uint64_t generation_ = 0;
    };
    Pass enter();
    // Ends when every pass given before this call has been given back.
    io::Task<void> earlier_are_over();
    std::size_t inside() const;

 private:
    std::shared_ptr<State> state_;
};

}  // namespace larder::spread
