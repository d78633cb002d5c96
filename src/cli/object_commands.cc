#include "src/base/encoding.h"
#include "src/cli/commands.h"
#include "src/cli/json_fields.h"
#include "src/cli/show.h"

#include <iostream>
#include <unistd.h>

namespace larder::cli {

namespace json = boost::json;

namespace {

std::string list_target(const Remote& place, bool recursive, std::string_view after) {
    std::string target =
        "/v1/list/" + base::percent_encode(place.bucket, false) + "?prefix=" + base::percent_encode(place.key, false);
    if (!recursive) target += "&delimiter=%2F";
    if (!after.empty()) target += "&start_after=" + base::percent_encode(after, false);
    return target;
}

void print_entry(const json::object& object, bool quiet) {
    const auto key = printable(text_of(object, "key"));
    if (quiet) {
        std::cout << key << '\n';
        return;
    }
    // The time to the second and a size column wide enough for "999.9 MB", so that a stream of pages stays aligned.
    auto size = format_size(object.at("size").to_number<std::uint64_t>());
    size.insert(0, size.size() < 9 ? 9 - size.size() : 0, ' ');
    std::cout << text_of(object, "modified").substr(0, 19) << "  " << size << "  " << key << '\n';
}

}  // namespace

Outcome<void> each_object(Session& session, const Remote& place, bool recursive,
                          const std::function<Outcome<void>(const json::object&)>& visit,
                          const std::function<void(std::string_view)>& visit_prefix) {
    for (std::string after;;) {
        TRY(const auto page, session.call("GET", list_target(place, recursive, after)));
        for (const auto& prefix : page.at("prefixes").as_array()) {
            if (visit_prefix) visit_prefix(std::string_view(prefix.as_string()));
        }
        for (const auto& object : page.at("objects").as_array()) TRY_VOID(visit(object.as_object()));
        if (!page.at("truncated").as_bool()) return {};
        after = text_of(page, "next");
    }
}

Done list_objects(Session& session, const ListWish& wish) {
    if (wish.place.empty()) return list_buckets(session);
    TRY(const auto place, need_remote(wish.place));
    const auto& globals = session.globals();
    const auto visit = [&](const json::object& object) -> Outcome<void> {
        // One object a line, so that a listing of millions can be read as it comes.
        if (!session.show_json(object)) print_entry(object, globals.quiet && !wish.long_form);
        return {};
    };
    const auto visit_prefix = [&](std::string_view prefix) {
        if (session.show_json(json::object{{"prefix", prefix}})) return;
        std::cout << (globals.quiet ? "" : "                                 ") << printable(prefix) << '\n';
    };
    TRY_VOID(each_object(session, place, wish.recursive, visit, visit_prefix));
    return Exit::done;
}

Done stat_object(Session& session, const std::string& text) {
    TRY(const auto place, need_remote(text));
    if (place.key.empty()) return show_bucket(session, place.bucket);
    TRY(const auto object, session.call("GET", object_target(place.bucket, place.key) + "?stat=true"));
    if (session.show_json(object)) return Exit::done;
    std::cout << "Object    " << place.bucket << ':' << printable(place.key) << '\n'
              << "Size      " << format_size(object.at("size").to_number<std::uint64_t>()) << " ("
              << object.at("size").to_number<std::uint64_t>() << " bytes)\n"
              << "Modified  " << text_of(object, "modified") << '\n'
              << "ETag      " << text_of(object, "etag") << '\n'
              << "Version   " << text_of(object, "version") << '\n';
    for (const char* group : {"headers", "metadata", "tags"}) {
        const auto* values = object.if_contains(group);
        if (values == nullptr) continue;
        for (const auto& [name, value] : values->as_object()) {
            std::cout << group << "   " << std::string_view(name) << " = " << printable(value.as_string()) << '\n';
        }
    }
    return Exit::done;
}

Done cat_object(Session& session, const std::string& text) {
    TRY(const auto place, need_remote(text));
    http::Client::Request request;
    request.method = "GET";
    request.target = object_target(place.bucket, place.key);
    request.sink = [](std::string_view bytes) -> base::Result<void> {
        std::cout.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        if (!std::cout) return base::fail(base::Code::io_failure, "standard output cannot take more.");
        return {};
    };
    TRY_VOID(session.transfer(std::move(request)));
    std::cout.flush();
    return Exit::done;
}

namespace {

Outcome<void> remove_one(Session& session, const Remote& place) {
    TRY(const auto outcome, session.call("DELETE", object_target(place.bucket, place.key)));
    if (!outcome.at("existed").as_bool()) {
        return std::unexpected(admin::make_problem(
            "no-such-object", "there is no \"" + place.key + "\" in bucket \"" + place.bucket + "\"."));
    }
    if (!session.globals().json && !session.globals().quiet) {
        std::cout << "removed " << place.bucket << ':' << printable(place.key) << '\n';
    }
    return {};
}

Outcome<void> remove_below(Session& session, const Remote& place) {
    return each_object(session, place, true, [&](const json::object& object) {
        return remove_one(session, Remote{place.bucket, text_of(object, "key")});
    });
}

}  // namespace

Done remove_objects(Session& session, const std::vector<std::string>& places, bool recursive) {
    for (const auto& text : places) {
        TRY(const auto place, need_remote(text));
        if (!recursive && (place.key.empty() || place.key.ends_with('/'))) {
            auto problem = admin::make_problem("needs-yes", "\"" + text + "\" names many objects.");
            problem.fix = {"larder rm -r " + text};
            return std::unexpected(std::move(problem));
        }
        if (recursive && place.key.empty() && !session.globals().yes) {
            auto problem = admin::make_problem("needs-yes", "this removes everything in \"" + place.bucket + "\".");
            problem.fix = {"larder rm -r --yes " + text};
            return std::unexpected(std::move(problem));
        }
        TRY_VOID(recursive ? remove_below(session, place) : remove_one(session, place));
    }
    return Exit::done;
}

}  // namespace larder::cli
