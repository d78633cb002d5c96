// A network between places far apart, for tests: joins network namespaces by a TUN device in each and passes packets on
// with a delay, jitter, loss and rate for each directed pair. It needs no kernel module, and all its chance follows
// from a seed. tests/cluster/netns.py drives it.
//
//   larder_geoswitch SEED NAMESPACE=ADDRESS…
//
// It makes the device larder0 in each namespace, says "ready", and takes lines from its standard input until that ends:
//
//   link FROM TO DELAY_US JITTER_US LOSS_PPM RATE_KBIT CUT     (numbers of namespaces from 0; rate 0: no limit; CUT 0
//   or 1)
//
// each of which it answers with "ok". Packets of one pair keep their order.
#include <algorithm>
#include <arpa/inet.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr std::size_t kPacketBytesMax = 65536;
constexpr int kPacketsPerTurn = 64;
// What a router on the way holds before it drops: so much time's worth, or so many bytes where there is no rate.
constexpr std::int64_t kBufferNs = 200'000'000;
constexpr std::size_t kBufferBytes = 64u << 20;

std::int64_t now_ns() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "geoswitch: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

struct Packet {
    std::int64_t due;
    std::string bytes;
};

// One direction between two places.
struct Way {
    std::int64_t delay_ns = 0;
    std::int64_t jitter_ns = 0;
    std::uint64_t loss_ppm = 0;
    std::uint64_t rate_kbit = 0;
    bool is_cut = false;
    std::int64_t free_at = 0;
    std::size_t held = 0;
    std::deque<Packet> packets;
};

struct Place {
    std::uint32_t address = 0;  // as it stands in a packet
    int tun = -1;
};

class Switch {
 public:
    Switch(std::uint64_t seed, std::vector<Place> places)
        : state_(seed), places_(std::move(places)), ways_(places_.size() * places_.size()) {}

    void run();

 private:
    Way& way(std::size_t from, std::size_t to) { return ways_[from * places_.size() + to]; }
    std::uint64_t chance(std::uint64_t bound) {
        state_ += 0x9e3779b97f4a7c15;
        auto z = state_;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return bound == 0 ? 0 : (z ^ z >> 31) % bound;
    }
    void receive(std::size_t from);
    void take(Way& way, std::string_view packet);
    // When the next packet is due; -1 for none.
    std::int64_t deliver();
    bool take_commands();
    void obey(const char* line);

    std::uint64_t state_;
    std::vector<Place> places_;
    std::vector<Way> ways_;
    std::string input_;
};

void Switch::receive(std::size_t from) {
    static char buffer[kPacketBytesMax];
    for (int i = 0; i < kPacketsPerTurn; ++i) {
        const auto n = ::read(places_[from].tun, buffer, sizeof buffer);
        if (n < 20) return;
        if ((buffer[0] & 0xf0) != 0x40) continue;  // IPv4 alone
        std::uint32_t to = 0;
        std::memcpy(&to, buffer + 16, sizeof to);
        for (std::size_t other = 0; other < places_.size(); ++other) {
            if (places_[other].address == to) take(way(from, other), {buffer, static_cast<std::size_t>(n)});
        }
    }
}

void Switch::take(Way& way, std::string_view packet) {
    if (way.is_cut || chance(1'000'000) < way.loss_ppm || way.held + packet.size() > kBufferBytes) return;
    const auto now = now_ns();
    auto leaves = now;
    if (way.rate_kbit > 0) {
        leaves = std::max(now, way.free_at);
        if (leaves - now > kBufferNs) return;
        leaves += static_cast<std::int64_t>(packet.size() * 8'000'000 / way.rate_kbit);
        way.free_at = leaves;
    }
    auto due = leaves + way.delay_ns + static_cast<std::int64_t>(chance(static_cast<std::uint64_t>(way.jitter_ns)));
    if (!way.packets.empty()) due = std::max(due, way.packets.back().due);
    way.held += packet.size();
    way.packets.push_back({due, std::string(packet)});
}

std::int64_t Switch::deliver() {
    const auto now = now_ns();
    std::int64_t next = -1;
    for (std::size_t i = 0; i < ways_.size(); ++i) {
        auto& packets = ways_[i].packets;
        for (; !packets.empty() && packets.front().due <= now; packets.pop_front()) {
            const auto& bytes = packets.front().bytes;
            ways_[i].held -= bytes.size();
            // A device that is down or full drops, as a network does.
            if (!ways_[i].is_cut) (void)!::write(places_[i % places_.size()].tun, bytes.data(), bytes.size());
        }
        if (!packets.empty() && (next < 0 || packets.front().due < next)) next = packets.front().due;
    }
    return next;
}

void Switch::obey(const char* line) {
    unsigned from = 0;
    unsigned to = 0;
    long long delay = 0;
    long long jitter = 0;
    unsigned long long loss = 0;
    unsigned long long rate = 0;
    unsigned cut = 0;
    const int read =
        std::sscanf(line, "link %u %u %lld %lld %llu %llu %u", &from, &to, &delay, &jitter, &loss, &rate, &cut);
    if (read != 7 || from >= places_.size() || to >= places_.size() || delay < 0 || jitter < 0) {
        std::puts("not understood");
        return;
    }
    auto& changed = way(from, to);
    changed.delay_ns = delay * 1000;
    changed.jitter_ns = jitter * 1000;
    changed.loss_ppm = loss;
    changed.rate_kbit = rate;
    changed.is_cut = cut != 0;
    std::puts("ok");
}

bool Switch::take_commands() {
    char buffer[4096];
    const auto n = ::read(0, buffer, sizeof buffer);
    if (n <= 0) return false;
    input_.append(buffer, static_cast<std::size_t>(n));
    for (auto end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
        obey(input_.substr(0, end).c_str());
        input_.erase(0, end + 1);
    }
    std::fflush(stdout);
    return true;
}

void Switch::run() {
    std::vector<pollfd> polled;
    for (const auto& place : places_) polled.push_back({place.tun, POLLIN, 0});
    polled.push_back({0, POLLIN, 0});
    for (;;) {
        const auto due = deliver();
        const auto wait = std::max<std::int64_t>(0, due - now_ns());
        const timespec patience{wait / 1'000'000'000, wait % 1'000'000'000};
        if (::ppoll(polled.data(), polled.size(), due < 0 ? nullptr : &patience, nullptr) < 0 && errno != EINTR)
            die("ppoll");
        for (std::size_t i = 0; i < places_.size(); ++i) {
            if (polled[i].revents != 0) receive(i);
        }
        if (polled.back().revents != 0 && !take_commands()) return;
    }
}

// "NAMESPACE=ADDRESS": a device in that namespace.
Place open_place(const std::string& text) {
    const auto equals = text.find('=');
    Place place;
    if (equals == std::string::npos || ::inet_pton(AF_INET, text.c_str() + equals + 1, &place.address) != 1) {
        errno = EINVAL;
        die(text);
    }
    const auto path = "/run/netns/" + text.substr(0, equals);
    const int space = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (space < 0 || ::setns(space, CLONE_NEWNET) != 0) die(path);
    ::close(space);
    place.tun = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ifreq request{};
    std::strcpy(request.ifr_name, "larder0");
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (place.tun < 0 || ::ioctl(place.tun, TUNSETIFF, &request) != 0) die("/dev/net/tun in " + text);
    return place;
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 3) {
        std::fputs("larder_geoswitch SEED NAMESPACE=ADDRESS…\n", stderr);
        return 2;
    }
    std::vector<Place> places;
    for (int i = 2; i < count; ++i) places.push_back(open_place(arguments[i]));
    std::puts("ready");
    std::fflush(stdout);
    Switch(std::strtoull(arguments[1], nullptr, 10), std::move(places)).run();
}
