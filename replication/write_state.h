// What a write has stored so far, under an owner of its own: shared by its writer and by the blocks it has sent off,
// which go on when the writer is dropped. Only when the last has ended may what they stored be given up. Inside
// replication/ only.
#pragma once

#include "replication/local_engine.h"

namespace larder::engine {

class WriteState : public std::enable_shared_from_this<WriteState> {
 public:
    struct Block {
        base::Buffer data;  // until it is stored
        base::Hash256 name;
        std::uint32_t length = 0;
        bool stored = false;
        bool failed = false;
    };

    // `target`: what the intent says. Nothing is written before the first block.
    WriteState(LocalEngine& engine, LocalEngine::Target target);
    ~WriteState();
    WriteState(const WriteState&) = delete;
    WriteState& operator=(const WriteState&) = delete;

    // Waits until `bytes` more may be on their way to the disk.
    Task<io::Semaphore::Permit> room(std::size_t bytes);
    // Returns the block's number.
    std::size_t send(base::Buffer data, std::optional<base::Hash256> sha256, io::Semaphore::Permit permit);
    // The same, to be sent as soon as there is room.
    std::size_t queue(base::Buffer data);
    // Blocks that are stored already become this owner's too; whoever calls holds a lease on another owner of theirs.
    Task<Result<void>> adopt(std::vector<base::Hash256> names);
    // Counts content that was adopted, as a block.
    std::size_t add_adopted(base::Hash256 name, std::uint32_t length);
    // Tries again what failed.
    void send_again();
    // Ends when nothing is on its way.
    Task<void> idle();
    // Nobody will name the owner: what was stored is given up when the last who may read it has let go of this. Not
    // while a row may name it: then owner and intent stay until the next start can tell.
    void abandon();
    void doubt(bool doubted) { doubted_ = doubted; }
    bool doubted() const { return doubted_; }
    // A row names the owner.
    void keep();
    // Keeps what is stored from being given up while this lives.
    void lease();

    bool on_disk() const { return on_disk_; }  // something was sent: there is an owner, and an intent
    const model::Owner& owner() const { return owner_; }
    const std::vector<Block>& blocks() const { return blocks_; }
    std::uint64_t held() const { return held_; }  // bytes sent and adopted
    const std::optional<base::Error>& error() const { return error_; }

 private:
    void begin();
    static Task<void> note(std::shared_ptr<WriteState> state);
    static Task<void> store_later(std::shared_ptr<WriteState> state, std::size_t index);
    static Task<void> store(std::shared_ptr<WriteState> state, std::size_t index, std::optional<base::Hash256> sha256,
                            io::Semaphore::Permit permit);
    std::size_t add(base::Buffer data);
    void ended(const Result<void>& outcome);

    LocalEngine& engine_;
    LocalEngine::Target target_;
    model::Owner owner_;
    bool on_disk_ = false;
    bool noted_ = false;
    bool abandoned_ = false;
    bool doubted_ = false;
    bool kept_ = false;
    io::Semaphore window_;
    std::size_t under_way_ = 0;
    std::vector<Block> blocks_;
    std::uint64_t held_ = 0;
    std::optional<base::Error> error_;
    std::vector<io::Promise<io::Done>> idle_;
    std::unique_ptr<block::Lease> lease_;
};

}  // namespace larder::engine
