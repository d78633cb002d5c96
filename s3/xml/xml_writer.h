// S3's XML answers, appended to one string.
#pragma once

#include "src/base/appender.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace larder::s3 {

// Begins with the XML declaration. Texts are escaped; characters that XML 1.0 cannot hold become numeric references, as
// S3 itself writes them.
class XmlWriter {
 public:
    XmlWriter();
    // Without the declaration.
    enum Fragment { kFragment };
    explicit XmlWriter(Fragment) {}
    void reserve(std::size_t bytes) { out_.reserve(bytes); }
    void open(std::string_view tag, std::string_view xmlns = {});
    // Attributes as they stand in the text.
    void open_with(std::string_view tag, std::string_view attributes);
    void close(std::string_view tag);
    void text(std::string_view text);
    void element(std::string_view tag, std::string_view text);
    void element(std::string_view tag, std::uint64_t number);
    // The text between quotation marks, as ETags are shown.
    void element_quoted(std::string_view tag, std::string_view text);
    // Ready-made markup, as it is: for what is written a thousand times.
    void markup(std::string_view ready) { out_.add(ready); }
    void number(std::uint64_t number);
    std::string take() { return out_.take(); }

 private:
    base::Appender out_;
};

// For encoding-type=url: space as %20, a plus as %2B, '/' stays.
std::string url_encode_key(std::string_view key);

}  // namespace larder::s3
