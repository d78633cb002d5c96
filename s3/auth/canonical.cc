#include "s3/auth/canonical.h"

#include "src/base/encoding.h"

#include <algorithm>

namespace larder::s3 {

namespace {

constexpr std::array<bool, 256> make_unreserved() {
    std::array<bool, 256> table{};
    for (int c = 0; c < 256; ++c) {
        table[static_cast<std::size_t>(c)] = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                                             (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    }
    return table;
}
constexpr auto kUnreserved = make_unreserved();

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool stands_for_itself(std::uint8_t byte, bool keep_slash) {
    return kUnreserved[byte] || (keep_slash && byte == '/');
}

void append_encoded(std::string& out, std::uint8_t byte, bool keep_slash) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    if (stands_for_itself(byte, keep_slash)) {
        out.push_back(static_cast<char>(byte));
    } else {
        out.push_back('%');
        out.push_back(kDigits[byte >> 4]);
        out.push_back(kDigits[byte & 15]);
    }
}

bool append_component(std::string& out, std::string_view raw, bool in_query) {
    for (std::size_t i = 0; i < raw.size(); ++i) {
        const auto run = i;
        while (i < raw.size() && stands_for_itself(static_cast<std::uint8_t>(raw[i]), !in_query)) ++i;
        out.append(raw, run, i - run);
        if (i == raw.size()) break;
        auto byte = static_cast<std::uint8_t>(raw[i]);
        if (byte == '%') {
            const int high = i + 2 < raw.size() ? hex_value(raw[i + 1]) : -1;
            const int low = i + 2 < raw.size() ? hex_value(raw[i + 2]) : -1;
            if (high < 0 || low < 0) return false;
            byte = static_cast<std::uint8_t>(high << 4 | low);
            i += 2;
        } else if (byte == '+' && in_query) {
            byte = ' ';
        }
        append_encoded(out, byte, !in_query);
    }
    return true;
}

// Calls `take` with each name of "a;b;c" until it returns false.
template <typename Take>
void each_name(std::string_view names, Take take) {
    while (true) {
        const auto end = names.find(';');
        if (!take(names.substr(0, end)) || end == std::string_view::npos) return;
        names.remove_prefix(end + 1);
    }
}

void append_folded(std::string& out, std::string_view value) {
    bool space = false;
    for (const char c : base::trim(value)) {
        if (c == ' ' && space) continue;
        space = c == ' ';
        out.push_back(c);
    }
}

}  // namespace

RawQuery split_query(std::string_view target) {
    RawQuery out;
    const auto question = target.find('?');
    if (question == std::string_view::npos) return out;
    auto rest = target.substr(question + 1);
    out.reserve(static_cast<std::size_t>(std::ranges::count(rest, '&')) + 1);
    while (!rest.empty()) {
        const auto end = std::min(rest.find('&'), rest.size());
        const auto item = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (item.empty()) continue;
        const auto equals = std::min(item.find('='), item.size());
        out.emplace_back(item.substr(0, equals), item.substr(std::min(equals + 1, item.size())));
    }
    return out;
}

std::string_view path_of(std::string_view target) {
    return target.substr(0, target.find('?'));
}

bool append_canonical_path(std::string& out, std::string_view raw) {
    return append_component(out, raw, false);
}

namespace {

// A parameter in the text of all, encoded: "name=value".
struct Item {
    std::size_t begin, equals, end;
};

// Puts the parameters that stand in `out` from `begin` on into order.
void sort_items(std::string& out, std::size_t begin, std::vector<Item>& items) {
    const auto key_of = [&out](const Item& item) {
        const std::string_view all = out;
        return std::pair(all.substr(item.begin, item.equals - item.begin),
                         all.substr(item.equals, item.end - item.equals));
    };
    // Most clients send them as they are signed.
    if (std::ranges::is_sorted(items, {}, key_of)) return;
    std::ranges::sort(items, {}, key_of);
    std::string sorted;
    for (const auto& item : items) {
        if (!sorted.empty()) sorted.push_back('&');
        sorted.append(out, item.begin, item.end - item.begin);
    }
    out.replace(begin, out.size() - begin, sorted);
}

}  // namespace

bool append_canonical_query(std::string& out, const RawQuery& query, bool presigned) {
    const auto begin = out.size();
    std::vector<Item> items;
    items.reserve(query.size());
    for (const auto& [name, value] : query) {
        if (presigned && name == "X-Amz-Signature") continue;
        if (!items.empty()) out.push_back('&');
        Item item{out.size(), 0, 0};
        if (!append_component(out, name, true)) return false;
        item.equals = out.size();
        out.push_back('=');
        if (!append_component(out, value, true)) return false;
        item.end = out.size();
        items.push_back(item);
    }
    sort_items(out, begin, items);
    return true;
}

void append_canonical_headers(std::string& out, const http::Headers& headers, std::string_view names) {
    each_name(names, [&](std::string_view name) {
        out.append(name).push_back(':');
        bool first = true;
        for (const auto& [given, value] : headers.fields()) {
            if (!base::equal_ignoring_case(given, name)) continue;
            if (!std::exchange(first, false)) out.push_back(',');
            append_folded(out, value);
        }
        out.push_back('\n');
        return true;
    });
}

bool lists_name(std::string_view names, std::string_view name) {
    bool found = false;
    each_name(names, [&](std::string_view each) { return !(found = base::equal_ignoring_case(each, name)); });
    return found;
}

bool is_name_list(std::string_view names) {
    bool good = true;
    std::string_view before;
    each_name(names, [&](std::string_view name) {
        const bool lower = std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
        good = lower && before < name;
        before = name;
        return good;
    });
    return good;
}

}  // namespace larder::s3
