#include "src/base/encoding.h"
#include "src/http/http.h"

namespace larder::http {

void Headers::set(std::string name, std::string value) {
    std::erase_if(fields_, [&](const auto& field) { return base::equal_ignoring_case(field.first, name); });
    add(std::move(name), std::move(value));
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
    for (const auto& [have, value] : fields_) {
        if (have.size() == name.size() && base::equal_ignoring_case(have, name)) return value;
    }
    return std::nullopt;
}

std::vector<std::string_view> Headers::all(std::string_view name) const {
    std::vector<std::string_view> found;
    for (const auto& [have, value] : fields_) {
        if (base::equal_ignoring_case(have, name)) found.emplace_back(value);
    }
    return found;
}

}  // namespace larder::http
