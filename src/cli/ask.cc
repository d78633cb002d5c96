#include "src/cli/ask.h"

#include <iostream>
#include <unistd.h>

namespace larder::cli {
namespace {

bool is_terminal() {
    return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
}

std::string typed(const std::string& prompt) {
    std::cerr << prompt << std::flush;
    std::string answer;
    std::getline(std::cin, answer);
    return answer;
}

std::unexpected<Problem> unanswered(std::string message, const std::string& command) {
    auto problem = admin::make_problem("needs-yes", std::move(message));
    problem.fix = {command};
    return std::unexpected(std::move(problem));
}

}  // namespace

Outcome<void> ask_yes(const Session& session, const std::string& question, const std::string& command) {
    if (session.globals().yes) return {};
    if (!is_terminal()) return unanswered(question + " Nothing was done.", command + " --yes");
    const auto answer = typed(question + " [y/N] ");
    if (answer == "y" || answer == "Y" || answer == "yes") return {};
    return unanswered("nothing was done.", command + " --yes");
}

Outcome<void> ask_name(const std::string& question, const std::string& name, const std::string& given,
                       const std::string& command) {
    if (given == name) return {};
    const auto confirmed = command + " --confirm " + name;
    if (!given.empty()) return unanswered("\"" + given + "\" is not its name. Nothing was done.", confirmed);
    if (!is_terminal()) return unanswered(question + " Nothing was done.", confirmed);
    if (typed(question + "\nType its name to go on: ") == name) return {};
    return unanswered("that is not its name. Nothing was done.", confirmed);
}

}  // namespace larder::cli
