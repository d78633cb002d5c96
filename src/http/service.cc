#include "src/http/service.h"

#include "src/base/time.h"

namespace larder::http {
namespace {

base::Counter refused(base::Metrics& metrics, const char* reason) {
    return metrics.counter("http_refused_requests_total", "Requests and connections the HTTP server itself refused",
                           {{"reason", reason}});
}

}  // namespace

Service::Service(io::Env& e, base::Metrics& metrics, const Limits& l)
    : env(e),
      limits(l),
      connections(metrics.gauge("http_connections", "Open HTTP connections")),
      refused_malformed(refused(metrics, "malformed")),
      refused_slow(refused(metrics, "slow")),
      refused_connections(refused(metrics, "too_many_connections")) {}

std::string_view Service::date_line() {
    const auto now = env.clock.wall_now();
    if (now.seconds() != date_second_) {
        date_second_ = now.seconds();
        date_line_ = "Date: " + base::format_http_date(now) + "\r\n";
    }
    return date_line_;
}

}  // namespace larder::http
