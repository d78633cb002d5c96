// Steps on the content of files.
#include "tests/model/play.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <linux/falloc.h>

namespace larder::model_test {

void Play::opened(const Step& step, fuse::NodeId node, fuse::FileId file, const InodePtr& inode) {
    auto& mine = model_.open[static_cast<std::size_t>(step.mount)];
    const auto [there, fresh] = mine.try_emplace(inode);
    if (fresh) there->second.content = inode->content;
    ++there->second.opens;
    slot(step) = OpenFile{node, file, inode, step.act == Act::open_append};
}

Task<std::string> Play::open(Step step) {
    if (slot(step)) co_return "";
    const auto path = pick(step.a, step.pick_a, false);
    const auto at = co_await locate(step.mount, path);
    log_ += " → " + path;
    if (!at.wrong.empty() || !at.there || at.there->directory || at.there->inode->symlink) co_return at.wrong;
    // What is empty anyway is not changed by cutting it.
    const bool cuts = step.act == Act::open_cut && !model_.content(step.mount, at.there->inode).empty();
    const int flags = O_RDWR | (cuts ? O_TRUNC : 0);
    const auto done = co_await files(step.mount).open(at.node, flags);
    const auto& inode = at.there->inode;
    const auto wrong = judge(error_of(done), {0});
    if (!wrong.empty()) co_return wrong;
    model_.refresh(step.mount, inode);
    opened(step, at.node, done->file, inode);
    if (!cuts) co_return "";
    auto* const mine = state(step.mount, inode);
    mine->content.clear();
    mine->changed = true;
    mine->appended_from.reset();
    co_return "";
}

Task<std::string> Play::change(Step step) {
    auto& open = slot(step);
    if (!open) co_return "";
    auto* const mine = state(step.mount, open->inode);
    auto after = mine->content;
    fuse::Answer<> done;
    auto& system = files(step.mount);
    const bool append = open->append && (step.act == Act::write || step.act == Act::append_end);
    if (step.act == Act::cut_open) {
        if (step.size == after.size()) co_return "";
        after.resize(step.size);
        fuse::AttributeChanges changes;
        changes.size = step.size;
        const auto set = co_await system.set_attributes(open->node, changes);
        done = set ? fuse::Answer<>() : fuse::refuse(set.error());
    } else if (step.act == Act::punch) {
        if (step.offset >= after.size()) co_return "";
        const auto length = std::min<std::uint64_t>(step.size + 1, after.size() - step.offset);
        std::fill_n(after.begin() + static_cast<std::ptrdiff_t>(step.offset), length, '\0');
        done = co_await system.allocate(open->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, step.offset, length);
    } else {
        if (step.bytes.empty()) co_return "";
        const auto offset = append || step.act == Act::append_end ? after.size() : step.offset;
        if (after.size() < offset + step.bytes.size()) after.resize(offset + step.bytes.size());
        after.replace(offset, step.bytes.size(), step.bytes);
        done = co_await system.write(open->file, offset, base::Buffer::copy_of(step.bytes), append);
    }
    const bool gone = model_.keys_of(open->inode).empty();
    const auto allowed = gone              ? std::vector{0, ESTALE, ENOENT}
                         : mine->disturbed ? std::vector{0, ESTALE}
                                           : std::vector{0};
    const auto wrong = judge(error_of(done), allowed);
    if (!wrong.empty() || !done) co_return wrong;
    if (append && !mine->changed) mine->appended_from = mine->content.size();
    if (!append) mine->appended_from.reset();
    mine->content = std::move(after);
    mine->changed = true;
    co_return "";
}

// truncate(2) by path.
Task<std::string> Play::cut(Step step) {
    const auto path = pick(step.a, step.pick_a, false);
    const auto at = co_await locate(step.mount, path);
    log_ += " → " + path;
    if (!at.wrong.empty() || !at.there || at.there->directory || at.there->inode->symlink) co_return at.wrong;
    const auto& inode = at.there->inode;
    auto* const mine = state(step.mount, inode);
    if (model_.content(step.mount, inode).size() == step.size) co_return "";
    fuse::AttributeChanges changes;
    changes.size = step.size;
    const auto done = co_await files(step.mount).set_attributes(at.node, changes);
    const bool disturbed = mine != nullptr && mine->disturbed;
    const auto wrong = judge(error_of(done), disturbed ? std::vector{0, ESTALE} : std::vector{0});
    if (!wrong.empty() || !done) co_return wrong;
    if (mine == nullptr) {
        inode->content.resize(step.size);
        co_return "";
    }
    mine->content.resize(step.size);
    mine->changed = true;
    mine->appended_from.reset();
    co_return "";
}

Task<void> Play::close(int mount, OpenFile open) {
    co_await files(mount).release(open.file);
    auto& mine = model_.open[static_cast<std::size_t>(mount)];
    const auto there = mine.find(open.inode);
    if (--there->second.opens == 0) mine.erase(there);
}

Task<std::string> Play::store(Step step) {
    auto& open = slot(step);
    if (!open) co_return "";
    const bool closes = step.act == Act::close;
    const auto done =
        closes ? co_await files(step.mount).flush(open->file) : co_await files(step.mount).sync(open->file);
    const auto* const mine = state(step.mount, open->inode);
    const bool gone = model_.keys_of(open->inode).empty();
    const auto wrong = judge(error_of(done), gone || mine->disturbed ? std::vector{0, ESTALE} : std::vector{0});
    if (!wrong.empty()) co_return wrong;
    if (done) model_.commit(step.mount, open->inode);
    if (closes) co_await close(step.mount, *std::exchange(open, std::nullopt));
    co_return "";
}

}  // namespace larder::model_test
