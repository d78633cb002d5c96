#include "replication/model/posix.h"

#include <charconv>
#include <sys/stat.h>

namespace larder::model {

namespace {

using engine::FileAttributes;
using engine::NamedValues;

constexpr std::int64_t kSecondNs = 1'000'000'000;
// Times a file system shows: from 1901, as ext4, to the last year that nanoseconds in 64 bits reach, 2262.
constexpr std::int64_t kSecondsMin = -(1ll << 31);
constexpr std::int64_t kSecondsMax = INT64_MAX / kSecondNs - 1;
// s3fs writes modes in decimal, rclone under the same name in octal; with the type's bits the ranges do not meet.
constexpr std::uint32_t kTypeBitsMin = 0010000;
constexpr std::uint32_t kModeMax = 0177777;

template <typename Number>
std::optional<Number> number(std::string_view text, int base = 10) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// "1700000000", "1700000000.5": seconds with a fraction of any length.
std::optional<std::int64_t> seconds(std::string_view text) {
    const auto dot = text.find('.');
    const auto whole = number<std::int64_t>(text.substr(0, dot));
    if (!whole || *whole < kSecondsMin || *whole > kSecondsMax) return std::nullopt;
    std::int64_t fraction = 0;
    if (dot != std::string_view::npos) {
        auto digits = std::string(text.substr(dot + 1, 9));
        digits.resize(9, '0');
        const auto parsed = number<std::uint32_t>(digits);
        if (!parsed || text.substr(dot + 1).find_first_not_of("0123456789") != std::string_view::npos)
            return std::nullopt;
        fraction = *parsed;
    }
    return *whole * kSecondNs + (text.starts_with('-') ? -fraction : fraction);
}

// "1700000000123456789ns".
std::optional<std::int64_t> nanoseconds(std::string_view text) {
    if (!text.ends_with("ns")) return std::nullopt;
    const auto ns = number<std::int64_t>(text.substr(0, text.size() - 2));
    return ns && *ns >= kSecondsMin * kSecondNs ? ns : std::nullopt;
}

std::optional<std::uint32_t> mode_in(std::string_view text, int base) {
    const auto mode = number<std::uint32_t>(text, base);
    return mode && *mode <= kModeMax ? mode : std::nullopt;
}
std::optional<std::uint32_t> octal_mode(std::string_view text) {
    return mode_in(text, 8);
}
std::optional<std::uint32_t> decimal_mode(std::string_view text) {
    return mode_in(text, 10);
}

// By s3fs (decimal, with type bits) or by rclone (octal).
std::optional<std::uint32_t> either_mode(std::string_view text) {
    const auto decimal = decimal_mode(text);
    // What s3fs writes of every symbolic link. In octal it would be a directory with odd rights.
    if (decimal == S_IFLNK + 0777u) return decimal;
    if (decimal && *decimal >= kTypeBitsMin && !text.starts_with('0')) {
        const auto as_octal = octal_mode(text);
        const bool octal_has_type = as_octal && (*as_octal & S_IFMT) != 0;
        if (!octal_has_type || (*decimal & S_IFMT) == S_IFREG || (*decimal & S_IFMT) == S_IFDIR) return decimal;
    }
    return octal_mode(text);
}

class Metadata {
 public:
    explicit Metadata(const NamedValues& values) : values_(values) {}
    // The value of a name as `parse` reads it; nullopt when it is absent or makes no sense.
    template <typename Parse>
    auto get(std::string_view name, Parse parse) const -> decltype(parse(std::string_view())) {
        for (const auto& [there, value] : values_) {
            if (there == name) return parse(value);
        }
        return std::nullopt;
    }

 private:
    const NamedValues& values_;
};

template <typename T>
void fill(std::optional<T>& into, std::optional<T> value) {
    if (!into) into = value;
}

// "atime:1700000000/gid:1000/mode:33188/…"
void fill_from_s3cmd(FileAttributes& out, std::string_view text) {
    while (!text.empty()) {
        const auto slash = text.find('/');
        const auto item = text.substr(0, slash);
        const auto colon = item.find(':');
        if (colon != std::string_view::npos) {
            const auto name = item.substr(0, colon);
            const auto value = item.substr(colon + 1);
            if (name == "mode") fill(out.mode, decimal_mode(value));
            if (name == "uid") fill(out.uid, number<std::uint32_t>(value));
            if (name == "gid") fill(out.gid, number<std::uint32_t>(value));
            if (name == "mtime") fill(out.mtime_ns, seconds(value));
            if (name == "atime") fill(out.atime_ns, seconds(value));
        }
        if (slash == std::string_view::npos) break;
        text.remove_prefix(slash + 1);
    }
}

std::string seconds_text(std::int64_t ns) {
    auto whole = ns / kSecondNs;
    auto fraction = ns % kSecondNs;
    std::string sign;
    if (ns < 0) {
        sign = "-";
        whole = -whole;
        fraction = -fraction;
    }
    auto digits = std::to_string(fraction);
    digits.insert(0, 9 - digits.size(), '0');
    return sign + std::to_string(whole) + "." + digits;
}

std::string octal_text(std::uint32_t mode) {
    char text[16];
    std::snprintf(text, sizeof text, "%07o", mode);
    return text;
}

}  // namespace

FileAttributes attributes_in(const NamedValues& metadata) {
    FileAttributes out;
    if (metadata.empty()) return out;
    const Metadata in(metadata);
    const auto id = [](std::string_view text) { return number<std::uint32_t>(text); };
    out.mode = in.get("file-permissions", octal_mode);
    out.uid = in.get("file-owner", id);
    out.gid = in.get("file-group", id);
    out.mtime_ns = in.get("file-mtime", nanoseconds);
    out.atime_ns = in.get("file-atime", nanoseconds);
    // s3fs and rclone share names.
    fill(out.mode, in.get("mode", either_mode));
    fill(out.uid, in.get("uid", id));
    fill(out.gid, in.get("gid", id));
    fill(out.mtime_ns, in.get("mtime", seconds));
    fill(out.atime_ns, in.get("atime", seconds));
    fill(out.mode, in.get("goog-reserved-posix-mode", octal_mode));
    fill(out.uid, in.get("goog-reserved-posix-uid", id));
    fill(out.gid, in.get("goog-reserved-posix-gid", id));
    fill(out.mtime_ns, in.get("goog-reserved-file-mtime", seconds));
    for (const auto& [name, value] : metadata) {
        if (name == "s3cmd-attrs") fill_from_s3cmd(out, value);
    }
    return out;
}

void merge(FileAttributes& into, const FileAttributes& changes) {
    const auto take = [](auto& to, const auto& from) {
        if (from) to = from;
    };
    take(into.mode, changes.mode);
    take(into.uid, changes.uid);
    take(into.gid, changes.gid);
    take(into.device, changes.device);
    take(into.mtime_ns, changes.mtime_ns);
    take(into.atime_ns, changes.atime_ns);
    take(into.ctime_ns, changes.ctime_ns);
}

FileAttributes attributes_of(const Object& object) {
    if (object.properties.metadata.empty()) return object.attributes;
    auto out = object.attributes;
    auto said = attributes_in(object.properties.metadata);
    fill(out.mode, said.mode);
    fill(out.uid, said.uid);
    fill(out.gid, said.gid);
    fill(out.mtime_ns, said.mtime_ns);
    fill(out.atime_ns, said.atime_ns);
    return out;
}

NamedValues metadata_with(const FileAttributes& attributes, NamedValues metadata) {
    const auto set = [&metadata](std::string_view name, std::string value) {
        for (auto& [there, old] : metadata) {
            if (there == name) {
                old = std::move(value);
                return;
            }
        }
        metadata.emplace_back(name, std::move(value));
    };
    if (attributes.mode) set("file-permissions", octal_text(*attributes.mode));
    if (attributes.uid) set("file-owner", std::to_string(*attributes.uid));
    if (attributes.gid) set("file-group", std::to_string(*attributes.gid));
    if (attributes.mtime_ns) {
        set("file-mtime", std::to_string(*attributes.mtime_ns) + "ns");
        set("mtime", seconds_text(*attributes.mtime_ns));
    }
    if (attributes.atime_ns) set("file-atime", std::to_string(*attributes.atime_ns) + "ns");
    return metadata;
}

engine::ObjectInfo shown_info_of(std::string key, Object object) {
    object.properties.metadata = metadata_with(object.attributes, std::move(object.properties.metadata));
    return info_of(std::move(key), std::move(object));
}

}  // namespace larder::model
