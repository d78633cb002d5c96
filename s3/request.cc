#include "s3/request.h"

#include "src/base/encoding.h"
#include "src/base/limits.h"

#include <algorithm>
#include <charconv>

namespace larder::s3 {

namespace {

// "bucket.s3.example.org:3900" under "s3.example.org" → "bucket".
std::optional<std::string> bucket_of_host(std::string_view host, std::string_view root_domain) {
    if (root_domain.empty()) return std::nullopt;
    host = host.substr(0, host.rfind(':'));
    if (host.size() <= root_domain.size() + 1 ||
        !base::equal_ignoring_case(host.substr(host.size() - root_domain.size()), root_domain)) {
        return std::nullopt;
    }
    const auto label = host.substr(0, host.size() - root_domain.size());
    if (!label.ends_with('.')) return std::nullopt;
    return base::to_lower(label.substr(0, label.size() - 1));
}

bool looks_like_ipv4(std::string_view name) {
    int dots = 0;
    for (const char c : name) {
        if (c == '.') ++dots;
        if (c != '.' && (c < '0' || c > '9')) return false;
    }
    return dots == 3;
}

}  // namespace

std::optional<std::vector<std::pair<std::string, std::string>>> parse_pairs(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> out;
    out.reserve(static_cast<std::size_t>(std::ranges::count(text, '&')) + 1);
    while (!text.empty()) {
        const auto end = text.find('&');
        const auto item = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
        if (item.empty()) continue;
        const auto equals = item.find('=');
        auto name = base::percent_decode(item.substr(0, equals), true);
        auto value =
            equals == std::string_view::npos ? std::string() : base::percent_decode(item.substr(equals + 1), true);
        if (!name || !value) return std::nullopt;
        out.emplace_back(std::move(*name), std::move(*value));
    }
    return out;
}

std::optional<std::string_view> S3Request::parameter(std::string_view name) const {
    for (const auto& [given, value] : query) {
        if (given == name) return value;
    }
    return std::nullopt;
}

S3Result<S3Request> parse_request(const http::RequestHead& head, std::string_view root_domain) {
    S3Request request;
    request.method = head.method;
    std::string_view target = head.target;
    const auto question = target.find('?');
    if (question != std::string_view::npos) {
        auto query = parse_pairs(target.substr(question + 1));
        const auto is_shown = [](const auto& item) { return base::is_text(item.first) && base::is_text(item.second); };
        if (!query || !std::ranges::all_of(*query, is_shown)) return std::unexpected(s3_error("InvalidURI"));
        request.query = std::move(*query);
        target = target.substr(0, question);
    }
    // An absolute-form target names the host again.
    if (const auto scheme = target.find("://"); !target.starts_with('/') && scheme != std::string_view::npos) {
        const auto slash = target.find('/', scheme + 3);
        target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
    }
    if (!target.starts_with('/')) return std::unexpected(s3_error("InvalidURI"));
    target.remove_prefix(1);
    std::string_view rest = target;
    if (auto bucket = bucket_of_host(head.headers.get("host").value_or(""), root_domain)) {
        request.bucket = std::move(*bucket);
    } else {
        const auto slash = target.find('/');
        auto bucket_name = base::percent_decode(target.substr(0, slash), false);
        if (!bucket_name) return std::unexpected(s3_error("InvalidURI"));
        request.bucket = std::move(*bucket_name);
        rest = slash == std::string_view::npos ? std::string_view() : target.substr(slash + 1);
    }
    auto key = base::percent_decode(rest, false);
    if (!key || !base::is_text(*key) || !base::is_text(request.bucket)) return std::unexpected(s3_error("InvalidURI"));
    if (key->size() > base::limits::kKeyBytesMax) return std::unexpected(s3_error("KeyTooLongError"));
    request.key = std::move(*key);
    return request;
}

bool is_valid_bucket_name(std::string_view name) {
    if (name.size() < 3 || name.size() > 63 || looks_like_ipv4(name)) return false;
    const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    if (!alphanumeric(name.front()) || !alphanumeric(name.back())) return false;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (!alphanumeric(name[i]) && name[i] != '-' && name[i] != '.') return false;
        if (i > 0 && name[i] == '.' && (name[i - 1] == '.' || name[i - 1] == '-')) return false;
        if (i > 0 && name[i] == '-' && name[i - 1] == '.') return false;
    }
    for (const std::string_view prefix : {"xn--", "sthree-", "amzn-s3-demo-"}) {
        if (name.starts_with(prefix)) return false;
    }
    for (const std::string_view suffix : {"-s3alias", "--ol-s3", ".mrap", "--x-s3"}) {
        if (name.ends_with(suffix)) return false;
    }
    return true;
}

S3Result<std::optional<std::uint64_t>> number_parameter(const S3Request& request, std::string_view name) {
    const auto text = request.parameter(name);
    if (!text || text->empty()) return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc() || end != text->data() + text->size() || value > INT32_MAX) {
        return std::unexpected(s3_error(
            "InvalidArgument", "Argument " + std::string(name) + " must be an integer between 0 and 2147483647"));
    }
    return value;
}

}  // namespace larder::s3
