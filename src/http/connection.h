// One accepted connection: moves bytes at once when it can, waits with a bound when it cannot. One task uses it at a
// time.
#pragma once

#include "src/base/error.h"
#include "src/base/time.h"
#include "src/http/stream.h"
#include "src/io/env.h"
#include "src/io/readiness.h"
#include "src/io/task.h"

#include <array>
#include <memory>
#include <span>
#include <string_view>

namespace larder::http {

class Connection {
 public:
    Connection(io::Env& env, std::unique_ptr<Readiness> readiness, std::unique_ptr<Stream> stream);

    io::Task<base::Result<void>> handshake(base::Duration patience);
    // Receives at least one byte into `first` and, when that is full, `second`; 0 at the end of the stream. Waits
    // `patience` at most (timeout). Error disconnected when the connection is broken or was interrupted.
    io::Task<base::Result<std::size_t>> receive(std::span<std::byte> first, std::span<std::byte> second,
                                                base::Duration patience);
    // Sends all the pieces, which the caller keeps alive. `patience` bounds each single wait.
    using Pieces = std::array<std::string_view, 4>;
    io::Task<base::Result<void>> send(Pieces pieces, base::Duration patience);

    // Sends no more. For an orderly end the caller then reads until the other side has closed too.
    void shut();
    // Cuts the connection so that the other side sees an error rather than an end.
    void abort();
    // Ends the present wait, and every later one, with `disconnected`.
    void interrupt();
    // Ends the present wait with `timeout` if it has lasted too long. Called now and then by the server.
    void expire(base::Instant now);

    // How long it has waited for the other side to send, in all.
    base::Duration waited_to_read() const { return waited_to_read_; }

 private:
    io::Task<base::Result<void>> wait(Readiness::Direction direction, base::Duration patience);
    io::Task<void> take_turns();

    io::Env& env_;
    std::unique_ptr<Readiness> readiness_;
    std::unique_ptr<Stream> stream_;
    base::Instant deadline_;
    bool waiting_ = false;
    bool expired_ = false;
    bool interrupted_ = false;
    std::size_t turn_cost_ = 0;
    base::Duration waited_to_read_{};
};

}  // namespace larder::http
