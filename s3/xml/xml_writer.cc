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

void append_reference(std::string& out, unsigned point) {
    out += "&#";
    out += std::to_string(point);
    out += ';';
}

// Writes the special character at the front of `text` and tells its length; 0 when it is an ordinary one after all.
std::size_t append_special(std::string& out, std::string_view text) {
    switch (text.front()) {
        case '&':
            out += "&amp;";
            return 1;
        case '<':
            out += "&lt;";
            return 1;
        case '>':
            out += "&gt;";
            return 1;
        case '"':
            out += "&quot;";
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

void append_escaped(std::string& out, std::string_view text) {
    static constexpr auto special = make_special();
    std::size_t plain = 0;
    for (std::size_t i = 0; i < text.size();) {
        if (!special[static_cast<std::uint8_t>(text[i])]) {
            ++i;
            continue;
        }
        out.append(text.substr(plain, i - plain));
        const auto length = append_special(out, text.substr(i));
        plain = i + length;
        i += std::max<std::size_t>(length, 1);
    }
    out.append(text.substr(plain));
}

}  // namespace

XmlWriter::XmlWriter() : out_("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") {}

void XmlWriter::open(std::string_view tag, std::string_view xmlns) {
    out_.append(1, '<').append(tag);
    if (!xmlns.empty()) out_.append(" xmlns=\"").append(xmlns).append(1, '"');
    out_.append(1, '>');
}

void XmlWriter::open_with(std::string_view tag, std::string_view attributes) {
    out_.append(1, '<').append(tag).append(1, ' ').append(attributes).append(1, '>');
}

void XmlWriter::close(std::string_view tag) {
    out_.append("</").append(tag).append(1, '>');
}

void XmlWriter::text(std::string_view text) {
    append_escaped(out_, text);
}

void XmlWriter::element(std::string_view tag, std::string_view text) {
    out_.append(1, '<').append(tag).append(1, '>');
    append_escaped(out_, text);
    close(tag);
}

void XmlWriter::element(std::string_view tag, std::uint64_t number) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out_.append(1, '<').append(tag).append(1, '>').append(digits.data(), end);
    close(tag);
}

void XmlWriter::element_quoted(std::string_view tag, std::string_view text) {
    out_.append(1, '<').append(tag).append(">&quot;");
    append_escaped(out_, text);
    out_.append("&quot;");
    close(tag);
}

std::string url_encode_key(std::string_view key) {
    return base::percent_encode(key, true);
}

}  // namespace larder::s3
