#include "src/daemon/machine.h"

#include "src/base/size.h"

#include <array>
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

}  // namespace

std::expected<control::Machine, admin::Problem> machine_of(const Config& config,
                                                           const std::vector<engine::DataFolder>& folders) {
    control::Machine out;
    out.name = config.machine.empty() ? host_name() : config.machine;
    out.zone = config.place;
    out.addresses = config.advertise;
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
