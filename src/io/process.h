// What the kernel says of this process, for /metrics.
#pragma once

#include <string>

namespace larder::io {

// The standard process_* metrics in the Prometheus text form: CPU seconds, memory, descriptors, start time
// (https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics). What cannot be read is left out.
std::string process_metrics();

}  // namespace larder::io
