// Counters, gauges and histograms with fixed labels, shown at /metrics in the Prometheus text form (prometheus-cpp core
// underneath; its headers stay in metrics.cc). Make each once and keep it: making one takes a lock, using one does not.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace larder::base {

using Labels = std::map<std::string, std::string>;

// Each handle is cheap to copy and valid as long as its registry. add/set/observe: any thread.
class Counter {
 public:
    void add(double amount = 1);
    double value() const;

 private:
    friend class Metrics;
    void* impl_ = nullptr;
};
class Gauge {
 public:
    void set(double value);
    void add(double amount);

 private:
    friend class Metrics;
    void* impl_ = nullptr;
};
class Histogram {
 public:
    // Seconds. One ladder for all: 1 ms … 60 s.
    void observe(double seconds);

 private:
    friend class Metrics;
    void* impl_ = nullptr;
};

class Metrics {
 public:
    Metrics();
    ~Metrics();

    // `name` without the prefix "larder_", which is added. The same name and labels give the same metric.
    Counter counter(std::string_view name, std::string_view help, const Labels& labels = {});
    Gauge gauge(std::string_view name, std::string_view help, const Labels& labels = {});
    Histogram histogram(std::string_view name, std::string_view help, const Labels& labels = {});
    // The whole page.
    std::string render() const;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::base
