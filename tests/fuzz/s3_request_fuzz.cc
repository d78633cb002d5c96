// Targets, names and Signature Version 4. The input is the head of a request. What is accepted has one reading, the
// canonical form is a fixed point, whatever a client of ours signs is let in, and what was changed afterwards is not.
#include "s3/auth/sigv4.h"
#include "s3/ops/properties.h"
#include "s3/router.h"
#include "s3/xml/xml_reader.h"
#include "src/base/assert.h"
#include "src/base/encoding.h"
#include "src/http/head.h"
#include "tests/unit/s3/signer.h"

using namespace larder;
using namespace larder::s3;

namespace {

const Signer kSigner;
const AuthOptions kOptions = {kSigner.region, *base::parse_basic(kSigner.date)};
constexpr std::string_view kRoot = "s3.example.org";
constexpr std::int64_t kYear10000 = 253'402'300'800'000;

std::optional<std::string> secret(std::string_view key_id) {
    return key_id == kSigner.key_id ? std::optional(kSigner.secret) : std::nullopt;
}

// Whatever the request said, its error document can be read.
void check_error(const S3Error& error, std::string_view resource) {
    ENSURE(error.status >= 400 && error.status <= 501);
    const auto document = error_xml(error, resource, "0123456789ABCDEF");
    XmlReader xml(document);
    ENSURE(xml.enter_root("Error"));
    while (xml.next()) (void)xml.text();
    ENSURE(xml.finished());
}

std::string target_of(const S3Request& request, bool names_bucket) {
    std::string out = "/";
    if (names_bucket) out += base::percent_encode(request.bucket, false) + "/";
    out += base::percent_encode(request.key, true) + "?";
    for (const auto& [name, value] : request.query)
        out += base::percent_encode(name, false) + "=" + base::percent_encode(value, false) + "&";
    return out;
}

void check_names(const S3Request& request, const http::RequestHead& head) {
    ENSURE(request.key.size() <= base::limits::kKeyBytesMax && base::is_text(request.key) &&
           base::is_text(request.bucket));
    if (is_valid_bucket_name(request.bucket)) ENSURE(base::percent_encode(request.bucket, false) == request.bucket);
    for (const auto& [name, value] : request.query) {
        ENSURE(request.has(name) && base::is_text(name) && base::is_text(value));
        const auto number = number_parameter(request, name);
        if (number && *number) ENSURE(**number <= INT32_MAX);
        if (!number) check_error(number.error(), head.target);
    }
    if (const auto route = find_route(request, head)) {
        ENSURE(*route != nullptr && (*route)->run != nullptr);
    } else {
        check_error(route.error(), head.target);
    }
}

// The request read again from the one target that its decoded names have.
void check_target(http::RequestHead head, std::string_view root) {
    const auto first = parse_request(head, root);
    if (!first) return check_error(first.error(), head.target);
    check_names(*first, head);
    auto plain = head;
    plain.target = "/";
    const auto of_host = parse_request(plain, root);
    ENSURE(of_host);
    head.target = target_of(*first, of_host->bucket.empty());
    const auto second = parse_request(head, root);
    ENSURE(second && second->bucket == first->bucket && second->key == first->key && second->query == first->query);
}

void check_canonical(std::string_view target) {
    const auto raw = path_of(target);
    std::string path, query;
    if (append_canonical_path(path, raw)) {
        ENSURE(path == base::percent_encode(*base::percent_decode(raw, false), true));
        std::string again;
        ENSURE(append_canonical_path(again, path) && again == path);
    } else {
        ENSURE(!base::percent_decode(raw, false));
    }
    const auto parts = split_query(target);
    const auto question = target.find('?');
    const auto pairs = parse_pairs(question == std::string_view::npos ? "" : target.substr(question + 1));
    ENSURE(append_canonical_query(query, parts, false) == pairs.has_value());
    if (!pairs) return;
    std::string again;
    ENSURE(append_canonical_query(again, split_query("/?" + query), false) && again == query);
    ENSURE(parse_pairs(query)->size() == pairs->size());
}

void check_dates(std::string_view text) {
    for (const auto& time : {base::parse_http_date(text), base::parse_basic(text), base::parse_iso8601(text)}) {
        if (!time || time->ms < 0 || time->ms >= kYear10000) continue;
        ENSURE(base::parse_iso8601(base::format_iso8601(*time)) == time);
        const base::WallTime second{time->seconds() * 1000};
        ENSURE(base::parse_http_date(base::format_http_date(second)) == second);
        ENSURE(base::parse_basic(base::format_basic(second)) == second);
    }
}

void check_headers(const http::Headers& headers) {
    if (const auto text = headers.get("authorization")) {
        if (const auto claim = parse_authorization(*text)) {
            const auto& who = claim->credential;
            ENSURE(is_name_list(claim->signed_headers) && !lists_name(claim->signed_headers, ""));
            const std::string credential = std::string(who.key_id) + "/" + std::string(who.scope);
            ENSURE(parse_credential(credential)->key_id == who.key_id);
            ENSURE(who.scope == std::string(who.date) + "/" + std::string(who.region) + "/" + std::string(who.service) +
                                    "/aws4_request");
        }
    }
    for (const auto* name : {"date", "x-amz-date"}) {
        if (const auto text = headers.get(name)) check_dates(*text);
    }
    for (const std::uint64_t size : {0ull, 1ull, 1000ull, 1ull << 40}) {
        const auto range = ops::parse_range(headers.get("range").value_or(""), size);
        if (range && *range)
            ENSURE((*range)->length > 0 && (*range)->length <= size && (*range)->offset <= size - (*range)->length);
    }
}

std::string code_of(const http::RequestHead& head) {
    const auto known = authenticate(head, secret, kOptions);
    if (known) return known->anonymous ? "anonymous" : "known";
    check_error(known.error(), head.target);
    return known.error().code;
}

// Headers that may be signed along: each once, none that the signer writes itself or that is refused anyhow.
HeaderList signable(const http::Headers& headers) {
    HeaderList out;
    for (const auto& [name, value] : headers.fields()) {
        const auto lower = base::to_lower(name);
        const bool is_own = lower == "host" || lower == "authorization" || lower == "x-amz-date" ||
                            lower == "x-amz-content-sha256" || lower == "x-amz-security-token";
        if (!is_own && headers.all(name).size() == 1) out.emplace_back(name, value);
    }
    return out;
}

void check_signed(const http::RequestHead& head, bool in_query) {
    const auto question = head.target.find('?');
    for (const auto& [name, value] : split_query(head.target)) {
        if (name.starts_with("X-Amz-") || name == "AWSAccessKeyId") return;
    }
    const auto query = question == std::string::npos ? std::string() : head.target.substr(question + 1);
    if (!base::percent_decode(path_of(head.target), false) || !parse_pairs(query)) return;
    // One of both ways, to stay fast.
    auto own = in_query ? kSigner.presigned(head.method, head.target)
                        : kSigner.by_header(head.method, head.target, signable(head.headers));
    ENSURE(code_of(own) == "known");
    if (in_query) {
        own.target += "&a";
    } else {
        own.method += "S";
    }
    ENSURE(code_of(own) == "SignatureDoesNotMatch");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 16 * 1024) return 0;
    const auto request = http::parse_request_head({reinterpret_cast<const char*>(data), size});
    if (!request) return 0;
    const auto& head = request->head;
    check_target(head, "");
    check_target(head, kRoot);
    check_canonical(head.target);
    check_headers(head.headers);
    (void)code_of(head);
    check_signed(head, size % 2 == 0);
    return 0;
}
