// Who may what, and what strangers get.
#include "replication/remote/file_connection.h"
#include "src/rpc/errors.h"
#include "tests/unit/remote/harness.h"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace larder;
using base::Code;
using base::Subject;
using test::code_of;
using test::text;

TEST_CASE("rights of keys are looked up at every call", "[remote]") {
    test::FileService service;
    service.add_key("reader", {true, false, false});
    service.add_key("writer", {false, true, false});
    service.add_key("nobody", {false, false, false});
    service.start();
    service.files.put("f", "1");

    auto reader = *service.connect(service.options_of("reader"));
    CHECK(service.run(reader->find("f"))->object.has_value());
    auto handle = *service.run(reader->open("f"));
    CHECK(service.run(handle->read(0, 1))->chars() == "1");
    const auto denied = service.run(handle->write(0, text("2")));
    CHECK((!denied && denied.error().is(Code::permission_denied, Subject::access_key)));
    CHECK(code_of(service.run(handle->commit({}))) == Code::permission_denied);
    CHECK(code_of(service.run(reader->create({"g", {}, "", true}))) == Code::permission_denied);
    CHECK(code_of(service.run(reader->remove("f", 0))) == Code::permission_denied);
    CHECK(code_of(service.run(reader->rename_directory("a/", "b/", 0))) == Code::permission_denied);

    auto writer = *service.connect(service.options_of("writer"));
    CHECK(service.run(writer->create({"g", {}, "", true})).has_value());
    CHECK(code_of(service.run(writer->find("g"))) == Code::permission_denied);
    CHECK(code_of(service.run(writer->watch("", service.soon()))) == Code::permission_denied);
    auto written = *service.run(writer->open("g"));
    CHECK(service.run(written->write(0, text("2"))).has_value());
    CHECK(code_of(service.run(written->read(0, 1))) == Code::permission_denied);
    CHECK(code_of(service.run(written->copy_from(*written, 0, 0, 1))) == Code::permission_denied);
    CHECK(code_of(service.connect(service.options_of("nobody"))) == Code::permission_denied);

    service.key("reader").disabled = true;
    CHECK(code_of(service.run(reader->find("f"))) == Code::permission_denied);
    service.key("reader").disabled = false;
    CHECK(service.run(reader->find("f")).has_value());
    service.key("reader").expires = base::WallTime{1};
    CHECK(code_of(service.run(reader->find("f"))) == Code::permission_denied);
    CHECK(code_of(service.connect(service.options_of("reader"))) == Code::permission_denied);
    service.keys.erase("reader");
    CHECK(code_of(service.run(reader->find("f"))) == Code::permission_denied);
    service.add_key("reader", {true, true, true});
    CHECK(service.run(reader->find("f")).has_value());
    service.key("reader").rights.clear();
    CHECK(code_of(service.run(reader->find("f"))) == Code::permission_denied);
    const auto before = service.keys.at("writer");
    service.add_key("writer", {true, true, true});
    service.key("writer").secret = "another secret";
    CHECK(code_of(service.run(writer->create({"h", {}, "", true}))) == Code::permission_denied);
}

TEST_CASE("wrong proofs and names", "[remote]") {
    test::FileService service;
    service.add_key("key", {true, true, true});
    service.start();
    auto options = service.options_of("key");
    options.secret += "x";
    const auto wrong = service.connect(options);
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().is(Code::permission_denied, Subject::access_key));
    const auto unknown = service.connect(service.options_of("no such key"));
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error().message == wrong.error().message);
    options = service.options_of("key");
    options.bucket = "elsewhere";
    CHECK((service.connect(options).error().is(Code::not_found, Subject::bucket)));
    options = service.options();
    options.bucket = "elsewhere";
    CHECK((service.connect(options).error().is(Code::not_found, Subject::bucket)));
    options.socket += ".not";
    CHECK(code_of(service.connect(options)) == Code::disconnected);
}

namespace {

// A connection of a process that we are told is `uid`, spoken to frame by frame.
struct Raw {
    Raw(test::FileService& s, std::uint32_t uid)
        : service(s), site(s.world.real(), s.metrics, services(s), options(s)) {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
        connection = std::make_unique<remote::FileConnection>(site, ends[0], io::PeerCredentials{uid, uid, {}});
        fd = ends[1];
        ::fcntl(fd, F_SETFL, O_NONBLOCK);
        say(rpc::FrameKind::hello, rpc::encode_hello({remote::kService, remote::kVersion, remote::kVersion}));
        hear();
    }
    ~Raw() { ::close(fd); }
    static remote::FileServices services(test::FileService& s) {
        remote::FileServices out;
        out.find_bucket = [&s](std::string_view) { return s.bucket; };
        out.find_key = [](std::string_view) { return nullptr; };
        out.open = [&s](const engine::Bucket&) { return s.files.another(); };
        return out;
    }
    static remote::FileServerOptions options(test::FileService& s) {
        auto out = s.server_options;
        out.socket = "/nonexistent";
        out.handles = 3;
        return out;
    }
    void say(rpc::FrameKind kind, std::string body, std::string bulk = "") {
        std::string bytes;
        io::Message content{std::move(body), {}};
        if (!bulk.empty()) content.bulk.push_back(text(bulk));
        rpc::append_front(bytes, {kind, ++id, std::move(content)});
        bytes += bulk;
        REQUIRE(::send(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    }
    rpc::Frame hear() {
        std::optional<rpc::Frame> heard;
        REQUIRE(service.until([&] {
            if (heard) return true;
            rpc::FrameReader::Rooms storage;
            msghdr message{};
            const auto rooms = reader.rooms(storage);
            message.msg_iov = rooms.data();
            message.msg_iovlen = rooms.size();
            const auto n = ::recvmsg(fd, &message, MSG_DONTWAIT);
            if (n > 0) reader.filled(static_cast<std::size_t>(n));
            heard = *reader.next();
            return heard.has_value();
        }));
        return *heard;
    }
    rpc::Frame ask(const remote::Request& request, std::string bulk = "") {
        say(rpc::FrameKind::request, encode(request), std::move(bulk));
        return hear();
    }
    Code refused(const remote::Request& request) {
        const auto frame = ask(request);
        return frame.kind == rpc::FrameKind::failure ? rpc::decode_error(frame.content.body)->code : Code::internal;
    }
    Code end() { return service.run(connection->link().ended()).code; }

    test::FileService& service;
    remote::FileSite site;
    std::unique_ptr<remote::FileConnection> connection;
    rpc::FrameReader reader{rpc::kFramePayloadMax};
    int fd = -1;
    std::uint64_t id = 0;
};

}  // namespace

TEST_CASE("a stranger needs a key", "[remote]") {
    test::FileService service;
    Raw stranger(service, ::geteuid() + 12345);
    CHECK(stranger.refused(remote::Find{"x"}) == Code::permission_denied);
    CHECK(stranger.refused(remote::BeginSession{"memory", ""}) == Code::permission_denied);
    const auto question = stranger.ask(remote::BeginSession{"memory", "key"});
    const auto session = remote::decode_answer<remote::Session>(question.content.body);
    REQUIRE(session);
    CHECK(session->nonce.size() == remote::kNonceBytes);
    CHECK(session->bucket.names.empty());
    CHECK(stranger.refused(remote::Prove{remote::make_proof("", session->nonce, {"memory", "key"})}) ==
          Code::permission_denied);
    CHECK(stranger.refused(remote::Prove{"again"}) == Code::invalid_argument);
    CHECK(stranger.refused(remote::BeginSession{"memory", "key"}) == Code::invalid_argument);
    CHECK(stranger.refused(remote::Find{"x"}) == Code::permission_denied);
    // Without a session nothing large is taken in.
    stranger.say(rpc::FrameKind::request, std::string(5000, 'x'));
    CHECK(stranger.end() == Code::corrupted);
}

TEST_CASE("a connection without a session ends", "[remote]") {
    test::FileService service;
    service.server_options.session_patience = std::chrono::milliseconds(20);
    Raw silent(service, 0);
    CHECK(silent.end() == Code::timeout);
}

TEST_CASE("what cannot be read ends the connection", "[remote]") {
    test::FileService service;
    Raw raw(service, 0);
    REQUIRE(raw.ask(remote::BeginSession{"memory", ""}).kind == rpc::FrameKind::answer);
    SECTION("an unknown operation") {
        raw.say(rpc::FrameKind::request, "\x7f");
    }
    SECTION("a message cut off") {
        raw.say(rpc::FrameKind::request, "\x03");
    }
    SECTION("bulk where none belongs") {
        raw.say(rpc::FrameKind::request, encode(remote::Find{"x"}), "bulk");
    }
    CHECK(raw.end() == Code::corrupted);
}

TEST_CASE("handles are bounded and checked", "[remote]") {
    test::FileService service;
    service.files.put("f", "1");
    Raw raw(service, 0);
    REQUIRE(raw.ask(remote::BeginSession{"memory", ""}).kind == rpc::FrameKind::answer);
    for (int i = 0; i < 3; ++i) CHECK(raw.ask(remote::Open{"f"}).kind == rpc::FrameKind::answer);
    CHECK(raw.refused(remote::Open{"f"}) == Code::overloaded);
    CHECK(raw.refused(remote::Read{4, 0, 1}) == Code::invalid_argument);
    CHECK(raw.ask(remote::Close{2}).kind == rpc::FrameKind::answer);
    CHECK(raw.refused(remote::Close{2}) == Code::invalid_argument);
    CHECK(raw.refused(remote::Read{2, 0, 1}) == Code::invalid_argument);
    CHECK(raw.refused(remote::Read{1, 0, (1u << 20) + 1}) == Code::invalid_argument);
    CHECK(raw.ask(remote::Open{"f"}).kind == rpc::FrameKind::answer);
    CHECK(raw.ask(remote::Write{1, 0, {}}, "bytes").kind == rpc::FrameKind::answer);
    CHECK(service.files.handles() == 3);
    raw.connection.reset();
    CHECK(service.files.handles() == 0);
}

TEST_CASE("connections are bounded", "[remote]") {
    test::FileService service;
    service.server_options.connections = 1;
    service.start();
    auto store = service.store();
    CHECK(code_of(service.connect(service.options())) == Code::disconnected);
    store.reset();
    CHECK(service.until([&] { return service.metrics.render().contains("larder_files_connections 0"); }));
    CHECK(service.connect(service.options()).has_value());
}
