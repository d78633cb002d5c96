// The words a person types, as a tree of commands.
#pragma once

namespace larder::cli {

// Parses and runs; returns the exit code of the process (admin::Exit).
int run(int argc, char** argv);

}  // namespace larder::cli
