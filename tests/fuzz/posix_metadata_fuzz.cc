// POSIX attributes in user metadata: values that strangers wrote. The input is lines "name=value"; what is read of them
// is in bounds, and what we tell of it is read back as the same.
#include "replication/model/posix.h"
#include "src/base/assert.h"

using namespace larder;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    engine::NamedValues metadata;
    while (!text.empty() && metadata.size() < 64) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto equals = line.find('=');
        if (equals != std::string_view::npos) metadata.emplace_back(line.substr(0, equals), line.substr(equals + 1));
    }
    const auto read = model::attributes_in(metadata);
    ENSURE(read.xattrs.empty() && !read.device && !read.ctime_ns);
    ENSURE(!read.mode || *read.mode <= 0177777);
    const auto told = model::metadata_with(read, metadata);
    ENSURE(told.size() >= metadata.size());
    // Set here, it goes before whatever else the metadata says.
    ENSURE(model::attributes_in(told) == read);
    model::Object object;
    object.attributes = read;
    object.properties.metadata = told;
    ENSURE(model::attributes_of(object) == read);
    return 0;
}
