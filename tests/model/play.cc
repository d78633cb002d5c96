#include "tests/model/play.h"

#include <cerrno>
#include <cstring>

namespace larder::model_test {

Play::Play(io::Env& env, std::unique_ptr<Doors> doors, bool patient)
    : env_(env), doors_(std::move(doors)), patient_(patient), tasks_(env.executor) {
    for (std::size_t i = 0; i < 2; ++i) {
        mounts_[i] =
            std::make_unique<fuse::FileSystem>(env, doors_->store(static_cast<int>(i)), fuse::Options{}, silent_);
        tasks_.spawn(mounts_[i]->follow_changes());
    }
}

Play::~Play() {
    tasks_.stop();
}

OpenState* Play::state(int mount, const InodePtr& inode) {
    auto& mine = model_.open[static_cast<std::size_t>(mount)];
    const auto there = mine.find(inode);
    return there == mine.end() ? nullptr : &there->second;
}

std::string Play::judge(int error, std::vector<int> allowed) {
    log_ += error == 0 ? " ok" : std::string(" ") + ::strerrorname_np(error);
    for (const int one : allowed) {
        if (error == one) return "";
    }
    std::string wanted;
    for (const int one : allowed) wanted += one == 0 ? " ok" : std::string(" ") + ::strerrorname_np(one);
    return std::string("answered ") + (error == 0 ? "ok" : ::strerrorname_np(error)) + ", not" + wanted;
}

// Until the mounts have taken what was told to them, as far as the store has told it yet.
Task<void> Play::settle() {
    for (bool more = patient_; more;) {
        const auto page = co_await doors_->store(0).watch(since_, env_.clock.now());
        more = page && !page->events.empty();
        if (page) since_ = page->next;
    }
    for (int i = 0; i < 12; ++i) {
        const io::Promise<io::Done> turn(env_.executor);
        env_.executor.post([turn] { turn.set(io::Done{}); });
        co_await turn.future();
    }
}

std::string Play::pick(const std::string& given, unsigned number, bool s3) {
    if (number == 0) return given;
    if (s3) {
        if (model_.keys.empty()) return given;
        return std::next(model_.keys.begin(), static_cast<std::ptrdiff_t>(number % model_.keys.size()))->first;
    }
    const auto tree = materialise(model_.keys);
    if (tree.empty()) return given;
    return std::next(tree.begin(), static_cast<std::ptrdiff_t>(number % tree.size()))->first;
}

Task<Play::Located> Play::locate(int mount, std::string path) {
    Located out;
    const auto tree = materialise(model_.keys);
    out.parent = fuse::kRootNode;
    for (std::size_t from = 0;;) {
        const auto slash = path.find('/', from);
        out.name = path.substr(from, slash - from);
        const auto here = path.substr(0, slash);
        const auto expected = tree.find(here);
        const auto found = co_await files(mount).lookup(out.parent, out.name);
        if (found.has_value() != (expected != tree.end()) ||
            (found && S_ISDIR(found->stat.st_mode) != expected->second.directory)) {
            out.wrong = "lookup of " + here + (found ? " found what is not there" : " does not find it");
            co_return out;
        }
        const bool last = slash == std::string::npos;
        if (last) {
            out.usable = true;
            if (found) {
                out.node = found->node;
                out.there = expected->second;
            }
            co_return out;
        }
        if (!found || !expected->second.directory) co_return out;
        out.parent = found->node;
        out.parent_key = expected->second.key;
        from = slash + 1;
    }
}

std::pair<int, std::string> Play::new_key(const Located& at, bool directory) {
    if (at.name.size() > 255) return {ENAMETOOLONG, ""};
    if (at.name == "\xff") return {EILSEQ, ""};
    const auto segment = segment_for(at.name);
    if (!segment) return {EINVAL, ""};
    auto key = at.parent_key + *segment + (directory ? "/" : "");
    if (key.size() > 1024) return {ENAMETOOLONG, ""};
    return {0, key};
}

Task<std::string> Play::s3(Step step) {
    const auto one = pick(step.a, step.pick_a, true);
    const auto two = pick(step.b, step.pick_b, true);
    log_ += " → " + one;
    if (step.act == Act::s3_put) {
        const auto inode = std::make_shared<Inode>();
        if (!one.ends_with('/')) inode->content = step.bytes;
        const bool done = co_await doors_->put(one, inode->content);
        model_.place(one, inode, 2);
        co_return done ? "" : "the PUT failed";
    }
    if (step.act == Act::s3_copy) {
        const auto source = model_.keys.find(one);
        if (source == model_.keys.end() || one == two || one.ends_with('/') || two.ends_with('/')) co_return "";
        const auto copy = std::make_shared<Inode>(*source->second);
        const bool done = co_await doors_->copy(one, two);
        model_.place(two, copy, 2);
        co_return done ? "" : "the COPY failed";
    }
    std::vector<std::string> keys{one};
    if (step.act == Act::s3_delete_many && two != one) keys.push_back(two);
    if (step.act == Act::s3_delete_many) keys.push_back(one + "none");
    for (const auto& key : keys) model_.take_away(key, 2);
    const bool done = co_await doors_->erase(keys);
    co_return done ? "" : "the DELETE failed";
}

Task<std::string> Play::perform(Step step) {
    switch (step.act) {
        case Act::create:
        case Act::create_new:
            co_return co_await make(step);
        case Act::mkdir:
        case Act::symlink:
            co_return co_await make_other(step);
        case Act::open:
        case Act::open_cut:
        case Act::open_append:
            co_return co_await open(step);
        case Act::write:
        case Act::append_end:
        case Act::cut_open:
        case Act::punch:
            co_return co_await change(step);
        case Act::sync:
        case Act::close:
            co_return co_await store(step);
        case Act::unlink:
        case Act::rmdir:
            co_return co_await remove(step);
        case Act::rename:
        case Act::rename_new:
            co_return co_await rename(step);
        case Act::exchange:
            co_return co_await exchange(step);
        case Act::link:
            co_return co_await link(step);
        case Act::cut:
            co_return co_await cut(step);
        case Act::chmod:
        case Act::set_xattr:
        case Act::remove_xattr:
        case Act::forget:
            co_return co_await attributes(step);
        default:
            co_return co_await s3(step);
    }
}

Task<std::string> Play::finish() {
    for (int mount = 0; mount < 2; ++mount) {
        for (auto& one : slots_[static_cast<std::size_t>(mount)]) {
            if (!one) continue;
            const auto open = *std::exchange(one, std::nullopt);
            const auto stored = co_await files(mount).flush(open.file);
            log_ += "end: close";
            auto* const state_of = state(mount, open.inode);
            const bool stale = state_of->disturbed || model_.keys_of(open.inode).empty();
            const auto wrong = judge(error_of(stored), stale ? std::vector{0, ESTALE} : std::vector{0});
            log_ += "\n";
            if (!wrong.empty()) co_return wrong;
            if (stored) model_.commit(mount, open.inode);
            co_await close(mount, open);
            co_await settle();
            const auto differs = co_await compare_patiently(3);
            if (!differs.empty()) co_return differs;
        }
    }
    auto differs = co_await compare_patiently(2);
    if (!differs.empty()) co_return differs;
    co_return co_await fresh_mount();
}

Task<std::string> Play::run(std::vector<Step> steps) {
    // The first answer of the store makes a mount live.
    co_await settle();
    int door = 2;
    bool compared = true;
    for (auto& step : steps) {
        const int next = step.act >= Act::s3_put ? 2 : step.mount;
        // What one mount knows of a file that is open there must not depend on when it was told of another's change.
        if (!compared && next != door && (patient_ || model_.is_open())) {
            const auto differs = co_await compare_patiently(step.room);
            if (!differs.empty()) co_return differs;
        }
        door = next;
        log_ += describe(step);
        const auto wrong = co_await perform(step);
        log_ += "\n";
        if (!wrong.empty()) co_return wrong;
        co_await settle();
        compared = step.check;
        if (!compared) continue;
        const auto differs = co_await compare_patiently(step.room);
        if (!differs.empty()) co_return differs;
    }
    if (!compared) {
        const auto differs = co_await compare_patiently(3);
        if (!differs.empty()) co_return differs;
    }
    co_return co_await finish();
}

}  // namespace larder::model_test
