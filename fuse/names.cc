#include "fuse/names.h"

#include "src/base/hash.h"

namespace larder::fuse::names {
namespace {

constexpr std::string_view kObject = "%obj";
constexpr std::string_view kLong = "%long-";
constexpr std::size_t kLongPrefixBytes = 180;
constexpr std::size_t kLongDigits = 16;

std::string_view without_percents(std::string_view name) {
    while (name.ends_with('%')) name.remove_suffix(1);
    return name;
}

bool is_long_form(std::string_view name) {
    if (!name.starts_with(kLong) || name.size() < kLong.size() + 1 + kLongDigits) return false;
    const auto digits = name.substr(name.size() - kLongDigits);
    return name[name.size() - kLongDigits - 1] == '-' &&
           digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A form of the rule, with any number of "%" behind it.
bool looks_special(std::string_view name) {
    const auto core = without_percents(name);
    return core == "%empty" || core == "%dot" || core == "%dotdot" || core.ends_with(kObject) || is_long_form(core);
}

}  // namespace

std::string show(std::string_view segment, bool beside_directory) {
    std::string out(segment);
    if (segment.empty()) {
        out = "%empty";
    } else if (segment == ".") {
        out = "%dot";
    } else if (segment == "..") {
        out = "%dotdot";
    } else if (looks_special(segment)) {
        out += '%';
    }
    if (beside_directory) out += kObject;
    if (out.size() <= kNameBytesMax) return out;
    // The digest is of the whole shown name, so that "…" and "…%obj" differ.
    auto cut = std::min(out.size(), kLongPrefixBytes);
    while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xC0) == 0x80) --cut;
    return std::string(kLong) + out.substr(0, cut) + "-" + base::sha256(out).hex().substr(0, kLongDigits);
}

Meaning read(std::string_view name) {
    if (!looks_special(name)) return {Meaning::Kind::plain, std::string(name)};
    if (is_long_form(name)) {
        return {Meaning::Kind::search,
                std::string(name.substr(kLong.size(), name.size() - kLong.size() - kLongDigits - 1))};
    }
    Meaning meaning;
    if (name.ends_with(kObject)) {
        // What stands before is a shown name itself.
        meaning = read(name.substr(0, name.size() - kObject.size()));
        meaning.kind = Meaning::Kind::object;
    } else if (name == "%dot") {
        meaning.segment = ".";
    } else if (name == "%dotdot") {
        meaning.segment = "..";
    } else if (name != "%empty") {
        meaning.segment = name.substr(0, name.size() - 1);
    }
    // One name for everything: what no child is ever shown as finds none.
    if (show(meaning.segment, meaning.kind == Meaning::Kind::object) != name) meaning = {Meaning::Kind::nothing, ""};
    return meaning;
}

bool can_be_made(std::string_view name) {
    return !looks_special(name) || name.ends_with('%');
}

}  // namespace larder::fuse::names
