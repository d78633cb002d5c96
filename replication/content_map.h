// What a file under change consists of: ordered runs, each a window of the version opened, of a block written since, or
// of bytes still in memory; between them are holes, which read as zeros. Pure: it moves no content and waits for
// nothing. Inside replication/ only.
#pragma once

#include "src/base/bytes.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace larder::engine {

class WriteState;

// Bytes in memory that grow at their end: those before `used` never change, so that readers may hold on to them.
struct Bytes {
    base::Buffer data;
    std::size_t used = 0;
};

struct Run {
    enum class Kind : std::uint8_t { base, stored, memory };
    std::uint64_t offset = 0;  // in the file
    std::uint64_t length = 0;
    Kind kind = Kind::base;
    std::uint64_t from = 0;              // where its bytes begin, in the base, the block or the memory
    std::shared_ptr<WriteState> writer;  // of stored ones
    std::size_t block = 0;               // its number there
    std::shared_ptr<Bytes> memory;
    std::uint64_t round = 0;  // of the map when it was put

    std::uint64_t end() const { return offset + length; }
    // The part of it in [from, until), which must not be empty.
    Run part(std::uint64_t begin, std::uint64_t until) const;
};

class ContentMap {
 public:
    // The whole of a base of this size.
    static ContentMap of_base(std::uint64_t size);
    static ContentMap of_memory(base::Buffer body);

    std::uint64_t size() const { return size_; }
    std::uint64_t memory_bytes() const { return memory_bytes_; }
    std::size_t memory_runs() const { return memory_runs_; }
    std::size_t count() const { return runs_.size(); }

    // Bytes in memory; they follow on what was written right before them where they can.
    void write(std::uint64_t offset, base::Buffer data);
    // Replaces what is there, and what is behind the end too. Never empty.
    void put(Run run);
    // Makes a hole; nothing behind the end.
    void erase(std::uint64_t offset, std::uint64_t length);
    void resize(std::uint64_t size);

    // The runs in [offset, offset + length), cut to it.
    std::vector<Run> find(std::uint64_t offset, std::uint64_t length) const;
    // The run at `offset`, or else the next.
    const Run* at_or_after(std::uint64_t offset) const;
    // The bounds of the bytes in memory without a gap around `offset`; empty if it is not in memory.
    std::pair<std::uint64_t, std::uint64_t> memory_around(std::uint64_t offset) const;

    // Ends a round: everything that is put later is of the next one. Returns the round that ended.
    std::uint64_t end_round() { return round_++; }
    // What was there when the round ended is the base now, at the same place: the whole of it, in blocks or in memory.
    void rebase(std::uint64_t round, std::shared_ptr<Bytes> memory);

 private:
    using Runs = std::map<std::uint64_t, Run>;
    void cut(std::uint64_t offset, std::uint64_t length);
    Runs::iterator add(Run run);
    void remove(Runs::iterator run);
    void join(Runs::iterator first);
    bool append(std::uint64_t offset, const base::Buffer& data);

    Runs runs_;  // by offset
    std::uint64_t size_ = 0;
    std::uint64_t memory_bytes_ = 0;
    std::size_t memory_runs_ = 0;
    std::uint64_t round_ = 1;
};

}  // namespace larder::engine
