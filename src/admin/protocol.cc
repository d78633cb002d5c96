#include "src/admin/protocol.h"

#include "src/base/assert.h"

#include <boost/json.hpp>

namespace larder::admin {

namespace json = boost::json;

namespace {

std::vector<ProblemKind> general_kinds() {
    return {
        {"bad-request", 400, Exit::usage, {"larder --help"}},
        {"bad-name", 400, Exit::usage, {"larder bucket create my-photos"}},
        {"usage", 400, Exit::usage, {"larder --help"}},
        {"bad-config", 400, Exit::usage, {"larder server --help"}},
        {"no-such-bucket", 404, Exit::not_found, {"larder bucket ls", "larder bucket create NAME"}},
        {"no-such-object", 404, Exit::not_found, {"larder ls BUCKET:"}},
        {"no-such-key", 404, Exit::not_found, {"larder key ls"}},
        {"no-such-upload", 404, Exit::not_found, {"larder bucket show BUCKET"}},
        {"no-such-file", 404, Exit::not_found, {"ls -l"}},
        {"not-found", 404, Exit::not_found, {"larder --help"}},
        {"already-exists", 409, Exit::conflict, {"larder bucket ls"}},
        {"bucket-not-empty", 409, Exit::conflict, {"larder rm -r BUCKET:", "larder bucket delete BUCKET"}},
        {"changed-meanwhile", 409, Exit::conflict, {"larder stat BUCKET:KEY"}},
        {"precondition-failed", 412, Exit::conflict, {"larder stat BUCKET:KEY"}},
        {"already-set-up", 409, Exit::conflict, {"larder status"}},
        {"not-set-up", 503, Exit::unreachable, {"larder init"}},
        {"not-allowed", 403, Exit::not_allowed, {"sudo larder status"}},
        {"unreachable", 503, Exit::unreachable, {"larder server", "systemctl status larder-server"}},
        {"address-in-use", 409, Exit::conflict, {"ss -ltnp", "larder server --s3 127.0.0.1:3910"}},
        {"data-locked", 409, Exit::conflict, {"larder status", "pgrep -a larderd"}},
        {"newer-format", 409, Exit::refused, {"larder version", "apt install larder-server"}},
        {"no-space", 507, Exit::failed, {"df -h", "larder rm BUCKET:KEY"}},
        {"quota-exceeded",
         507,
         Exit::failed,
         {"larder bucket show BUCKET", "larder bucket quota BUCKET --max-size SIZE"}},
        {"too-large", 413, Exit::usage, {"larder cp FILE BUCKET:KEY"}},
        {"no-quorum", 503, Exit::no_quorum, {"larder status"}},
        {"timeout", 504, Exit::timeout, {"larder status"}},
        {"unknown-outcome", 503, Exit::no_quorum, {"larder stat BUCKET:KEY"}},
        {"damaged", 500, Exit::damage, {"larder status", "journalctl -u larder-server"}},
        {"disk-failure", 500, Exit::failed, {"journalctl -u larder-server", "dmesg | tail"}},
        {"unsupported", 501, Exit::usage, {"larder --help"}},
        {"shutting-down", 503, Exit::unreachable, {"larder status"}},
        {"interrupted", 500, Exit::interrupted, {"larder status"}},
        {"partly-done", 500, Exit::partly, {"larder ls BUCKET:"}},
        {"needs-yes", 400, Exit::needs_yes, {"larder COMMAND --yes"}},
        {"internal", 500, Exit::failed, {"journalctl -u larder-server"}},
    };
}

// Of machines, layouts and joining.
std::vector<ProblemKind> cluster_kinds() {
    return {
        {"no-such-node", 404, Exit::not_found, {"larder node ls"}},
        {"no-such-invite", 404, Exit::not_found, {"larder invite ls"}},
        {"ambiguous-node", 400, Exit::usage, {"larder node ls"}},
        {"nothing-staged", 404, Exit::not_found, {"larder layout set NODE --capacity SIZE"}},
        {"bad-layout", 400, Exit::usage, {"larder layout show", "larder layout explain"}},
        {"layout-changed", 409, Exit::conflict, {"larder layout plan"}},
        {"still-up", 409, Exit::conflict, {"larder node drain NODE"}},
        {"would-lose-data", 409, Exit::refused, {"larder node show NODE", "larder layout explain NODE"}},
        {"already-member", 409, Exit::conflict, {"larder status", "larder leave"}},
        {"removed-node", 403, Exit::not_allowed, {"larder join TOKEN --data FOLDER"}},
        {"token-typo", 400, Exit::usage, {"larder join TOKEN"}},
        {"token-newer", 400, Exit::usage, {"larder version", "apt install larder-server"}},
        {"token-expired", 409, Exit::conflict, {"larder invite"}},
        {"token-used", 403, Exit::not_allowed, {"larder invite", "larder invite ls"}},
        {"cannot-reach", 503, Exit::unreachable, {"larder status", "larder join TOKEN"}},
        {"wrong-cluster", 403, Exit::not_allowed, {"larder invite"}},
        {"not-accepted", 409, Exit::conflict, {"larder status"}},
        {"clock-skew", 409, Exit::conflict, {"apt install chrony", "larder join TOKEN"}},
        {"same-place", 409, Exit::needs_yes, {"larder join TOKEN --place PLACE", "larder join TOKEN --same-place"}},
        {"capacity-too-big", 400, Exit::usage, {"df -h"}},
    };
}

}  // namespace

const std::vector<ProblemKind>& problem_kinds() {
    static const std::vector<ProblemKind> kinds = [] {
        auto all = general_kinds();
        const auto more = cluster_kinds();
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }();
    return kinds;
}

Problem make_problem(std::string_view code, std::string message, std::vector<std::string> facts) {
    for (const auto& kind : problem_kinds()) {
        if (kind.code != code) continue;
        return Problem{std::string(code), std::move(message), std::move(facts), {kind.fix.begin(), kind.fix.end()},
                       kind.http_status,  kind.exit};
    }
    ENSURE(false && "a problem code outside the table");
    return {};
}

namespace {

std::string_view missing_code(base::Subject subject) {
    switch (subject) {
        case base::Subject::bucket:
            return "no-such-bucket";
        case base::Subject::object:
            return "no-such-object";
        case base::Subject::access_key:
            return "no-such-key";
        case base::Subject::upload:
            return "no-such-upload";
        case base::Subject::node:
            return "no-such-node";
        case base::Subject::token:
            return "no-such-invite";
        case base::Subject::config:
            return "nothing-staged";
        default:
            return "not-found";
    }
}

// Those of the cluster: what is wrong with a machine, or with a layout (replication/cluster.h).
std::optional<std::string_view> cluster_code(const base::Error& error) {
    using enum base::Code;
    if (error.is(invalid_argument, base::Subject::config)) return "bad-layout";
    if (error.is(invalid_argument, base::Subject::node)) return "ambiguous-node";
    if (error.is(conflict, base::Subject::config)) return "layout-changed";
    if (error.is(conflict, base::Subject::node)) return "still-up";
    if (error.is(already_exists, base::Subject::node)) return "already-member";
    if (error.is(permission_denied, base::Subject::node)) return "removed-node";
    if (error.is(already_exists, base::Subject::token)) return "token-used";
    if (error.is(permission_denied, base::Subject::token)) return "token-used";
    if (error.is(precondition_failed, base::Subject::token)) return "token-expired";
    if (error.is(precondition_failed, base::Subject::clock)) return "clock-skew";
    if (error.is(precondition_failed, base::Subject::zone)) return "same-place";
    if (error.is(precondition_failed, base::Subject::node)) return "would-lose-data";
    return std::nullopt;
}

std::string_view code_of(const base::Error& error) {
    if (const auto code = cluster_code(error)) return *code;
    switch (error.code) {
        case base::Code::invalid_argument:
            return "bad-request";
        case base::Code::not_found:
            return missing_code(error.subject);
        case base::Code::already_exists:
            return "already-exists";
        case base::Code::precondition_failed:
            return "precondition-failed";
        case base::Code::permission_denied:
            return "not-allowed";
        case base::Code::unsupported:
            return "unsupported";
        case base::Code::too_large:
            return "too-large";
        case base::Code::timeout:
            return "timeout";
        case base::Code::disconnected:
            return "unreachable";
        case base::Code::overloaded:
            return "no-quorum";
        case base::Code::quorum_not_reached:
            return "no-quorum";
        case base::Code::conflict:
            return error.subject == base::Subject::bucket ? "bucket-not-empty" : "changed-meanwhile";
        case base::Code::unknown_outcome:
            return "unknown-outcome";
        case base::Code::corrupted:
            return "damaged";
        case base::Code::no_space:
            return "no-space";
        case base::Code::quota_exceeded:
            return "quota-exceeded";
        case base::Code::io_failure:
            return "disk-failure";
        case base::Code::shutting_down:
            return "shutting-down";
        case base::Code::internal:
            return "internal";
    }
    return "internal";
}

std::vector<std::string> strings_of(const json::object& object, std::string_view name) {
    std::vector<std::string> out;
    const auto* list = object.if_contains(name);
    if (list == nullptr || !list->is_array()) return out;
    for (const auto& item : list->get_array()) {
        if (item.is_string()) out.emplace_back(item.get_string());
    }
    return out;
}

}  // namespace

Problem problem_of(const base::Error& error) {
    return make_problem(code_of(error), error.message);
}

std::string to_json(const Problem& problem) {
    json::object error;
    error["code"] = problem.code;
    error["message"] = problem.message;
    error["facts"] = json::array(problem.facts.begin(), problem.facts.end());
    error["fix"] = json::array(problem.fix.begin(), problem.fix.end());
    return json::serialize(json::object{{"error", std::move(error)}});
}

std::optional<Problem> problem_from_json(std::string_view text) {
    boost::system::error_code bad;
    const auto value = json::parse(text, bad);
    if (bad || !value.is_object()) return std::nullopt;
    const auto* error = value.get_object().if_contains("error");
    if (error == nullptr || !error->is_object()) return std::nullopt;
    const auto& object = error->get_object();
    const auto* code = object.if_contains("code");
    const auto* message = object.if_contains("message");
    if (code == nullptr || !code->is_string() || message == nullptr || !message->is_string()) return std::nullopt;
    Problem problem;
    problem.code = std::string(code->get_string());
    problem.message = std::string(message->get_string());
    problem.facts = strings_of(object, "facts");
    problem.fix = strings_of(object, "fix");
    for (const auto& kind : problem_kinds()) {
        if (kind.code == problem.code) problem.exit = kind.exit;
    }
    return problem;
}

}  // namespace larder::admin
