#include "s3/s3_server.h"

#include "s3/acl.h"
#include "s3/cors.h"
#include "s3/router.h"
#include "src/base/encoding.h"
#include "src/base/log.h"

namespace larder::s3 {

namespace {

// Counters of one operation, made at its first use.
struct OperationMetrics {
    std::array<base::Counter, 6> by_class;  // index: status / 100
    base::Histogram seconds;
};

}  // namespace

struct S3Door::Impl {
    Impl(io::Env& e, base::Metrics& m, engine::Engine& n, S3Options o)
        : env(e),
          metrics(m),
          engine(n),
          options(std::move(o)),
          in_flight(m.gauge("s3_in_flight_requests", "S3 requests being served.")),
          sent(m.counter("s3_sent_bytes_total", "Body bytes sent to S3 clients.")),
          received(m.counter("s3_received_bytes_total", "Body bytes received from S3 clients.")) {}

    io::Task<void> serve(http::Exchange& exchange);
    io::Task<Outcome> answer(Call& call, const char*& operation);
    io::Task<Outcome> run(Call& call, const Route& route);
    // `missing`: the access key that is not known here, if that is why it fails.
    S3Result<void> authenticate_call(Call& call, std::string& missing);
    void count(const char* operation, int status, base::Instant started, const http::Exchange& exchange);

    io::Env& env;
    base::Metrics& metrics;
    engine::Engine& engine;
    S3Options options;
    base::Gauge in_flight;
    base::Counter sent, received;
    std::map<std::string_view, OperationMetrics> operations;
};

S3Door::S3Door(io::Env& env, base::Metrics& metrics, engine::Engine& engine, S3Options options)
    : impl_(std::make_unique<Impl>(env, metrics, engine, std::move(options))) {}

S3Door::~S3Door() = default;

http::Handler S3Door::handler() {
    return [impl = impl_.get()](http::Exchange& exchange) { return impl->serve(exchange); };
}

namespace {

std::string new_request_id(io::Random& random) {
    std::array<std::uint8_t, 8> bytes{};
    random.fill(bytes);
    auto id = base::hex_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    for (char& c : id) c = c >= 'a' ? static_cast<char>(c - 32) : c;
    return id;
}

bool has_right(const engine::Rights& rights, Right wanted) {
    switch (wanted) {
        case Right::none:
            return true;
        case Right::read:
            return rights.read;
        case Right::write:
            return rights.write;
        case Right::owner:
            return rights.owner;
    }
    return false;
}

// By the key's rights, or by what the bucket's access list gives to everybody. The body of an object is judged by its
// own list, once its row is in hand.
bool may_run(const Call& call, const Route& route) {
    if (has_right(call.rights_on(call.bucket->id), route.right)) return true;
    if (route.right == Right::none) return !call.auth.anonymous;
    const std::string_view name = route.name;
    if (name == "GetObject" || name == "HeadObject") return true;
    static constexpr std::string_view open_to_all[] = {"ListObjects",          "ListObjectsV2", "ListObjectVersions",
                                                       "ListMultipartUploads", "HeadBucket",    "PutObject",
                                                       "DeleteObject",         "DeleteObjects"};
    const bool is_open = std::find(std::begin(open_to_all), std::end(open_to_all), name) != std::end(open_to_all);
    return is_open && has_right(public_rights(call), route.right);
}

}  // namespace

S3Result<void> S3Door::Impl::authenticate_call(Call& call, std::string& missing) {
    const auto lookup = [this, &missing](std::string_view id) -> std::optional<std::string> {
        const auto key = engine.find_key(id);
        if (!key) missing = id;
        const bool good = key && !key->disabled && !(key->expires && *key->expires <= env.clock.wall_now());
        return good ? std::optional(key->secret) : std::nullopt;
    };
    TRY(call.auth, authenticate(call.exchange.request(), lookup, {options.region, env.clock.wall_now()}));
    if (!call.auth.anonymous) call.key = engine.find_key(call.auth.key_id);
    return {};
}

// Operation, then identity, then right, then existence: so that nobody learns of what he may not see.
io::Task<Outcome> S3Door::Impl::answer(Call& call, const char*& operation) {
    auto request = parse_request(call.exchange.request(), options.root_domain);
    if (!request) co_return std::unexpected(request.error());
    call.request = std::move(*request);
    if (!call.request.bucket.empty()) call.bucket = engine.find_bucket(call.request.bucket);
    if (!call.request.bucket.empty() && !call.bucket) {
        // Another node may have made it just now.
        auto found = co_await engine.look_up_bucket(call.request.bucket);
        if (!found) co_return refuse(found.error());
        call.bucket = std::move(*found);
    }
    if (call.request.method == "OPTIONS") {
        operation = "Preflight";
        if (call.bucket) {
            if (auto allowed = preflight(*call.bucket, call.exchange.request())) {
                Reply reply;
                reply.headers = std::move(*allowed);
                co_return reply;
            }
        }
        const bool no_origin = !call.header("origin") || !call.header("access-control-request-method");
        co_return no_origin ? refuse("BadRequest", "Insufficient information. Origin request header needed.")
                            : refuse("AccessForbidden", "CORSResponse: This CORS request is not allowed.");
    }
    auto route = find_route(call.request, call.exchange.request());
    if (!route) co_return std::unexpected(route.error());
    operation = (*route)->name;
    std::string missing;
    auto known = authenticate_call(call, missing);
    if (!known && !missing.empty()) {
        const auto key = co_await engine.look_up_key(missing);
        if (!key) co_return refuse(key.error());
        if (*key) known = authenticate_call(call, missing);
    }
    if (!known) co_return std::unexpected(known.error());
    // A form carries its credentials in its fields.
    const bool is_form = std::string_view((*route)->name) == "PostObject";
    if (is_form) co_return co_await run(call, **route);
    if (call.request.bucket.empty()) {
        if (call.auth.anonymous) co_return refuse("AccessDenied");
        co_return co_await run(call, **route);
    }
    const bool creates = std::string_view((*route)->name) == "CreateBucket";
    if (call.auth.anonymous && (creates || !call.bucket)) co_return refuse(creates ? "AccessDenied" : "NoSuchBucket");
    if (!call.bucket && !creates) co_return refuse("NoSuchBucket");
    if (call.bucket && !may_run(call, **route)) co_return refuse("AccessDenied");
    auto outcome = co_await run(call, **route);
    // Whoever may not list a bucket does not learn which keys it holds.
    const bool hidden = call.bucket && !call.rights_on(call.bucket->id).read && !public_rights(call).read;
    if (!outcome && hidden && outcome.error().code == "NoSuchKey") co_return refuse("AccessDenied");
    co_return outcome;
}

io::Task<Outcome> S3Door::Impl::run(Call& call, const Route& route) {
    return route.run(call);
}

io::Task<void> S3Door::Impl::serve(http::Exchange& exchange) {
    const auto started = env.clock.now();
    in_flight.add(1);
    Call call{exchange, env, engine, options, {}, {}, nullptr, nullptr, new_request_id(env.random)};
    const char* operation = "Unknown";
    auto outcome = co_await answer(call, operation);
    int status = 200;
    if (!outcome) {
        const auto& error = outcome.error();
        Reply reply;
        reply.status = error.status;
        reply.headers.add("Content-Type", "application/xml");
        const auto resource = exchange.request().target.substr(0, exchange.request().target.find('?'));
        if (exchange.request().method != "HEAD") reply.body = error_xml(error, resource, call.request_id);
        if (error.status >= 500 && error.status != 501) {
            base::log::warning("an S3 request failed", {{"operation", operation},
                                                        {"code", error.code},
                                                        {"reason", error.message},
                                                        {"request", call.request_id}});
        }
        outcome = std::move(reply);
    }
    status = outcome->status;
    if (!outcome->sent && !exchange.responded()) {
        http::ResponseHead head;
        head.status = outcome->status;
        head.headers = std::move(outcome->headers);
        head.headers.set("x-amz-request-id", call.request_id);
        if (call.bucket) {
            const auto cors = cors_headers(*call.bucket, exchange.request());
            for (const auto& [name, value] : cors.fields()) head.headers.set(name, value);
        }
        (void)co_await exchange.respond(std::move(head), std::move(outcome->body));
    }
    in_flight.add(-1);
    count(operation, status, started, exchange);
}

void S3Door::Impl::count(const char* operation, int status, base::Instant started, const http::Exchange& exchange) {
    auto found = operations.find(operation);
    if (found == operations.end()) {
        OperationMetrics made;
        for (int c = 1; c < 6; ++c) {
            made.by_class[static_cast<std::size_t>(c)] = metrics.counter(
                "s3_requests_total", "S3 requests answered.", {{"op", operation}, {"class", std::to_string(c) + "xx"}});
        }
        made.seconds =
            metrics.histogram("s3_request_duration_seconds", "Time to answer an S3 request.", {{"op", operation}});
        found = operations.emplace(operation, made).first;
    }
    found->second.by_class[static_cast<std::size_t>(std::clamp(status / 100, 1, 5))].add();
    found->second.seconds.observe(std::chrono::duration<double>(env.clock.now() - started).count());
    sent.add(static_cast<double>(exchange.body_bytes_written()));
    received.add(static_cast<double>(exchange.body_bytes_read()));
}

}  // namespace larder::s3
