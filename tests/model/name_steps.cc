// Steps that change names and attributes.
#include "tests/model/play.h"

#include <cerrno>
#include <fcntl.h>

namespace larder::model_test {

namespace {

// The key of a file, or what stands below a directory's.
bool concerns(const std::string& key, const std::string& of) {
    return of.ends_with('/') ? key.starts_with(of) : key == of;
}

}  // namespace

// ESTALE may be answered where content has to be stored first whose key another door took away.
std::vector<int> Play::with_stale(std::vector<int> allowed, int mount, const std::string& key) {
    for (const auto& [inode, mine] : model_.open[static_cast<std::size_t>(mount)]) {
        if (!mine.disturbed) continue;
        bool below = model_.keys_of(inode).empty();
        for (const auto& one : model_.keys_of(inode)) below = below || concerns(one, key);
        if (below) {
            allowed.push_back(ESTALE);
            break;
        }
    }
    return allowed;
}

Task<void> Play::stored_below(int mount, std::string key, int error) {
    const auto all = co_await doors_->all(1000);
    std::vector<InodePtr> inodes;
    for (const auto& [inode, mine] : model_.open[static_cast<std::size_t>(mount)]) inodes.push_back(inode);
    for (const auto& inode : inodes) {
        const auto* const mine = state(mount, inode);
        if (!mine->changed) continue;
        bool below = false;
        std::string elsewhere;
        for (const auto& one : model_.keys_of(inode)) {
            const bool here = concerns(one, key);
            below = below || here;
            if (!here || error != 0) elsewhere = one;
        }
        if (!below) continue;
        // When the call failed, some may be stored and some not; and what has another name need not be stored before a
        // directory moves.
        const bool sure = error == 0 && (elsewhere.empty() || !key.ends_with('/'));
        const auto there = all.find(elsewhere);
        const bool stored = there != all.end() && there->second == mine->content && mine->content != inode->content;
        if (sure || stored) model_.commit(mount, inode);
    }
}

Task<std::string> Play::make(Step step) {
    if (slot(step)) co_return "";
    const auto path = pick(step.a, step.pick_a, false);
    const auto at = co_await locate(step.mount, path);
    log_ += " → " + path;
    if (!at.wrong.empty() || !at.usable) co_return at.wrong;
    const bool exclusive = step.act == Act::create_new;
    if (at.there) {
        step.act = Act::open;
        step.a = path;
        step.pick_a = 0;
        if (exclusive) co_return "";
        co_return co_await open(step);
    }
    const auto [error, key] = new_key(at, false);
    const int flags = O_RDWR | O_CREAT | (exclusive ? O_EXCL : 0);
    const auto made = co_await files(step.mount).create(at.parent, at.name, 0644, flags, {});
    const auto wrong = judge(error_of(made), {error});
    if (!wrong.empty() || !made) co_return wrong;
    const auto inode = std::make_shared<Inode>();
    inode->mode = 0644;
    model_.place(key, inode, step.mount);
    opened(step, made->first.node, made->second.file, inode);
    co_return "";
}

Task<std::string> Play::make_other(Step step) {
    const auto path = pick(step.a, step.pick_a, false);
    const auto at = co_await locate(step.mount, path);
    log_ += " → " + path;
    if (!at.wrong.empty() || !at.usable || at.there) co_return at.wrong;
    const bool directory = step.act == Act::mkdir;
    const auto [error, key] = new_key(at, directory);
    const auto inode = std::make_shared<Inode>();
    inode->symlink = !directory;
    if (directory) inode->mode = 0750;
    if (!directory) inode->content = "to/" + step.bytes;
    const auto made = directory ? co_await files(step.mount).make_directory(at.parent, at.name, 0750, {})
                                : co_await files(step.mount).make_symlink(at.parent, at.name, inode->content, {});
    const auto wrong = judge(error_of(made), {error});
    if (wrong.empty() && made) model_.place(key, inode, step.mount);
    co_return wrong;
}

Task<std::string> Play::remove(Step step) {
    const auto path = pick(step.a, step.pick_a, false);
    const auto at = co_await locate(step.mount, path);
    log_ += " → " + path;
    if (!at.wrong.empty() || !at.usable) co_return at.wrong;
    const bool directory = step.act == Act::rmdir;
    if (at.there && at.there->directory != directory) co_return "";
    const auto done = directory ? co_await files(step.mount).remove_directory(at.parent, at.name)
                                : co_await files(step.mount).unlink(at.parent, at.name);
    if (!at.there) co_return judge(error_of(done), {at.name.size() > 255 ? ENAMETOOLONG : ENOENT});
    const bool full = directory && model_.anything_below(at.there->key);
    const auto wrong = judge(error_of(done), {full ? ENOTEMPTY : 0});
    if (!wrong.empty() || !done) co_return wrong;
    model_.keep_directory(at.parent_key);
    model_.take_away(at.there->key, step.mount);
    co_return wrong;
}

Task<std::string> Play::rename(Step step) {
    const auto one = pick(step.a, step.pick_a, false);
    const auto two = pick(step.b, step.pick_b, false);
    log_ += " → " + one + " to " + two;
    // The kernel refuses a move into itself, or over what lies above, before it asks.
    if ((one + "/").starts_with(two + "/") || (two + "/").starts_with(one + "/")) co_return "";
    const auto from = co_await locate(step.mount, one);
    if (!from.wrong.empty() || !from.there) co_return from.wrong;
    const auto to = co_await locate(step.mount, two);
    if (!to.wrong.empty() || !to.usable) co_return to.wrong;
    co_return co_await rename_over(step, from, to);
}

Task<std::string> Play::rename_over(Step step, Located from, Located to) {
    const bool exclusive = step.act == Act::rename_new;
    const bool directory = from.there->directory;
    const auto [error, key] = new_key(to, directory);
    if (directory && from.parent_key.size() + key.size() > 300) co_return "";  // keys below could grow too long
    int expected = error;
    bool moves = error == 0;
    const auto target = to.there;
    if (to.name.size() > 255) {
        expected = ENAMETOOLONG;
    } else if (target && exclusive) {
        expected = EEXIST;
    } else if (target && target->inode && target->inode == from.there->inode) {
        expected = 0;
        moves = false;
    } else if (target && target->directory != directory) {
        expected = directory ? ENOTDIR : EISDIR;
    } else if (error == 0 && directory && model_.anything_below(key)) {
        expected = ENOTEMPTY;
    }
    const auto done =
        co_await files(step.mount).rename(from.parent, from.name, to.parent, to.name, exclusive ? RENAME_NOREPLACE : 0);
    const auto allowed = moves ? with_stale({expected}, step.mount, from.there->key) : std::vector{expected};
    const auto wrong = judge(error_of(done), allowed);
    if (!wrong.empty() || !moves) co_return wrong;
    if (!done && done.error() != ESTALE) co_return "";
    model_.keep_directory(from.parent_key);
    co_await stored_below(step.mount, from.there->key, error_of(done));
    if (!done) co_return "";
    if (directory) {
        model_.move_directory(from.there->key, key, step.mount);
    } else {
        model_.take_away(from.there->key, step.mount);
        model_.place(key, from.there->inode, step.mount);
    }
    co_return "";
}

Task<std::string> Play::exchange(Step step) {
    const auto one = pick(step.a, step.pick_a, false);
    const auto two = pick(step.b, step.pick_b, false);
    log_ += " → " + one + " with " + two;
    const auto first = co_await locate(step.mount, one);
    if (!first.wrong.empty() || !first.there || first.there->directory) co_return first.wrong;
    const auto second = co_await locate(step.mount, two);
    if (!second.wrong.empty() || !second.there || second.there->directory) co_return second.wrong;
    const auto done =
        co_await files(step.mount).rename(first.parent, first.name, second.parent, second.name, RENAME_EXCHANGE);
    auto allowed = with_stale({0}, step.mount, first.there->key);
    allowed = with_stale(allowed, step.mount, second.there->key);
    const auto wrong = judge(error_of(done), allowed);
    if (!wrong.empty()) co_return wrong;
    if (first.there->inode == second.there->inode) co_return "";
    co_await stored_below(step.mount, first.there->key, error_of(done));
    co_await stored_below(step.mount, second.there->key, error_of(done));
    if (!done) co_return "";
    model_.place(first.there->key, second.there->inode, step.mount);
    model_.place(second.there->key, first.there->inode, step.mount);
    co_return "";
}

Task<std::string> Play::link(Step step) {
    const auto one = pick(step.a, step.pick_a, false);
    const auto two = pick(step.b, step.pick_b, false);
    log_ += " → " + one + " as " + two;
    const auto from = co_await locate(step.mount, one);
    if (!from.wrong.empty() || !from.there || from.there->directory) co_return from.wrong;
    const auto to = co_await locate(step.mount, two);
    if (!to.wrong.empty() || !to.usable || to.there) co_return to.wrong;
    const auto [error, key] = new_key(to, false);
    const auto done = co_await files(step.mount).link(from.node, to.parent, to.name);
    const auto wrong = judge(error_of(done), with_stale({error}, step.mount, from.there->key));
    if (!wrong.empty() || error != 0) co_return wrong;
    co_await stored_below(step.mount, from.there->key, error_of(done));
    if (done) model_.place(key, from.there->inode, step.mount);
    co_return "";
}

Task<std::string> Play::attributes(Step step) {
    const auto path = pick(step.a, step.pick_a, false);
    const auto at = co_await locate(step.mount, path);
    log_ += " → " + path;
    if (!at.wrong.empty() || !at.there) co_return at.wrong;
    auto& system = files(step.mount);
    if (step.act == Act::forget) {
        if (at.there->directory || state(step.mount, at.there->inode) == nullptr) system.forget(at.node, 1'000'000);
        co_return "";
    }
    const auto name = "user." + std::string(1, static_cast<char>('x' + step.slot));
    const bool had = at.there->inode && at.there->inode->xattrs.contains(name);
    const auto mode = static_cast<std::uint32_t>(0600 + step.offset);
    std::string wrong;
    if (step.act == Act::chmod) {
        if (at.there->inode && at.there->inode->symlink) co_return "";
        fuse::AttributeChanges changes;
        changes.mode = mode;
        const auto done = co_await system.set_attributes(at.node, changes);
        wrong = judge(error_of(done), {0});
    } else if (step.act == Act::set_xattr) {
        const auto done = co_await system.set_xattr(at.node, name, step.bytes, engine::XattrMode::create_or_replace);
        wrong = judge(error_of(done), {0});
    } else {
        const auto done = co_await system.set_xattr(at.node, name, std::nullopt, engine::XattrMode::replace);
        wrong = judge(error_of(done), {had ? 0 : ENODATA});
        if (!had) co_return wrong;
    }
    if (!wrong.empty()) co_return wrong;
    if (at.there->directory) model_.keep_directory(at.there->key);
    auto& inode = *model_.keys.at(at.there->key);
    if (step.act == Act::chmod) inode.mode = mode;
    if (step.act == Act::set_xattr) inode.xattrs[name] = step.bytes;
    if (step.act == Act::remove_xattr) inode.xattrs.erase(name);
    co_return "";
}

}  // namespace larder::model_test
