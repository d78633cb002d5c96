#include "src/cli/commands.h"

#include <iostream>

namespace larder::cli {
namespace {

constexpr std::string_view kBash = R"sh(# bash completion for larder: eval "$(larder completion bash)"
_larder() {
    local current=${COMP_WORDS[COMP_CWORD]} first=${COMP_WORDS[1]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local verbs=""
    case $COMP_CWORD:$first in
        1:*) verbs="bucket cat completion cp init invite join key layout leave ls mount node rm server snapshot stat status umount verify version" ;;
        2:bucket) verbs="create delete ls quota rename show" ;;
        2:key) verbs="allow create delete deny disable enable import ls show" ;;
        2:invite) verbs="ls revoke" ;;
        3:invite) verbs=$(larder --quiet invite ls 2>/dev/null) ;;
        2:node) verbs="drain forget ls show" ;;
        2:layout) verbs="apply discard explain history plan set show" ;;
        2:completion) verbs="bash fish zsh" ;;
        3:node | 3:layout) verbs=$(larder --quiet node ls 2>/dev/null) ;;
        3:bucket) verbs=$(larder --quiet bucket ls 2>/dev/null) ;;
        3:key) verbs=$(larder --quiet key ls 2>/dev/null) ;;
        4:key) verbs=$(larder --quiet bucket ls 2>/dev/null) ;;
    esac
    case $first in
        ls | cp | cat | rm | stat)
            [[ $current == *:* ]] || verbs=$(larder --quiet bucket ls 2>/dev/null | sed 's/$/:/')
            compopt -o nospace -o default 2>/dev/null ;;
    esac
    COMPREPLY=($(compgen -W "$verbs" -- "$current"))
}
complete -F _larder larder
)sh";

constexpr std::string_view kZsh = R"sh(#compdef larder
# zsh completion for larder: larder completion zsh > "${fpath[1]}/_larder"
_larder() {
    local -a verbs
    case $CURRENT:$words[2] in
        2:*) verbs=(bucket cat completion cp init invite join key layout leave ls mount node rm server snapshot stat status umount verify version) ;;
        3:bucket) verbs=(create delete ls quota rename show) ;;
        3:key) verbs=(allow create delete deny disable enable import ls show) ;;
        3:invite) verbs=(ls revoke) ;;
        4:invite) verbs=(${(f)"$(larder --quiet invite ls 2>/dev/null)"}) ;;
        3:node) verbs=(drain forget ls show) ;;
        3:layout) verbs=(apply discard explain history plan set show) ;;
        3:completion) verbs=(bash fish zsh) ;;
        4:node|4:layout) verbs=(${(f)"$(larder --quiet node ls 2>/dev/null)"}) ;;
        4:bucket|5:key) verbs=(${(f)"$(larder --quiet bucket ls 2>/dev/null)"}) ;;
        4:key) verbs=(${(f)"$(larder --quiet key ls 2>/dev/null)"}) ;;
        *) verbs=(${(f)"$(larder --quiet bucket ls 2>/dev/null | sed 's/$/:/')"}); _files ;;
    esac
    compadd -- $verbs
}
_larder "$@"
)sh";

constexpr std::string_view kFish =
    R"sh(# fish completion for larder: larder completion fish > ~/.config/fish/completions/larder.fish
complete -c larder -f -n __fish_use_subcommand -a "bucket cat completion cp init invite join key layout leave ls mount node rm server snapshot stat status umount verify version"
complete -c larder -f -n "__fish_seen_subcommand_from bucket" -a "create delete ls quota rename show"
complete -c larder -f -n "__fish_seen_subcommand_from key" -a "allow create delete deny disable enable import ls show"
complete -c larder -f -n "__fish_seen_subcommand_from invite" -a "ls revoke"
complete -c larder -f -n "__fish_seen_subcommand_from node" -a "drain forget ls show"
complete -c larder -f -n "__fish_seen_subcommand_from layout" -a "apply discard explain history plan set show"
complete -c larder -f -n "__fish_seen_subcommand_from completion" -a "bash fish zsh"
complete -c larder -n "__fish_seen_subcommand_from ls cp cat rm stat" -a "(larder --quiet bucket ls 2>/dev/null | sed 's/\$/:/')"
)sh";

}  // namespace

Done print_completion(const std::string& shell) {
    if (shell == "bash") {
        std::cout << kBash;
    } else if (shell == "zsh") {
        std::cout << kZsh;
    } else if (shell == "fish") {
        std::cout << kFish;
    } else {
        auto problem = admin::make_problem("usage", "there is no completion for \"" + shell + "\".");
        problem.fix = {"larder completion bash", "larder completion zsh", "larder completion fish"};
        return std::unexpected(std::move(problem));
    }
    return Exit::done;
}

}  // namespace larder::cli
