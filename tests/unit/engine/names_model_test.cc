// Names of files against a file store in memory: whatever is done through the mount's calls, by S3 clients and by
// restarts, every path shows what the same calls leave there.
#include "src/base/limits.h"
#include "tests/sim/world.h"
#include "tests/support/memory_files.h"
#include "tests/support/seeds.h"
#include "tests/unit/engine/harness.h"

#include <catch2/catch.hpp>

namespace larder::engine {
namespace {

using base::Code;

constexpr std::array<std::string_view, 12> kFiles = {"a",     "b",     "c",     "d/a", "d/b",   "d/e/a",
                                                     "d/e/b", "d/f/a", "g/a/b", "g/b", "h/d/a", "h/a"};
constexpr std::array<std::string_view, 8> kFolders = {"d/", "d/e/", "d/f/", "g/", "g/a/", "h/", "h/d/", "i/"};

class NamesModel {
 public:
    explicit NamesModel(std::uint64_t seed) : dice_(seed), id_(node_.bucket("b")), model_(node_.env) { open(); }

    void step() {
        switch (dice_.below(20)) {
            case 0:
            case 1:
            case 2:
                return create(dice_.below(4) == 0 ? folder() : file());
            case 3:
                return put(file());
            case 4:
                return erase(dice_.below(4) == 0 ? folder() : file());
            case 5:
                return remove(dice_.below(2) == 0 ? folder() : file());
            case 6:
            case 7:
            case 8:
                return rename(file(), file());
            case 9:
            case 10:
            case 11:
            case 12:
                return link(file(), file());
            case 13:
            case 14:
            case 15:
                return rename_directory(folder(), folder());
            case 16:
                return exchange(file(), file());
            case 17:
                return xattr(dice_.below(2) == 0 ? folder() : file());
            case 18:
                return copy(file(), file());
            default:
                return attributes(dice_.below(2) == 0 ? folder() : file());
        }
    }

    void restart() {
        files_.reset();
        if (dice_.below(2) == 0) node_.close();
        node_.kill();
        node_.open();
        open();
    }

    void check_all() {
        inodes_.clear();
        // Names that S3 clients took are told to what they pointed at a little later.
        REQUIRE(node_.run(eventually(node_.env, [this]() { return counts_agree(); })));
        for (const auto key : kFiles) check_path(std::string(key));
        for (const auto key : kFolders) check_path(std::string(key.substr(0, key.size() - 1)));
        check_directory("");
        for (const auto key : kFolders) check_directory(std::string(key));
        for (const auto key : kFiles) check_content(std::string(key));
        check_usage();
        REQUIRE(node_.damage().empty());
    }

    // Everything is given back that nothing uses any more.
    void check_space() {
        for (const auto& key : model_.keys()) REQUIRE(node_.remove(id_, key));
        REQUIRE(node_.comes_to_blocks(0));
        CHECK(node_.status().bytes == 0);
        CHECK(node_.status().objects == 0);
    }

 private:
    std::string file() { return std::string(kFiles[dice_.below(kFiles.size())]); }
    std::string folder() { return std::string(kFolders[dice_.below(kFolders.size())]); }

    void open() {
        auto opened = node_.engine->files(id_);
        REQUIRE(opened);
        files_ = std::move(*opened);
    }

    template <typename T>
    void agree(const Result<T>& here, const Result<T>& there) {
        INFO((here ? "here: done" : "here: " + here.error().message));
        INFO((there ? "model: done" : "model: " + there.error().message));
        REQUIRE(here.has_value() == there.has_value());
        if (!here) REQUIRE(here.error().code == there.error().code);
    }
    void agree_entry(const Result<FileEntry>& here, const Result<FileEntry>& there) {
        agree(here, there);
        if (here) check_entry(*here, *there, false);
    }
    void check_entry(const FileEntry& here, const FileEntry& there, bool with_links) {
        INFO("entry " << there.key);
        REQUIRE(here.key == there.key);
        REQUIRE(here.implied == there.implied);
        REQUIRE(here.inode != 0);
        if (here.implied) return;
        REQUIRE(here.size == there.size);
        if (with_links) REQUIRE(here.links == there.links);
        REQUIRE(here.attributes.mode == there.attributes.mode);
        REQUIRE(here.attributes.mtime_ns == there.attributes.mtime_ns);
        REQUIRE(here.attributes.xattrs == there.attributes.xattrs);
    }

    void create(std::string key) {
        NewFile file;
        file.key = key;
        file.exclusive = dice_.below(3) != 0;
        file.attributes.mode = static_cast<std::uint32_t>(dice_.below(512));
        if (!key.ends_with('/')) file.content = pattern(dice_.below(30), dice_.next());
        INFO("create " << key << " exclusive " << file.exclusive);
        agree_entry(node_.run(files_->create(file)), node_.run(model_.create(file)));
    }
    // A plain PUT is a new file, whatever stood there.
    void put(std::string key) {
        const auto body =
            pattern(dice_.below(3) == 0 ? base::limits::kBlockBytes + 5 : dice_.below(40'000), dice_.next());
        INFO("put " << key);
        REQUIRE(node_.put(id_, key, body));
        model_.erase(key);
        model_.put(key, body);
    }
    void erase(std::string key) {
        INFO("erase " << key);
        REQUIRE(node_.remove(id_, key));
        model_.erase(key);
    }
    void copy(std::string from, std::string to) {
        INFO("copy " << from << " to " << to);
        if (from == to) return;
        CopySource source;
        source.bucket = id_;
        source.key = from;
        const auto there = model_.content(from);
        REQUIRE(node_.run(node_.engine->copy_object(source, id_, to, {})).has_value() == there.has_value());
        if (!there) return;
        const auto attributes = model_.tree().inode_at(from)->attributes;
        model_.erase(to);
        model_.put(to, *there);
        model_.tree().inode_at(to)->attributes = attributes;
    }
    void remove(std::string key) {
        INFO("remove " << key);
        agree_entry(node_.run(files_->remove(key, 5)), node_.run(model_.remove(key, 5)));
    }
    void rename(std::string from, std::string to) {
        const bool exclusive = dice_.below(3) == 0;
        INFO("rename " << from << " to " << to << " exclusive " << exclusive);
        agree_entry(node_.run(files_->rename(from, to, exclusive, 6)),
                    node_.run(model_.rename(from, to, exclusive, 6)));
    }
    void link(std::string from, std::string to) {
        INFO("link " << from << " to " << to);
        agree_entry(node_.run(files_->link(from, to, 7)), node_.run(model_.link(from, to, 7)));
    }
    void exchange(std::string first, std::string second) {
        INFO("exchange " << first << " and " << second);
        agree(node_.run(files_->exchange(first, second, 8)), node_.run(model_.exchange(first, second, 8)));
    }
    void rename_directory(std::string from, std::string to) {
        INFO("rename directory " << from << " to " << to);
        agree(node_.run(files_->rename_directory(from, to, 9)), node_.run(model_.rename_directory(from, to, 9)));
    }
    void attributes(std::string key) {
        INFO("attributes of " << key);
        FileAttributes changes;
        changes.mode = static_cast<std::uint32_t>(dice_.below(512));
        if (dice_.below(2) == 0) changes.mtime_ns = static_cast<std::int64_t>(dice_.below(1'000'000));
        agree_entry(node_.run(files_->set_attributes(key, changes)), node_.run(model_.set_attributes(key, changes)));
    }
    void xattr(std::string key) {
        const std::string name = dice_.below(2) == 0 ? "user.a" : "user.b";
        std::optional<std::string> value;
        if (dice_.below(3) != 0) value = "v" + std::to_string(dice_.below(100));
        const auto mode = static_cast<XattrMode>(dice_.below(3));
        INFO("xattr " << name << " of " << key);
        agree_entry(node_.run(files_->set_xattr(key, name, value, mode, 4)),
                    node_.run(model_.set_xattr(key, name, value, mode, 4)));
    }

    Task<bool> counts_agree() {
        for (const auto& [key, inode] : model_.tree().names()) {
            const auto path = key.ends_with('/') ? key.substr(0, key.size() - 1) : key;
            const auto found = co_await files_->find(path);
            if (!found) co_return false;
            const auto& entry = key.ends_with('/') ? found->directory : found->object;
            if (!entry || entry->links != inode->links) co_return false;
        }
        co_return true;
    }
    void check_same(const std::optional<FileEntry>& here, const std::optional<FileEntry>& there) {
        REQUIRE(here.has_value() == there.has_value());
        if (!here) return;
        check_entry(*here, *there, true);
        // A directory's number is that of its path until it has a marker: one that moved and one made anew there may
        // share it.
        if (here->key.ends_with('/')) return;
        // Equal numbers here where and only where the model's are equal.
        REQUIRE(inodes_.try_emplace({true, here->inode}, there->inode).first->second == there->inode);
        REQUIRE(inodes_.try_emplace({false, there->inode}, here->inode).first->second == here->inode);
    }
    void check_path(std::string path) {
        INFO("path " << path);
        const auto here = node_.run(files_->find(path));
        const auto there = node_.run(model_.find(path));
        REQUIRE(here);
        check_same(here->object, there->object);
        check_same(here->directory, there->directory);
    }
    void check_directory(std::string directory) {
        INFO("directory " << directory);
        const int limit = 1 + static_cast<int>(dice_.below(4));
        std::string after;
        for (;;) {
            const auto here = node_.run(files_->list(directory, after, limit));
            const auto there = node_.run(model_.list(directory, after, limit));
            REQUIRE(here);
            REQUIRE(here->entries.size() == there->entries.size());
            for (std::size_t i = 0; i < here->entries.size(); ++i) check_same(here->entries[i], there->entries[i]);
            REQUIRE(here->truncated == there->truncated);
            if (!here->truncated) return;
            after = here->next;
        }
    }
    void check_content(std::string key) {
        INFO("content of " << key);
        const auto there = model_.content(key);
        const auto here = node_.get(id_, key);
        REQUIRE(here.has_value() == there.has_value());
        if (here) REQUIRE((*here == *there));
    }
    void check_usage() {
        std::set<const void*> seen;
        std::uint64_t bytes = 0;
        for (const auto& [key, inode] : model_.tree().names()) {
            if (seen.insert(inode.get()).second) bytes += inode->content.size();
        }
        REQUIRE(node_.run(eventually(node_.env, [this, bytes]() { return uses(bytes); })));
    }
    // Content goes a little after the last of several names when that was taken by an S3 client.
    Task<bool> uses(std::uint64_t bytes) {
        const auto here = co_await files_->usage();
        co_return here && here->used.objects == model_.tree().names().size() && here->used.bytes == bytes;
    }

    sim::Dice dice_;
    Node node_;
    BucketId id_;
    test::MemoryFiles model_;
    std::unique_ptr<FileStore> files_;
    std::map<std::pair<bool, std::uint64_t>, std::uint64_t> inodes_;
};

TEST_CASE("names are what was done to them", "[names][model]") {
    for (int seed = 1; seed <= test::seeds("LARDER_NAMES_SEEDS", 3); ++seed) {
        INFO("seed " << seed);
        NamesModel model(static_cast<std::uint64_t>(seed));
        for (int step = 0; step < 200; ++step) {
            INFO("step " << step);
            model.step();
            if (step % 40 == 39) model.check_all();
            if (step % 80 == 79) model.restart();
        }
        model.check_all();
        model.check_space();
    }
}

}  // namespace
}  // namespace larder::engine
