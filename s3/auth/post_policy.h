// POST uploads from HTML forms: the multipart/form-data body, and the signed policy that says what it may hold (AWS
// "Authenticating requests in browser-based uploads using POST").
#pragma once

#include "s3/auth/sigv4.h"

#include <span>

namespace larder::s3 {

struct PostForm {
    std::vector<std::pair<std::string, std::string>> fields;  // names in lower case; those after the file are not read
    std::string file_name;
};

// Reads the fields up to the file, then the file's bytes.
class FormReader {
 public:
    FormReader(http::Exchange& exchange, std::string content_type);
    // MalformedPOSTRequest, MaxMessageLengthExceeded.
    io::Task<S3Result<PostForm>> read_fields();
    // 0 at the boundary that ends the file. IncompleteBody when the body ends before it.
    io::Task<S3Result<std::size_t>> read_file(std::span<std::byte> out);

 private:
    io::Task<S3Result<void>> fill();
    io::Task<S3Result<std::string>> read_until(std::string mark, std::size_t most);

    http::Exchange& exchange_;
    std::string boundary_;  // with its leading "--"
    std::string pending_;
    bool body_ended_ = false;
    bool file_ended_ = false;
};

// Signature, expiry and every condition. AccessDenied, InvalidPolicyDocument, SignatureDoesNotMatch,
// InvalidAccessKeyId. A form without a policy is anonymous.
S3Result<Authenticated> check_policy(const PostForm& form, std::string_view bucket, std::string_view key,
                                     const SecretLookup& secrets, const AuthOptions& options);

struct LengthRange {
    std::uint64_t least = 0;
    std::uint64_t most = 0;
};
// The content-length-range condition, if the policy has one.
std::optional<LengthRange> policy_length_range(const PostForm& form);

// "form-data; name=\"file\"; filename=\"a.txt\"" in its parts. Pure, for tests and fuzzing.
struct Disposition {
    std::string name;
    std::optional<std::string> file_name;
};
std::optional<Disposition> parse_disposition(std::string_view value);

}  // namespace larder::s3
