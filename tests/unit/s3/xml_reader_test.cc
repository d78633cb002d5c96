// The reader of clients' documents: what it reads, and that it refuses all that is not plain XML.
#include "s3/xml/xml_reader.h"

#include "s3/xml/xml_writer.h"

#include <catch2/catch.hpp>

namespace larder::s3 {

namespace {

// <r>…</r> as its one text; nothing when malformed.
std::optional<std::string> text_in(const std::string& inner, const std::string& around = "") {
    const std::string document = around + "<r>" + inner + "</r>";
    XmlReader xml(document);
    if (!xml.enter_root("r")) return std::nullopt;
    auto text = xml.text();
    return xml.finished() ? std::optional(text) : std::nullopt;
}

// Whether a document is accepted when all below its root is skipped.
bool is_well_formed(const std::string& document) {
    XmlReader xml(document);
    if (!xml.enter_root("r")) return false;
    while (xml.next()) xml.skip();
    return xml.finished();
}

}  // namespace

TEST_CASE("children are entered in order, with their texts") {
    XmlReader xml(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- why --><s:r xmlns:s='urn:x' a = \"1\">\n"
        " <one>1</one> <two/><!-- - --> <s:three x='&lt;>'><four> 4 </four></s:three >\n</s:r>\n");
    REQUIRE(xml.enter_root("r"));
    REQUIRE(xml.next() == "one");
    CHECK(xml.text() == "1");
    REQUIRE(xml.next() == "two");
    CHECK(xml.text().empty());
    REQUIRE(xml.next() == "three");
    REQUIRE(xml.next() == "four");
    CHECK(xml.text() == " 4 ");
    CHECK_FALSE(xml.next());
    CHECK_FALSE(xml.next());
    CHECK(xml.finished());
}

TEST_CASE("what is skipped must be well-formed too") {
    CHECK(is_well_formed("<r><a><b>x<c/>y &amp;<![CDATA[<]]><!-- c --></b></a><d/></r>"));
    for (const auto* inner : {"<a><b></a></b>", "<a>&no;</a>", "<a>x", "<a><b x></b></a>", "<a><!-- -- --></a>",
                              "<a>&#0;</a>", "<a><![CDATA[</a>", "<a><?pi?></a>", "<a><!DOCTYPE x></a>"}) {
        INFO(inner);
        CHECK_FALSE(is_well_formed(std::string("<r>") + inner + "</r>"));
    }
}

TEST_CASE("texts keep every character") {
    CHECK(text_in("") == "");
    CHECK(text_in("  ") == "  ");
    CHECK(text_in(" a b ") == " a b ");
    CHECK(text_in("ü日🎉") == "ü日🎉");
    CHECK(text_in("a&lt;&gt;&amp;&quot;&apos;b") == "a<>&\"'b");
    CHECK(text_in("&#65;&#x42;&#x1F389;&#xfc;") == "AB🎉ü");
    CHECK(text_in("&#1;&#13;&#10;&#xFFFE;") == "\x01\r\n\xef\xbf\xbe");
    CHECK(text_in("a\r\nb\rc\nd\te") == "a\nb\nc\nd\te");
    CHECK(text_in("a<![CDATA[<&>]]>b") == "a<&>b");
    CHECK(text_in("a<!-- x --> b") == "a b");
    CHECK(text_in("a", "\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>") == "a");
}

TEST_CASE("texts that are no XML are refused") {
    for (const auto* inner :
         {"&nbsp;",         "&amp",   "&;",   "& ",         "&#;",          "&#x;",     "&#xg;",
          "&#-1;",          "&#+1;",  "&#0;", "&#x0;",      "&#xd800;",     "&#xdfff;", "&#x110000;",
          "&#99999999999;", "&#X41;", "]]>",  "<![CDATA[x", "<a/>",         "<!-- x",   "<!x>",
          "<?x?>",          "\x01",   "\xff", "\xc0\x80",   "\xed\xa0\x80", "<",        "a<b"}) {
        INFO(inner);
        CHECK_FALSE(text_in(inner));
    }
    CHECK_FALSE(text_in(std::string("a\0b", 3)));
}

TEST_CASE("documents that are no plain XML are refused") {
    for (const auto* document : {"",
                                 " ",
                                 "r",
                                 "<r>",
                                 "<r",
                                 "<r/",
                                 "</r>",
                                 "<r></s>",
                                 "<r></r",
                                 "<q/>",
                                 "<r/><r/>",
                                 "<r/>x",
                                 "x<r/>",
                                 "<r a></r>",
                                 "<r a=1/>",
                                 "<r a='1/>",
                                 "<r a='<'/>",
                                 "<ra='1'/>",
                                 "<r a='1'b='2'/>",
                                 "<1r/>",
                                 "<-r/>",
                                 "< r/>",
                                 "<r:/>",
                                 "<r>x</r>",
                                 "<!DOCTYPE r><r/>",
                                 "<!DOCTYPE r [<!ENTITY a 'b'>]><r/>",
                                 "<?php?><r/>",
                                 "<?xml version='1.0' encoding='latin1'?><r/>",
                                 "<?xml version='1.0'",
                                 " <?xml version='1.0'?><r/>",
                                 "<!-- -- --><r/>",
                                 "<!-- <r/>",
                                 "<r/><!--"}) {
        INFO(document);
        CHECK_FALSE(is_well_formed(document));
    }
    for (const auto* document :
         {"<r/>", "<r></r>", "<r \n/>", "<r a='1' b=\"2\" />", "<r/>\n<!-- end -->\n", "<a:r/>"}) {
        INFO(document);
        CHECK(is_well_formed(document));
    }
}

TEST_CASE("depth, attributes and size are bounded") {
    const auto nested = [](std::size_t depth) {
        std::string document = "<r>";
        for (std::size_t i = 1; i < depth; ++i) document += "<a>";
        for (std::size_t i = 1; i < depth; ++i) document += "</a>";
        return document + "</r>";
    };
    CHECK(is_well_formed(nested(16)));
    CHECK_FALSE(is_well_formed(nested(17)));
    CHECK_FALSE(is_well_formed(nested(100000)));
    const auto with_attributes = [](std::size_t count) {
        std::string document = "<r";
        for (std::size_t i = 0; i < count; ++i) document += " a" + std::to_string(i) + "='x'";
        return document + "/>";
    };
    CHECK(is_well_formed(with_attributes(16)));
    CHECK_FALSE(is_well_formed(with_attributes(17)));
    CHECK_FALSE(is_well_formed("<r>" + std::string(2 * 1024 * 1024, ' ') + "</r>"));
    CHECK_FALSE(is_well_formed("<" + std::string(200, 'r') + "/>"));
}

TEST_CASE("after a failure nothing more is told") {
    XmlReader xml("<r><a>&bad;</a><b>1</b></r>");
    REQUIRE(xml.enter_root("r"));
    REQUIRE(xml.next() == "a");
    CHECK(xml.text().empty());
    CHECK_FALSE(xml.next());
    CHECK(xml.text().empty());
    CHECK_FALSE(xml.finished());
}

TEST_CASE("what the writer writes, the reader reads") {
    std::string every;
    for (int c = 1; c < 128; ++c) every.push_back(static_cast<char>(c));
    every += "ü日🎉\xef\xbf\xbe\xef\xbf\xbf\xef\xbb\xbf\xef\xbe\xbf";
    XmlWriter out;
    out.open("Result", "urn:x");
    out.element("Key", every);
    out.element("Size", std::uint64_t{18446744073709551615ull});
    out.element_quoted("ETag", "a\"b");
    out.close("Result");
    const auto document = out.take();
    CHECK(document.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Result xmlns=\"urn:x\"><Key>&#1;&#2;"));
    XmlReader in(document);
    REQUIRE(in.enter_root("Result"));
    REQUIRE(in.next() == "Key");
    CHECK(in.text() == every);
    REQUIRE(in.next() == "Size");
    CHECK(in.text() == "18446744073709551615");
    REQUIRE(in.next() == "ETag");
    CHECK(in.text() == "\"a\"b\"");
    CHECK_FALSE(in.next());
    CHECK(in.finished());
}

TEST_CASE("the writer escapes what XML cannot hold") {
    XmlWriter out;
    out.text("a<b>&\"'\t\n\r\x1f\x7f\xef\xbf\xbe\xef\xbf\xbd");
    CHECK(
        out.take().ends_with("\n"
                             "a&lt;b&gt;&amp;&quot;'\t\n&#13;&#31;\x7f&#65534;\xef\xbf\xbd"));
}

TEST_CASE("keys in url encoding") {
    CHECK(url_encode_key("a b+c/d%é~-_.*") == "a%20b%2Bc/d%25%C3%A9~-_.%2A");
}

}  // namespace larder::s3
