#include "fuse/read_ahead.h"

#include <fstream>
#include <iterator>
#include <sstream>

namespace larder::fuse {

namespace {

constexpr int kReadAheadKib = 1024;  // max_write and max_readahead of the session

// As the kernel writes names into its tables.
std::string escape(const std::string& path) {
    std::string out;
    for (const char c : path) {
        switch (c) {
            case ' ':
                out += "\\040";
                break;
            case '\t':
                out += "\\011";
                break;
            case '\n':
                out += "\\012";
                break;
            case '\\':
                out += "\\134";
                break;
            default:
                out += c;
        }
    }
    return out;
}

}  // namespace

std::string mounted_device(const std::string& table, const std::string& folder) {
    const auto wanted = escape(folder);
    std::string device;
    std::istringstream lines(table);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream fields(line);
        std::string number, parent, at, root, place;
        fields >> number >> parent >> at >> root >> place;
        if (place == wanted) device = at;  // the last one hides those before
    }
    return device;
}

void widen_read_ahead(const std::string& folder) {
    std::ifstream in("/proc/self/mountinfo");
    const std::string table{std::istreambuf_iterator<char>(in), {}};
    const auto device = mounted_device(table, folder);
    if (!device.empty()) std::ofstream("/sys/class/bdi/" + device + "/read_ahead_kb") << kReadAheadKib;
}

}  // namespace larder::fuse
