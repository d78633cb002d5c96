#!/usr/bin/env python3
"""Manual pages, completion and the shipped settings against what the programs themselves answer. pages.py --bin FOLDER"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Their words are another program's, and so is their --help.
HANDED_ON = {"init": "larderd", "join": "larderd", "server": "larderd", "mount": "larder-mount"}


class Programs:
    def __init__(self, folder):
        self.folder = folder
        # A socket that nobody listens on: no daemon of this machine may change what is answered.
        self.env = dict(os.environ, LARDER_SOCKET="/nonexistent/admin.sock", PATH=f"{folder}:{os.environ['PATH']}")

    def answer(self, program, *words):
        return subprocess.run([os.path.join(self.folder, program), *words], env=self.env, capture_output=True,
                              check=True, text=True).stdout

    def help(self, *words):
        return self.answer("larder", *words, "--help")


def section(text, title):
    found = re.search(rf"^{title}:\n((?:  .*\n)+)", text, re.M)
    return found.group(1) if found else ""


def commands(text):
    """The names of subcommands, each with its other names."""
    return [match.group(1).split(", ") for match in re.finditer(r"^  (\S+(?:, \S+)*) {2,}", section(text, "Subcommands"), re.M)]


def options(text):
    """The names of options: ["-r", "--recursive"]…"""
    return [match.group(1).split(",") for match in re.finditer(r"^  (-\S+)", section(text, "Options"), re.M)]


def page(name):
    path = os.path.join(ROOT, "docs/man", name + ".scd")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as f:
        return f.read()


def check_options(problems, name, text, help_text):
    for names in options(help_text):
        for option in names:
            if f"*{option}*" not in text:
                problems.append(f"{name}: says nothing of {option}")


def check_pages(programs, problems):
    whole = programs.help()
    front = page("larder.1")
    check_options(problems, "larder.1", front, whole)
    for names in commands(whole):
        name = names[0]
        text = page(f"larder-{name}.1")
        if text is None:
            problems.append(f"larder {name} has no page docs/man/larder-{name}.1.scd")
            continue
        if f"*larder-{name}*(1)" not in front:
            problems.append(f"larder.1 does not list {name}")
        if name in HANDED_ON:
            continue
        own = programs.help(name)
        check_options(problems, f"larder-{name}.1", text, own)
        for verb, *_ in commands(own):
            if f"*larder {name} {verb}*" not in text or f"*{verb}*" not in text.split("# DESCRIPTION")[1]:
                problems.append(f"larder-{name}.1 says nothing of {verb}")
            check_options(problems, f"larder-{name}.1", text, programs.help(name, verb))
        for other in names[1:]:
            if f"*larder {other}*" not in text:
                problems.append(f"larder-{name}.1 does not tell its other name {other}")
    check_options(problems, "larderd.8", page("larderd.8"), programs.answer("larderd", "--help"))
    check_options(problems, "larder-mount.1", page("larder-mount.1"), programs.answer("larder-mount", "--help"))


def check_handing_on(programs, problems):
    """Their options are not taken for those of larder."""
    for name in ("init", "server"):
        if 'data = "/nonexistent"' not in programs.answer("larder", name, "--data", "/nonexistent", "--config", "/dev/null", "--show-config"):
            problems.append(f"larder {name} does not hand its options on")


def check_references(problems):
    names = {name.removesuffix(".scd") for name in os.listdir(os.path.join(ROOT, "docs/man")) if name.endswith(".scd")}
    for name in sorted(names):
        for match in re.finditer(r"\*(larder[\w.-]*|mount\.fuse\.larder)\*\((\d)\)", page(name)):
            if f"{match.group(1)}.{match.group(2)}" not in names:
                problems.append(f"{name} refers to {match.group(0)}, which is not there")


def settings(text):
    return dict(re.findall(r'^(\w+) = (.*)$', text, re.M))


def check_settings(programs, problems):
    """The shipped file changes nothing, and what it shows as defaults are the defaults."""
    with open(os.path.join(ROOT, "debian/larder.toml"), encoding="utf-8") as f:
        shipped = f.read()
    if settings(shipped):
        problems.append("debian/larder.toml sets something")
    with tempfile.TemporaryDirectory() as folder:
        def shown(text):
            with open(os.path.join(folder, "larder.toml"), "w", encoding="utf-8") as f:
                f.write(text)
            return settings(programs.answer("larderd", "--config", os.path.join(folder, "larder.toml"), "--show-config"))
        built_in = shown(shipped)
        for socket in ("admin", "files"):  # They depend on whether /run/larder is there.
            built_in[f"{socket}_socket"] = f'"/run/larder/{socket}.sock"'
        if shown(re.sub(r"^#(\w+ = )", r"\1", shipped, flags=re.M)) != built_in:
            problems.append("the lines of debian/larder.toml that are commented out are not the defaults")
        listed = settings(re.sub(r"^#", "", shipped, flags=re.M))
        for key, value in built_in.items():
            if key not in listed:
                problems.append(f"debian/larder.toml does not show {key}")
            if f"*{key}* = {value}" not in page("larder.toml.5"):
                problems.append(f"larder.toml.5 does not say {key} = {value}")


SHELLS = {
    "bash": (["bash", "--norc", "-c"], 'eval "$(larder completion bash)"; compopt() { :; }; COMP_WORDS=({words} ""); '
             'COMP_CWORD={count}; _larder; printf "%s\\n" "${{COMPREPLY[@]}}"'),
    "fish": (["fish", "--no-config", "-c"], 'larder completion fish | source; complete -C "{words} " | string replace -r "\\t.*" ""; true'),
    "zsh": (["zsh", "-f", "-c"], 'compdef() {{ :; }}; _files() {{ :; }}; compadd() {{ shift; print -l -- "$@"; }}; '
            'words=({words} ""); CURRENT=$#words; eval "$(larder completion zsh)"'),
}


def check_completion(programs, problems):
    verbs = {("larder",): {names[0] for names in commands(programs.help())},
             ("larder", "completion"): set(SHELLS)}
    for group in ("bucket", "key", "node", "layout", "invite"):
        verbs[("larder", group)] = {names[0] for names in commands(programs.help(group))}
    for shell, (start, script) in SHELLS.items():
        if shutil.which(shell) is None:
            print(f"pages: {shell} is not here; its completion was not tried")
            continue
        for words, wanted in verbs.items():
            line = script.format(words=" ".join(words), count=len(words)) if shell != "bash" else \
                script.replace("{words}", " ".join(words)).replace("{count}", str(len(words))).replace("{{", "{").replace("}}", "}")
            done = subprocess.run([*start, line], env=programs.env, capture_output=True, text=True, check=False)
            if done.returncode != 0 or done.stderr or set(done.stdout.split()) != wanted:
                problems.append(f"{shell} completes \"{' '.join(words)} \" with {sorted(done.stdout.split())}, "
                                f"not {sorted(wanted)}  {done.stderr}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    programs = Programs(os.path.abspath(parser.parse_args().bin))
    problems = []
    check_pages(programs, problems)
    check_handing_on(programs, problems)
    check_references(problems)
    check_settings(programs, problems)
    check_completion(programs, problems)
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
