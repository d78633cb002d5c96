#include "src/io/process.h"

#include <cstdio>
#include <dirent.h>
#include <fstream>
#include <sstream>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace larder::io {

namespace {

// Positions in /proc/self/stat behind the name of the program (proc(5): utime is field 14).
constexpr std::size_t kUserTicks = 11, kSystemTicks = 12, kStartTicks = 19, kVirtualBytes = 20, kResidentPages = 21;

std::vector<double> stat_fields() {
    std::ifstream in("/proc/self/stat");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    // The name may hold spaces and parentheses; the last one ends it, and one letter of state follows.
    const auto end = text.rfind(')');
    if (end == std::string::npos || end + 4 > text.size()) return {};
    std::istringstream rest(text.substr(end + 4));
    std::vector<double> fields{0};
    for (double value = 0; rest >> value;) fields.push_back(value);
    return fields;
}

double boot_time() {
    std::ifstream in("/proc/stat");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("btime ")) return std::stod(line.substr(6));
    }
    return 0;
}

double open_descriptors() {
    double count = 0;
    if (DIR* folder = ::opendir("/proc/self/fd")) {
        while (const auto* entry = ::readdir(folder)) count += entry->d_name[0] != '.' ? 1 : 0;
        ::closedir(folder);
    }
    return count - 1;  // the folder's own
}

void line(std::string& out, const char* name, const char* kind, double value) {
    char number[32];
    std::snprintf(number, sizeof number, "%.17g", value);
    out.append("# TYPE ").append(name).append(" ").append(kind).append("\n");
    out.append(name).append(" ").append(number).append("\n");
}

}  // namespace

std::string process_metrics() {
    std::string out;
    const auto fields = stat_fields();
    if (fields.size() > kResidentPages) {
        const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
        const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
        line(out, "process_cpu_seconds_total", "counter", (fields[kUserTicks] + fields[kSystemTicks]) / ticks);
        line(out, "process_resident_memory_bytes", "gauge", fields[kResidentPages] * page);
        line(out, "process_virtual_memory_bytes", "gauge", fields[kVirtualBytes]);
        line(out, "process_start_time_seconds", "gauge", boot_time() + fields[kStartTicks] / ticks);
    }
    line(out, "process_open_fds", "gauge", open_descriptors());
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        line(out, "process_max_fds", "gauge", static_cast<double>(limit.rlim_cur));
    }
    return out;
}

}  // namespace larder::io
