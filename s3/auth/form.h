// The body of a POST upload from an HTML form: multipart/form-data (RFC 7578), read as it comes. Fields first, then one
// file; what follows the file is not read.
#pragma once

#include "s3/error.h"
#include "src/http/http.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::s3 {

struct PostForm {
    std::vector<std::pair<std::string, std::string>> fields;  // names in lower case, each once
    std::string file_name;                                    // without folders

    std::optional<std::string_view> field(std::string_view name) const;
};

// "form-data; name=\"file\"; filename=\"a.txt\"" in its parts; nullopt without a name. Pure, for tests and fuzzing.
struct Disposition {
    std::string name;
    std::optional<std::string> file_name;
};
std::optional<Disposition> parse_disposition(std::string_view value);

// The exchange outlives the reader. Bounds: 100 fields, 64 KiB of fields and part headers together.
class FormReader {
 public:
    FormReader(http::Exchange& exchange, std::string content_type);
    // "${filename}" in a field's value stands for the file's name. MalformedPOSTRequest, InvalidArgument for a field
    // given twice or a form without a file, MaxPostPreDataLengthExceeded.
    io::Task<S3Result<PostForm>> read_fields();
    // Fills `out` unless the file ends; 0 at the boundary that ends it. IncompleteBody when the body ends before that.
    io::Task<S3Result<std::size_t>> read_file(std::span<std::byte> out);

 private:
    io::Task<S3Result<void>> fill();
    io::Task<S3Result<std::string>> read_until(std::string_view mark);
    // Header lines of a part up to the empty one.
    io::Task<S3Result<Disposition>> read_part_head();

    http::Exchange& exchange_;
    std::string mark_;  // CR LF and the boundary with its leading "--"
    std::string pending_;
    std::size_t at_ = 0;  // what lies before it in pending_ was taken; it goes when more is read, not line by line
    std::size_t field_bytes_ = 0;
    bool body_ended_ = false;
    bool file_ended_ = false;
};

// The boundary that a Content-Type names; empty when it is not multipart/form-data or names none.
std::string form_boundary(std::string_view content_type);

}  // namespace larder::s3
