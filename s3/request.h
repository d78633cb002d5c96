// One request as the door understands it, made once from the raw target: everything after works on these decoded names.
#pragma once

#include "s3/error.h"
#include "src/http/http.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::s3 {

struct S3Request {
    std::string method;
    std::string bucket;                                      // empty: the service
    std::string key;                                         // empty: the bucket
    std::vector<std::pair<std::string, std::string>> query;  // decoded, in order

    bool has(std::string_view name) const { return parameter(name).has_value(); }
    std::optional<std::string_view> parameter(std::string_view name) const;
};

// "a=1&b=%20": each name and value decoded once, in order; nullopt on a broken escape.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_pairs(std::string_view text);

// Path style, or virtual-host style when Host is a name under `root_domain`. InvalidURI for names, keys and parameters
// that are no text.
S3Result<S3Request> parse_request(const http::RequestHead& head, std::string_view root_domain);

// The rules of bucket names (AWS "Bucket naming rules").
bool is_valid_bucket_name(std::string_view name);

// A non-negative decimal parameter; InvalidArgument otherwise.
S3Result<std::optional<std::uint64_t>> number_parameter(const S3Request& request, std::string_view name);

}  // namespace larder::s3
