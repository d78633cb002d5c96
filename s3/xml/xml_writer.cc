#include "s3/xml/xml_writer.h"

#include "src/base/encoding.h"

#include <array>
#include <charconv>

namespace larder::s3 {

namespace {

// Characters that need more than themselves.
constexpr std::array<bool, 256> make_special() {
    std::array<bool, 256> special{};
    for (std::size_t c = 0; c < 0x20; ++c) special[c] = c != '\t' && c != '\n';
    for (const char c : {'&', '<', '>', '"'}) special[static_cast<std::uint8_t>(c)] = true;
    return special;
}

void append_escaped(std::string& out, std::string_view text) {
    static constexpr auto special = make_special();
    std::size_t plain = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<std::uint8_t>(text[i]);
        if (!special[c]) continue;
        out.append(text.substr(plain, i - plain));
        plain = i + 1;
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += "&#";
                out += std::to_string(c);
                out += ';';
        }
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
