// The canonical request of AWS Signature Version 4: what a request says, in the one form that its signer and this
// server both write (AWS "Create a signed AWS API request"). Pure.
#pragma once

#include "src/http/http.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::s3 {

// Parameters as sent, still encoded, in order; empty ones are left out. Only '&' separates. Views into the target.
using RawQuery = std::vector<std::pair<std::string_view, std::string_view>>;
RawQuery split_query(std::string_view target);
// The target up to its query.
std::string_view path_of(std::string_view target);

// Decodes once and encodes as S3 does: unreserved bytes and '/' as they are, others as %XX. False on a broken escape.
bool append_canonical_path(std::string& out, std::string_view raw);
// The same for "name=value&…", sorted by encoded name, then value; here '+' is a space and '/' is encoded. A presigned
// query leaves out its X-Amz-Signature.
bool append_canonical_query(std::string& out, const RawQuery& query, bool presigned);
// "name:value\n" for every name of "a;b;c": values trimmed, runs of spaces made one, repeated fields joined by commas.
void append_canonical_headers(std::string& out, const http::Headers& headers, std::string_view names);

// Whether "a;b;c" holds the name, in any case.
bool lists_name(std::string_view names, std::string_view name);
// Whether the text is a list of lower-case names, sorted and without repetition, as SignedHeaders must be.
bool is_name_list(std::string_view names);

}  // namespace larder::s3
