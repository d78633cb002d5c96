#include "src/cli/command_line.h"

int main(int argc, char** argv) {
    return larder::cli::run(argc, argv);
}
