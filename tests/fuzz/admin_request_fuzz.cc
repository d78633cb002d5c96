// What the administration API is told: paths, queries and JSON bodies; and what it says of problems. The first byte of
// the input picks which.
#include "src/admin/json.h"
#include "src/admin/routes.h"
#include "src/base/assert.h"
#include "src/base/encoding.h"

using namespace larder;
using namespace larder::admin;

namespace {

// Two that were both read, and are the same.
template <typename Result>
bool same(const Result& a, const Result& b) {
    return a && b && *a == *b;
}

void check_path(std::string_view text) {
    const auto path = parse_path(text);
    if (!path) return;
    ENSURE(!path->empty());
    std::string written = "/v1";
    for (const auto& segment : *path) {
        ENSURE(base::is_utf8(segment) && segment.find('\0') == std::string::npos);
        written += "/" + base::percent_encode(segment, false);
    }
    ENSURE(same(parse_path(written), path));
}

void check_query(std::string_view text) {
    const auto query = parse_query(text);
    if (!query) return;
    std::string written;
    for (const auto& [name, value] : *query) {
        ENSURE(base::is_utf8(name) && base::is_utf8(value));
        written +=
            (written.empty() ? "" : "&") + base::percent_encode(name, false) + "=" + base::percent_encode(value, false);
    }
    ENSURE(same(parse_query(written), query));
}

// A member is of one type, and is the same once the body has been written again.
void check_members(const boost::json::object& object, const boost::json::object& again, std::string_view name) {
    const auto text = string_member(object, name);
    const auto flag = bool_member(object, name);
    const auto count = count_member(object, name);
    const bool given = object.contains(name) && !object.at(name).is_null();
    const int fits = text.has_value() + flag.has_value() + count.has_value();
    ENSURE(given ? fits <= 1 : fits == 3);
    if (text) ENSURE(same(string_member(again, name), text));
    if (flag) ENSURE(same(bool_member(again, name), flag));
    if (count) ENSURE(same(count_member(again, name), count));
    if (given && text) ENSURE(base::is_utf8(**text));
}

void check_body(std::string_view text) {
    const auto object = parse_object(text);
    if (!object) {
        ENSURE(object.error().code == base::Code::invalid_argument);
        return;
    }
    const auto again = parse_object(boost::json::serialize(*object));
    // Numbers beyond a double are read as infinite, which JSON cannot say; no member takes one.
    if (!again) return;
    for (const auto name : {"name", "id", "secret", "expires", "disabled", "may_create_buckets", "key", "read", "quota",
                            "bytes_max", "objects_max"}) {
        check_members(*object, *again, name);
    }
    const auto* quota = object->if_contains("quota");
    if (quota == nullptr || !quota->is_object()) return;
    check_members(quota->get_object(), again->at("quota").get_object(), "bytes_max");
}

void check_problem(std::string_view text) {
    const auto problem = problem_from_json(text);
    if (!problem) return;
    const auto again = problem_from_json(to_json(*problem));
    ENSURE(again && again->code == problem->code && again->message == problem->message);
    ENSURE(again->facts == problem->facts && again->fix == problem->fix && again->exit == problem->exit);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 16 * 1024) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0]) {
        case 'p':
            check_path(text);
            break;
        case 'q':
            check_query(text);
            break;
        case 'b':
            check_body(text);
            break;
        default:
            check_problem(text);
    }
    return 0;
}
