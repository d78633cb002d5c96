#include "src/daemon/daemon.h"

#include "replication/engine.h"
#include "replication/files.h"
#include "replication/remote/file_server.h"
#include "s3/s3_server.h"
#include "src/admin/admin_api.h"
#include "src/base/log.h"
#include "src/base/metrics.h"
#include "src/daemon/cluster_node.h"
#include "src/http/http.h"
#include "src/io/real_env.h"
#include "src/io/task_group.h"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <iostream>
#include <unistd.h>

namespace larder::daemon {
namespace {

namespace log = base::log;

constexpr auto kDrainTime = std::chrono::seconds(30);

// The rooms of a running daemon, made bottom-up and stopped top-down.
class Daemon {
 public:
    explicit Daemon(const Config& config) : config_(config), tasks_(world_.env().executor) {}

    int run() {
        // Posted, so that a start that fails at once ends a loop that runs already.
        world_.env().executor.post([this] { tasks_.spawn(main_task()); });
        world_.on_stop_signal([this] {
            // A start may wait for other members; nothing is under way that a sudden end could harm.
            if (!started_) std::_Exit(0);
            stop_requested_.set(io::Done{});
        });
        world_.run();
        return exit_;
    }

 private:
    io::Task<void> main_task() {
        auto started = config_.join_token.empty() ? co_await start() : co_await join_cluster(world_, config_);
        started_ = true;
        if (!started) {
            exit_ = report(started.error());
        } else if (!config_.init && config_.join_token.empty()) {
            announce();
            co_await stop_requested_.future();
        }
        co_await stop();
        world_.stop();
    }

    io::Task<Started> start() {
        engine::Options options;
        options.meta_folder = config_.meta_folder();
        options.data_folders = config_.segment_folders();
        options.cache_bytes = config_.cache_bytes;
        const bool first_start = config_.first_start && is_untouched();
        options.create = config_.init || config_.quick_start || first_start;
        options.cluster_name = config_.cluster_name;
        if (config_.init) {
            const auto there = world_.env().disk.exists(config_.meta_folder());
            if (there && *there) {
                co_return std::unexpected(admin::make_problem("already-set-up", "this machine is set up already.",
                                                              {"data folder: " + config_.data}));
            }
        }
        const bool create = options.create;
        auto node = ClusterNode::open(world_, config_, create);
        if (!node) co_return std::unexpected(open_problem(node.error()));
        node_ = std::move(*node);
        if (auto ready = node_->complete(options, create); !ready) co_return ready;
        if (!config_.init) {
            if (auto listening = node_->listen(); !listening) co_return listening;
        }
        auto opened = co_await engine::make_engine(node_->env(), metrics_, options);
        if (!opened) co_return std::unexpected(open_problem(opened.error()));
        engine_ = std::move(*opened);
        if (create) {
            auto ready = co_await make_first_things();
            if (!ready) co_return std::unexpected(admin::problem_of(ready.error()));
        }
        auto joined = co_await node_->start(*engine_, create);
        if (!joined) co_return joined;
        if (config_.init) print_init();
        if (config_.init) co_return Started();
        co_return listen();
    }

    // Whether a service may set itself up here. Where there is anything, or where a disk may be missing (a folder that
    // was named), a new node would hide the old one, and give up content whose rows are elsewhere.
    bool is_untouched() {
        if (!config_.has_built_in_folders()) return false;
        auto& disk = world_.env().disk;
        const auto holds_only = [&disk](const std::string& folder, std::initializer_list<std::string_view> known) {
            const auto there = disk.exists(folder);
            if (there && !*there) return true;
            const auto names = disk.list(folder);
            return names && std::ranges::all_of(*names, [&](const auto& name) {
                       return std::ranges::find(known, name) != known.end();
                   });
        };
        // "lost+found" is a new disk's; a lock and a key are left by a first start that was cut off at once.
        return holds_only(config_.data, {"lost+found", "meta"}) &&
               holds_only(config_.meta_folder(), {"lock", "node.key", "node.key.new"});
    }

    admin::Problem open_problem(const base::Error& error) const {
        auto problem = admin::problem_of(error);
        if (error.code == base::Code::not_found) {
            problem = admin::make_problem("not-set-up", "Larder is installed but not set up on this machine.");
            problem.fix = {"larder init --data " + config_.data};
        } else if (error.code == base::Code::conflict) {
            problem = admin::make_problem("data-locked", "another larderd uses this data folder.");
        } else if (error.code == base::Code::unsupported) {
            problem = admin::make_problem("newer-format", "the data was written by a newer Larder.");
        } else if (error.code == base::Code::permission_denied) {
            problem.fix = {"ls -ld " + config_.data, "sudo chown -R larder: " + config_.data};
        }
        problem.facts = {"data folder: " + config_.data, error.message};
        return problem;
    }

    // Bucket "home" and a key with all rights on it, unless they are there.
    io::Task<base::Result<void>> make_first_things() {
        auto bucket = engine_->find_bucket("home");
        if (!bucket) {
            CO_TRY(bucket, co_await engine_->create_bucket("home", ""));
        }
        for (const auto& key : engine_->keys()) {
            if (key->name == "home" && !key->disabled) first_key_ = key;
        }
        if (!first_key_) {
            engine::AccessKey wanted;
            wanted.name = "home";
            wanted.may_create_buckets = true;
            wanted.rights[bucket->id] = {true, true, true};
            CO_TRY(first_key_, co_await engine_->create_key(std::move(wanted)));
        }
        co_return base::Result<void>();
    }

    Started listen() {
        server_ = std::make_unique<http::Server>(world_, metrics_);
        s3::S3Options s3_options;
        s3_options.region = config_.region;
        s3_options.root_domain = config_.root_domain;
        s3_ = std::make_unique<s3::S3Door>(world_.env(), metrics_, *engine_, s3_options);
        http::ListenOptions s3_listen;
        s3_listen.address = config_.s3_address;
        s3_listen.certificate_file = config_.certificate_file;
        s3_listen.key_file = config_.key_file;
        TRY_VOID(bind(s3_listen, s3_->handler()));

        admin::AdminOptions admin_options{LARDER_VERSION, endpoint(), config_.region};
        admin_ = std::make_unique<admin::AdminApi>(world_.env(), metrics_, *engine_, node_->cluster(), admin_options);
        http::ListenOptions socket;
        socket.address = "unix:" + config_.admin_socket;
        TRY_VOID(bind(socket, admin_->local_handler()));
        if (config_.health_address != "none") {
            http::ListenOptions health;
            health.address = config_.health_address;
            TRY_VOID(bind(health, admin_->health_handler()));
        }
        return listen_files();
    }

    Started listen_files() {
        if (config_.files_socket == "none") return {};
        remote::FileServices services;
        services.find_bucket = [this](std::string_view name) { return engine_->find_bucket(name); };
        services.find_key = [this](std::string_view id) { return engine_->find_key(id); };
        services.look_up = [this](std::string key_id, std::string bucket) {
            return look_up(std::move(key_id), std::move(bucket));
        };
        services.open = [this](const engine::Bucket& bucket) { return engine_->files(bucket.id); };
        remote::FileServerOptions options;
        options.socket = config_.files_socket;
        files_ = std::make_unique<remote::FileServer>(world_, metrics_, std::move(services), std::move(options));
        return judge_listening(files_->listen());
    }

    // What a node of its cluster has just made is found; what cannot be found now is judged as missing.
    io::Task<void> look_up(std::string key_id, std::string bucket) {
        if (!key_id.empty()) (void)co_await engine_->look_up_key(std::move(key_id));
        (void)co_await engine_->look_up_bucket(std::move(bucket));
    }

    Started bind(const http::ListenOptions& options, http::Handler handler) {
        return judge_listening(server_->listen(options, std::move(handler)));
    }

    static Started judge_listening(const base::Result<void>& bound) {
        if (bound) return {};
        auto problem = admin::problem_of(bound.error());
        if (bound.error().code == base::Code::already_exists) {
            problem = admin::make_problem("address-in-use", bound.error().message);
        }
        return std::unexpected(std::move(problem));
    }

    std::string endpoint() const {
        auto address = server_->address(0);
        for (const std::string any : {"0.0.0.0:", "[::]:"}) {
            if (address.starts_with(any)) address = "127.0.0.1:" + address.substr(any.size());
        }
        return (config_.certificate_file.empty() ? "http://" : "https://") + address;
    }

    void announce() {
        log::info("larderd is ready",
                  {{"version", LARDER_VERSION}, {"s3", endpoint()}, {"socket", config_.admin_socket}});
        ::sd_notify(0, ("READY=1\nSTATUS=Serving S3 at " + endpoint()).c_str());
        metrics_.gauge("build_info", "Always 1; the version is a label.", {{"version", LARDER_VERSION}}).set(1);
        std::uint64_t limit_us = 0;
        if (::sd_watchdog_enabled(0, &limit_us) > 0) tasks_.spawn(keep_alive(std::chrono::microseconds(limit_us)));
        if (config_.quick_start) print_quick_start();
    }

    // Tells systemd that the engine's thread is not stuck (WatchdogSec= of the unit; sd_watchdog_enabled(3)).
    io::Task<void> keep_alive(std::chrono::microseconds limit) {
        for (;;) {
            ::sd_notify(0, "WATCHDOG=1");
            co_await world_.env().clock.sleep_for(limit / 3);
        }
    }

    void print_init() const {
        std::cout << "This machine is set up.\n\n  Data        " << config_.data
                  << "\n  Bucket      home\n  Access key  " << first_key_->id << "\n  Secret      "
                  << first_key_->secret << "\n\nNext:\n  larder server --data " << config_.data
                  << "\n  larder cp photo.jpg home:\n\n"
                  << "! One machine means one copy. If this disk dies, the data is gone: keep a backup.\n";
    }

    void print_quick_start() const {
        std::string own(4096, '\0');
        const auto length = ::readlink("/proc/self/exe", own.data(), own.size());
        own.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
        const std::string larder = own.substr(0, own.rfind('/') + 1) + "larder";
        std::cout << "\n  Endpoint    " << endpoint() << "\n  Region      " << config_.region << "\n  Bucket      home"
                  << "\n  Access key  " << first_key_->id << "\n  Secret      " << first_key_->secret
                  << "\n\nTry it in another terminal, here:\n\n  AWS_ACCESS_KEY_ID=" << first_key_->id
                  << " AWS_SECRET_ACCESS_KEY=" << first_key_->secret << " AWS_DEFAULT_REGION=" << config_.region
                  << " aws --endpoint-url " << endpoint()
                  << " s3 cp README.md s3://home/\n\n  LARDER_SOCKET=" << config_.admin_socket << ' ' << larder
                  << " cp README.md home:\n\nCtrl-C stops it; the data stays in " << config_.data << ".\n"
                  << std::endl;
    }

    io::Task<void> stop() {
        ::sd_notify(0, "STOPPING=1");
        const auto deadline = world_.env().clock.after(kDrainTime);
        // The mounts first: they are told at once and wait for the next daemon.
        if (files_) {
            const auto cut = co_await files_->drain(deadline);
            if (cut > 0) log::warning("mounts were cut at the stop", {{"connections", cut}});
        }
        if (server_) {
            const auto cut = co_await server_->drain(deadline);
            if (cut > 0) log::warning("requests were cut at the stop", {{"requests", cut}});
        }
        files_.reset();
        if (node_ && engine_) co_await node_->leave(deadline);
        if (engine_) {
            const auto closed = co_await engine_->close();
            if (!closed)
                log::error("closing the data failed", "it is checked at the next start",
                           {{"reason", closed.error().message}});
        }
        admin_.reset();
        s3_.reset();
        server_.reset();
        if (node_) node_->detach();
        engine_.reset();
        node_.reset();
        log::info("larderd has stopped");
    }

    const Config& config_;
    base::Metrics metrics_;
    io::RealEnv world_;
    io::Promise<io::Done> stop_requested_{world_.env().executor};
    std::unique_ptr<ClusterNode> node_;  // the engine's links are there as long as it is
    std::unique_ptr<engine::Engine> engine_;
    std::shared_ptr<const engine::AccessKey> first_key_;
    std::unique_ptr<http::Server> server_;
    std::unique_ptr<s3::S3Door> s3_;
    std::unique_ptr<admin::AdminApi> admin_;
    std::unique_ptr<remote::FileServer> files_;
    io::TaskGroup tasks_;
    bool started_ = false;
    int exit_ = 0;
};

void configure_log(const Config& config) {
    auto level = log::Level::info;
    if (config.log_level == "debug") level = log::Level::debug;
    if (config.log_level == "warning") level = log::Level::warning;
    if (config.log_level == "error") level = log::Level::error;
    const bool text = config.log_format == "text" || (config.log_format == "auto" && ::isatty(STDERR_FILENO) == 1);
    log::configure(level, text ? log::Format::text : log::Format::json);
}

}  // namespace

int report(const admin::Problem& problem) {
    std::cerr << "error: " << problem.message << "  [" << problem.code << "]\n";
    for (const auto& fact : problem.facts) std::cerr << "  " << fact << '\n';
    for (std::size_t i = 0; i < problem.fix.size(); ++i) {
        std::cerr << (i == 0 ? "  fix: " : "       ") << problem.fix[i] << '\n';
    }
    return static_cast<int>(problem.exit);
}

int run(const Config& config) {
    configure_log(config);
    return Daemon(config).run();
}

}  // namespace larder::daemon
