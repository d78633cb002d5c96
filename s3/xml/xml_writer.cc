#include "s3/xml/xml_writer.h"

#include "src/base/encoding.h"

#include <array>
#include <charconv>

namespace larder::s3 {

namespace {

// Bytes that may need more than themselves: markup, controls, and the first byte of U+FFFE and U+FFFF.
constexpr std::array<bool, 256> make_special() {
    std::array<bool, 256> special{};
    for (std::size_t c = 0; c < 0x20; ++c) special[c] = c != '\t' && c != '\n';
    for (const char c : {'&', '<', '>', '"'}) special[static_cast<std::uint8_t>(c)] = true;
    special[0xef] = true;
    return special;
}

void append_reference(base::Appender& out, unsigned point) {
    out.add("&#");
    out.add(std::to_string(point));
    out.add(';');
}

// Writes the special character at the front of `text` and tells its length; 0 when it is an ordinary one after all.
std::size_t append_special(base::Appender& out, std::string_view text) {
    switch (text.front()) {
        case '&':
            out.add("&amp;");
            return 1;
        case '<':
            out.add("&lt;");
            return 1;
        case '>':
            out.add("&gt;");
            return 1;
        case '"':
            out.add("&quot;");
            return 1;
        case '\xef':
            if (!text.starts_with("\xef\xbf\xbe") && !text.starts_with("\xef\xbf\xbf")) return 0;
            append_reference(out, text[2] == '\xbe' ? 0xfffe : 0xffff);
            return 3;
        default:
            append_reference(out, static_cast<std::uint8_t>(text.front()));
            return 1;
    }
}

// Whether one of eight bytes may need more than itself, or their neighbour does: a rare false alarm costs little.
bool may_hold_special(std::uint64_t bytes) {
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    constexpr std::uint64_t kHighs = 0x8080808080808080;
    const auto below = [](std::uint64_t x, std::uint64_t bound) { return (x - kOnes * bound) & ~x; };
    const auto is = [&](unsigned char c) { return below(bytes ^ kOnes * c, 1); };
    return ((below(bytes, 0x20) | is('&') | is('<') | is('>') | is('"') | is(0xef)) & kHighs) != 0;
}

bool may_hold_special(std::string_view text) {
    const auto eight_at = [text](std::size_t at) {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, text.data() + at, sizeof bytes);
        return bytes;
    };
    if (text.size() < 8) return !text.empty();
    for (std::size_t at = 0; at + 8 < text.size(); at += 8) {
        if (may_hold_special(eight_at(at))) return true;
    }
    return may_hold_special(eight_at(text.size() - 8));
}

void append_escaped(base::Appender& out, std::string_view text) {
    static constexpr auto special = make_special();
    if (!may_hold_special(text)) return out.add(text);
    std::size_t plain = 0;
    for (std::size_t i = 0; i < text.size();) {
        if (!special[static_cast<std::uint8_t>(text[i])]) {
            ++i;
            continue;
        }
        out.add(text.substr(plain, i - plain));
        const auto length = append_special(out, text.substr(i));
        plain = i + length;
        i += std::max<std::size_t>(length, 1);
    }
    out.add(text.substr(plain));
}

}  // namespace

XmlWriter::XmlWriter() {
    out_.add("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

void XmlWriter::open(std::string_view tag, std::string_view xmlns) {
    out_.add('<');
    out_.add(tag);
    if (!xmlns.empty()) {
        out_.add(" xmlns=\"");
        out_.add(xmlns);
        out_.add('"');
    }
    out_.add('>');
}

void XmlWriter::open_with(std::string_view tag, std::string_view attributes) {
    out_.add('<');
    out_.add(tag);
    out_.add(' ');
    out_.add(attributes);
    out_.add('>');
}

void XmlWriter::close(std::string_view tag) {
    out_.add("</");
    out_.add(tag);
    out_.add('>');
}

void XmlWriter::text(std::string_view text) {
    append_escaped(out_, text);
}

void XmlWriter::number(std::uint64_t number) {
    constexpr std::size_t kDigitsMax = 20;
    char* const begin = out_.room(kDigitsMax);
    out_.used(static_cast<std::size_t>(std::to_chars(begin, begin + kDigitsMax, number).ptr - begin));
}

void XmlWriter::element(std::string_view tag, std::string_view text) {
    open(tag);
    append_escaped(out_, text);
    close(tag);
}

void XmlWriter::element(std::string_view tag, std::uint64_t value) {
    open(tag);
    number(value);
    close(tag);
}

void XmlWriter::element_quoted(std::string_view tag, std::string_view text) {
    open(tag);
    out_.add("&quot;");
    append_escaped(out_, text);
    out_.add("&quot;");
    close(tag);
}

std::string url_encode_key(std::string_view key) {
    return base::percent_encode(key, true);
}

}  // namespace larder::s3
