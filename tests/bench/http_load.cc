// Load for the bench: a few connections on one thread that send requests prepared beforehand and read the answers.
//
//   http_load PORT CONNECTIONS METHOD TARGETS [--body FILE] [--seconds N] [--spin yes]
//
// TARGETS is a file with one target (path and query) per line. With --seconds they are sent over and over for so long,
// else each once. Prints one line of JSON: requests, errors (answers that are not 2xx), seconds, and the median and
// 99th percentile of the answering time in microseconds. It spends little on each request, so that on a small machine
// the server has the processors; and it knows that answers to HEAD have no body. With --spin it never sleeps: on one
// machine waking it up would be paid for by the server, in each send, as no client on a network makes it pay.
#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <netinet/tcp.h>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Plan {
    int port = 0;
    std::size_t connections = 1;
    std::string method;
    std::vector<std::string> heads;  // a request without its body, each
    std::string body;
    double seconds = 0;  // 0: each target once
    bool spin = false;
};

struct Totals {
    std::size_t started = 0;
    std::size_t done = 0;
    std::size_t errors = 0;
    std::vector<std::uint32_t> micros;
};

[[noreturn]] void give_up(const std::string& why) {
    std::fprintf(stderr, "http_load: %s\n", why.c_str());
    std::exit(1);
}

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) give_up("cannot read " + path);
    std::ostringstream out;
    out << in.rdbuf();
    return std::move(out).str();
}

// One connection: a request is sent whole, its answer read, then the next.
class Client {
 public:
    explicit Client(const Plan& plan) : plan_(plan), in_(1 << 18, '\0') {
        fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(static_cast<std::uint16_t>(plan.port));
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) {
            give_up("cannot connect");
        }
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }

    void begin(std::size_t target) {
        head_ = &plan_.heads[target];
        sent_ = filled_ = 0;
        left_.reset();
        began_ = Clock::now();
    }

    // Sends and reads what can be; true when the answer is whole.
    bool advance(Totals& totals) {
        if (!send_rest()) return false;
        for (;;) {
            const auto got = ::recv(fd, in_.data() + filled_, in_.size() - filled_, 0);
            if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
            if (got <= 0) give_up("the server closed a connection");
            if (take(static_cast<std::size_t>(got))) break;
        }
        const auto spent = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began_).count();
        totals.micros.push_back(static_cast<std::uint32_t>(spent));
        ++totals.done;
        if (status_ < 200 || status_ > 299) ++totals.errors;
        return true;
    }

    int fd = -1;

 private:
    bool send_rest() {
        const auto total = head_->size() + plan_.body.size();
        while (sent_ < total) {
            const bool in_head = sent_ < head_->size();
            const auto at = in_head ? head_->data() + sent_ : plan_.body.data() + (sent_ - head_->size());
            const auto count = in_head ? head_->size() - sent_ : total - sent_;
            const bool more = in_head && !plan_.body.empty();
            const auto put = ::send(fd, at, count, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
            if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOTCONN)) return false;
            if (put < 0) give_up("a connection broke while sending");
            sent_ += static_cast<std::size_t>(put);
        }
        return true;
    }

    // True when these bytes end the answer.
    bool take(std::size_t got) {
        if (left_) {
            *left_ -= std::min(*left_, got);
            return *left_ == 0;
        }
        filled_ += got;
        const auto end = std::string_view(in_).substr(0, filled_).find("\r\n\r\n");
        if (end == std::string_view::npos) {
            if (filled_ == in_.size()) give_up("an answer's head is too long");
            return false;
        }
        const std::string head = in_.substr(0, end + 2);
        status_ = std::atoi(head.c_str() + std::min<std::size_t>(9, head.size()));
        const auto at = ::strcasestr(head.c_str(), "\r\ncontent-length:");
        std::size_t length = at == nullptr ? 0 : std::strtoull(at + 17, nullptr, 10);
        if (at == nullptr && ::strcasestr(head.c_str(), "\r\ntransfer-encoding:") != nullptr) {
            give_up("an answer without a length cannot be measured");
        }
        if (plan_.method == "HEAD" || status_ == 204 || status_ == 304) length = 0;
        const auto here = std::min(length, filled_ - end - 4);
        left_ = length - here;
        filled_ = 0;
        return *left_ == 0;
    }

    const Plan& plan_;
    const std::string* head_ = nullptr;
    std::size_t sent_ = 0;
    std::string in_;
    std::size_t filled_ = 0;
    std::optional<std::size_t> left_;  // of the answer's body
    int status_ = 0;
    Clock::time_point began_;
};

Totals run(const Plan& plan) {
    Totals totals;
    const auto end =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(plan.seconds));
    // Nothing is begun after the end; what is under way is waited for.
    const auto next = [&](Client& client) {
        if (plan.seconds > 0 ? Clock::now() >= end : totals.started == plan.heads.size()) return false;
        client.begin(totals.started++ % plan.heads.size());
        return true;
    };
    const int poll = ::epoll_create1(0);
    std::vector<std::unique_ptr<Client>> clients;
    for (std::size_t i = 0; i < plan.connections; ++i) {
        auto client = std::make_unique<Client>(plan);
        if (!next(*client)) break;
        epoll_event wanted{EPOLLIN | EPOLLOUT | EPOLLET, {.ptr = client.get()}};
        ::epoll_ctl(poll, EPOLL_CTL_ADD, client->fd, &wanted);
        clients.push_back(std::move(client));
    }
    auto busy = clients.size();
    std::vector<epoll_event> events(64);
    while (busy > 0) {
        const int count = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), plan.spin ? 0 : -1);
        for (int i = 0; i < count; ++i) {
            auto& client = *static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr);
            while (client.fd >= 0 && client.advance(totals)) {
                if (next(client)) continue;
                ::close(std::exchange(client.fd, -1));
                --busy;
            }
        }
    }
    ::close(poll);
    return totals;
}

Plan read_plan(int count, char** words) {
    Plan plan;
    if (count < 5) give_up("usage: http_load PORT CONNECTIONS METHOD TARGETS [--body FILE] [--seconds N] [--spin yes]");
    plan.port = std::atoi(words[1]);
    plan.connections = static_cast<std::size_t>(std::atoi(words[2]));
    plan.method = words[3];
    for (int i = 5; i + 1 < count; i += 2) {
        const std::string_view option = words[i];
        if (option == "--body") plan.body = read_file(words[i + 1]);
        if (option == "--seconds") plan.seconds = std::atof(words[i + 1]);
        if (option == "--spin") plan.spin = true;
    }
    std::istringstream targets(read_file(words[4]));
    std::string rest = " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(plan.port) + "\r\n";
    if (plan.method == "PUT" || plan.method == "POST") {
        rest += "Content-Length: " + std::to_string(plan.body.size()) + "\r\n";
    }
    for (std::string target; std::getline(targets, target);)
        plan.heads.push_back(plan.method + " " + target + rest + "\r\n");
    if (plan.heads.empty()) give_up("there are no targets");
    return plan;
}

}  // namespace

int main(int count, char** words) {
    const auto plan = read_plan(count, words);
    const auto began = Clock::now();
    auto totals = run(plan);
    const auto seconds = std::chrono::duration<double>(Clock::now() - began).count();
    std::sort(totals.micros.begin(), totals.micros.end());
    const auto at = [&](double share) {
        const auto index = static_cast<std::size_t>(share * static_cast<double>(totals.micros.size()));
        return totals.micros.empty() ? 0u : totals.micros[std::min(index, totals.micros.size() - 1)];
    };
    std::printf("{\"requests\": %zu, \"errors\": %zu, \"seconds\": %.4f, \"median_us\": %u, \"p99_us\": %u}\n",
                totals.done, totals.errors, seconds, at(0.5), at(0.99));
    return 0;
}
