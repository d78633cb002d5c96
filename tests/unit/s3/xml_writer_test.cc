// What the writer of answers escapes.
#include "s3/xml/xml_writer.h"

#include <catch2/catch.hpp>

namespace larder::s3 {
namespace {

std::string text_of(std::string_view text) {
    XmlWriter xml(XmlWriter::kFragment);
    xml.text(text);
    return xml.take();
}

TEST_CASE("a special character is found wherever it stands, and its neighbours stay as they are", "[xml]") {
    const std::pair<std::string, std::string> pieces[] = {
        {"&", "&amp;"},
        {"<", "&lt;"},
        {">", "&gt;"},
        {"\"", "&quot;"},
        {std::string(1, '\0'), "&#0;"},
        {"\r", "&#13;"},
        {"\x1f", "&#31;"},
        {"\xef\xbf\xbe", "&#65534;"},
        {"\xef\xbf\xbf", "&#65535;"},
        // Those that begin alike, stand just above, or are no markup.
        {"\xef\xbf\xbd", "\xef\xbf\xbd"},
        {"\xc3\xa9", "\xc3\xa9"},
        {"\x7f", "\x7f"},
        {"\t\n ", "\t\n "},
        {"'", "'"},
    };
    for (std::size_t size = 0; size < 20; ++size) {
        for (std::size_t at = 0; at <= size; ++at) {
            for (const auto& [plain, written] : pieces) {
                std::string text(size, 'a');
                auto expected = text;
                text.insert(at, plain);
                expected.insert(at, written);
                REQUIRE(text_of(text) == expected);
            }
        }
    }
}

TEST_CASE("elements, numbers and ready markup stand one behind the other", "[xml]") {
    XmlWriter xml(XmlWriter::kFragment);
    xml.open("A", "urn:x");
    xml.element("B", "<");
    xml.element_quoted("C", "d&");
    xml.element("N", UINT64_MAX);
    xml.markup("<E/>");
    xml.number(0);
    xml.close("A");
    CHECK(xml.take() == "<A xmlns=\"urn:x\"><B>&lt;</B><C>&quot;d&amp;&quot;</C><N>18446744073709551615</N><E/>0</A>");
    CHECK(XmlWriter().take() == "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

}  // namespace
}  // namespace larder::s3
