#!/usr/bin/env python3
"""The house rules, as a test: sizes, arrows between rooms, words that are banned where they would hide a dependency,
coroutine rules, and that every test is built. `tidy.py --canary` must find fault with tests/tidy/canary."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

# room → rooms it may include; base, codec and io are open to all above them.
ROOMS = {
    "src/base": set(), "src/codec": {"src/base"}, "src/io": {"src/base"},
    "src/db": {"src/codec", "src/io"}, "src/http": {"src/io"},
    "src/rpc": {"src/codec", "src/io"},
    "replication/layout": {"src/codec"},
    "replication/quorum": {"src/io"},
    "replication/cluster": {"replication/layout", "replication/quorum", "src/db", "src/codec", "src/io"},
    "replication/table": {"replication/cluster", "replication/layout", "replication/quorum", "src/db", "src/codec", "src/io"},
    "replication/block": {"src/db", "src/codec", "src/io"},
    "replication/spread": {"replication/block", "replication/quorum", "src/db", "src/codec", "src/io"},
    "replication/model": {"replication/table", "replication/layout", "src/codec"},
    "replication/control": {"replication/model", "replication/table", "replication/layout", "src/codec", "src/io"},
    "replication": {"replication/model", "replication/table", "replication/spread", "replication/block", "replication/cluster",
                    "replication/layout", "replication/quorum", "src/db", "src/codec", "src/io"},
    "replication/remote": {"src/rpc", "src/codec", "src/io"},
    "replication/read_cache": {"replication", "src/codec", "src/io"},
    "replication/write_behind": {"replication/remote", "replication", "src/codec", "src/io"},
    "s3": {"src/http", "src/io", "replication"}, "src/admin": {"src/http", "src/io", "replication"},
    "fuse": {"src/io", "replication", "replication/remote", "replication/read_cache", "replication/write_behind"},
    "src/cli": {"src/http", "src/admin"},
    "src/daemon": {"src/rpc", "replication/remote", "replication/control", "s3", "src/admin", "src/http", "src/io", "replication"},
}
# Headers by which replication is entered from outside.
FRONT = ("replication/engine.h", "replication/files.h", "replication/cluster.h", "replication/cluster_rows.h", "replication/contacts.h",
         "replication/control/control.h", "replication/control/alone.h", "replication/remote/file_server.h",
         "replication/remote/remote_store.h", "replication/read_cache/read_cache.h",
         "replication/write_behind/write_behind.h")
DOORS = ("s3", "fuse", "src/admin", "src/cli", "src/daemon")

BANNED = [  # (pattern, why, rooms where it is at home)
    (r"#include <boost/beast", "Beast is seen by src/http alone", ("src/http",)),
    (r"#include <sqlite3", "SQLite is seen by src/db alone", ("src/db", "tests/bench/row_floor.cc")),
    (r"steady_clock::now|system_clock::now|random_device", "time and randomness come from io::Env", ("src/io", "src/cli")),
    (r"std::thread\b|std::async|std::jthread", "threads are made in src/io and src/db", ("src/io", "src/db", "tests")),
    (r"std::filesystem", "files are reached through io::Disk", ("src/cli", "tests")),
    (r"asio::(detached|co_spawn|strand)", "tasks have an owner: io::TaskGroup", ()),
    (r"\b(TODO|FIXME|XXX)\b", "nothing is left for later", ()),
    (r"\[[^\]\n]+\]\s*\([^()]*\)\s*(mutable\s*)?->\s*(io::)?Task<(?![^{]*\{\s*return)", "a capturing lambda must not be a coroutine", ("tests",)),
]


def room_of(path):
    best = ""
    for room in ROOMS:
        if path.startswith(room + "/") and len(room) > len(best):
            best = room
    return best


def may_include(room, target):
    if target == room or target in ("src/base",):
        return True
    seen, wait = set(), [room]
    while wait:
        for other in ROOMS[wait.pop()]:
            if other not in seen:
                seen.add(other)
                wait.append(other)
    return target in seen


def functions(lines):
    """(first line, length) of every brace block that begins at the left margin or inside a class and looks like one."""
    start, indent = None, ""
    for number, line in enumerate(lines, 1):
        if start is None:
            match = re.match(r"^(\s{0,4})(?!namespace|class|struct|enum|union|extern|using|constexpr .*=|const .*=)\S.*\)?[^;=]*\{$", line)
            if match and "(" in "".join(lines[max(0, number - 4):number]):
                start, indent = number, match.group(1)
        elif re.match(rf"^{indent}\}}", line):
            yield start, number - start + 1
            start = None


def check_file(path, text, problems):
    lines = text.split("\n")
    room = room_of(path)
    if len(lines) > FILE_LINES_MAX + 1:
        problems.append(f"{path}: {len(lines) - 1} lines, at most {FILE_LINES_MAX}")
    for start, length in functions(lines):
        if length > FUNCTION_LINES_MAX:
            problems.append(f"{path}:{start}: a function of {length} lines, at most {FUNCTION_LINES_MAX}")
    if path.endswith(".h") and "#pragma once" not in text:
        problems.append(f"{path}: no #pragma once")
    if path.endswith(".h") and not text.startswith("//"):
        problems.append(f"{path}: a header opens with what it is for")
    for match in re.finditer(r'#include "([^"]+)"', text):
        target = match.group(1)
        other = room_of(target)
        if not room or not other:
            continue
        if other.startswith("replication") and room in DOORS and target not in FRONT:
            problems.append(f"{path}: includes {target}; doors enter replication through its front headers alone")
        elif target in FRONT[:3] and room in ("replication/model", "replication/remote", "replication/control"):
            continue  # the rows and the wire are made of the front door's nouns
        elif not may_include(room, other):
            problems.append(f"{path}: includes {target}; the arrow goes the other way")
    code = re.sub(r"//[^\n]*", "", text)
    for pattern, why, homes in BANNED:
        where = code if "TODO" not in pattern else text
        if any(path.startswith(home) for home in homes):
            continue
        match = re.search(pattern, where)
        if match:
            line = where[:match.start()].count("\n") + 1
            problems.append(f"{path}:{line}: {match.group(0)[:60]!r}: {why}")


def sources(folder):
    for base, folders, names in os.walk(os.path.join(ROOT, folder)):
        folders[:] = [f for f in folders if f not in ("canary", "corpus", "__pycache__")]
        for name in sorted(names):
            if name.endswith((".cc", ".h")):
                yield os.path.relpath(os.path.join(base, name), ROOT)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def check_tests_are_built(problems):
    for path in sources("tests"):
        if not path.endswith(".cc"):
            continue
        folder = os.path.dirname(path)
        listed = ""
        while folder.startswith("tests"):
            makefile = os.path.join(ROOT, folder, "CMakeLists.txt")
            if os.path.exists(makefile):
                with open(makefile, encoding="utf-8") as f:
                    listed += f.read()
            folder = os.path.dirname(folder)
        name = os.path.basename(path)
        stem = name.removesuffix(".cc").removesuffix("_fuzz")
        if name not in listed and stem not in listed and "link_test" not in name:
            problems.append(f"{path}: no CMakeLists.txt builds it")


def main():
    problems = []
    if "--canary" in sys.argv:
        for name in sorted(os.listdir(os.path.join(ROOT, "tests/tidy/canary"))):
            found = []
            check_file("replication/block/" + name, read("tests/tidy/canary/" + name), found)
            if not found:
                problems.append(f"canary {name} was not caught")
    else:
        for folder in ("src", "replication", "s3", "fuse", "tests"):
            for path in sources(folder):
                check_file(path, read(path), problems)
        check_tests_are_built(problems)
        if "## Unreleased" not in read("CHANGELOG.md"):
            problems.append("CHANGELOG.md: no Unreleased section")
    for problem in problems:
        print(problem)
    print(f"{'canary' if '--canary' in sys.argv else 'tidy'}: {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
