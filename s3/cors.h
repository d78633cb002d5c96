// Cross-origin rules of a bucket: what a browser may do from pages of other origins (Fetch standard, "CORS protocol").
#pragma once

#include "replication/engine.h"
#include "s3/xml/messages.h"
#include "src/http/http.h"

#include <optional>
#include <string>
#include <vector>

namespace larder::s3 {

std::string cors_xml(const std::vector<CorsRule>& rules);

// Headers to add to an answer for a page of the request's Origin; none when no rule fits.
http::Headers cors_headers(const engine::Bucket& bucket, const http::RequestHead& head);
// The answer to an OPTIONS preflight: nullopt when no rule allows what is asked.
std::optional<http::Headers> preflight(const engine::Bucket& bucket, const http::RequestHead& head);

}  // namespace larder::s3
