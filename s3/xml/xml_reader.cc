#include "s3/xml/xml_reader.h"

#include "src/base/encoding.h"
#include "src/base/limits.h"

#include <algorithm>
#include <charconv>

namespace larder::s3 {

namespace {

constexpr std::size_t kAttributesMax = 16;
constexpr std::size_t kNameMax = 128;
constexpr std::string_view kSpace = " \t\r\n";

bool is_name_byte(char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == ':' || byte >= 0x80;
}

bool has_forbidden_control(std::string_view text) {
    return std::ranges::any_of(
        text, [](char c) { return static_cast<std::uint8_t>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r'; });
}

void append_utf8(std::string& out, std::uint32_t point) {
    const auto push = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (point < 0x80) {
        push(point);
    } else if (point < 0x800) {
        push(0xc0 | point >> 6);
        push(0x80 | (point & 63));
    } else if (point < 0x10000) {
        push(0xe0 | point >> 12);
        push(0x80 | (point >> 6 & 63));
        push(0x80 | (point & 63));
    } else {
        push(0xf0 | point >> 18);
        push(0x80 | (point >> 12 & 63));
        push(0x80 | (point >> 6 & 63));
        push(0x80 | (point & 63));
    }
}

// "#10" or "#xA": any character but NUL and the halves of surrogate pairs.
bool append_numbered(std::string& out, std::string_view name) {
    name.remove_prefix(1);
    const bool is_hex = name.starts_with('x');
    if (is_hex) name.remove_prefix(1);
    std::uint32_t point = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), point, is_hex ? 16 : 10);
    if (name.empty() || bad != std::errc() || end != name.data() + name.size()) return false;
    if (point == 0 || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    append_utf8(out, point);
    return true;
}

// Line ends of any kind become '\n', as XML has it.
void append_lines(std::string& out, std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
        out.push_back(text[i] == '\r' ? '\n' : text[i]);
    }
}

std::string_view local_name(std::string_view name) {
    return name.substr(name.find(':') + 1);
}

}  // namespace

XmlReader::XmlReader(std::string_view document) : rest_(document) {
    if (document.size() > base::limits::kXmlBytesMax || has_forbidden_control(document) || !base::is_utf8(document)) {
        fail();
        return;
    }
    (void)take("\xef\xbb\xbf");
    if (!at("<?xml ") && !at("<?xml\t") && !at("<?xml\r") && !at("<?xml\n")) return;
    const auto end = rest_.find("?>");
    const auto encoding = rest_.substr(0, std::min(end, rest_.size())).find("encoding");
    if (end == std::string_view::npos) {
        fail();
    } else if (encoding != std::string_view::npos &&
               base::to_lower(rest_.substr(encoding, end - encoding)).find("utf-8") == std::string::npos) {
        fail();
    } else {
        rest_.remove_prefix(end + 2);
    }
}

bool XmlReader::fail() {
    good_ = false;
    rest_ = {};
    return false;
}

bool XmlReader::take(std::string_view what) {
    if (!at(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
}

void XmlReader::skip_space() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(kSpace), rest_.size()));
}

std::string_view XmlReader::take_name() {
    std::size_t n = 0;
    while (n < rest_.size() && is_name_byte(rest_[n])) ++n;
    const auto name = rest_.substr(0, n);
    rest_.remove_prefix(n);
    const bool starts_badly = name.empty() || (name[0] >= '0' && name[0] <= '9') || name[0] == '-' || name[0] == '.';
    return starts_badly || n > kNameMax || local_name(name).empty() ? std::string_view() : name;
}

bool XmlReader::take_attribute() {
    if (take_name().empty()) return fail();
    skip_space();
    if (!take("=")) return fail();
    skip_space();
    const auto quote = rest_.substr(0, 1);
    if (quote != "\"" && quote != "'") return fail();
    const auto end = rest_.find(quote, 1);
    if (end == std::string_view::npos || rest_.substr(1, end - 1).find('<') != std::string_view::npos) return fail();
    rest_.remove_prefix(end + 1);
    return true;
}

bool XmlReader::take_open_tag() {
    if (!take("<")) return fail();
    const auto name = take_name();
    if (name.empty() || open_.size() >= static_cast<std::size_t>(base::limits::kXmlDepthMax)) return fail();
    for (std::size_t attributes = 0;; ++attributes) {
        const auto before = rest_.size();
        skip_space();
        empty_tag_ = at("/>");
        if (take("/>") || take(">")) break;
        if (rest_.size() == before || attributes == kAttributesMax || !take_attribute()) return fail();
    }
    open_.push_back(name);
    return true;
}

bool XmlReader::take_close_tag() {
    if (std::exchange(empty_tag_, false)) {
        open_.pop_back();
        return true;
    }
    if (open_.empty() || !take("</") || take_name() != open_.back()) return fail();
    skip_space();
    if (!take(">")) return fail();
    open_.pop_back();
    return true;
}

// White space and comments; false when a comment is malformed.
bool XmlReader::skip_comments() {
    for (;;) {
        skip_space();
        if (!take("<!--")) return good_;
        const auto end = rest_.find("--");
        if (end == std::string_view::npos || !rest_.substr(end).starts_with("-->")) return fail();
        rest_.remove_prefix(end + 3);
    }
}

bool XmlReader::enter_root(std::string_view name) {
    if (!good_ || !skip_comments() || !take_open_tag()) return false;
    return local_name(open_.back()) == name || fail();
}

std::optional<std::string_view> XmlReader::next() {
    if (!good_ || open_.empty()) return std::nullopt;
    if (empty_tag_ || (skip_comments() && at("</"))) {
        take_close_tag();
        return std::nullopt;
    }
    if (!good_ || !take_open_tag()) return std::nullopt;
    return local_name(open_.back());
}

bool XmlReader::take_reference(std::string& out) {
    static constexpr std::pair<std::string_view, char> named[] = {
        {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    const auto end = rest_.find(';');
    if (end == std::string_view::npos || end < 2) return fail();
    const auto name = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    if (name.starts_with('#')) return append_numbered(out, name) || fail();
    for (const auto& [known, c] : named) {
        if (name != known) continue;
        out.push_back(c);
        return true;
    }
    return fail();
}

bool XmlReader::take_cdata(std::string& out) {
    if (!take("<![CDATA[")) return fail();
    const auto end = rest_.find("]]>");
    if (end == std::string_view::npos) return fail();
    append_lines(out, rest_.substr(0, end));
    rest_.remove_prefix(end + 3);
    return true;
}

// Text up to the end of the open element.
bool XmlReader::take_text(std::string& out) {
    while (!at("</")) {
        const auto end = std::min(rest_.find_first_of("<&"), rest_.size());
        const auto plain = rest_.substr(0, end);
        if (end == rest_.size() || plain.find("]]>") != std::string_view::npos) return fail();
        append_lines(out, plain);
        rest_.remove_prefix(end);
        if (at("<!--")) {
            // Only the comment: the spaces behind it belong to the text.
            const auto close = rest_.find("--", 4);
            if (close == std::string_view::npos || !rest_.substr(close).starts_with("-->")) return fail();
            rest_.remove_prefix(close + 3);
        } else if (at("&")) {
            if (!take_reference(out)) return false;
        } else if (!at("</") && !take_cdata(out)) {
            return false;
        }
    }
    return true;
}

std::string XmlReader::text() {
    std::string out;
    if (!good_ || open_.empty()) return out;
    if ((!empty_tag_ && !take_text(out)) || !take_close_tag()) out.clear();
    return out;
}

void XmlReader::skip() {
    if (!good_ || open_.empty()) return;
    const auto depth = open_.size();
    std::string ignored;
    while (good_ && open_.size() >= depth) {
        if (!empty_tag_ && !at("</")) {
            // Text of any kind up to the next tag.
            const auto end = rest_.find_first_of("<&");
            if (end == std::string_view::npos) {
                fail();
                return;
            }
            rest_.remove_prefix(end);
            if (at("&") ? take_reference(ignored) : at("<!--") ? skip_comments() : at("<![") && take_cdata(ignored))
                continue;
            if (good_ && !at("</")) {
                take_open_tag();
                continue;
            }
        }
        if (good_) take_close_tag();
    }
}

bool XmlReader::finished() {
    if (!good_ || !open_.empty() || !skip_comments()) return false;
    return rest_.empty() || fail();
}

}  // namespace larder::s3
