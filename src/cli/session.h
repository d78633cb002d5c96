// One run of the command line: global options, the connection to the daemon, and how results are shown.
#pragma once

#include "src/admin/protocol.h"
#include "src/http/http.h"

#include <boost/json/fwd.hpp>

#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace larder::cli {

using admin::Exit;
using admin::Problem;
template <typename T>
using Outcome = std::expected<T, Problem>;

struct Globals {
    std::string socket;  // path of the daemon's administration socket
    bool json = false;
    bool yes = false;
    bool quiet = false;  // names only
};

// Speaks to the daemon. Blocking; made once per run.
class Session {
 public:
    explicit Session(Globals globals);
    ~Session();

    const Globals& globals() const { return globals_; }

    // A call with JSON both ways; a problem of the daemon is returned as it stands, and one of reaching it is
    // explained.
    Outcome<boost::json::object> call(std::string method, std::string target);
    Outcome<boost::json::object> call(std::string method, std::string target, const boost::json::object& body);
    // A call with streamed bodies; 200 or a problem.
    Outcome<http::Client::Reply> transfer(http::Client::Request request);

    // Shows `result` as JSON when asked for; returns whether it did.
    bool show_json(const boost::json::object& result) const;

 private:
    Outcome<http::Client::Reply> send(http::Client::Request request);

    Globals globals_;
    std::unique_ptr<http::Client> client_;
};

// The socket to use when none was named: $LARDER_SOCKET, then /run/larder/admin.sock, then ./.larder/admin.sock.
std::string default_socket();

// "/v1/objects/BUCKET/KEY", encoded.
std::string object_target(std::string_view bucket, std::string_view key);

// "bucket:path" or "s3://bucket/path".
struct Remote {
    std::string bucket;
    std::string key;
};
// nullopt for a local path ("./a:b" is local, and so is anything with a slash before the colon).
std::optional<Remote> parse_remote(std::string_view text);
// The same where a remote is needed.
Outcome<Remote> need_remote(std::string_view text);

// Writes the error contract to standard error: what, facts, fix; or JSON. Returns the exit code.
int report(const Problem& problem, bool json);

}  // namespace larder::cli
