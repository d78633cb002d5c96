#include "src/base/encoding.h"
#include "src/base/time.h"
#include "src/cli/commands.h"
#include "src/cli/json_fields.h"
#include "src/cli/show.h"

#include <cstdlib>
#include <fstream>
#include <iostream>

namespace larder::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t kIdShown = 8;

std::unexpected<Problem> usage(std::string message, std::string fix) {
    auto problem = admin::make_problem("usage", std::move(message));
    problem.fix = {std::move(fix)};
    return std::unexpected(std::move(problem));
}

// "24h", "30min", "7d" in seconds.
std::optional<std::uint64_t> parse_span(const std::string& text) {
    char* end = nullptr;
    const auto number = std::strtoull(text.c_str(), &end, 10);
    if (end == text.c_str() || number > 1'000'000) return std::nullopt;
    const std::string unit(end);
    if (unit == "s") return number;
    if (unit == "min" || unit == "m") return number * 60;
    if (unit == "h") return number * 3600;
    if (unit == "d") return number * 86'400;
    return std::nullopt;
}

std::string state_of(const json::object& invite) {
    if (invite.at("revoked").as_bool()) return "withdrawn";
    const auto used = invite.at("used_by").as_array().size();
    const auto most = invite.at("uses_max").to_number<std::uint64_t>();
    if (used >= most) return "used";
    const auto expires = base::parse_iso8601(text_of(invite, "expires"));
    if (expires && expires->ms <= now_ms()) return "ran out";
    return most == 1 ? "open" : std::to_string(most - used) + " left";
}

}  // namespace

Done make_invite(Session& session, const InviteWish& wish) {
    const auto seconds = parse_span(wish.valid);
    if (!seconds) return usage("\"" + wish.valid + "\" is not a time like 24h or 7d.", "larder invite --valid 24h");
    const json::object wanted{{"valid_seconds", *seconds}, {"uses", wish.uses}};
    TRY(const auto made, session.call("POST", "/v1/invites", wanted));
    if (session.show_json(made)) return Exit::done;
    const auto token = text_of(made, "token");
    if (session.globals().quiet) {
        std::cout << token << '\n';
        return Exit::done;
    }
    std::cout << "Run this on the new machine (valid " << wish.valid << ", works "
              << (wish.uses == 1 ? "once" : std::to_string(wish.uses) + " times")
              << "):\n\n  sudo -u larder larder join " << token
              << "\n\nWhere the package has set up a node of its own, that goes first: man larder-join.\n"
              << "It carries how to reach this machine, a fingerprint of the cluster and a secret.\n"
              << "Anyone who has it can join. Withdraw it with: larder invite revoke "
              << text_of(made, "id").substr(0, kIdShown) << '\n';
    return Exit::done;
}

Done list_invites(Session& session) {
    TRY(const auto result, session.call("GET", "/v1/invites"));
    if (session.show_json(result)) return Exit::done;
    Table table({{"INVITE"}, {"STATE"}, {"UNTIL"}, {"MADE BY"}, {"USED BY"}});
    for (const auto& item : result.at("invites").as_array()) {
        const auto& invite = item.as_object();
        const auto id = text_of(invite, "id").substr(0, kIdShown);
        std::string users;
        for (const auto& name : invite.at("used_by").as_array()) {
            users += (users.empty() ? "" : ", ") + printable(std::string_view(name.as_string()));
        }
        if (session.globals().quiet) std::cout << id << '\n';
        table.add({id, state_of(invite), text_of(invite, "expires").substr(0, 19),
                   printable(text_of(invite, "made_by")), users});
    }
    if (!session.globals().quiet) std::cout << table.text();
    return Exit::done;
}

Done revoke_invite(Session& session, const std::string& id) {
    TRY(const auto revoked, session.call("DELETE", "/v1/invites/" + base::percent_encode(id, false)));
    if (session.show_json(revoked)) return Exit::done;
    std::cout << "Invite " << text_of(revoked, "id").substr(0, kIdShown) << " is withdrawn.\n";
    return Exit::done;
}

}  // namespace larder::cli
