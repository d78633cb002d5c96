#include "replication/block/folder_set.h"

#include "src/base/log.h"

namespace larder::block {

using base::Code;
using base::Result;
using base::Subject;

io::Task<Result<void>> FolderSet::open(const StoreOptions& options, Index& index) {
    std::vector<std::unique_ptr<Folder>> with_identity;
    std::vector<std::unique_ptr<Folder>> fresh;
    for (const auto& path : options.folders) {
        CO_TRY(auto folder, Folder::open(env_, path, options.segment_bytes));
        (folder->identity() ? with_identity : fresh).push_back(std::move(folder));
    }
    CO_TRY(auto known, index.known_folders());
    for (auto& folder : with_identity) CO_TRY_VOID(co_await take(std::move(folder), known, index));
    // The numbers of new ones must differ from all others.
    for (auto& folder : fresh) {
        CO_TRY(const auto identity, new_identity(*folder, known, index));
        CO_TRY_VOID(folder->found(identity));
        CO_TRY_VOID(co_await take(std::move(folder), known, index));
    }
    for (auto& folder : known) {
        // The row of one without blocks stays, so that its number is never given again.
        if (folders_.contains(folder.number) || !index.names_folder(folder.number)) continue;
        base::log::error("a data folder that holds blocks is not configured; what lies there cannot be read",
                         "name it in data_folders again", {{"folder", folder.path}});
        missing_.push_back(std::move(folder));
    }
    co_return Result<void>();
}

// Adds a folder that has an identity, and what is known of it.
io::Task<Result<void>> FolderSet::take(std::unique_ptr<Folder> folder, std::vector<KnownFolder>& known, Index& index) {
    const KnownFolder now{folder->identity()->number, folder->identity()->mark, folder->path()};
    if (const auto twin = folders_.find(now.number); twin != folders_.end()) {
        co_return base::fail(Code::conflict, Subject::config,
                             "the data folders " + twin->second->path() + " and " + now.path +
                                 " come from different nodes or are copies: configure only one of them");
    }
    auto before = std::find_if(known.begin(), known.end(),
                               [&now](const KnownFolder& other) { return other.number == now.number; });
    if (before != known.end() && before->mark != now.mark) {
        co_return base::fail(Code::conflict, Subject::config,
                             "the data folder " + now.path + " does not belong to this node: " + before->path +
                                 " stood in its place; configure that one, or a new folder");
    }
    const bool is_news = before == known.end() || before->path != now.path;
    if (before == known.end()) before = known.insert(known.end(), now);
    before->path = now.path;
    folders_[now.number] = std::move(folder);
    co_return is_news ? co_await index.know_folder(now) : Result<void>();
}

Result<FolderIdentity> FolderSet::new_identity(const Folder& folder, const std::vector<KnownFolder>& known,
                                               const Index& index) const {
    if (!folder.segments().empty()) {
        return base::fail(Code::corrupted, Subject::config,
                          folder.path() + "/format is missing: take it from a backup of the folder; it never changes");
    }
    std::uint16_t number = 1;
    for (const auto& other : known) {
        if (other.path == folder.path() && index.names_folder(other.number)) {
            return base::fail(Code::not_found, Subject::disk,
                              "the data folder " + folder.path() +
                                  " is empty, but it held blocks before: mount its disk; if the disk is lost for good, "
                                  "configure a new folder under another path");
        }
        number = std::max<std::uint16_t>(number, other.number + 1);
    }
    return FolderIdentity{number, env_.random.next()};
}

Folder* FolderSet::find(std::uint16_t number) const {
    const auto found = folders_.find(number);
    return found == folders_.end() ? nullptr : found->second.get();
}

Result<Segment> FolderSet::segment(const Place& place) const {
    auto* folder = find(place.folder);
    if (folder != nullptr) return folder->segment(place.segment);
    return base::fail(Code::io_failure, Subject::disk,
                      "the data folder of a block is not configured: name it in data_folders again");
}

Folder* FolderSet::choose(std::uint64_t bytes, const std::vector<Folder*>& but) const {
    Folder* best = nullptr;
    for (const auto& [number, folder] : folders_) {
        if (!folder->has_room(bytes) || std::find(but.begin(), but.end(), folder.get()) != but.end()) continue;
        if (best == nullptr || folder->free_bytes() > best->free_bytes()) best = folder.get();
    }
    return best;
}

io::Task<Result<Folder::Appended>> FolderSet::append(Packed packed) {
    std::vector<Folder*> tried;
    Result<Folder::Appended> outcome = base::fail(Code::no_space, Subject::disk, full_message());
    while (auto* folder = choose(packed.header.total_bytes(), tried)) {
        outcome = co_await folder->append(packed);
        if (outcome) break;
        tried.push_back(folder);
    }
    co_return outcome;
}

std::string FolderSet::full_message() const {
    std::string out = "no data folder can take the block:";
    for (const auto& [number, folder] : folders_) {
        const auto status = folder->status();
        out += " " + (status.problem.empty() ? folder->path() + " has no room left" : status.problem) + ";";
    }
    return out + " or add a data folder";
}

std::string FolderSet::text(const Place& place) const {
    const auto* folder = find(place.folder);
    char segment[16];
    std::snprintf(segment, sizeof segment, "%08u", place.segment);
    return (folder != nullptr ? folder->path() : "folder " + std::to_string(place.folder)) + "/segment-" + segment +
           " offset " + std::to_string(place.offset);
}

}  // namespace larder::block
