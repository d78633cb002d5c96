#include "replication/read_cache/pieces.h"

#include "src/base/log.h"

namespace larder::read_cache {

using base::Code;

namespace {

constexpr auto kAskAgain = std::chrono::milliseconds(20);
constexpr std::size_t kRecentMax = 256;
constexpr std::size_t kBatchBytes = 4 << 20;

}  // namespace

// One journey to the pool.
struct Pieces::Batch {
    struct Write {
        std::string path;
        Identity identity;
        Buffer content;
    };
    std::vector<std::string> doomed;
    std::vector<Write> writes;
};

Pieces::Pieces(io::Env& env, Options options)
    : env_(env), options_(std::move(options)), index_(options_.bytes, options_.pieces_max), tasks_(env.executor) {}

Task<std::unique_ptr<Pieces>> Pieces::open(io::Env& env, Options options) {
    std::unique_ptr<Pieces> pieces(new Pieces(env, std::move(options)));
    const auto end = env.clock.after(pieces->options_.patience);
    while (true) {
        auto opened = co_await env.blocking.run(
            [disk = &env.disk, options = pieces->options_] { return open_folder(*disk, options); });
        if (opened) {
            pieces->lock_ = std::move(opened->lock);
            pieces->index_ = std::move(opened->index);
            pieces->sequence_ = opened->sequence;
            pieces->on_ = true;
            co_return pieces;
        }
        // A mount that was unmounted a moment ago.
        if (!opened.error().is(Code::conflict) || env.clock.now() >= end) {
            pieces->switch_off(opened.error());
            co_return pieces;
        }
        co_await env.clock.sleep_for(kAskAgain);
    }
}

// By the order of storing, since that of use went with the last life.
Result<Pieces::Opened> Pieces::open_folder(io::Disk& disk, const Options& options) {
    TRY_VOID(disk.make_folder(options.folder));
    TRY(auto lock, disk.lock(options.folder + "/lock"));
    TRY(const auto names, disk.list(options.folder));
    Opened out{std::move(lock), Index(options.bytes, options.pieces_max)};
    const auto remove = [&](const Kept& kept) { return disk.remove(options.folder + '/' + file_name(kept)); };
    for (const auto& name : names) {
        const auto kept = parse_file_name(name);
        if (!kept) continue;
        out.sequence = std::max(out.sequence, kept->sequence);
        if (!out.index.fits(kept->length) || out.index.has(kept->name)) {
            TRY_VOID(remove(*kept));
            continue;
        }
        for (const auto& old : out.index.make_room(kept->length)) TRY_VOID(remove(old));
        out.index.add(*kept);
    }
    return out;
}

std::string Pieces::path_of(const Kept& kept) const {
    return options_.folder + '/' + file_name(kept);
}

const Buffer* Pieces::recent(const PieceName& name) const {
    for (const auto& one : recent_) {
        if (one.name == name) return &one.content;
    }
    return nullptr;
}

Task<std::optional<Buffer>> Pieces::read(Identity identity, PieceName name, std::uint64_t from, std::uint64_t length) {
    const auto kept = index_.use(name);
    if (const auto* const content = recent(name)) co_return content->slice(from, length);
    if (!kept) co_return std::nullopt;
    auto reading = [disk = &env_.disk, path = path_of(*kept), identity, from, length] {
        return read_piece(*disk, path, identity, from, length);
    };
    auto content = co_await env_.blocking.run(std::move(reading));
    if (content) co_return std::move(*content);
    lose(*kept, content.error());
    // Another who found it damaged may have fetched it.
    if (const auto* const fetched = recent(name)) co_return fetched->slice(from, length);
    co_return std::nullopt;
}

void Pieces::lose(const Kept& kept, const base::Error& error) {
    // Removed to make room while it was to be read.
    if (!index_.remove(kept)) return;
    if (error.is(Code::not_found)) return;
    if (!error.is(Code::corrupted)) return switch_off(error);
    base::log::debug("a piece in the mount's cache is dropped", {{"reason", error.message}});
    doomed_.push_back(path_of(kept));
    start();
}

void Pieces::switch_off(const base::Error& error) {
    on_ = false;
    index_.clear();
    recent_.clear();
    recent_bytes_ = 0;
    doomed_.clear();
    lock_.reset();
    base::log::warning("the mount goes on without its cache until it is mounted again",
                       {{"folder", options_.folder}, {"reason", error.message}});
}

void Pieces::keep(Identity identity, PieceName name, Buffer content) {
    if (!on_ || !index_.fits(identity.length) || index_.has(name) || recent(name) != nullptr) return;
    if (!make_recent_room(content.size())) return;
    recent_bytes_ += content.size();
    recent_.push_back({identity, name, std::move(content)});
    start();
}

// What is being written stays: until it is on the disk, this is where it is read.
bool Pieces::make_recent_room(std::size_t size) {
    for (auto one = recent_.begin(); recent_bytes_ + size > options_.recent_bytes || recent_.size() >= kRecentMax;) {
        if (one == recent_.end()) return false;
        if (one->state == State::writing) {
            ++one;
        } else {
            recent_bytes_ -= one->content.size();
            one = recent_.erase(one);
        }
    }
    return true;
}

void Pieces::start() {
    if (!std::exchange(writing_, true)) tasks_.spawn(write_all());
}

Pieces::Batch Pieces::take_batch() {
    Batch batch;
    std::size_t bytes = 0;
    for (auto& one : recent_) {
        if (one.state != State::waiting || (bytes > 0 && bytes + one.content.size() > kBatchBytes)) continue;
        bytes += one.content.size();
        one.state = State::writing;
        for (const auto& old : index_.make_room(one.identity.length)) {
            // In a cache that holds less than a batch it may be one of these.
            const auto path = path_of(old);
            if (std::erase_if(batch.writes, [&](const auto& write) { return write.path == path; }) == 0)
                doomed_.push_back(path);
        }
        const Kept kept{one.name, ++sequence_, one.identity.length};
        index_.add(kept);
        batch.writes.push_back({path_of(kept), one.identity, one.content});
    }
    batch.doomed = std::exchange(doomed_, {});
    return batch;
}

// What goes comes first: the folder is at no time larger than it may be.
Result<void> Pieces::write_batch(io::Disk& disk, const Batch& batch) {
    for (const auto& path : batch.doomed) {
        if (auto removed = disk.remove(path); !removed && !removed.error().is(Code::not_found)) return removed;
    }
    for (const auto& [path, identity, content] : batch.writes) TRY_VOID(write_piece(disk, path, identity, content));
    return {};
}

Task<void> Pieces::write_all() {
    while (on_) {
        auto batch = take_batch();
        if (batch.writes.empty() && batch.doomed.empty()) break;
        auto writing = [disk = &env_.disk, batch = std::move(batch)] { return write_batch(*disk, batch); };
        const auto done = co_await env_.blocking.run(std::move(writing));
        for (auto& one : recent_) {
            if (one.state == State::writing) one.state = State::written;
        }
        if (!done && on_) switch_off(done.error());
    }
    writing_ = false;
    for (const auto& waiter : std::exchange(waiting_, {})) waiter.set(io::Done{});
}

Task<void> Pieces::written() {
    if (!writing_) co_return;
    const auto over = waiting_.emplace_back(env_.executor);
    co_await over.future();
}

}  // namespace larder::read_cache
