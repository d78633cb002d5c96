// The S3 door: Amazon S3's dialect of HTTP over the engine. What it supports and where it differs is stated in
// docs/s3-compatibility.md.
#pragma once

#include "replication/engine.h"
#include "src/base/metrics.h"
#include "src/http/http.h"

#include <memory>
#include <string>

namespace larder::s3 {

struct S3Options {
    std::string region = "us-east-1";
    std::string root_domain;  // buckets are also at BUCKET.ROOT-DOMAIN; empty: path style only
};

class S3Door {
 public:
    // All outlive the door, and the door outlives its handler. Engine thread.
    S3Door(io::Env& env, base::Metrics& metrics, engine::Engine& engine, S3Options options);
    ~S3Door();
    http::Handler handler();

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::s3
