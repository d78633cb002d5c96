// What the daemon and the command line say to each other: JSON over HTTP on a Unix socket. One table of problems serves
// both, so a thing is explained once.
#pragma once

#include "src/base/error.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::admin {

// Exit codes of the command line (listed by `larder --help`).
enum class Exit : int {
    done = 0,
    failed = 1,
    usage = 2,
    not_found = 3,
    not_allowed = 4,
    unreachable = 5,
    conflict = 6,
    needs_yes = 7,
    no_quorum = 8,
    partly = 9,
    damage = 10,
    refused = 11,
    timeout = 124,
    interrupted = 130,
};

// A failure as a person sees it: what, facts, and what to do.
struct Problem {
    std::string code;  // kebab-case, stable: "no-such-bucket"
    std::string message;
    std::vector<std::string> facts;
    std::vector<std::string> fix;  // runnable lines
    int http_status = 500;
    Exit exit = Exit::failed;
};

// One row of the problem table: the code, and what is always true of it.
struct ProblemKind {
    std::string_view code;
    int http_status;
    Exit exit;
    std::vector<std::string_view> fix;  // at least one
};
const std::vector<ProblemKind>& problem_kinds();

// A problem of a known kind. Unknown codes are a bug.
Problem make_problem(std::string_view code, std::string message, std::vector<std::string> facts = {});
// The problem an engine error amounts to; its message is kept.
Problem problem_of(const base::Error& error);

// {"error":{"code":…,"message":…,"facts":[…],"fix":[…]}}
std::string to_json(const Problem& problem);
// From the same; nullopt when it is something else.
std::optional<Problem> problem_from_json(std::string_view text);

}  // namespace larder::admin
