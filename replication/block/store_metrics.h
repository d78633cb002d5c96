// What the block store counts (docs/operations.md). Inside replication/block only.
#pragma once

#include "src/base/metrics.h"

namespace larder::block {

struct StoreMetrics {
    explicit StoreMetrics(base::Metrics& m)
        : reads(m.counter("block_reads_total", "Blocks read.")),
          read_bytes(m.counter("block_read_bytes_total", "Plain bytes read from blocks.")),
          read_seconds(m.histogram("block_read_duration_seconds", "Time to read and check one block.")),
          writes(m.counter("block_writes_total", "Blocks written.")),
          write_bytes(m.counter("block_write_bytes_total", "Plain bytes written to blocks.")),
          write_seconds(m.histogram("block_write_duration_seconds", "Time to make one block durable.")),
          corrupt(m.counter("block_corrupt_total", "Blocks found damaged.")) {}
    base::Counter reads, read_bytes;
    base::Histogram read_seconds;
    base::Counter writes, write_bytes;
    base::Histogram write_seconds;
    base::Counter corrupt;
};

}  // namespace larder::block
