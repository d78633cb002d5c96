#include "s3/cors.h"

#include "s3/xml/xml_writer.h"
#include "src/base/encoding.h"

namespace larder::s3 {

namespace {

// A pattern with at most one '*'.
bool fits(std::string_view pattern, std::string_view text, bool ignore_case) {
    const auto same = [ignore_case](std::string_view a, std::string_view b) {
        return ignore_case ? base::equal_ignoring_case(a, b) : a == b;
    };
    const auto star = pattern.find('*');
    if (star == std::string_view::npos) return same(pattern, text);
    const auto head = pattern.substr(0, star);
    const auto tail = pattern.substr(star + 1);
    return text.size() >= head.size() + tail.size() && same(text.substr(0, head.size()), head) &&
           same(text.substr(text.size() - tail.size()), tail);
}

bool any_fits(const std::vector<std::string>& patterns, std::string_view text, bool ignore_case) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return fits(p, text, ignore_case); });
}

std::string joined(const std::vector<std::string>& items) {
    std::string out;
    for (const auto& item : items) out += (out.empty() ? "" : ", ") + item;
    return out;
}

std::vector<CorsRule> rules_of(const engine::Bucket& bucket) {
    const auto document = bucket.settings.find("cors");
    if (document == bucket.settings.end()) return {};
    auto rules = parse_cors(document->second);
    return rules ? std::move(*rules) : std::vector<CorsRule>();
}

bool allows_headers(const CorsRule& rule, std::string_view asked) {
    while (!asked.empty()) {
        const auto comma = asked.find(',');
        const auto name = base::trim(asked.substr(0, comma));
        asked = comma == std::string_view::npos ? std::string_view() : asked.substr(comma + 1);
        if (!name.empty() && !any_fits(rule.headers, name, true)) return false;
    }
    return true;
}

const CorsRule* find_rule(const std::vector<CorsRule>& rules, std::string_view origin, std::string_view method,
                          std::string_view headers) {
    for (const auto& rule : rules) {
        const bool method_fits = std::find(rule.methods.begin(), rule.methods.end(), method) != rule.methods.end();
        if (method_fits && any_fits(rule.origins, origin, false) && allows_headers(rule, headers)) return &rule;
    }
    return nullptr;
}

http::Headers headers_of(const CorsRule& rule, std::string_view origin) {
    http::Headers out;
    const bool any = std::find(rule.origins.begin(), rule.origins.end(), "*") != rule.origins.end();
    out.add("Access-Control-Allow-Origin", any ? "*" : std::string(origin));
    if (!any) out.add("Access-Control-Allow-Credentials", "true");
    out.add("Access-Control-Allow-Methods", joined(rule.methods));
    if (!rule.expose.empty()) out.add("Access-Control-Expose-Headers", joined(rule.expose));
    out.add("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
    return out;
}

}  // namespace

std::string cors_xml(const std::vector<CorsRule>& rules) {
    XmlWriter xml;
    xml.open("CORSConfiguration", "http://s3.amazonaws.com/doc/2006-03-01/");
    for (const auto& rule : rules) {
        xml.open("CORSRule");
        if (!rule.id.empty()) xml.element("ID", rule.id);
        for (const auto& origin : rule.origins) xml.element("AllowedOrigin", origin);
        for (const auto& method : rule.methods) xml.element("AllowedMethod", method);
        for (const auto& header : rule.headers) xml.element("AllowedHeader", header);
        for (const auto& header : rule.expose) xml.element("ExposeHeader", header);
        if (rule.max_age) xml.element("MaxAgeSeconds", static_cast<std::uint64_t>(*rule.max_age));
        xml.close("CORSRule");
    }
    xml.close("CORSConfiguration");
    return xml.take();
}

http::Headers cors_headers(const engine::Bucket& bucket, const http::RequestHead& head) {
    const auto origin = head.headers.get("origin");
    if (!origin || !bucket.settings.contains("cors")) return {};
    const auto rules = rules_of(bucket);
    const auto method = head.headers.get("access-control-request-method").value_or(head.method);
    const auto* rule = find_rule(rules, *origin, method, "");
    return rule == nullptr ? http::Headers() : headers_of(*rule, *origin);
}

std::optional<http::Headers> preflight(const engine::Bucket& bucket, const http::RequestHead& head) {
    const auto origin = head.headers.get("origin");
    const auto method = head.headers.get("access-control-request-method");
    if (!origin || !method) return std::nullopt;
    const auto rules = rules_of(bucket);
    const auto asked = head.headers.get("access-control-request-headers").value_or("");
    const auto* rule = find_rule(rules, *origin, *method, asked);
    if (rule == nullptr) return std::nullopt;
    auto out = headers_of(*rule, *origin);
    if (!asked.empty()) out.add("Access-Control-Allow-Headers", base::to_lower(asked));
    if (rule->max_age) out.add("Access-Control-Max-Age", std::to_string(*rule->max_age));
    return out;
}

}  // namespace larder::s3
