// Addresses, Unix sockets, limits, TLS and the end of the server.
#include "src/http/address.h"
#include "tests/unit/http/harness.h"

#include <cstdlib>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace larder::http {
namespace {

using namespace std::chrono_literals;

// A folder that goes away with the test.
struct Folder {
    std::string path = "/tmp/larder-http-XXXXXX";
    Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
    ~Folder() { (void)!std::system(("rm -r " + path).c_str()); }
};

base::Result<void> try_listen(const ListenOptions& options) {
    io::RealEnv env;
    base::Metrics metrics;
    Server server(env, metrics);
    return server.listen(options, echo);
}

TEST_CASE("addresses are read strictly") {
    const auto host = [](const char* text) { return parse_address(text).value().host; };
    CHECK(host("[::1]:3900") == "::1");
    CHECK(host(":3900").empty());
    CHECK(host("0.0.0.0:3900") == "0.0.0.0");
    CHECK(host("localhost:0") == "localhost");
    CHECK(parse_address("[::1]:3900")->port == "3900");
    CHECK(parse_address("unix:/a/b")->unix_path == "/a/b");
    for (const char* bad : {"", "3900", "host", "host:", "host:x", "host:65536", "host:-1", "::1:3900", "unix:"})
        CHECK_FALSE(parse_address(bad).has_value());
}

TEST_CASE("every form of address can be listened on and reached") {
    for (const std::string address : {"127.0.0.1:0", "localhost:0", ":0"}) {
        INFO(address);
        TestServer server(echo, {}, {.address = address});
        const auto port = server.address().substr(server.address().rfind(':'));
        CHECK(port != ":0");
        RawClient client((address == "localhost:0" ? "localhost" : "127.0.0.1") + port);
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(client.reply().status() == 200);
    }
}

TEST_CASE("an address in use is named, with what to do") {
    TestServer first(echo);
    const auto second = try_listen({.address = first.address()});
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().is(base::Code::already_exists));
    CHECK(second.error().message.find(first.address()) != std::string::npos);
    CHECK(try_listen({.address = "192.0.2.1:0"}).error().is(base::Code::invalid_argument));
}

TEST_CASE("a Unix socket has its mode and tells who calls") {
    const Folder folder;
    const std::string path = folder.path + "/socket";
    const ListenOptions options{.address = "unix:" + path, .unix_mode = 0600};
    const Handler who = [](Exchange& exchange) -> io::Task<void> {
        return [](Exchange& x) -> io::Task<void> {
            const auto& request = x.request();
            (void)co_await x.respond(ok_head(), request.remote_address + " " + std::to_string(*request.peer_uid) + " " +
                                                    std::to_string(*request.peer_gid));
        }(exchange);
    };
    {
        TestServer server(who, {}, options);
        struct stat info{};
        REQUIRE(::stat(path.c_str(), &info) == 0);
        CHECK((info.st_mode & 0777) == 0600);
        Client client("unix:" + path);
        const auto reply = client.send({.method = "GET", .target = "/"});
        REQUIRE(reply.has_value());
        CHECK(reply->body == "unix " + std::to_string(::getuid()) + " " + std::to_string(::getgid()));
        CHECK(try_listen(options).error().is(base::Code::already_exists));
    }
    CHECK(::access(path.c_str(), F_OK) != 0);

    // What a dead process left behind is replaced; a file of another kind is not.
    auto left_behind = open_listening_sockets(options.address, 0600);
    REQUIRE(left_behind.has_value());
    ::close(left_behind->front().descriptor);
    CHECK(::access(path.c_str(), F_OK) == 0);
    CHECK(try_listen(options).has_value());
    std::ofstream(path) << "precious";
    CHECK(try_listen(options).error().is(base::Code::already_exists));
    CHECK(::access(path.c_str(), F_OK) == 0);
}

TEST_CASE("connections and requests per connection are bounded") {
    Limits limits;
    limits.connections = 3;
    limits.connections_per_address = 2;
    limits.requests_per_connection = 2;
    TestServer server(echo, limits);
    const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    RawClient first(server.address());
    RawClient second(server.address());
    first.send(request);
    second.send(request);
    CHECK_FALSE(first.reply().has("Connection: close"));
    CHECK_FALSE(second.reply().has("Connection: close"));
    RawClient third(server.address());
    CHECK(third.reply().status() == 503);
    first.send(request);
    CHECK(first.reply().has("Connection: close"));
    CHECK(server.metrics_page().find("reason=\"too_many_connections\"} 1") != std::string::npos);
}

// Answers when told to.
struct Gate {
    std::promise<void> entered;
    std::unique_ptr<io::Promise<io::Done>> open;

    io::Task<void> handle(Exchange& exchange) {
        entered.set_value();
        co_await open->future();
        (void)co_await exchange.respond(ok_head(), "late");
    }
};

TEST_CASE("drain closes the idle, lets the running finish, and cuts the rest") {
    Gate gate;
    TestServer server([&gate](Exchange& exchange) { return gate.handle(exchange); });
    gate.open = std::make_unique<io::Promise<io::Done>>(server.env().executor);
    RawClient idle(server.address());
    RawClient running(server.address());
    running.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    gate.entered.get_future().wait();

    SECTION("in time") {
        auto drained = server.drain(10s);
        CHECK(idle.rest().empty());
        server.env().executor.post([&gate] { gate.open->set(io::Done{}); });
        const auto reply = running.reply();
        CHECK(reply.body == "late");
        CHECK(reply.has("Connection: close"));
        running.half_close();
        CHECK(running.rest().empty());
        CHECK(drained.get() == 0);
    }
    SECTION("too late") {
        auto drained = server.drain(30ms);
        CHECK(drained.get() == 1);
        CHECK(running.rest() == "<reset>");
    }
}

void make_certificate(const std::string& folder, const std::string& name) {
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost" +
        std::string(" -keyout ") + folder + "/" + name + ".key -out " + folder + "/" + name + ".pem >/dev/null 2>&1";
    REQUIRE(std::system(command.c_str()) == 0);
}

TEST_CASE("TLS serves the same, and says what is wrong with its files") {
    const Folder folder;
    make_certificate(folder.path, "one");
    make_certificate(folder.path, "two");
    const std::string one = folder.path + "/one.pem";
    const std::string key = folder.path + "/one.key";
    const std::string other_key = folder.path + "/two.key";
    {
        TestServer server(echo, {}, {.address = "127.0.0.1:0", .certificate_file = one, .key_file = key});
        const std::string body = folder.path + "/body";
        std::ofstream(body) << std::string(3'000'000, 'b');
        const std::string curl = "curl -sS --cacert " + one +
                                 " --resolve localhost:" + server.address().substr(server.address().find(':') + 1) +
                                 ":127.0.0.1 https://localhost" + server.address().substr(server.address().find(':')) +
                                 "/x ";
        REQUIRE(std::system((curl + "-T " + body + " -o " + folder.path + "/out").c_str()) == 0);
        std::ifstream out(folder.path + "/out");
        std::string text((std::istreambuf_iterator<char>(out)), {});
        CHECK(text == "PUT /x 3000000 " + std::string(3'000'000, 'b'));
        CHECK(std::system((curl + "--tls-max 1.2 -o /dev/null").c_str()) == 0);
        CHECK(std::system((curl + "--tls-max 1.1 -o /dev/null 2>/dev/null").c_str()) != 0);
        // Bytes that are no TLS end that connection alone.
        RawClient plain(server.address());
        plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        (void)plain.rest();
        CHECK(std::system((curl + "-o /dev/null").c_str()) == 0);
    }
    const auto failure = [](const std::string& certificate, const std::string& k) {
        return try_listen({.address = "127.0.0.1:0", .certificate_file = certificate, .key_file = k}).error();
    };
    CHECK(failure(one, other_key).is(base::Code::invalid_argument));
    CHECK(failure(one, other_key).message.find(other_key) != std::string::npos);
    CHECK(failure(folder.path + "/none", key).is(base::Code::not_found));
    CHECK(failure(one, "").is(base::Code::invalid_argument));
    CHECK(failure(key, key).message.find("no PEM certificate") != std::string::npos);
}

TEST_CASE("a changed certificate is taken up without a restart") {
    const Folder folder;
    make_certificate(folder.path, "used");
    make_certificate(folder.path, "next");
    const std::string used = folder.path + "/used";
    const std::string next = folder.path + "/next";
    REQUIRE(std::system(("cp " + next + ".pem " + folder.path + "/expected.pem").c_str()) == 0);
    Limits limits;
    limits.discard_time = 40ms;
    TestServer server(echo, limits,
                      {.address = "127.0.0.1:0", .certificate_file = used + ".pem", .key_file = used + ".key"});
    const std::string port = server.address().substr(server.address().find(':'));
    const std::string curl = "curl -sS -o /dev/null --cacert " + folder.path + "/expected.pem --resolve localhost" +
                             port + ":127.0.0.1 https://localhost" + port + "/ 2>/dev/null";
    CHECK(std::system(curl.c_str()) != 0);
    REQUIRE(std::system(("mv " + next + ".pem " + used + ".pem && mv " + next + ".key " + used + ".key").c_str()) == 0);
    int attempts = 0;
    while (std::system(curl.c_str()) != 0 && attempts < 500) ++attempts;
    CHECK(attempts < 500);
}

}  // namespace
}  // namespace larder::http
