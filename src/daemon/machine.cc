#include "src/daemon/machine.h"

#include "src/base/size.h"

#include <array>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

namespace larder::daemon {
namespace {

// The host's name up to its first dot.
std::string host_name() {
    std::array<char, 256> text{};
    if (::gethostname(text.data(), text.size() - 1) != 0 || text[0] == '\0' || text[0] == '.') return "machine";
    const std::string name(text.data());
    return name.substr(0, name.find('.'));
}

// What the folders have and could take: several on one disk count it once each, so these are at most true.
std::uint64_t room_of(const std::vector<engine::DataFolder>& folders) {
    std::uint64_t room = 0;
    for (const auto& folder : folders) room += folder.free_bytes + folder.used_bytes;
    return room;
}

// Where this machine can be reached, as far as it can tell itself: its addresses but those of the loopback, with the
// port of `rpc_address`; or the host named there.
std::vector<std::string> own_addresses(const std::string& rpc_address) {
    const auto colon = rpc_address.rfind(':');
    if (colon == std::string::npos) return {};
    const auto host = rpc_address.substr(0, colon);
    if (!host.empty() && host != "0.0.0.0" && host != "[::]") return {rpc_address};
    std::vector<std::string> out;
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0) return out;
    for (const auto* one = first; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_LOOPBACK) != 0 || (one->ifa_flags & IFF_UP) == 0)
            continue;
        const auto family = one->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        const auto size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        std::array<char, NI_MAXHOST> text{};
        if (::getnameinfo(one->ifa_addr, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) continue;
        const std::string name(text.data());
        // Those of a link alone mean nothing to machines elsewhere.
        if (name.find('%') != std::string::npos) continue;
        out.push_back((family == AF_INET ? name : "[" + name + "]") + rpc_address.substr(colon));
    }
    ::freeifaddrs(first);
    return out;
}

}  // namespace

base::Result<std::vector<engine::DataFolder>> folders_of(io::Disk& disk, const Config& config) {
    std::vector<engine::DataFolder> out;
    for (const auto& path : config.segment_folders()) {
        TRY_VOID(disk.make_folder(path));
        TRY(const auto space, disk.space(path));
        engine::DataFolder folder;
        folder.path = path;
        folder.total_bytes = space.total_bytes;
        folder.free_bytes = space.free_bytes;
        out.push_back(std::move(folder));
    }
    return out;
}

std::expected<control::Machine, admin::Problem> machine_of(const Config& config,
                                                           const std::vector<engine::DataFolder>& folders) {
    control::Machine out;
    out.name = config.machine.empty() ? host_name() : config.machine;
    out.zone = config.place;
    out.addresses = config.advertise.empty() ? own_addresses(config.rpc_address) : config.advertise;
    out.release = LARDER_VERSION;
    const auto room = room_of(folders);
    const auto usual = room / 10 * 9;
    const auto wanted = config.capacity.empty() ? std::nullopt : base::parse_size(config.capacity);
    if (wanted && *wanted > room) {
        auto problem = admin::make_problem(
            "capacity-too-big", "capacity " + base::format_size(*wanted) + " is more than the disk can hold.");
        for (const auto& folder : folders) {
            problem.facts.push_back(folder.path + ": " + base::format_size(folder.total_bytes) + " in all, " +
                                    base::format_size(folder.free_bytes) + " free.");
        }
        problem.fix = {"--capacity " + std::to_string(usual / 1'000'000'000) + "GB, or --data FOLDER on a larger disk"};
        return std::unexpected(std::move(problem));
    }
    out.capacity = wanted.value_or(usual);
    return out;
}

}  // namespace larder::daemon
