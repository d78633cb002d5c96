#include "src/base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <sstream>

namespace larder::base {

struct Metrics::Impl {
    prometheus::Registry registry;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

namespace {

std::string full_name(std::string_view name) {
    return "larder_" + std::string(name);
}

const prometheus::Histogram::BucketBoundaries& ladder() {
    static const prometheus::Histogram::BucketBoundaries seconds = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2,
                                                                    0.5,   1,     2,     5,    10,   20,   60};
    return seconds;
}

}  // namespace

Counter Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
    Counter handle;
    handle.impl_ =
        &prometheus::BuildCounter().Name(full_name(name)).Help(std::string(help)).Register(impl_->registry).Add(labels);
    return handle;
}

Gauge Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels) {
    Gauge handle;
    handle.impl_ =
        &prometheus::BuildGauge().Name(full_name(name)).Help(std::string(help)).Register(impl_->registry).Add(labels);
    return handle;
}

Histogram Metrics::histogram(std::string_view name, std::string_view help, const Labels& labels) {
    Histogram handle;
    handle.impl_ = &prometheus::BuildHistogram()
                        .Name(full_name(name))
                        .Help(std::string(help))
                        .Register(impl_->registry)
                        .Add(labels, ladder());
    return handle;
}

std::string Metrics::render() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, impl_->registry.Collect());
    return out.str();
}

void Counter::add(double amount) {
    if (impl_ != nullptr) static_cast<prometheus::Counter*>(impl_)->Increment(amount);
}
double Counter::value() const {
    return impl_ == nullptr ? 0 : static_cast<prometheus::Counter*>(impl_)->Value();
}
void Gauge::set(double value) {
    if (impl_ != nullptr) static_cast<prometheus::Gauge*>(impl_)->Set(value);
}
void Gauge::add(double amount) {
    if (impl_ != nullptr) static_cast<prometheus::Gauge*>(impl_)->Increment(amount);
}
void Histogram::observe(double seconds) {
    if (impl_ != nullptr) static_cast<prometheus::Histogram*>(impl_)->Observe(seconds);
}

}  // namespace larder::base
