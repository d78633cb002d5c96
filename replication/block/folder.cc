#include "replication/block/folder.h"

#include "replication/block/folder_writer.h"
#include "src/base/log.h"

#include <cinttypes>
#include <cstdio>

namespace larder::block {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr int kFormat = 1;
constexpr std::uint64_t kReserveBytes = 64ull << 20;  // left free, so that metadata can still be written
constexpr std::size_t kOpenFilesMax = 128;
constexpr auto kSpaceAge = std::chrono::seconds(1);

std::string identity_text(const FolderIdentity& identity) {
    char out[96];
    std::snprintf(out, sizeof out, "larder-segments %d\nfolder %u\nmark %016" PRIx64 "\n", kFormat,
                  unsigned{identity.number}, identity.mark);
    return out;
}

const char* cure_for(Code code) {
    switch (code) {
        case Code::permission_denied:
            return "make it writable for the user that larderd runs as";
        case Code::no_space:
            return "free some space on its disk";
        default:
            return "look at the disk, or take the folder out of data_folders";
    }
}

// The same failure, with the folder it is about and what to do.
std::unexpected<base::Error> about(const std::string& path, const base::Error& error) {
    return base::fail(error.code, Subject::disk,
                      "the data folder " + path + " cannot be used (" + error.message + "): " + cure_for(error.code));
}

}  // namespace

Folder::Folder(io::Env& env, std::string path, std::uint64_t segment_bytes)
    : env_(env), path_(std::move(path)), segment_bytes_(segment_bytes), writing_(env.executor) {}

Folder::~Folder() = default;

std::string Folder::segment_path(std::uint32_t segment) const {
    char name[32];
    std::snprintf(name, sizeof name, "/segment-%08u", segment);
    return path_ + name;
}

Result<std::unique_ptr<Folder>> Folder::open(io::Env& env, std::string path, std::uint64_t segment_bytes) {
    std::unique_ptr<Folder> folder(new Folder(env, std::move(path), segment_bytes));
    if (const auto made = env.disk.make_folder(folder->path_); !made) return about(folder->path_, made.error());
    auto lock = env.disk.lock(folder->path_ + "/lock");
    if (!lock && lock.error().code == Code::conflict) {
        return base::fail(
            Code::conflict, Subject::disk,
            "the data folder " + folder->path_ + " is in use by another larderd: stop it, or name each folder once");
    }
    if (!lock) return about(folder->path_, lock.error());
    folder->lock_ = std::move(*lock);
    TRY_VOID(folder->read_identity());
    if (const auto listed = folder->find_segments(); !listed) return about(folder->path_, listed.error());
    return folder;
}

Result<void> Folder::read_identity() {
    const auto file = path_ + "/format";
    const auto known = env_.disk.exists(file);
    if (!known) return about(path_, known.error());
    if (!*known) return {};
    const auto text = env_.disk.read_file(file);
    if (!text) return about(path_, text.error());
    int format = 0;
    unsigned number = 0;
    FolderIdentity identity;
    const int got =
        std::sscanf(text->c_str(), "larder-segments %d folder %u mark %" SCNx64, &format, &number, &identity.mark);
    if (got >= 1 && format > kFormat) {
        return base::fail(Code::unsupported, Subject::config,
                          "the data folder " + path_ + " was written by a newer larderd: install that one again");
    }
    if (got != 3 || number == 0 || number > UINT16_MAX) {
        return base::fail(Code::corrupted, Subject::config,
                          file + " is damaged: take it from a backup of the folder; it never changes");
    }
    identity.number = static_cast<std::uint16_t>(number);
    identity_ = identity;
    return {};
}

Result<void> Folder::found(FolderIdentity identity) {
    const auto written = env_.disk.write_file(path_ + "/format", identity_text(identity));
    if (!written) return about(path_, written.error());
    identity_ = identity;
    return {};
}

Result<void> Folder::find_segments() {
    TRY(const auto names, env_.disk.list(path_));
    for (const auto& name : names) {
        unsigned number = 0;
        char rest = 0;
        if (std::sscanf(name.c_str(), "segment-%8u%c", &number, &rest) != 1 || number == 0) continue;
        next_ = std::max(next_, number + 1);
        auto file = env_.disk.open(path_ + "/" + name, io::OpenMode::read_write);
        const auto size = file ? (*file)->size() : Result<std::uint64_t>(base::fail(file.error()));
        if (!size) {
            base::log::error("a segment cannot be opened; its blocks are missing here",
                             "check the disk and the file's rights",
                             {{"segment", path_ + "/" + name}, {"reason", size.error().message}});
            continue;
        }
        lengths_[number] = *size;
    }
    return {};
}

void Folder::resume_at(std::uint64_t offset) {
    active_ = youngest();
    reserved_ = lengths_[active_];
    lengths_[active_] = offset;
}

std::vector<std::uint32_t> Folder::segments() const {
    std::vector<std::uint32_t> out;
    for (const auto& [segment, length] : lengths_) out.push_back(segment);
    return out;
}

std::uint64_t Folder::length(std::uint32_t segment) const {
    const auto found = lengths_.find(segment);
    return found == lengths_.end() ? 0 : found->second;
}

bool Folder::in_use(std::uint32_t segment) const {
    if (segment == active_) return true;
    const auto pinned = pins_.find(segment);
    return pinned != pins_.end() && !pinned->second.expired();
}

std::shared_ptr<const void> Folder::pin(std::uint32_t segment) {
    auto& weak = pins_[segment];
    auto held = weak.lock();
    if (!held) weak = held = std::make_shared<int>();
    return held;
}

Result<Segment> Folder::segment(std::uint32_t segment) {
    if (const auto open = files_.find(segment); open != files_.end()) return Segment{open->second, identity_->mark};
    TRY(auto file, env_.disk.open(segment_path(segment), io::OpenMode::read_write));
    if (files_.size() >= kOpenFilesMax) {
        // Any but the one that is written to.
        files_.erase(files_.begin()->first == active_ ? std::next(files_.begin()) : files_.begin());
    }
    std::shared_ptr<io::File> shared = std::move(file);
    files_[segment] = shared;
    return Segment{std::move(shared), identity_->mark};
}

io::Task<Result<void>> Folder::remove_segment(std::uint32_t segment) {
    files_.erase(segment);
    lengths_.erase(segment);
    pins_.erase(segment);
    return env_.blocking.run([&disk = env_.disk, file = segment_path(segment), folder = path_]() -> Result<void> {
        TRY_VOID(disk.remove(file));
        return disk.sync_dir(folder);
    });
}

io::Space Folder::space() const {
    const auto now = env_.clock.now();
    if (!space_read_ || now - *space_read_ > kSpaceAge) {
        if (const auto space = env_.disk.space(path_)) space_ = *space;
        space_read_ = now;
    }
    return space_;
}

std::uint64_t Folder::reserve() const {
    return std::min(kReserveBytes, space().total_bytes / 100);
}

std::uint64_t Folder::free_bytes() const {
    return space().free_bytes;
}

bool Folder::has_room(std::uint64_t bytes) const {
    const auto tail = length(active_);
    const bool fits = active_ != 0 && tail + bytes <= reserved_ && tail + bytes <= segment_bytes_;
    return problem_.empty() && (fits || space().free_bytes >= bytes + reserve());
}

StoreStatus::Folder Folder::status() const {
    StoreStatus::Folder out{path_, space().total_bytes, space().free_bytes, 0, problem_.empty(), problem_};
    for (const auto& [segment, length] : lengths_) out.segment_bytes += length;
    if (out.writable && !has_room(kPlainBytesMax)) {
        out.writable = false;
        out.problem = path_ + " is full: free some space on its disk";
    }
    return out;
}

}  // namespace larder::block
