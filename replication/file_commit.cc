#include "replication/file_commit.h"

#include "src/base/encoding.h"
#include "src/base/hash.h"
#include "src/base/limits.h"

namespace larder::engine {

namespace limits = base::limits;

namespace {

constexpr std::size_t kNone = SIZE_MAX;
constexpr std::size_t kNamesAtOnce = 1024;
constexpr std::size_t kSmallPerBlock = 16;  // more extents than this in a block's worth of the file are joined
constexpr std::uint64_t kWasteMin = limits::kBlockBytes;
// A row with many pieces is written again at each commit; taking all content over costs a reference per extent. Both
// come to the same at about the square root of the extents; this follows it closely enough from a GiB to a TiB.
constexpr std::size_t kPiecesMin = 64;
constexpr std::size_t kPiecesMax = 1024;
constexpr std::uint64_t kBytesPerPiece = 32ull << 20;

std::size_t pieces_max(std::uint64_t size) {
    return std::clamp<std::size_t>(size / kBytesPerPiece, kPiecesMin, kPiecesMax);
}

// As of an upload in parts, so that clients do not take it for the MD5 of the bytes: it tells the extents, which say
// the same without reading them.
std::string etag_of(const std::vector<model::Piece>& pieces, std::uint64_t size) {
    model::Object content;
    content.size = size;
    content.pieces = pieces;
    const auto count = std::clamp<std::uint64_t>((size + limits::kBlockBytes - 1) / limits::kBlockBytes, 1,
                                                 static_cast<std::uint64_t>(limits::kPartsMax));
    return base::hex_encode(base::md5(model::encode_object(content))) + "-" + std::to_string(count);
}

std::uint64_t held(const model::Piece& piece) {
    return piece.held > 0 ? piece.held : piece.size;
}

}  // namespace

FileCommit::FileCommit(LocalEngine& engine, std::string key, LocalEngine::Target target,
                       std::shared_ptr<const FileVersion> base, const std::vector<Run>& runs, std::uint64_t size)
    : engine_(engine), key_(std::move(key)), target_(std::move(target)), base_(std::move(base)), size_(size) {
    for (const auto& run : runs) {
        if (run.kind == Run::Kind::base) {
            add_base(run);
            continue;
        }
        ENSURE(run.kind == Run::Kind::stored);
        writers_.emplace(run.writer->owner(), run.writer);
        add_span({run.offset, run.length, run.writer->owner(), run.from, kNone, run.writer->blocks()[run.block].name});
    }
}

FileCommit::~FileCommit() {
    for (const auto& writer : fresh_) writer->abandon();
}

void FileCommit::add_base(const Run& run) {
    const auto& pieces = base_->pieces->pieces();
    const auto over = [](const model::Piece& piece, std::uint64_t at) { return piece.offset + piece.size <= at; };
    const auto until = run.from + run.length;
    auto piece = std::lower_bound(pieces.begin(), pieces.end(), run.from, over);
    for (; piece != pieces.end() && piece->offset < until; ++piece) {
        const auto begin = std::max(piece->offset, run.from);
        const auto end = std::min(piece->offset + piece->size, until);
        add_span({run.offset + (begin - run.from),
                  end - begin,
                  piece->owner,
                  begin,
                  static_cast<std::size_t>(piece - pieces.begin()),
                  {}});
    }
}

void FileCommit::add_span(Span span) {
    if (!spans_.empty()) {
        auto& last = spans_.back();
        if (last.end() == span.offset && last.owner == span.owner && last.piece == span.piece &&
            last.block == span.block && last.at + last.length == span.at) {
            last.length += span.length;
            return;
        }
    }
    spans_.push_back(span);
}

bool FileCommit::names(const WriteState& writer) const {
    if (!writer.on_disk()) return false;
    return std::any_of(spans_.begin(), spans_.end(), [&](const Span& s) { return s.owner == writer.owner(); });
}

std::shared_ptr<WriteState> FileCommit::writer_of(const model::Owner& owner) const {
    const auto found = writers_.find(owner);
    return found == writers_.end() ? nullptr : found->second;
}

FileCommit::Owners FileCommit::all_owners() const {
    Owners out;
    for (const auto& span : spans_) out.insert(span.owner);
    return out;
}

std::uint64_t FileCommit::held_by(const model::Owner& owner) const {
    if (const auto writer = writer_of(owner)) return writer->held();
    std::uint64_t bytes = 0;
    for (const auto& piece : base_->pieces->pieces()) {
        if (piece.owner == owner) bytes = std::max(bytes, held(piece));
    }
    return bytes;
}

// Those that a commit of unknown fate may have given away.
FileCommit::Owners FileCommit::doubted_owners() const {
    Owners out;
    for (const auto& [owner, writer] : writers_) {
        if (writer->doubted()) out.insert(owner);
    }
    return out;
}

// Those of which less than half is still used, when there is something to gain.
FileCommit::Owners FileCommit::wasteful_owners() const {
    std::map<model::Owner, std::uint64_t> used;
    for (const auto& span : spans_) used[span.owner] += span.length;
    std::map<model::Owner, std::uint64_t> bytes;
    if (base_->pieces) {
        for (const auto& piece : base_->pieces->pieces())
            bytes[piece.owner] = std::max(bytes[piece.owner], held(piece));
    }
    for (const auto& [owner, writer] : writers_) bytes[owner] = writer->held();
    Owners out;
    std::uint64_t waste = 0;
    for (const auto& [owner, length] : used) {
        if (length >= bytes[owner] / 2) continue;
        out.insert(owner);
        waste += bytes[owner] - length;
    }
    if (waste < kWasteMin) out.clear();
    return out;
}

// From places in an owner's list to places in the base, modulo 2^64.
std::uint64_t FileCommit::shift_of(std::size_t piece) const {
    const auto& of = base_->pieces->pieces()[piece];
    return of.offset - of.skip;
}

std::size_t FileCommit::piece_count() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < spans_.size(); ++i) {
        const bool goes_on = i > 0 && spans_[i].piece == kNone && spans_[i - 1].owner == spans_[i].owner;
        if (!goes_on) ++count;
    }
    return count;
}

std::shared_ptr<WriteState> FileCommit::target_besides(const Owners& owners) {
    for (const auto& [owner, writer] : writers_) {
        if (!owners.contains(owner)) return writer;
    }
    fresh_.push_back(std::make_shared<WriteState>(engine_, target_));
    fresh_.back()->lease();
    writers_.emplace(fresh_.back()->owner(), fresh_.back());
    return fresh_.back();
}

// What these owners have in the file becomes another's too, so that the row need not name them. Nothing is moved,
// unless `rewriting` finds it worth while.
Task<Result<void>> FileCommit::own(Owners owners, Rewriting rewriting) {
    const auto writer = target_besides(owners);
    CO_TRY(auto taken, co_await resolve(owners, writer->owner()));
    if (rewriting != Rewriting::none) {
        CO_TRY(taken, co_await rewrite(std::move(taken), rewriting, writer));
    }
    std::set<base::Hash256> names;
    for (const auto& span : taken.spans) {
        if (span.owner != writer->owner() || span.block == base::Hash256()) continue;
        if (names.insert(span.block).second) writer->add_adopted(span.block, taken.blocks[span.block].bytes);
    }
    std::vector<base::Hash256> some;
    for (auto name = names.begin(); name != names.end();) {
        some.clear();
        for (; name != names.end() && some.size() < kNamesAtOnce; ++name) some.push_back(*name);
        CO_TRY_VOID(co_await writer->adopt(some));
    }
    co_await writer->idle();
    if (writer->error()) co_return fail(*writer->error());
    for (const auto& [place, block] : taken.joined) taken.spans[place].block = writer->blocks()[block].name;
    spans_.clear();
    for (const auto& span : taken.spans) add_span(span);
    for (const auto& owner : owners) writers_.erase(owner);
    co_return Result<void>();
}

// The spans, with those of the owners given up as extents of the new one; and how much of their blocks is used.
Task<Result<FileCommit::Taken>> FileCommit::resolve(Owners owners, model::Owner into) {
    Taken out;
    const auto take = [&](Span span, std::uint64_t block_bytes) {
        span.owner = into;
        span.piece = kNone;
        auto& use = out.blocks[span.block];
        use.bytes = std::max(use.bytes, static_cast<std::uint32_t>(block_bytes));
        use.used += span.length;
        out.spans.push_back(span);
    };
    for (const auto& [owner, given_up] : writers_) {
        if (!owners.contains(owner)) continue;
        for (const auto& block : given_up->blocks()) out.blocks[block.name].bytes = block.length;
    }
    for (const auto& span : std::vector(spans_)) {
        if (!owners.contains(span.owner)) {
            out.spans.push_back(span);
            continue;
        }
        if (span.piece == kNone) {
            take(span, span.at + span.length);
            continue;
        }
        const auto shift = shift_of(span.piece);
        CO_TRY(const auto list,
               co_await base_->pieces->listed(span.piece, span.at - shift, span.at + span.length - shift));
        for (const auto& e : list) {
            const auto begin = std::max(e.offset + shift, span.at);
            const auto end = std::min(e.offset + e.length + shift, span.at + span.length);
            take({span.offset + (begin - span.at),
                  end - begin,
                  {},
                  e.block_offset + (begin - shift - e.offset),
                  kNone,
                  e.block},
                 e.block_offset + e.length);
        }
    }
    co_return out;
}

// Writes again, as one, what lies together: many small extents, and what is left of blocks that are mostly unused.
Task<Result<FileCommit::Taken>> FileCommit::rewrite(Taken taken, Rewriting rewriting,
                                                    std::shared_ptr<WriteState> writer) {
    const auto before = std::exchange(taken.spans, {});
    const auto mine = [&](const Span& s) { return s.owner == writer->owner(); };
    const auto area = [](const Span& s) { return s.offset / limits::kBlockBytes; };
    const auto within = [&](const Span& s) { return mine(s) && (s.end() - 1) / limits::kBlockBytes == area(s); };
    const auto together = [&](const Span& a, const Span& b) {
        return within(a) && within(b) && a.end() == b.offset && area(a) == area(b);
    };
    const auto poor = [&](const Span& s) {
        const auto use = taken.blocks.find(s.block);
        return mine(s) && use != taken.blocks.end() && use->second.used < use->second.bytes / 2;
    };
    auto& after = taken.spans;
    for (std::size_t first = 0, next = 0; first < before.size(); first = next) {
        for (next = first + 1; next < before.size() && together(before[next - 1], before[next]);) ++next;
        const bool all = rewriting == Rewriting::small_too && next - first > kSmallPerBlock;
        for (auto at = first; at < next;) {
            auto end = at;
            while (end < next && (all || poor(before[end]))) ++end;
            if (end == at) {
                after.push_back(before[at++]);
                continue;
            }
            std::vector<Span> group(before.begin() + static_cast<std::ptrdiff_t>(at),
                                    before.begin() + static_cast<std::ptrdiff_t>(end));
            const Span whole{
                group.front().offset, group.back().end() - group.front().offset, writer->owner(), 0, kNone, {}};
            CO_TRY(auto data, co_await read_all(std::move(group)));
            auto permit = co_await writer->room(data.size());
            taken.joined.push_back({after.size(), writer->send(std::move(data), std::nullopt, std::move(permit))});
            after.push_back(whole);
            at = end;
        }
    }
    co_return taken;
}

Task<Result<base::Buffer>> FileCommit::read_all(std::vector<Span> group) {
    auto out = base::Buffer::allocate(group.back().end() - group.front().offset);
    for (const auto& span : group) {
        CO_TRY(const auto bytes, co_await engine_.blocks().get(span.block, span.at, span.length));
        std::memcpy(out.writable().data() + (span.offset - group.front().offset), bytes.data(), span.length);
    }
    co_return out;
}

// Short lists are kept whole, so that a window still tells how long its blocks are.
model::Piece FileCommit::kept_piece(const Span& span) const {
    const auto& source = base_->pieces->pieces()[span.piece];
    model::Piece piece;
    piece.owner = span.owner;
    piece.offset = span.offset;
    piece.size = span.length;
    piece.pages = source.pages;
    piece.skip = source.skip + (span.at - source.offset);
    piece.held = span.length == source.size ? source.held : held(source);
    for (const auto& e : source.extents) {
        if (e.offset < piece.skip + piece.size && e.offset + e.length > piece.skip) piece.extents.push_back(e);
    }
    return piece;
}

Task<Result<std::vector<model::Piece>>> FileCommit::make_pieces() {
    std::vector<model::Piece> pieces;
    std::map<model::Owner, std::vector<model::Extent>> written;
    for (const auto& span : spans_) {
        if (span.piece != kNone) {
            pieces.push_back(kept_piece(span));
            continue;
        }
        const bool goes_on = !pieces.empty() && pieces.back().owner == span.owner;
        if (!goes_on) pieces.push_back({span.owner, span.offset, 0, {}, 0, 0, held_by(span.owner)});
        pieces.back().size = span.end() - pieces.back().offset;
        written[span.owner].push_back(
            {span.offset, static_cast<std::uint32_t>(span.length), static_cast<std::uint32_t>(span.at), span.block});
    }
    for (const auto& [owner, extents] : written) {
        // One list for all pieces of an owner, counted from the file's beginning.
        model::Piece list;
        list.owner = owner;
        list.extents = extents;
        CO_TRY(list, co_await engine_.page_out(std::move(list)));
        for (auto& piece : pieces) {
            if (piece.owner != owner) continue;
            piece.pages = list.pages;
            if (list.pages > 0) piece.skip = piece.offset;
            if (list.pages == 0) {
                cut(extents, piece.offset, piece.offset + piece.size, 0 - piece.offset, piece.extents);
            }
        }
    }
    co_return pieces;
}

Task<Result<FileVersion>> FileCommit::attempt(FileAttributes changes, bool expect_base) {
    LocalEngine::NewContent content;
    if (expect_base) content.base = base_->object.version;
    content.size = size_;
    content.changes = std::move(changes);
    CO_TRY(content.pieces, co_await make_pieces());
    content.etag = etag_of(content.pieces, size_);
    const auto owners = all_owners();
    FileVersion version;
    version.lease = engine_.blocks().lease({owners.begin(), owners.end()});
    for (const auto& [owner, writer] : writers_) {
        if (owners.contains(owner)) writer->doubt(true);
    }
    auto row = co_await engine_.replace_content(target_.bucket, key_, std::move(content));
    if (!row && row.error().code == Code::unknown_outcome) co_return fail(row.error());
    for (const auto& [owner, writer] : writers_) {
        if (owners.contains(owner)) writer->doubt(false);
    }
    if (!row) co_return fail(row.error());
    for (const auto& writer : fresh_) {
        if (names(*writer)) writer->keep();
    }
    version.pieces = std::make_shared<PieceReader>(engine_, row->object.pieces, size_);
    version.object = std::move(row->object);
    version.state = row->state;
    co_return version;
}

Task<Result<void>> FileCommit::compact() {
    const auto doubted = doubted_owners();
    if (!doubted.empty()) CO_TRY_VOID(co_await own(doubted, Rewriting::none));
    Result<void> done;
    if (piece_count() > pieces_max(size_)) {
        done = co_await own(all_owners(), Rewriting::small_too);
    } else if (auto owners = wasteful_owners(); !owners.empty()) {
        done = co_await own(std::move(owners), Rewriting::poor);
    }
    // A block that is lost makes a part of the file unreadable, not the rest of it unwritable.
    if (!done && done.error().subject != Subject::block) co_return done;
    co_return Result<void>();
}

Task<Result<FileVersion>> FileCommit::run(FileAttributes changes, bool only_current) {
    CO_TRY_VOID(co_await compact());
    const auto of_base = [](const Span& s) { return s.piece != kNone; };
    Owners owners;
    for (const auto& span : spans_) {
        if (of_base(span)) owners.insert(span.owner);
    }
    auto written = co_await attempt(changes, only_current || !owners.empty());
    if (written || only_current || owners.empty() || !written.error().is(Code::conflict, Subject::object))
        co_return written;
    // The key holds another version, and may have let the base's owners go: an owner is named by one row once.
    CO_TRY_VOID(co_await own(std::move(owners), Rewriting::none));
    co_return co_await attempt(std::move(changes), false);
}

}  // namespace larder::engine
