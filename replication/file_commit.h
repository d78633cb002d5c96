// One version of a file on its way into its row: which owners' blocks it is made of, and their pieces. Inside
// replication/ only.
#pragma once

#include "replication/content_map.h"
#include "replication/piece_reader.h"
#include "replication/write_state.h"

namespace larder::engine {

// A version that can be read, whatever happens to the key.
struct FileVersion {
    model::Object object;  // inline ones have a body and no pieces
    Tag state;             // of its row
    std::shared_ptr<PieceReader> pieces;
    std::unique_ptr<block::Lease> lease;
    std::optional<base::Buffer> inline_body;
};

class FileCommit {
 public:
    // `runs`: of the base and stored, without failures and nothing under way; what lies between is a hole.
    FileCommit(LocalEngine& engine, std::string key, LocalEngine::Target target,
               std::shared_ptr<const FileVersion> base, const std::vector<Run>& runs, std::uint64_t size);
    ~FileCommit();

    // Writes the row; where the key holds another version: conflict/object if `only_current`, else several attempts.
    Task<Result<FileVersion>> run(FileAttributes changes, bool only_current);
    // After it has succeeded: whether the row names what this one wrote.
    bool names(const WriteState& writer) const;

 private:
    // Bytes of one owner, in the file at `offset`.
    struct Span {
        std::uint64_t offset;
        std::uint64_t length;
        model::Owner owner;
        std::uint64_t at;   // of the base: place in it; else in the block
        std::size_t piece;  // of the base; kNone when written since
        base::Hash256 block;
        std::uint64_t end() const { return offset + length; }
    };
    // One that is being written: its place among the spans, and its number with the writer.
    struct Joined {
        std::size_t span;
        std::size_t block;
    };
    // What taking over an owner's content may write again.
    enum class Rewriting : std::uint8_t { none, poor, small_too };
    struct BlockUse {
        std::uint32_t bytes = 0;  // of the block, as far as extents tell
        std::uint64_t used = 0;
    };
    // The file's spans as they will be when some of them are of another owner.
    struct Taken {
        std::vector<Span> spans;
        std::map<base::Hash256, BlockUse> blocks;  // of those taken over
        std::vector<Joined> joined;
    };
    using Owners = std::set<model::Owner>;

    void add_base(const Run& run);
    void add_span(Span span);
    Owners all_owners() const;
    Owners doubted_owners() const;
    Owners wasteful_owners() const;
    std::uint64_t held_by(const model::Owner& owner) const;
    std::size_t piece_count() const;
    std::uint64_t shift_of(std::size_t piece) const;
    Task<Result<void>> compact();
    Task<Result<void>> own(Owners owners, Rewriting rewriting);
    Task<Result<Taken>> resolve(Owners owners, model::Owner into);
    Task<Result<Taken>> rewrite(Taken taken, Rewriting rewriting, std::shared_ptr<WriteState> writer);
    Task<Result<base::Buffer>> read_all(std::vector<Span> group);
    Task<Result<std::vector<model::Piece>>> make_pieces();
    model::Piece kept_piece(const Span& span) const;
    Task<Result<FileVersion>> attempt(FileAttributes changes, bool expect_base);
    std::shared_ptr<WriteState> writer_of(const model::Owner& owner) const;
    std::shared_ptr<WriteState> target_besides(const Owners& owners);

    LocalEngine& engine_;
    std::string key_;             // by which the file was opened
    LocalEngine::Target target_;  // where its content lies, for whoever cleans up
    std::shared_ptr<const FileVersion> base_;
    std::uint64_t size_;
    std::vector<Span> spans_;  // in order
    std::map<model::Owner, std::shared_ptr<WriteState>> writers_;
    std::vector<std::shared_ptr<WriteState>> fresh_;  // made here
};

}  // namespace larder::engine
