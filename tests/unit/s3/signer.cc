#include "tests/unit/s3/signer.h"

#include "src/base/assert.h"
#include "src/base/encoding.h"
#include "src/base/hash.h"

#include <set>
#include <sstream>

namespace larder::s3 {

namespace {

std::string hex_hash(std::string_view text) {
    return base::sha256(text).hex();
}

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
    return parts;
}

std::string canonical_query(const std::string& query) {
    std::multiset<std::pair<std::string, std::string>> sorted;
    for (const auto& item : split(query, '&')) {
        const auto equals = item.find('=');
        const auto name = base::percent_decode(item.substr(0, equals), true);
        const auto value = base::percent_decode(equals == std::string::npos ? "" : item.substr(equals + 1), true);
        ENSURE(name && value);
        if (!item.empty()) sorted.emplace(base::percent_encode(*name, false), base::percent_encode(*value, false));
    }
    std::string out;
    for (const auto& [name, value] : sorted) out += (out.empty() ? "" : "&") + name + "=" + value;
    return out;
}

std::string squeezed(std::string value) {
    value = std::string(base::trim(value));
    for (auto at = value.find("  "); at != std::string::npos; at = value.find("  ")) value.erase(at, 1);
    return value;
}

std::string names_of(const std::map<std::string, std::string>& headers) {
    std::string out;
    for (const auto& [name, value] : headers) out += (out.empty() ? "" : ";") + name;
    return out;
}

std::map<std::string, std::string> by_name(const HeaderList& headers) {
    std::map<std::string, std::string> out;
    for (const auto& [name, value] : headers) {
        auto& all = out[base::to_lower(name)];
        all += (all.empty() ? "" : ",") + squeezed(value);
    }
    return out;
}

std::string canonical_request(const Signer& signer, const std::string& method, const std::string& target,
                              const std::map<std::string, std::string>& headers, const std::string& payload) {
    const auto question = target.find('?');
    const auto plain = base::percent_decode(target.substr(0, question), false);
    ENSURE(plain);
    const auto path = signer.path.empty() ? base::percent_encode(*plain, true) : signer.path;
    std::string out = method + "\n" + path + "\n";
    out += canonical_query(question == std::string::npos ? "" : target.substr(question + 1)) + "\n";
    for (const auto& [name, value] : headers) out += name + ":" + value + "\n";
    return out + "\n" + names_of(headers) + "\n" + payload;
}

std::string signature_over(const Signer& signer, const std::string& canonical) {
    return signer.hmac("AWS4-HMAC-SHA256\n" + signer.date + "\n" + signer.scope() + "\n" + hex_hash(canonical));
}

constexpr std::string_view kHost = "s3.example.org:3900";

}  // namespace

std::string Signer::scope() const {
    return (scope_date.empty() ? date.substr(0, 8) : scope_date) + "/" + region + "/" + service + "/aws4_request";
}

std::string Signer::key() const {
    std::string key = "AWS4" + secret;
    for (const auto& part : split(scope(), '/')) key = base::hmac_sha256(key, part);
    return key;
}

std::string Signer::hmac(std::string_view to_sign) const {
    return base::hex_encode(base::hmac_sha256(key(), to_sign));
}

http::RequestHead Signer::by_header(std::string method, std::string target, HeaderList headers, std::string payload,
                                    HeaderList unsigned_ones) const {
    headers.insert(headers.begin(), {{"Host", std::string(kHost)}, {"x-amz-content-sha256", payload}});
    if (!plain_date) headers.emplace_back("X-Amz-Date", date);
    const auto signed_ones = by_name(headers);
    const auto signature = signature_over(*this, canonical_request(*this, method, target, signed_ones, payload));
    http::RequestHead head;
    head.method = std::move(method);
    head.target = std::move(target);
    for (auto& [name, value] : headers) head.headers.add(name, value);
    for (auto& [name, value] : unsigned_ones) head.headers.add(name, value);
    head.headers.add("Authorization", "AWS4-HMAC-SHA256 Credential=" + key_id + "/" + scope() +
                                          ", SignedHeaders=" + names_of(signed_ones) + ", Signature=" + signature);
    return head;
}

std::string Signer::presigned_target(std::string method, std::string target, std::string expires, HeaderList headers,
                                     std::string payload) const {
    headers.emplace_back("Host", kHost);
    const auto signed_ones = by_name(headers);
    target += target.find('?') == std::string::npos ? "?" : "&";
    target +=
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + base::percent_encode(key_id + "/" + scope(), false) +
        "&X-Amz-Date=" + date + "&X-Amz-Expires=" + expires +
        "&X-Amz-SignedHeaders=" + base::percent_encode(names_of(signed_ones), false);
    const auto canonical = canonical_request(*this, method, target, signed_ones, payload);
    return target + "&X-Amz-Signature=" + signature_over(*this, canonical);
}

http::RequestHead Signer::presigned(std::string method, std::string target, HeaderList headers) const {
    http::RequestHead head;
    head.target = presigned_target(method, std::move(target), "3600", headers);
    head.method = std::move(method);
    head.headers.add("Host", std::string(kHost));
    for (auto& [name, value] : headers) head.headers.add(name, value);
    return head;
}

Signer::Chunks Signer::chunks(std::string_view seed, std::string_view content, std::vector<std::size_t> sizes) const {
    Chunks out{{}, std::string(seed)};
    sizes.push_back(0);
    for (const auto size : sizes) {
        const auto piece = content.substr(0, size);
        content.remove_prefix(piece.size());
        out.last_signature = hmac("AWS4-HMAC-SHA256-PAYLOAD\n" + date + "\n" + scope() + "\n" + out.last_signature +
                                  "\n" + hex_hash("") + "\n" + hex_hash(piece));
        std::ostringstream line;
        line << std::hex << piece.size() << ";chunk-signature=" << out.last_signature << "\r\n";
        out.body += line.str() + std::string(piece) + (size > 0 ? "\r\n" : "");
    }
    return out;
}

std::string Signer::trailer_signature(std::string_view last, std::string_view lines) const {
    return hmac("AWS4-HMAC-SHA256-TRAILER\n" + date + "\n" + scope() + "\n" + std::string(last) + "\n" +
                hex_hash(lines));
}

std::string signature_of(const http::RequestHead& head) {
    const std::string text(*head.headers.get("authorization"));
    return text.substr(text.find("Signature=") + 10);
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    const auto at = text.find(what);
    ENSURE(at != std::string::npos);
    return text.replace(at, what.size(), by);
}

}  // namespace larder::s3
