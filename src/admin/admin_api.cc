#include "src/admin/admin_api.h"

#include "src/admin/routes.h"
#include "src/base/encoding.h"
#include "src/base/log.h"
#include "src/io/process.h"
#include "src/io/unix_socket.h"

#include <unistd.h>

namespace larder::admin {
namespace {

constexpr std::size_t kBodyBytesMax = 1024 * 1024;

// Root, the daemon's user, and the members of its group may administer; most belong to it beside a group of their own.
bool may_administer(const http::RequestHead& head) {
    if (!head.peer_uid) return false;
    return *head.peer_uid == 0 || *head.peer_uid == ::geteuid() || head.peer_gid == ::getegid() ||
           io::is_member(*head.peer_uid, ::getegid());
}

using Route = io::Task<void> (*)(Call&);
Route route_of(std::string_view name) {
    static const std::map<std::string_view, Route> routes = {
        {"status", status_route}, {"buckets", buckets_route}, {"keys", keys_route},       {"objects", objects_route},
        {"list", list_route},     {"copy", copy_route},       {"verify", verify_route},   {"snapshot", snapshot_route},
        {"nodes", nodes_route},   {"leave", leave_route},     {"invites", invites_route}, {"layout", layout_route},
    };
    const auto found = routes.find(name);
    return found == routes.end() ? nullptr : found->second;
}

std::string_view path_of(const http::RequestHead& head) {
    return std::string_view(head.target).substr(0, head.target.find('?'));
}

// The decoded text; nothing when it is not well encoded, or is what JSON could not show: not UTF-8, or with NUL.
std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
    auto decoded = base::percent_decode(text, plus_is_space);
    const bool is_text = decoded && base::is_text(*decoded);
    return is_text ? std::move(decoded) : std::nullopt;
}

}  // namespace

base::Result<std::map<std::string, std::string>> parse_query(std::string_view text) {
    std::map<std::string, std::string> query;
    while (!text.empty()) {
        const auto end = text.find('&');
        const auto item = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
        const auto equals = item.find('=');
        const auto name = decode(item.substr(0, equals), true);
        const auto value = equals == std::string_view::npos ? std::string() : decode(item.substr(equals + 1), true);
        if (!name || !value) return base::fail(base::Code::invalid_argument, "the query is not well encoded");
        query[*name] = *value;
    }
    return query;
}

base::Result<std::vector<std::string>> parse_path(std::string_view path) {
    if (!path.starts_with("/v1/")) return base::fail(base::Code::not_found, "the API lives under /v1/");
    path.remove_prefix(4);
    std::vector<std::string> segments;
    while (true) {
        const bool is_key = segments.size() == 2 && segments[0] == "objects";
        const auto slash = is_key ? std::string_view::npos : path.find('/');
        const auto segment = decode(path.substr(0, slash), false);
        if (!segment) return base::fail(base::Code::invalid_argument, "the path is not well encoded");
        segments.push_back(*segment);
        if (slash == std::string_view::npos) return segments;
        path.remove_prefix(slash + 1);
    }
}

AdminApi::AdminApi(io::Env& env, base::Metrics& metrics, engine::Engine& engine, cluster::Cluster& cluster,
                   AdminOptions options)
    : env_(env), metrics_(metrics), engine_(engine), cluster_(cluster), options_(std::move(options)) {}

http::Handler AdminApi::local_handler() {
    return [this](http::Exchange& exchange) { return serve_local(exchange); };
}

http::Handler AdminApi::health_handler() {
    return [this](http::Exchange& exchange) { return serve_health(exchange); };
}

io::Task<void> AdminApi::serve_local(http::Exchange& exchange) {
    const auto& head = exchange.request();
    if (!head.target.starts_with("/v1/")) {
        co_await serve_health(exchange);
        co_return;
    }
    Call call{exchange, env_, metrics_, engine_, cluster_, options_, head.method, {}, {}};
    if (!may_administer(head)) {
        const auto who = head.peer_uid ? std::to_string(*head.peer_uid) : std::string("unknown");
        co_await answer_problem(call, make_problem("not-allowed", "user " + who + " may not administer this node."));
        co_return;
    }
    auto path = parse_path(path_of(head));
    const auto question = head.target.find('?');
    auto query = parse_query(question == std::string::npos ? std::string_view()
                                                           : std::string_view(head.target).substr(question + 1));
    if (!path || !query) {
        co_await answer_error(call, path ? query.error() : path.error());
        co_return;
    }
    call.path = std::move(*path);
    call.query = std::move(*query);
    const auto route = route_of(call.path.front());
    if (route == nullptr) {
        co_await answer_problem(call, make_problem("not-found", "there is no /v1/" + call.path.front() + "."));
        co_return;
    }
    co_await route(call);
}

io::Task<void> AdminApi::serve_health(http::Exchange& exchange) {
    const auto path = std::string(path_of(exchange.request()));
    http::ResponseHead head;
    head.headers.add("Content-Type", "text/plain; charset=utf-8");
    std::string body;
    if (path == "/health/live") {
        body = "ok\n";
    } else if (path == "/health" || path == "/health/ready") {
        const auto status = co_await engine_.status();
        if (!status) {
            head.status = 503;
            body = status.error().message + "\n";
        } else if (!status->problems.empty()) {
            body = "serving, with problems:\n";
            for (const auto& problem : status->problems) body += problem + "\n";
        } else {
            body = "healthy\n";
        }
    } else if (path == "/metrics") {
        head.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
        body = metrics_.render() + io::process_metrics();
    } else {
        head.status = 404;
        body = "Here are /health, /health/live, /health/ready and /metrics.\n";
    }
    (void)co_await exchange.respond(std::move(head), std::move(body));
}

io::Task<void> answer_json(Call& call, int status, std::string json) {
    http::ResponseHead head;
    head.status = status;
    head.headers.add("Content-Type", "application/json");
    json.push_back('\n');
    (void)co_await call.exchange.respond(std::move(head), std::move(json));
}

io::Task<void> answer_problem(Call& call, Problem problem) {
    const int status = problem.http_status;
    return answer_json(call, status, to_json(problem));
}

io::Task<void> answer_error(Call& call, base::Error error) {
    return answer_problem(call, problem_of(error));
}

io::Task<void> answer_result(Call& call, io::Task<base::Result<std::string>> work) {
    auto result = co_await std::move(work);
    if (result) {
        co_await answer_json(call, 200, std::move(*result));
    } else {
        co_await answer_error(call, result.error());
    }
}

io::Task<base::Result<std::string>> refuse_method(Call& call) {
    co_return base::fail(base::Code::invalid_argument,
                         call.method + " " + call.exchange.request().target + " is not offered.");
}

io::Task<base::Result<std::string>> read_body(Call& call) {
    std::string body(kBodyBytesMax + 1, '\0');
    const auto got = co_await call.exchange.read({reinterpret_cast<std::byte*>(body.data()), body.size()});
    if (!got) co_return base::fail(got.error());
    if (*got > kBodyBytesMax) co_return base::fail(base::Code::too_large, "the request body is larger than 1 MiB");
    body.resize(*got);
    co_return body;
}

std::string asker(Call& call) {
    const auto uid = call.exchange.request().peer_uid;
    const auto who = !uid ? std::string("somebody") : *uid == 0 ? std::string("root") : "user " + std::to_string(*uid);
    return who + " on " + call.cluster.self_name();
}

io::Task<base::Result<std::shared_ptr<const engine::Bucket>>> bucket_named(Call& call, std::string name) {
    CO_TRY(auto bucket, co_await call.engine.look_up_bucket(name));
    if (bucket) co_return bucket;
    co_return base::fail(base::Code::not_found, base::Subject::bucket, "there is no bucket \"" + name + "\".");
}

}  // namespace larder::admin
