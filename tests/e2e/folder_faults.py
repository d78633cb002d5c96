"""A mounted folder whose mount or daemon dies or stops in the middle. Run by run.py; needs /dev/fuse."""
import contextlib
import fcntl
import mmap
import os
import random
import shutil
import signal
import stat
import subprocess

from mount import PATIENCE, mount_process, mounted, needs_fuse, read, s3, soon_or_later, takes_minutes, write

# Each line on its standard output is a promise: this many records of the file are synced.
SYNCER = """
import os, sys
path, start = sys.argv[1], int(sys.argv[2])
file = os.open(path, os.O_RDWR | os.O_CREAT)
for i in range(start, 1_000_000):
    os.pwrite(file, b"%07d\\n" % i * 512, i * 4096)
    os.fsync(file)
    print(i + 1, flush=True)
"""


def check_synced(content, promised):
    assert len(content) >= promised * 4096, (len(content), promised)
    for i in range(promised):
        assert content[i * 4096:(i + 1) * 4096] == b"%07d\n" % i * 512, i


@takes_minutes
def test_mount_keeps_every_synced_byte_when_something_dies(d, tmp):
    """Four programs write and sync; then the mount, the daemon or both are killed; what was synced is there."""
    promised = [0] * 4
    dice = random.Random(6)
    for durability in ("daemon", "local"):
        for victims in (("mount",), ("daemon",), ("daemon", "mount")):
            with mounted(d, tmp, "--durability", durability) as folder:
                writers = [subprocess.Popen(["/usr/bin/python3", "-c", SYNCER, f"{folder}/{i}", str(promised[i])], text=True,
                                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for i in range(4)]
                for _ in range(dice.randrange(3, 12)):
                    for i, writer in enumerate(writers):
                        promised[i] = int(writer.stdout.readline())
                if "daemon" in victims:
                    d.kill()
                if "mount" in victims:
                    os.kill(mount_process(folder), signal.SIGKILL)
                if "daemon" in victims:
                    d.start()
                for i, writer in enumerate(writers):
                    # A mount that lives carries its writers over the daemon's end, or tells them of an error.
                    if "mount" not in victims:
                        writer.kill()
                    promised[i] = ([promised[i]] + [int(line) for line in writer.stdout if line.endswith("\n")])[-1]
                    writer.wait(timeout=PATIENCE)
            with mounted(d, tmp) as folder:
                for i in range(4):
                    check_synced(soon_or_later(lambda: read(f"{folder}/{i}")), promised[i])
    assert d.cli("verify")


@needs_fuse
def test_mount_of_a_stopped_daemon_reads_on_and_can_be_killed(d, tmp):
    """What is cached is read; a program that must wait for the daemon can be killed; all goes on when it goes on."""
    with mounted(d, tmp) as folder:
        write(f"{folder}/known", b"k" * 100_000)
        with open(f"{folder}/known", "rb") as known:
            known.read()
            d.process.send_signal(signal.SIGSTOP)
            try:
                for at in range(0, 100_000, 10_000):
                    assert os.pread(known.fileno(), 10_000, at) == b"k" * 10_000
                assert os.fstat(known.fileno()).st_size == 100_000
                for act in ("open('never-asked')", "open('new', 'w')", "os.listdir()", "os.rename('known', 'x')"):
                    ends_when_killed(folder, act)
                waiting = subprocess.Popen(["/usr/bin/python3", "-c", "import sys; open(sys.argv[1], 'wb').write(b'late')",
                                            f"{folder}/late"])
            finally:
                d.process.send_signal(signal.SIGCONT)
        assert waiting.wait(timeout=PATIENCE) == 0
        assert read(f"{folder}/late") == b"late" and s3(d, "GET", "late") == (200, b"late")


def ends_when_killed(folder, act):
    """Starts a program that waits for the daemon and kills it: it ends, where a hung one could not."""
    code = f"import os, sys; os.chdir(sys.argv[1]); print('in', flush=True); {act}"
    with subprocess.Popen(["/usr/bin/python3", "-c", code, folder], stdout=subprocess.PIPE) as program:
        assert program.stdout.readline() == b"in\n"
        while not sleeps(program.pid):
            assert program.poll() is None, f"{act} did not wait for the daemon"
        program.kill()
        program.wait(timeout=PATIENCE)


def sleeps(process):
    """proc(5): the state of a program that waits for an answer."""
    try:
        return read(f"/proc/{process}/stat").rpartition(b")")[2].split()[0] == b"S"
    except OSError:
        return False


def cache_files(d):
    """What a mount that has ended keeps of what was read: paths of the pieces."""
    paths = [os.path.join(base, name) for base, _, names in os.walk(os.path.join(d.folder, "cache")) for name in names]
    locks = [path for path in paths if path.endswith("/lock")]
    for path in locks:
        with open(path, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # its process holds it to the end
    return [os.path.join(os.path.dirname(path), name) for path in locks for name in os.listdir(os.path.dirname(path))
            if name != "lock"]


def size_of(paths):
    return sum(os.path.getsize(path) for path in paths)


@needs_fuse
def test_mount_reads_from_its_cache_while_the_daemon_is_stopped(d, tmp):
    """What an earlier mount read is read of the disk; opening asks the daemon; a new version is read of the daemon."""
    body = random.Random(7).randbytes(20 << 20)
    for name, size in (("large", len(body)), ("small", 5000), ("changes", 300_000)):
        assert s3(d, "PUT", name, body[:size])[0] == 200
    words = ("--cache", "64MiB")
    with mounted(d, tmp, *words) as folder:
        assert read(f"{folder}/large") == body
        assert read(f"{folder}/small") == body[:5000]
        assert read(f"{folder}/changes") == body[:300_000]
    assert s3(d, "PUT", "changes", body[-300_000:])[0] == 200
    with mounted(d, tmp, *words) as folder:
        assert read(f"{folder}/changes") == body[-300_000:]
        with open(f"{folder}/large", "rb") as large, open(f"{folder}/small", "rb") as small:
            d.process.send_signal(signal.SIGSTOP)
            try:
                assert os.pread(small.fileno(), 10_000, 0) == body[:5000]
                for at in (15 << 20, (1 << 20) - 1000, 0):
                    assert os.pread(large.fileno(), 100_000, at) == body[at:at + 100_000]
                assert large.read() == body
                ends_when_killed(folder, "open('small')")
            finally:
                d.process.send_signal(signal.SIGCONT)
    assert 20 << 20 <= size_of(cache_files(d)) <= 64 << 20


@needs_fuse
def test_mount_keeps_its_cache_small_and_reads_past_a_broken_one(d, tmp):
    body = random.Random(8).randbytes(40 << 20)
    assert s3(d, "PUT", "a", body)[0] == 200
    with mounted(d, tmp, "-o", "cache=16MiB") as folder:
        assert read(f"{folder}/a") == body
    pieces = cache_files(d)
    assert 8 << 20 < size_of(pieces) <= 16 << 20
    kept = os.path.join(d.folder, "cache")
    assert stat.S_IMODE(os.stat(kept).st_mode) == 0o700
    for path in pieces:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        with open(path, "r+b") as piece:
            piece.seek(random.Random(path).randrange(os.path.getsize(path)))
            piece.write(b"damaged")
    with mounted(d, tmp, "--cache", "16MiB") as folder:
        assert read(f"{folder}/a") == body
    with mounted(d, tmp, "--cache", "16MiB") as folder:
        shutil.rmtree(kept)
        assert read(f"{folder}/a") == body
        write(f"{folder}/a", body[:100])
        assert read(f"{folder}/a") == body[:100]
    for wrong in ("10 apples", "1000", "-1"):
        usage = d.cli("mount", "home", folder, "--cache=" + wrong, check=False)
        assert usage.returncode == 2 and wrong.encode() in usage.stderr and b"fix:" in usage.stderr, usage


APPENDER = """
import os, sys
for i in range(int(sys.argv[3])):
    with open(sys.argv[1], "a") as log:
        log.write(f"{sys.argv[2]} {i}\\n")
"""


@takes_minutes
def test_mount_loses_no_line_that_two_mounts_append(d, tmp):
    other = os.path.join(tmp, "other")
    os.makedirs(other)
    lines = 150
    for durability in ("daemon", "local"):
        words = ("--durability", durability)
        with mounted(d, tmp, *words) as folder, mounted(d, other, *words) as elsewhere:
            write(f"{folder}/log", b"", sync=True)
            appenders = [subprocess.Popen(["/usr/bin/python3", "-c", APPENDER, f"{where}/log", name, str(lines)])
                         for name, where in (("a", folder), ("b", elsewhere), ("c", folder))]
            for appender in appenders:
                assert appender.wait(timeout=4 * PATIENCE) == 0
        there = s3(d, "GET", "log")[1].decode().splitlines()
        assert sorted(there) == sorted(f"{name} {i}" for name in "abc" for i in range(lines)), len(there)
        for name in "abc":
            assert [line for line in there if line.startswith(name)] == [f"{name} {i}" for i in range(lines)]


@takes_minutes
def test_mount_holds_random_operations_with_mappings(d, tmp):
    """Writes, reads, mappings, cuts, holes and new opens of one file, against a copy in memory."""
    for name, words in (("daemon", ()), ("local", ("--durability", "local")), ("cached", ("--cache", "64MiB")),
                        ("both", ("--durability", "local", "--cache", "64MiB"))):
        with mounted(d, tmp, *words) as folder, contextlib.ExitStack() as files:
            check_random_operations(f"{folder}/{name}", random.Random(name), files)
            body = read(f"{folder}/{name}")
        assert s3(d, "GET", name) == (200, body)


def check_random_operations(path, dice, files):
    copy = bytearray()
    file = files.enter_context(open(path, "w+b", buffering=0))
    for step in range(1500):
        act = dice.choice(["write", "read", "map", "cut", "punch", "sync", "open"])
        at, size = dice.randrange(400_000), dice.randrange(1, 60_000)
        if act == "write":
            part = dice.randbytes(size)
            assert os.pwrite(file.fileno(), part, at) == size
            copy.extend(bytes(max(0, at - len(copy))))
            copy[at:at + size] = part
        elif act == "read":
            assert os.pread(file.fileno(), size, at) == copy[at:at + size], (step, at, size)
        elif act == "map" and at + size <= len(copy):
            with mmap.mmap(file.fileno(), len(copy)) as view:
                assert view[at:at + size] == copy[at:at + size], (step, at, size)
                view[at:at + size] = copy[at:at + size] = dice.randbytes(size)
        elif act == "cut":
            size = dice.randrange(500_000)
            os.ftruncate(file.fileno(), size)
            copy = copy[:size] + bytes(max(0, size - len(copy)))
        elif act == "punch" and at + size <= len(copy):
            subprocess.run(["fallocate", "-p", "-o", str(at), "-l", str(size), path], check=True)
            copy[at:at + size] = bytes(size)
        elif act == "sync":
            os.fsync(file.fileno())
        elif act == "open":
            file.close()
            file = files.enter_context(open(path, "r+b", buffering=0))
        assert os.fstat(file.fileno()).st_size == len(copy), (step, act)
    file.close()
    assert read(path) == copy
