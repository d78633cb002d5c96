#include "src/cli/command_line.h"

#include "src/cli/commands.h"

#include <CLI/CLI.hpp>

#include <array>
#include <iostream>

namespace larder::cli {
namespace {

// The tree, the values its options fill, and what the chosen command will do.
struct Tree {
    CLI::App app{"Larder keeps your data on your own machines and shows it over S3."};
    Globals globals{default_socket()};
    std::function<Done(Session&)> chosen;

    std::string name;
    std::string other_name;
    std::optional<std::string> max_size;
    std::optional<std::string> max_objects;
    KeyWish key;
    RightsWish rights;
    ListWish list;
    CopyWish copy;
    std::vector<std::string> places;
    bool recursive = false;
    bool show_secret = false;
    bool watch = false;
    ForgetWish forget;
    InviteWish invite;
    LayoutWish layout;
    std::optional<std::uint64_t> number;
};

// A command that runs `action` when it is the one typed.
CLI::App* command(CLI::App* parent, Tree& tree, const std::string& name, const std::string& what,
                  std::function<Done(Session&)> action) {
    auto* made = parent->add_subcommand(name, what);
    made->callback([&tree, action = std::move(action)] { tree.chosen = action; });
    return made;
}

void add_file_commands(Tree& tree) {
    auto* app = &tree.app;
    auto* ls = command(app, tree, "ls", "List buckets, or what is in one (BUCKET: or BUCKET:folder/)",
                       [&tree](Session& session) { return list_objects(session, tree.list); });
    ls->add_option("place", tree.list.place, "BUCKET:prefix");
    ls->add_flag("-r,--recursive", tree.list.recursive, "everything below, not only this level");
    ls->add_flag("-l,--long", tree.list.long_form, "time and size also with --quiet");

    auto* cp = command(app, tree, "cp", "Copy files to, from and between buckets; - is standard input or output",
                       [&tree](Session& session) {
                           tree.copy.target = tree.copy.sources.back();
                           tree.copy.sources.pop_back();
                           return copy(session, tree.copy);
                       });
    cp->add_option("from-and-to", tree.copy.sources, "one or more sources, then the target")
        ->required()
        ->expected(2, 10000);
    cp->add_flag("-r,--recursive", tree.copy.recursive, "copy folders whole");

    auto* cat = command(app, tree, "cat", "Write an object to standard output",
                        [&tree](Session& session) { return cat_object(session, tree.name); });
    cat->add_option("object", tree.name, "BUCKET:key")->required();

    auto* rm = command(app, tree, "rm", "Remove objects",
                       [&tree](Session& session) { return remove_objects(session, tree.places, tree.recursive); });
    rm->add_option("objects", tree.places, "BUCKET:key, or a prefix with -r")->required();
    rm->add_flag("-r,--recursive", tree.recursive, "everything that begins with the key");

    auto* stat = command(app, tree, "stat", "Show one object or bucket in full",
                         [&tree](Session& session) { return stat_object(session, tree.name); });
    stat->add_option("place", tree.name, "BUCKET:key")->required();
}

void add_bucket_commands(Tree& tree) {
    auto* bucket = tree.app.add_subcommand("bucket", "Buckets: ls, create, show, delete, quota, rename");
    bucket->alias("buckets")->require_subcommand(1);
    command(bucket, tree, "ls", "List all buckets", list_buckets);
    const auto on_name = [&](const std::string& verb, const std::string& what, auto action) {
        auto* made = command(bucket, tree, verb, what, [&tree, action](Session& s) { return action(s, tree); });
        made->add_option("bucket", tree.name, "its name")->required();
        return made;
    };
    on_name("create", "Make a bucket", [](Session& s, Tree& t) { return create_bucket(s, t.name); });
    on_name("show", "Contents, limits and keys of a bucket",
            [](Session& s, Tree& t) { return show_bucket(s, t.name); });
    on_name("delete", "Delete an empty bucket", [](Session& s, Tree& t) { return delete_bucket(s, t.name); });
    auto* quota = on_name("quota", "Limit a bucket",
                          [](Session& s, Tree& t) { return set_quota(s, t.name, t.max_size, t.max_objects); });
    quota->add_option("--max-size", tree.max_size, "such as 10GB, or none");
    quota->add_option("--max-objects", tree.max_objects, "a number, or none");
    on_name("rename", "Give a bucket another name",
            [](Session& s, Tree& t) { return rename_bucket(s, t.name, t.other_name); })
        ->add_option("new-name", tree.other_name, "the new name")
        ->required();
}

void add_key_commands(Tree& tree) {
    auto* key = tree.app.add_subcommand(
        "key", "Access keys for S3: ls, create, show, allow, deny, disable, enable, delete, import");
    key->alias("keys")->require_subcommand(1);
    command(key, tree, "ls", "List all access keys", list_keys);
    const auto with_wish = [&](const std::string& verb, const std::string& what) {
        auto* made = command(key, tree, verb, what, [&tree](Session& s) { return create_key(s, tree.key); });
        made->add_option("name", tree.key.name, "what it is for");
        made->add_option("--expires", tree.key.expires, "such as 2027-01-31T00:00:00Z");
        made->add_flag("--create-buckets", tree.key.may_create_buckets, "let it create buckets over S3");
        return made;
    };
    with_wish("create", "Make an access key; prints its secret once");
    auto* import = with_wish("import", "Add a key that exists elsewhere");
    import->add_option("--id", tree.key.id, "its id")->required();
    import->add_option("--secret", tree.key.secret, "its secret")->required();
    const auto on_key = [&](const std::string& verb, const std::string& what, auto action) {
        auto* made = command(key, tree, verb, what, [&tree, action](Session& s) { return action(s, tree); });
        made->add_option("key", tree.name, "id, its beginning, or name")->required();
        return made;
    };
    on_key("show", "A key and its rights", [](Session& s, Tree& t) {
        return show_key(s, t.name, t.show_secret);
    })->add_flag("--show-secret", tree.show_secret, "the secret too");
    on_key("delete", "Delete a key", [](Session& s, Tree& t) { return delete_key(s, t.name); });
    on_key("disable", "Refuse a key without deleting it",
           [](Session& s, Tree& t) { return disable_key(s, t.name, true); });
    on_key("enable", "Accept a disabled key again", [](Session& s, Tree& t) { return disable_key(s, t.name, false); });
    for (const bool allowed : {true, false}) {
        auto* made = command(key, tree, allowed ? "allow" : "deny",
                             allowed ? "Give a key rights on a bucket" : "Take rights from a key",
                             [&tree, allowed](Session& s) { return change_rights(s, tree.rights, allowed); });
        made->add_option("key", tree.rights.key, "id, its beginning, or name")->required();
        made->add_option("bucket", tree.rights.bucket, "the bucket")->required();
        made->add_flag("--read", tree.rights.read, "read and list");
        made->add_flag("--write", tree.rights.write, "write and delete");
        made->add_flag("--owner", tree.rights.owner, "change settings and delete the bucket");
    }
}

void add_node_commands(Tree& tree) {
    auto* app = &tree.app;
    command(app, tree, "status", "The cluster and this node on one screen", [&tree](Session& session) {
        return tree.watch ? watch_status(session) : show_status(session);
    })->add_flag("-w,--watch", tree.watch, "again every two seconds");
    command(app, tree, "verify", "Read everything stored and check it (slow)", verify_data);
    command(app, tree, "snapshot", "Copy the metadata, verified, into a new folder",
            [&tree](Session& session) { return make_snapshot(session, tree.name); })
        ->add_option("folder", tree.name, "a path on the node that does not exist yet")
        ->required();
    command(app, tree, "version", "The version of this program",
            [](Session& session) { return show_version(session.globals()); });
    command(app, tree, "completion", "A completion script for bash, zsh or fish",
            [&tree](Session&) { return print_completion(tree.name); })
        ->add_option("shell", tree.name, "bash, zsh or fish")
        ->required();
    static constexpr std::array<std::array<const char*, 3>, 3> kOfDaemon{{
        {"init", "--init", "Set up this machine as a new cluster (larder init --help)"},
        {"join", "--join", "Join the cluster that made a token: larder join TOKEN, or - to read it"},
        {"server", nullptr, "Run the daemon in the foreground (larder server --help)"},
    }};
    for (const auto& [name, word, what] : kOfDaemon) {
        auto* made = app->add_subcommand(name, what);
        made->prefix_command()->fallthrough(false)->set_help_flag();
        made->callback([&tree, made, word = word] {
            auto words = made->remaining();
            if (word != nullptr) words.insert(words.begin(), word);
            tree.chosen = [words](Session&) { return run_beside("larderd", "larder-server", words); };
        });
    }
}

void add_member_commands(Tree& tree) {
    auto* node = tree.app.add_subcommand("node", "Machines of the cluster: ls, show, drain, forget");
    node->alias("nodes")->require_subcommand(1);
    command(node, tree, "ls", "List all machines", list_nodes);
    const auto on_node = [&](const std::string& verb, const std::string& what, std::string& name, auto action) {
        auto* made = command(node, tree, verb, what, [&tree, action](Session& s) { return action(s, tree); });
        made->add_option("node", name, "name, number, id or its beginning")->required();
        return made;
    };
    on_node("show", "A machine in full", tree.name, [](Session& s, Tree& t) { return show_node(s, t.name); });
    on_node("drain", "Bring what it holds to the others", tree.name,
            [](Session& s, Tree& t) { return drain_node(s, t.name); });
    auto* forget = on_node("forget", "End its membership for ever, dead or drained", tree.forget.node,
                           [](Session& s, Tree& t) { return forget_node(s, t.forget); });
    forget->add_flag("--allow-loss", tree.forget.allow_loss, "although data is lost with it");
    forget->add_option("--confirm", tree.forget.confirm, "its name, instead of typing it");
    auto* invite = command(&tree.app, tree, "invite", "Make a token that lets a machine join; ls, revoke",
                           [&tree](Session& session) { return make_invite(session, tree.invite); });
    invite->add_option("--valid", tree.invite.valid, "such as 24h or 7d, at most 30d");
    invite->add_option("--uses", tree.invite.uses, "machines it lets in (1)");
    invite->require_subcommand(0, 1);
    command(invite, tree, "ls", "Invitations made, and who used them", list_invites);
    command(invite, tree, "revoke", "Withdraw an invitation",
            [&tree](Session& session) { return revoke_invite(session, tree.name); })
        ->add_option("invite", tree.name, "the beginning of its id")
        ->required();
    command(&tree.app, tree, "leave", "Take this machine out of the cluster (drains first)", leave_cluster);
}

void add_layout_commands(Tree& tree) {
    auto* layout =
        tree.app.add_subcommand("layout", "Who stores what: show, set, plan, apply, discard, history, explain");
    layout->require_subcommand(1);
    command(layout, tree, "show", "The layout in force, and what is staged", show_layout);
    auto* set = command(layout, tree, "set", "Stage a change of a machine, or of the number of copies",
                        [&tree](Session& session) { return set_layout(session, tree.layout); });
    auto& wish = tree.layout;
    set->add_option("node", wish.node, "name, number, id or its beginning");
    set->add_option("--capacity", wish.capacity, "bytes it may store, such as 4TB");
    set->add_option("--place", wish.place, "where it stands");
    set->add_option("--tag", wish.tags, "words of your own; repeat for several; \"\" for none");
    auto* gateway = set->add_flag("--gateway", wish.gateway, "serve requests, store nothing");
    set->add_flag("--stores", wish.stores, "a gateway stores again")->excludes(gateway);
    set->add_flag("--remove", wish.remove, "take it out of the layout");
    set->add_option("--copies", wish.copies, "copies of everything, 1 to 7");
    set->add_option("--places", wish.places, "places that copies must lie in: a number, or max");
    command(layout, tree, "plan", "What the staged changes would do", plan_layout);
    command(layout, tree, "apply", "Make the staged changes the next layout", [&tree](Session& session) {
        return apply_layout(session, tree.number);
    })->add_option("--if-version", tree.number, "only if this layout is in force");
    command(layout, tree, "discard", "Drop what is staged", discard_layout);
    command(layout, tree, "history", "The layouts so far, and who made them", layout_history);
    auto* explain = command(layout, tree, "explain", "Why it is as it is: the whole, a machine, a partition",
                            [&tree](Session& session) { return explain_layout(session, tree.name, tree.number); });
    explain->add_option("node", tree.name, "name, number, id or its beginning");
    explain->add_option("--partition", tree.number, "its number, from 0");
}

// Their words are another program's.
void add_mount_commands(Tree& tree) {
    auto* mount =
        tree.app.add_subcommand("mount", "Show a bucket as a folder (larder mount BUCKET FOLDER); ls: what is");
    mount->prefix_command()->fallthrough(false)->set_help_flag();
    mount->callback([&tree, mount] {
        const auto words = mount->remaining();
        tree.chosen = [words](Session& session) {
            return words == std::vector<std::string>{"ls"} ? list_mounts(session) : mount_bucket(session, words);
        };
    });
    auto* umount = tree.app.add_subcommand("umount", "End a mount (larder umount FOLDER)");
    umount->prefix_command()->fallthrough(false);
    umount->callback([&tree, umount] {
        const auto words = umount->remaining();
        tree.chosen = [words](Session&) { return unmount(words); };
    });
}

void add_globals(Tree& tree) {
    auto& app = tree.app;
    app.require_subcommand(0, 1);
    app.fallthrough();
    app.add_option("--socket", tree.globals.socket, "the daemon's administration socket ($LARDER_SOCKET)");
    app.add_flag("--json", tree.globals.json, "results as JSON, for programs");
    app.add_flag("-q,--quiet", tree.globals.quiet, "names only, no progress");
    app.add_flag("-y,--yes", tree.globals.yes, "answer yes to questions");
    app.set_version_flag("--version", "larder " LARDER_VERSION);
    app.footer(
        "Places are BUCKET:key or s3://BUCKET/key; anything else is a local path.\n"
        "Exit codes: 0 done, 2 wrong usage, 3 not found, 4 not allowed, 5 no daemon, 6 conflict, 7 needs --yes,\n"
        "            8 no quorum, 9 partly done, 10 damage found, 11 refused; others: failed.\n"
        "Examples:   larder bucket create photos      larder cp -r ~/Pictures photos:2026/\n"
        "            larder ls photos:2026/           larder key create laptop");
}

}  // namespace

int run(int argc, char** argv) {
    Tree tree;
    add_globals(tree);
    add_file_commands(tree);
    add_bucket_commands(tree);
    add_key_commands(tree);
    add_node_commands(tree);
    add_member_commands(tree);
    add_layout_commands(tree);
    add_mount_commands(tree);
    try {
        tree.app.parse(argc, argv);
    } catch (const CLI::Success& wanted) {
        return tree.app.exit(wanted);
    } catch (const CLI::ParseError& wrong) {
        auto problem = admin::make_problem("usage", wrong.what());
        return report(problem, tree.globals.json);
    }
    if (!tree.chosen) {
        std::cout << tree.app.help();
        return static_cast<int>(Exit::done);
    }
    Session session(tree.globals);
    const auto done = tree.chosen(session);
    return done ? static_cast<int>(*done) : report(done.error(), tree.globals.json);
}

}  // namespace larder::cli
