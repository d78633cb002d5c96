// Which operation a request asks for, chosen once, from the signed method, path and query alone.
#pragma once

#include "s3/call.h"

namespace larder::s3 {

enum class Right { none, read, write, owner };
enum class Level { service, bucket, object };

struct Route {
    const char* method;
    Level level;
    const char* parameter;  // the sub-resource that selects it; empty: none
    const char* name;       // of the operation, for metrics and messages
    Right right;
    Operation run;
};

// The route, NotImplemented naming a sub-resource that is not served, or MethodNotAllowed.
S3Result<const Route*> find_route(const S3Request& request, const http::RequestHead& head);

}  // namespace larder::s3
