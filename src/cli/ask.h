// Questions before what cannot be undone. Without a terminal, and without the option that answers, the answer is no.
#pragma once

#include "src/cli/session.h"

namespace larder::cli {

// Yes by --yes, or as typed. needs-yes otherwise; `command` is shown with --yes.
Outcome<void> ask_yes(const Session& session, const std::string& question, const std::string& command);
// The name, by `given` (--confirm) or as typed. --yes does not answer it.
Outcome<void> ask_name(const std::string& question, const std::string& name, const std::string& given,
                       const std::string& command);

}  // namespace larder::cli
