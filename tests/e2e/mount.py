"""The folder: a real mount over a real daemon, seen through S3 as well. Run by run.py; needs /dev/fuse."""
import contextlib
import os
import random
import signal
import subprocess
import time

from signing import Connection

SEEN_WITHIN = 1.0  # seconds until one door shows what the other did
PATIENCE = 60


def can_mount():
    return os.path.exists("/dev/fuse") and os.access("/dev/fuse", os.R_OK | os.W_OK)


class Hung(Exception):
    pass


def needs_fuse(test, patience=PATIENCE):
    """Skips where the machine cannot mount, and ends a call that hangs."""
    def run(d, tmp):
        if not can_mount():
            print("      no /dev/fuse here: skipped", flush=True)
            return

        def give_up(*_):
            raise Hung("a call on the mount took too long")
        before = signal.signal(signal.SIGALRM, give_up)
        signal.alarm(patience)
        try:
            test(d, tmp)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
    run.__name__ = test.__name__
    return run


def takes_minutes(test):
    return needs_fuse(test, 10 * PATIENCE)


@contextlib.contextmanager
def mounted(d, tmp, *words, bucket="home"):
    folder = os.path.join(tmp, "folder")
    os.makedirs(folder, exist_ok=True)
    d.cli("mount", bucket, folder, *words)
    try:
        yield folder
    finally:
        d.cli("umount", folder, check=False)
        subprocess.run(["fusermount3", "-uz", folder], check=False, capture_output=True)


def s3(d, method, key, body=b""):
    return Connection(d.port, d.key_id, d.secret).request(method, f"/home/{key}", body)


def soon(holds):
    """Whether it holds within the time that one door may lag behind the other."""
    end = time.monotonic() + SEEN_WITHIN
    while time.monotonic() < end:
        if holds():
            return True
    return holds()


def write(path, content, sync=False):
    with open(path, "wb") as f:
        f.write(content)
        if sync:
            f.flush()
            os.fsync(f.fileno())


def read(path):
    with open(path, "rb") as f:
        return f.read()


@needs_fuse
def test_mount_and_s3_show_the_same(d, tmp):
    body = random.Random(1).randbytes(20 << 20)
    assert s3(d, "PUT", "from-s3.bin", body)[0] == 200
    with mounted(d, tmp) as folder:
        assert read(f"{folder}/from-s3.bin") == body
        write(f"{folder}/from-folder.bin", body[::-1])
        assert s3(d, "GET", "from-folder.bin") == (200, body[::-1])
        os.mkdir(f"{folder}/photos")
        os.rename(f"{folder}/from-folder.bin", f"{folder}/photos/moved.bin")
        assert s3(d, "GET", "from-folder.bin")[0] == 404
        assert s3(d, "GET", "photos/moved.bin") == (200, body[::-1])
        os.remove(f"{folder}/from-s3.bin")
        assert s3(d, "GET", "from-s3.bin")[0] == 404
        assert not os.path.exists(f"{folder}/new")
        assert s3(d, "PUT", "new", b"x")[0] == 200
        assert soon(lambda: os.path.exists(f"{folder}/new"))
        assert s3(d, "PUT", "new", b"changed")[0] == 200
        assert read(f"{folder}/new") == b"changed"
        assert soon(lambda: os.stat(f"{folder}/new").st_size == 7)
        assert s3(d, "DELETE", "photos/moved.bin")[0] == 204
        assert soon(lambda: os.listdir(f"{folder}/photos") == [])
        os.rmdir(f"{folder}/photos")
        assert os.listdir(folder) == ["new"]
        assert os.path.ismount(folder)
        assert folder in d.cli("mount", "ls").decode()
    assert not os.path.ismount(folder)
    assert d.cli("verify")


@needs_fuse
def test_mount_files_are_written_anywhere(d, tmp):
    dice = random.Random(2)
    with mounted(d, tmp) as folder:
        path = f"{folder}/file"
        expected = bytearray(dice.randbytes(3 << 20))
        write(path, expected)
        with open(path, "r+b") as f:
            for _ in range(200):
                at, size = dice.randrange(4 << 20), dice.randrange(1, 20_000)
                part = dice.randbytes(size)
                os.pwrite(f.fileno(), part, at)
                if at > len(expected):
                    expected.extend(bytes(at - len(expected)))
                expected[at:at + size] = part
                if dice.random() < 0.1:
                    os.fsync(f.fileno())
                if dice.random() < 0.05:
                    size = dice.randrange(4 << 20)
                    os.ftruncate(f.fileno(), size)
                    expected = expected[:size] + bytes(max(0, size - len(expected)))
        assert read(path) == expected
        assert s3(d, "GET", "file") == (200, bytes(expected))


@needs_fuse
def test_mount_keeps_attributes_beside_the_content(d, tmp):
    assert s3(d, "PUT", "plain", b"x")[0] == 200
    with mounted(d, tmp) as folder:
        os.chmod(f"{folder}/plain", 0o640)
        os.utime(f"{folder}/plain", ns=(5_000_000_000, 1_700_000_000_123_456_789))
        os.setxattr(f"{folder}/plain", "user.colour", b"blue")
        os.symlink("plain", f"{folder}/link")
        os.link(f"{folder}/plain", f"{folder}/second")
        write(f"{folder}/second", b"both")
        assert read(f"{folder}/plain") == b"both" and os.stat(f"{folder}/plain").st_nlink == 2
        os.utime(f"{folder}/plain", ns=(5_000_000_000, 1_700_000_000_123_456_789))
    with mounted(d, tmp) as folder:
        stat = os.stat(f"{folder}/plain")
        assert stat.st_mode == 0o100640 and stat.st_mtime_ns == 1_700_000_000_123_456_789, stat
        assert os.getxattr(f"{folder}/plain", "user.colour") == b"blue"
        assert os.readlink(f"{folder}/link") == "plain"
        assert os.stat(f"{folder}/second").st_ino == stat.st_ino
        assert s3(d, "GET", "second") == (200, b"both")
        for method in ("HEAD", "GET"):
            client = Connection(d.port, d.key_id, d.secret)
            assert client.request(method, "/home/second")[0] == 200
            told = {name: value for name, value in client.headers.items() if name.startswith("x-amz-meta-")}
            assert told["x-amz-meta-file-permissions"] == "0100640", told
            assert told["x-amz-meta-file-mtime"] == "1700000000123456789ns", told
            assert told["x-amz-meta-mtime"] == "1700000000.123456789", told
        os.remove(f"{folder}/plain")
        assert read(f"{folder}/second") == b"both"


@needs_fuse
def test_mount_renames_a_directory_in_one_step(d, tmp):
    count = 500
    for i in range(count):
        assert s3(d, "PUT", f"many/sub/{i}", b"%d" % i)[0] == 200
    other = os.path.join(tmp, "other")
    os.makedirs(other)
    with mounted(d, tmp) as folder, mounted(d, other) as elsewhere:
        assert len(os.listdir(f"{elsewhere}/many/sub")) == count
        os.rename(f"{folder}/many", f"{folder}/moved")
        # The rows are still on their way: every door shows them where they belong.
        assert s3(d, "GET", f"moved/sub/{count - 1}") == (200, b"%d" % (count - 1))
        assert s3(d, "GET", f"many/sub/{count - 1}")[0] == 404
        assert len(os.listdir(f"{folder}/moved/sub")) == count
        assert soon(lambda: not os.path.exists(f"{elsewhere}/many"))
        assert len(os.listdir(f"{elsewhere}/moved/sub")) == count
        os.makedirs(f"{folder}/many/sub")
        write(f"{folder}/many/sub/7", b"new")
        assert s3(d, "GET", "moved/sub/7") == (200, b"7")
        os.rename(f"{folder}/moved", f"{folder}/last")
        d.kill()
        d.start()
        assert s3(d, "GET", "last/sub/0") == (200, b"0")
        assert soon_or_later(lambda: len(os.listdir(f"{folder}/last/sub")) == count)
        assert soon_or_later(lambda: os.listdir(f"{folder}/many/sub") == ["7"])
        assert read(f"{folder}/many/sub/7") == b"new"


@needs_fuse
def test_mount_survives_the_daemon_and_its_own_end(d, tmp):
    body = random.Random(3).randbytes(5 << 20)
    with mounted(d, tmp) as folder:
        write(f"{folder}/kept", body, sync=True)
        d.kill()
        d.start()
        assert soon_or_later(lambda: read(f"{folder}/kept") == body)
        assert soon_or_later(lambda: write(f"{folder}/after", b"again") or True)
        assert read(f"{folder}/after") == b"again"
        write(f"{folder}/last", body[:100_000], sync=True)
        os.kill(mount_process(folder), signal.SIGKILL)
    with mounted(d, tmp) as folder:
        assert read(f"{folder}/kept") == body
        assert read(f"{folder}/last") == body[:100_000]


@needs_fuse
def test_mount_writes_behind_and_keeps_what_was_synced(d, tmp):
    with mounted(d, tmp, "--durability", "local") as folder:
        os.mkdir(f"{folder}/many")
        for i in range(300):
            write(f"{folder}/many/{i}", str(i).encode() * 100)
        assert soon(lambda: s3(d, "GET", "many/299")[1] == b"299" * 100)
        assert sorted(os.listdir(f"{folder}/many"), key=int) == [str(i) for i in range(300)]
        write(f"{folder}/base", bytes(100_000), sync=True)
        base = os.open(f"{folder}/base", os.O_RDWR)
        new = os.open(f"{folder}/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(new, b"before, ")
        d.kill()
        for at in range(0, 100_000, 5000):
            os.pwrite(base, b"synced", at)
            os.fsync(base)
        os.write(new, b"and synced")
        os.fsync(new)
        os.kill(mount_process(folder), signal.SIGKILL)
        for number in (base, new):
            with contextlib.suppress(OSError):
                os.close(number)
    d.start()
    with mounted(d, tmp, "--durability", "local") as folder:
        body = bytearray(100_000)
        for at in range(0, 100_000, 5000):
            body[at:at + 6] = b"synced"
        assert read(f"{folder}/base") == bytes(body)
        assert read(f"{folder}/new") == b"before, and synced"
    assert s3(d, "GET", "base")[1] == bytes(body)


BUSY = """
import errno, os, random, sys
os.chdir(sys.argv[1])
dice = random.Random(int(sys.argv[2]))
for _ in range(400):
    a, b = (f"f{dice.randrange(6)}" for _ in range(2))
    act = dice.choice(["write", "sync", "rename", "unlink", "link", "xattr", "list"])
    try:
        if act in ("write", "sync"):
            with open(a, "r+b" if dice.random() < 0.5 else "wb") as file:
                file.write(b"x" * dice.randrange(30_000))
                file.flush()
                if act == "sync":
                    os.fsync(file.fileno())
        elif act == "rename":
            os.rename(a, b)
        elif act == "unlink":
            os.unlink(a)
        elif act == "link":
            os.link(a, b)
        elif act == "xattr":
            os.setxattr(a, "user.x", b.encode())
        else:
            [os.stat(name) for name in os.listdir()]
    except (FileNotFoundError, FileExistsError):
        pass
    except OSError as error:
        # The name went to another file twice between the kernel's asking and its opening.
        if error.errno != errno.ESTALE:
            raise
"""


@needs_fuse
def test_mount_serves_many_programs_in_one_folder(d, tmp):
    for durability in ("local", "daemon"):
        with mounted(d, tmp, "--durability", durability) as folder:
            busy = [subprocess.Popen(["/usr/bin/python3", "-c", BUSY, folder, str(i)], stderr=subprocess.PIPE) for i in range(4)]
            for one in busy:
                said = one.communicate(timeout=PATIENCE)[1].decode()
                assert one.returncode == 0, said


def mount_process(folder):
    """The process that serves the folder, by its command line."""
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = read(f"/proc/{number}/cmdline").decode().split("\0")
        except OSError:
            continue
        if words[0].endswith("larder-mount") and folder in words:
            return int(number)
    raise AssertionError(f"nobody serves {folder}")


def soon_or_later(act):
    """Again while the mount finds its way back to the daemon."""
    end = time.monotonic() + PATIENCE / 2
    while True:
        try:
            return act()
        except OSError:
            if time.monotonic() > end:
                raise


@needs_fuse
def test_mount_says_what_is_wrong(d, tmp):
    folder = f"{tmp}/wrong"
    os.mkdir(folder)
    missing = d.cli("mount", "nowhere", folder, check=False)
    assert missing.returncode == 3 and b"nowhere" in missing.stderr and b"fix:" in missing.stderr, missing
    no_folder = d.cli("mount", "home", f"{tmp}/none", check=False)
    assert no_folder.returncode == 3 and b"mkdir -p" in no_folder.stderr, no_folder
    no_daemon = d.cli("mount", "home", folder, "--socket", f"{tmp}/none.sock", check=False)
    assert no_daemon.returncode == 5 and b"larder status" in no_daemon.stderr, no_daemon
    usage = d.cli("mount", "home", folder, "-o", "sticky", check=False)
    assert usage.returncode == 2 and b"sticky" in usage.stderr, usage
    assert not os.path.ismount(folder)
    with mounted(d, tmp, "--read-only") as shown:
        try:
            write(f"{shown}/x", b"x")
            raise AssertionError("a read-only mount was written to")
        except OSError as error:
            assert error.errno == 30, error
