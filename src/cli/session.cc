#include "src/cli/session.h"

#include "src/base/encoding.h"

#include <boost/json.hpp>

#include <cstdlib>
#include <iostream>
#include <unistd.h>

namespace larder::cli {

namespace json = boost::json;

Session::Session(Globals globals)
    : globals_(std::move(globals)), client_(std::make_unique<http::Client>("unix:" + globals_.socket)) {}

Session::~Session() = default;

Outcome<http::Client::Reply> Session::send(http::Client::Request request) {
    auto reply = client_->send(std::move(request));
    if (reply) return std::move(*reply);
    const auto& error = reply.error();
    if (error.code == base::Code::not_found || error.code == base::Code::disconnected) {
        return std::unexpected(admin::make_problem("unreachable", "no larderd answers on this machine.",
                                                   {globals_.socket + ": " + error.message}));
    }
    if (error.code == base::Code::permission_denied) {
        return std::unexpected(admin::make_problem("not-allowed", "this user may not talk to larderd.",
                                                   {globals_.socket + ": " + error.message}));
    }
    return std::unexpected(admin::problem_of(error));
}

Outcome<http::Client::Reply> Session::transfer(http::Client::Request request) {
    TRY(auto reply, send(std::move(request)));
    if (reply.status == 200) return reply;
    if (auto problem = admin::problem_from_json(reply.body)) return std::unexpected(std::move(*problem));
    return std::unexpected(admin::make_problem("internal", "larderd answered " + std::to_string(reply.status) + "."));
}

Outcome<json::object> Session::call(std::string method, std::string target) {
    return call(std::move(method), std::move(target), {});
}

Outcome<json::object> Session::call(std::string method, std::string target, const json::object& body) {
    http::Client::Request request;
    request.method = std::move(method);
    request.target = std::move(target);
    if (!body.empty()) {
        request.body = json::serialize(body);
        request.headers.add("Content-Type", "application/json");
    }
    TRY(const auto reply, transfer(std::move(request)));
    boost::system::error_code bad;
    auto value = json::parse(reply.body, bad);
    if (bad || !value.is_object()) {
        return std::unexpected(admin::make_problem("internal", "larderd's answer is not JSON."));
    }
    return std::move(value.get_object());
}

bool Session::show_json(const json::object& result) const {
    if (!globals_.json) return false;
    std::cout << json::serialize(result) << '\n';
    return true;
}

std::string default_socket() {
    if (const char* named = std::getenv("LARDER_SOCKET"); named != nullptr && *named != '\0') return named;
    const std::string system = "/run/larder/admin.sock";
    const std::string local = ".larder/admin.sock";
    if (::access(system.c_str(), F_OK) != 0 && ::access(local.c_str(), F_OK) == 0) return local;
    return system;
}

std::string object_target(std::string_view bucket, std::string_view key) {
    return "/v1/objects/" + base::percent_encode(bucket, false) + "/" + base::percent_encode(key, true);
}

std::optional<Remote> parse_remote(std::string_view text) {
    if (text.starts_with("s3://")) {
        text.remove_prefix(5);
        const auto slash = text.find('/');
        Remote remote{std::string(text.substr(0, slash)), ""};
        if (slash != std::string_view::npos) remote.key = text.substr(slash + 1);
        return remote;
    }
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || text.substr(0, colon).find('/') != std::string_view::npos) {
        return std::nullopt;
    }
    return Remote{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

Outcome<Remote> need_remote(std::string_view text) {
    if (auto remote = parse_remote(text)) return std::move(*remote);
    // A bare bucket name is understood where nothing else can be meant.
    if (!text.empty() && text.find('/') == std::string_view::npos && text.front() != '.') {
        return Remote{std::string(text), ""};
    }
    auto problem = admin::make_problem("usage", "\"" + std::string(text) + "\" does not name a place in a bucket.");
    problem.fix = {"larder ls BUCKET:", "larder ls BUCKET:folder/"};
    return std::unexpected(std::move(problem));
}

int report(const Problem& problem, bool json) {
    if (json) {
        std::cerr << admin::to_json(problem) << '\n';
        return static_cast<int>(problem.exit);
    }
    std::cerr << "error: " << problem.message << "  [" << problem.code << "]\n";
    for (const auto& fact : problem.facts) std::cerr << "  " << fact << '\n';
    for (std::size_t i = 0; i < problem.fix.size(); ++i) {
        std::cerr << (i == 0 ? "  fix: " : "       ") << problem.fix[i] << '\n';
    }
    return static_cast<int>(problem.exit);
}

}  // namespace larder::cli
