#include "src/db/db.h"

#include "src/base/log.h"
#include "src/db/shard.h"
#include "src/db/vfs.h"

namespace larder::db {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr int kFormat = 1;
constexpr std::string_view kAside = ".damaged-";  // and a number, behind the name of a shard's file

std::string shard_path(const std::string& folder, std::uint32_t shard) {
    return folder + "/rows-" + std::to_string(shard) + ".db";
}

struct Format {
    int version = kFormat;
    std::uint32_t shards = 0;
};

std::string format_text(const Format& format) {
    return "larder-db " + std::to_string(format.version) + "\nshards " + std::to_string(format.shards) + "\n";
}

Result<Format> parse_format(const std::string& path, const std::string& text) {
    Format format;
    if (std::sscanf(text.c_str(), "larder-db %d\nshards %u", &format.version, &format.shards) != 2 ||
        format.shards == 0 || format.shards > 1024) {
        return base::fail(Code::corrupted, Subject::config, path + " is damaged: restore it from a snapshot");
    }
    if (format.version > kFormat) {
        return base::fail(Code::unsupported, Subject::config,
                          path + " is of format " + std::to_string(format.version) + ", newer than this larderd's " +
                              std::to_string(kFormat) + ": install the newer larderd again");
    }
    return format;
}

ShardMetrics make_metrics(base::Metrics& metrics) {
    return {
        metrics.histogram("table_commit_duration_seconds", "Time from the start of a group to its durable commit."),
        metrics.counter("table_commits_total", "Changes committed to the local store."),
        metrics.counter("table_commit_groups_total", "Groups of changes that shared one sync."),
        {
            metrics.histogram("table_pour_duration_seconds", "Time to bring one log file's rows into SQLite."),
            metrics.histogram("table_checkpoint_duration_seconds", "Time of one checkpoint of SQLite's log."),
            metrics.gauge("table_log_pages", "Pages in SQLite's write-ahead log."),
        },
    };
}

class SqliteDb final : public Db {
 public:
    SqliteDb(io::Env& env, Options options)
        : env_(env), options_(std::move(options)), vfs_(env.disk, env.clock, env.random) {}

    // The shards end before the file system they stand on.
    ~SqliteDb() override { shards_.clear(); }

    Result<void> open(base::Metrics& metrics) {
        TRY_VOID(env_.disk.make_folder(options_.folder));
        auto lock = env_.disk.lock(options_.folder + "/lock");
        if (!lock) {
            if (lock.error().code != Code::conflict) return base::fail(lock.error());
            return base::fail(Code::conflict, Subject::disk,
                              options_.folder + " is in use by another larderd: stop it, or use another folder");
        }
        lock_ = std::move(*lock);
        TRY(const auto is_new, read_format());
        TRY(const auto running, env_.disk.exists(running_path()));
        report_.unclean = running;
        if (!running) TRY_VOID(env_.disk.write_file(running_path(), "open\n"));
        TRY_VOID(find_set_aside());
        const auto shard_metrics = make_metrics(metrics);
        for (std::uint32_t i = 0; i < format_.shards; ++i) TRY_VOID(open_shard(i, is_new, shard_metrics));
        return env_.disk.sync_dir(options_.folder);
    }

    const OpenReport& report() const override { return report_; }
    std::uint32_t shards() const override { return format_.shards; }

    io::Task<Result<void>> commit(ShardId shard, Change change, Afterwards afterwards) override {
        return shards_.at(shard)->commit(std::move(change), std::move(afterwards));
    }
    Result<std::optional<std::string>> get(ShardId shard, TreeId tree, std::string_view key) override {
        return shards_.at(shard)->get(tree, key);
    }
    Result<void> look(ShardId shard, Look look) override { return shards_.at(shard)->look(std::move(look)); }
    io::Task<Result<void>> look_later(ShardId shard, Look look) override {
        auto* target = shards_.at(shard).get();
        return env_.blocking.run([target, ticket = target->ticket(), look = std::move(look)]() mutable {
            return target->look_on_pool(std::move(look));
        });
    }

    io::Task<Result<void>> snapshot(std::string folder) override {
        std::vector<std::shared_ptr<void>> tickets;
        for (auto& shard : shards_) tickets.push_back(shard->ticket());
        return env_.blocking.run(
            [this, tickets = std::move(tickets), folder = std::move(folder)] { return copy_to(folder); });
    }

    Result<void> close() override {
        Result<void> outcome;
        for (auto& shard : shards_) {
            if (auto closed = shard->close(); !closed) outcome = closed;
        }
        if (outcome) outcome = env_.disk.remove(running_path());
        return outcome ? env_.disk.sync_dir(options_.folder) : outcome;
    }

 private:
    std::string running_path() const { return options_.folder + "/running"; }

    // True when the store is made now.
    Result<bool> read_format() {
        const std::string path = options_.folder + "/format";
        TRY(const auto there, env_.disk.exists(path));
        if (there) {
            TRY(const auto text, env_.disk.read_file(path));
            TRY(format_, parse_format(path, text));
            return false;
        }
        format_.shards = options_.shards;
        TRY_VOID(env_.disk.write_file(path, format_text(format_)));
        return true;
    }

    Result<void> open_shard(std::uint32_t index, bool is_new, const ShardMetrics& metrics) {
        const auto path = shard_path(options_.folder, index);
        TRY(const auto there, env_.disk.exists(path));
        if (!there && !is_new) {
            TRY(const auto aside, free_name_beside(path));
            TRY_VOID(env_.disk.write_file(aside, "the file was missing\n"));
            quarantined(aside + ": " + path + " is missing");
        }
        const auto log_path = options_.folder + "/log-" + std::to_string(index) + "-";
        ShardOptions options{vfs_.name(),
                             path,
                             log_path,
                             options_.cache_bytes / format_.shards,
                             options_.log_bytes / format_.shards / 2,
                             options_.threads,
                             metrics};
        auto shard = open_checked(options);
        if (!shard && shard.error().code == Code::corrupted) {
            TRY_VOID(set_aside(path, log_path, shard.error().message));
            shard = open_checked(options);
        }
        if (!shard) return base::fail(shard.error());
        if (!(*shard)->damage().empty()) report_.quarantined.push_back((*shard)->damage());
        shards_.push_back(std::move(*shard));
        return {};
    }

    // Opens and, after an unclean stop, looks whether the tree hangs together. A whole check takes seconds per million
    // rows, so it is not made here: every row is checked when it is read.
    Result<std::unique_ptr<Shard>> open_checked(const ShardOptions& options) {
        TRY(auto shard, Shard::open(env_, options));
        TRY_VOID(shard->look([](Reader& reader) -> Result<void> {
            TRY(const auto cursor, reader.cursor(0));
            return cursor->seek({});
        }));
        return shard;
    }

    Result<std::string> free_name_beside(const std::string& path) {
        for (int n = 1;; ++n) {
            auto aside = path + std::string(kAside) + std::to_string(n);
            TRY(const auto taken, env_.disk.exists(aside));
            if (!taken) return aside;
        }
    }

    // What was set aside counts as long as it lies there: who removes it gives it up.
    Result<void> find_set_aside() {
        TRY(const auto names, env_.disk.list(options_.folder));
        for (const auto& name : names) {
            const auto at = name.find(kAside);
            if (at == std::string::npos || name.find('-', at + kAside.size()) != std::string::npos) continue;
            quarantined(options_.folder + "/" + name + ": set aside at an earlier start");
        }
        return {};
    }

    // The log goes with the file that it belongs to: it holds the newest rows, for who mends the file.
    Result<void> set_aside(const std::string& path, const std::string& log_path, const std::string& reason) {
        TRY(const auto aside, free_name_beside(path));
        TRY_VOID(env_.disk.rename(path, aside));
        for (const char* part : {"-wal", "-journal"}) {
            TRY(const auto there, env_.disk.exists(path + part));
            if (there) TRY_VOID(env_.disk.rename(path + part, aside + part));
        }
        for (const char* part : {"0", "1"}) {
            TRY(const auto there, env_.disk.exists(log_path + part));
            if (there) TRY_VOID(env_.disk.rename(log_path + part, aside + "-log-" + part));
        }
        quarantined(aside + ": " + reason);
        return env_.disk.sync_dir(options_.folder);
    }

    void quarantined(std::string what) {
        base::log::error("a part of the metadata store could not be opened and was replaced by an empty one",
                         "restore rows and content from a backup; to give up what it held, remove the file",
                         {{"part", what}});
        report_.quarantined.push_back(std::move(what));
    }

    Result<void> copy_to(const std::string& folder) {
        TRY(const auto taken, env_.disk.exists(folder));
        if (taken) return base::fail(Code::already_exists, Subject::disk, folder + " exists: name a new folder");
        if (folder.find('\'') != std::string::npos) {
            return base::fail(Code::invalid_argument, "the folder's name must not hold a quote");
        }
        TRY_VOID(env_.disk.make_folder(folder));
        for (std::uint32_t i = 0; i < format_.shards; ++i) TRY_VOID(copy_shard(i, shard_path(folder, i)));
        return env_.disk.write_file(folder + "/format", format_text(format_));
    }

    Result<void> copy_shard(std::uint32_t index, const std::string& target) {
        TRY_VOID(shards_[index]->drain());
        {
            TRY(auto source, Connection::open(vfs_.name(), shard_path(options_.folder, index), Access::read, 1 << 20));
            TRY_VOID(source->run("PRAGMA query_only=OFF"));
            TRY_VOID(source->run(("VACUUM INTO '" + target + "'").c_str()));
        }
        {
            TRY(auto copy, Connection::open(vfs_.name(), target, Access::write, 1 << 20));
            TRY(const auto verdict, copy->check(false));
            if (verdict != "ok") return base::fail(Code::corrupted, Subject::row, target + ": " + verdict);
            // Its own identity: the log of the original must never be played into a copy put in its place.
            TRY_VOID(write_mark(*copy, {env_.random.next() | 1, 0}));
            TRY_VOID(copy->checkpoint(true));
        }
        TRY(auto file, env_.disk.open(target, io::OpenMode::read_write));
        return file->sync_data();
    }

    io::Env& env_;
    Options options_;
    Vfs vfs_;
    std::unique_ptr<io::FileLock> lock_;
    Format format_;
    OpenReport report_;
    std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace

Result<std::unique_ptr<Db>> Db::open(io::Env& env, base::Metrics& metrics, Options options) {
    auto db = std::make_unique<SqliteDb>(env, std::move(options));
    TRY_VOID(db->open(metrics));
    return db;
}

}  // namespace larder::db
