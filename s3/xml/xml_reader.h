// Reads the XML documents of clients, element by element, without building a tree. What is not plain, well-formed XML
// is refused: no DTD, no processing instruction beyond the declaration, no entity but the five of XML and numeric
// references (which may name control characters, as S3's own documents do), UTF-8 only, bounded size, depth and
// attributes. Namespaces are not resolved: names are taken without their prefix.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::s3 {

class XmlReader {
 public:
    // The document outlives the reader.
    explicit XmlReader(std::string_view document);

    // Enters the root element. False when it has another name or the document is malformed.
    bool enter_root(std::string_view name);
    // Enters the next child of the element that is open and returns its name; nothing at that element's end, which is
    // left, or once the document is malformed. Text between children may only be white space.
    std::optional<std::string_view> next();
    // The text of the element just entered, which is left; malformed when it has children.
    std::string text();
    // Leaves the element just entered, whatever it holds.
    void skip();
    // At the end: whether the whole document was read and well-formed.
    bool finished();

 private:
    bool fail();
    bool at(std::string_view what) const { return rest_.starts_with(what); }
    bool take(std::string_view what);
    void skip_space();
    std::string_view take_name();
    bool take_attribute();
    bool take_open_tag();
    bool take_close_tag();
    bool skip_comments();
    bool take_reference(std::string& out);
    bool take_cdata(std::string& out);
    bool take_text(std::string& out);

    std::string_view rest_;
    std::vector<std::string_view> open_;  // whole names of the open elements
    bool empty_tag_ = false;              // the last element was opened and closed by one tag
    bool good_ = true;
};

}  // namespace larder::s3
