// What all sessions of one server share.
#pragma once

#include "src/base/metrics.h"
#include "src/http/http.h"
#include "src/io/env.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace larder::http {

struct Service {
    Service(io::Env& e, base::Metrics& metrics, const Limits& l);

    // "Date: …\r\n", made once a second.
    std::string_view date_line();

    io::Env& env;
    Limits limits;
    bool draining = false;
    base::Gauge connections;
    // http_refused_requests_total by reason.
    base::Counter refused_malformed;
    base::Counter refused_slow;
    base::Counter refused_connections;

 private:
    std::int64_t date_second_ = -1;
    std::string date_line_;
};

}  // namespace larder::http
