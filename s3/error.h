// S3's errors: code, HTTP status, message, and extra elements of the error document.
#pragma once

#include "src/base/error.h"

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::s3 {

struct S3Error {
    std::string code;
    int status = 500;
    std::string message;
    std::vector<std::pair<std::string, std::string>> extra;  // further elements of the document
};
template <typename T>
using S3Result = std::expected<T, S3Error>;

// An error of the table; an empty message takes the table's. Unknown codes are a bug.
S3Error s3_error(std::string_view code, std::string message = {});
// What an error of the engine or of the connection amounts to.
S3Error s3_error_of(const base::Error& error);
// The same for a failure to read the request's body.
S3Error s3_error_of_body(const base::Error& error);

std::string error_xml(const S3Error& error, std::string_view resource, std::string_view request_id);

}  // namespace larder::s3
