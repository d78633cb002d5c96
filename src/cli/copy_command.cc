#include "src/cli/commands.h"
#include "src/cli/json_fields.h"
#include "src/cli/show.h"

#include <boost/json.hpp>

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace larder::cli {

namespace fs = std::filesystem;

namespace {

std::unexpected<Problem> file_problem(const std::string& path, const std::string& action) {
    const int error = errno;
    const auto* code = error == ENOSPC ? "no-space" : error == EACCES ? "not-allowed" : "no-such-file";
    auto problem =
        admin::make_problem(code, action + " \"" + path + "\" failed.", {std::generic_category().message(error)});
    problem.fix = {"ls -l " + path};
    return std::unexpected(std::move(problem));
}

// A file descriptor that closes itself, but for the standard ones.
struct OpenFile {
    int fd = -1;
    explicit OpenFile(int descriptor) : fd(descriptor) {}
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    ~OpenFile() {
        if (fd > 2) ::close(fd);
    }
};

std::string last_part(const std::string& path) {
    const auto end = path.find_last_not_of('/');
    if (end == std::string::npos) return "";
    const auto slash = path.rfind('/', end);
    return path.substr(slash == std::string::npos ? 0 : slash + 1,
                       end - (slash == std::string::npos ? 0 : slash + 1) + 1);
}

void say(Session& session, const std::string& what, std::uint64_t bytes) {
    const auto& globals = session.globals();
    if (session.show_json(boost::json::object{{"copied", what}, {"bytes", bytes}}) || globals.quiet) return;
    std::cerr << printable(what) << "   " << format_size(bytes) << '\n';
}

Outcome<void> upload(Session& session, const std::string& path, const Remote& to) {
    OpenFile file(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info{};
    if (file.fd < 0 || ::fstat(file.fd, &info) != 0) return file_problem(path, "reading");
    const bool regular = S_ISREG(info.st_mode);
    Progress progress(last_part(path), regular ? static_cast<std::uint64_t>(info.st_size) : 0,
                      !session.globals().quiet);
    std::uint64_t sent = 0;
    http::Client::Request request;
    request.method = "PUT";
    request.target = object_target(to.bucket, to.key);
    if (regular) request.body_length = static_cast<std::uint64_t>(info.st_size);
    request.source = [&](std::span<std::byte> out) -> base::Result<std::size_t> {
        ssize_t n = 0;
        do {
            n = ::read(file.fd, out.data(), out.size());
        } while (n < 0 && errno == EINTR);
        if (n < 0) {
            return base::fail(base::Code::io_failure,
                              "reading " + path + ": " + std::generic_category().message(errno));
        }
        sent += static_cast<std::uint64_t>(n);
        progress.add(static_cast<std::uint64_t>(n));
        return static_cast<std::size_t>(n);
    };
    TRY_VOID(session.transfer(std::move(request)));
    say(session, path + " → " + to.bucket + ":" + to.key, sent);
    return {};
}

base::Result<void> write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return base::fail(base::Code::io_failure, std::generic_category().message(errno));
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

// Written beside the target under another name and renamed when whole, so that a failed copy leaves the old file.
Outcome<void> download(Session& session, const Remote& from, const std::string& path) {
    const bool to_stdout = path == "-";
    const std::string temporary = path + ".larder-part";
    OpenFile file(to_stdout ? STDOUT_FILENO
                            : ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (file.fd < 0) return file_problem(temporary, "writing");
    Progress progress(last_part(from.key), 0, !session.globals().quiet);
    std::uint64_t got = 0;
    http::Client::Request request;
    request.method = "GET";
    request.target = object_target(from.bucket, from.key);
    request.sink = [&](std::string_view bytes) -> base::Result<void> {
        got += bytes.size();
        progress.add(bytes.size());
        return write_all(file.fd, bytes);
    };
    const auto reply = session.transfer(std::move(request));
    if (to_stdout) return reply ? Outcome<void>() : std::unexpected(reply.error());
    if (!reply) {
        ::unlink(temporary.c_str());
        return std::unexpected(reply.error());
    }
    if (::fsync(file.fd) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0) return file_problem(path, "writing");
    say(session, from.bucket + ":" + from.key + " → " + path, got);
    return {};
}

Outcome<void> copy_remote(Session& session, const Remote& from, const Remote& to) {
    const boost::json::object wanted{
        {"from_bucket", from.bucket}, {"from_key", from.key}, {"to_bucket", to.bucket}, {"to_key", to.key}};
    TRY(const auto info, session.call("POST", "/v1/copy", wanted));
    say(session, from.bucket + ":" + from.key + " → " + to.bucket + ":" + to.key,
        info.at("size").to_number<std::uint64_t>());
    return {};
}

// "home:" or "home:photos/" take the name of the source.
Remote within(const Remote& target, const std::string& name) {
    if (!target.key.empty() && !target.key.ends_with('/')) return target;
    return Remote{target.bucket, target.key + name};
}

Remote below(const Remote& target, const std::string& relative) {
    const bool joins = target.key.empty() || target.key.ends_with('/');
    return Remote{target.bucket, target.key + (joins ? "" : "/") + relative};
}

Outcome<void> upload_tree(Session& session, const std::string& folder, const Remote& target) {
    std::error_code bad;
    fs::recursive_directory_iterator walk(folder, fs::directory_options::none, bad);
    for (; !bad && walk != fs::recursive_directory_iterator(); walk.increment(bad)) {
        if (!walk->is_regular_file(bad)) continue;
        const auto relative = fs::relative(walk->path(), folder, bad).string();
        if (!bad) TRY_VOID(upload(session, walk->path().string(), below(target, relative)));
    }
    if (!bad) return {};
    errno = bad.value();
    return file_problem(folder, "reading");
}

// A key as a path below `folder`; refuses keys that would leave it.
Outcome<std::string> local_path(const std::string& folder, const std::string& relative) {
    for (const auto& part : fs::path(relative)) {
        if (part == ".." || relative.starts_with('/')) {
            auto problem =
                admin::make_problem("usage", "key \"" + relative + "\" would be written outside the target folder.");
            problem.fix = {"larder cp BUCKET:KEY FILE"};
            return std::unexpected(std::move(problem));
        }
    }
    return folder + "/" + relative;
}

Outcome<void> copy_tree(Session& session, const Remote& from, const CopyWish& wish) {
    const auto to = parse_remote(wish.target);
    return each_object(session, from, true, [&](const boost::json::object& object) -> Outcome<void> {
        const auto key = text_of(object, "key");
        const auto relative = key.substr(from.key.size());
        if (to) return copy_remote(session, Remote{from.bucket, key}, below(*to, relative));
        if (key.ends_with('/')) return {};
        TRY(const auto path, local_path(wish.target, relative));
        std::error_code bad;
        fs::create_directories(fs::path(path).parent_path(), bad);
        return download(session, Remote{from.bucket, key}, path);
    });
}

Outcome<void> copy_one(Session& session, const std::string& source, const CopyWish& wish) {
    const auto from = parse_remote(source);
    const auto to = parse_remote(wish.target);
    if (!from && !to) {
        auto problem =
            admin::make_problem("usage", "neither \"" + source + "\" nor \"" + wish.target + "\" is in a bucket.");
        problem.fix = {"larder cp " + source + " BUCKET:", "cp " + source + " " + wish.target};
        return std::unexpected(std::move(problem));
    }
    std::error_code none;
    if (wish.recursive) return from ? copy_tree(session, *from, wish) : upload_tree(session, source, *to);
    if (!from) {
        if (fs::is_directory(source, none)) {
            auto problem = admin::make_problem("usage", "\"" + source + "\" is a folder.");
            problem.fix = {"larder cp -r " + source + " " + wish.target};
            return std::unexpected(std::move(problem));
        }
        return upload(session, source, within(*to, last_part(source)));
    }
    if (to) return copy_remote(session, *from, within(*to, last_part(from->key)));
    const bool into_folder = wish.target.ends_with('/') || fs::is_directory(wish.target, none);
    return download(session, *from, into_folder ? wish.target + "/" + last_part(from->key) : wish.target);
}

}  // namespace

Done copy(Session& session, const CopyWish& wish) {
    for (const auto& source : wish.sources) TRY_VOID(copy_one(session, source, wish));
    return Exit::done;
}

}  // namespace larder::cli
