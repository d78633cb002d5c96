"""Programs that people run, with their data in a mounted folder. Run by run.py; needs /dev/fuse."""
import contextlib
import glob
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

from mount import PATIENCE, mount_process, mounted, needs_fuse, read, takes_minutes, write

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def said(*words, **kwargs):
    done = subprocess.run(words, capture_output=True, check=False, **kwargs)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")
    return done.stdout.decode()


@takes_minutes
def test_mount_conforms_to_posix(d, tmp):
    if os.geteuid() != 0:
        print("      needs root: skipped", flush=True)
        return
    with mounted(d, tmp, "--allow-other") as folder:
        os.chmod(d.folder, 0o755)  # cases run as other users
        os.chmod(tmp, 0o755)
        print("      " + said(f"{d.bin}/tests/posix_conformance", folder, "--known",
                              f"{REPOSITORY}/tests/posix/mount_differences").strip(), flush=True)


@needs_fuse
def test_mount_carries_git(d, tmp):
    with mounted(d, tmp) as folder:
        origin = f"{folder}/origin"
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", origin]
        said("git", "init", "-q", origin)
        for i in range(30):
            os.makedirs(f"{origin}/d{i % 5}", exist_ok=True)
            write(f"{origin}/d{i % 5}/f{i}", str(i).encode() * 100)
        said(*git, "add", ".")
        said(*git, "commit", "-q", "-m", "all")
        said("git", "clone", "-q", "--no-hardlinks", origin, f"{folder}/clone")
        said(*git, "mv", "d0", "moved")
        said(*git, "commit", "-q", "-a", "-m", "moved")
        said("git", "-C", f"{folder}/clone", "pull", "-q")
        said("git", "-C", f"{folder}/clone", "repack", "-a", "-d", "-q")
        for one in (origin, f"{folder}/clone"):
            said("git", "-C", one, "fsck", "--strict")
            assert said("git", "-C", one, "status", "--porcelain") == ""


ADD_ROWS = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], timeout=60)
for i in range(int(sys.argv[3])):
    with base:
        base.execute("insert into t values(?, ?)", (sys.argv[2], i))
    print(i, flush=True)
"""


def row_adder(path, name, count):
    return subprocess.Popen(["/usr/bin/python3", "-c", ADD_ROWS, path, name, str(count)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


@takes_minutes
def test_mount_carries_sqlite(d, tmp):
    """Two processes add rows in each journal mode; then one is writing when the mount is killed."""
    for mode in ("delete", "wal"):
        with mounted(d, tmp) as folder:
            path = f"{folder}/{mode}.db"
            with contextlib.closing(sqlite3.connect(path)) as base:
                assert base.execute(f"pragma journal_mode={mode}").fetchone() == (mode,)
                base.execute("create table t(who, n)")
            for adder in [row_adder(path, name, 30) for name in "ab"]:
                errors = adder.communicate(timeout=PATIENCE)[1]
                assert adder.returncode == 0, errors
            adder = row_adder(path, "c", 1_000_000)
            acknowledged = [int(adder.stdout.readline()) for _ in range(20)][-1]
            os.kill(mount_process(folder), signal.SIGKILL)
            acknowledged = ([acknowledged] + [int(line) for line in adder.stdout])[-1]
            adder.wait()
            adder.stderr.close()
        with mounted(d, tmp) as folder, contextlib.closing(sqlite3.connect(f"{folder}/{mode}.db")) as base:
            assert base.execute("pragma integrity_check").fetchone() == ("ok",)
            assert base.execute("select who, count(*) from t where who != 'c' group by who").fetchall() == [("a", 30), ("b", 30)]
            count, last = base.execute("select count(*), max(n) from t where who = 'c'").fetchone()
            assert count == last + 1 and last >= acknowledged, (count, last, acknowledged)


def make_tree(folder):
    """Links of both kinds, xattrs, modes, old times, holes, an empty folder and names that are not plain."""
    os.makedirs(f"{folder}/deep/er/still")
    os.makedirs(f"{folder}/empty")
    for i in range(200):
        write(f"{folder}/deep/er/{i}", str(i).encode() * i)
    write(f"{folder}/a b \u00e4 %41 #?", b"odd")
    os.link(f"{folder}/deep/er/7", f"{folder}/deep/er/still/seven")
    os.symlink("../deep", f"{folder}/deep/up")
    os.setxattr(f"{folder}/deep/er/8", "user.colour", b"blue")
    os.chmod(f"{folder}/deep/er/9", 0o4750)
    with open(f"{folder}/holes", "wb") as f:
        f.seek(3 << 20)
        f.write(b"end")
    for where, folders, files in os.walk(folder, topdown=False):
        for i, name in enumerate(sorted(folders + files)):
            os.utime(f"{where}/{name}", ns=(10**18, 10**18 + i), follow_symlinks=False)


@takes_minutes
def test_mount_takes_what_rsync_keeps(d, tmp):
    make_tree(f"{tmp}/tree")
    with mounted(d, tmp) as folder:
        rsync = ["rsync", "-aHAX", "--itemize-changes", f"{tmp}/tree/", f"{folder}/tree/"]
        assert said(*rsync) != ""
        assert said(*rsync) == "", "the second run moves nothing"
        assert said(*rsync, "--checksum", "--delete") == ""
        assert os.stat(f"{folder}/tree/deep/er/7").st_nlink == 2
    with mounted(d, tmp) as folder:
        assert said(*rsync) == "", "nor does one after mounting anew"
        assert said("rsync", "-aHAX", "--itemize-changes", f"{folder}/tree/", f"{tmp}/tree/") == "", "nor one back"


@takes_minutes
def test_mount_takes_a_source_tree_by_tar(d, tmp):
    kept = ["tests", "src", "docs"]
    said("tar", "-C", REPOSITORY, "-cf", f"{tmp}/source.tar", *kept)
    with mounted(d, tmp) as folder:
        os.mkdir(f"{folder}/source")
        said("tar", "-C", f"{folder}/source", "-xpf", f"{tmp}/source.tar")
        said("tar", "-C", f"{folder}/source", "--compare", "-f", f"{tmp}/source.tar")
    with mounted(d, tmp) as folder:
        said("tar", "-C", f"{folder}/source", "--compare", "-f", f"{tmp}/source.tar")
        said("tar", "-C", f"{folder}/source", "-cf", f"{tmp}/back.tar", *kept)
        shutil.rmtree(f"{folder}/source")
        assert os.listdir(folder) == []
    os.mkdir(f"{tmp}/back")
    said("tar", "-C", f"{tmp}/back", "-xpf", f"{tmp}/back.tar")
    said("tar", "-C", f"{tmp}/back", "--compare", "-f", f"{tmp}/source.tar")


class Postgres:
    """A PostgreSQL whose data are in `folder`; its socket and log in `beside`. Runs as `postgres` where we are root."""

    def __init__(self, folder, beside):
        self.bin = max(glob.glob("/usr/lib/postgresql/*/bin"))
        self.data, self.beside = f"{folder}/postgres", beside
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        self.environment = {**os.environ, "PGHOST": beside, "PGUSER": "bench", "PGDATABASE": "postgres"}

    def run(self, program, *words):
        return said(*self.user, f"{self.bin}/{program}", *words, env=self.environment, cwd="/", stdin=subprocess.DEVNULL,
                    timeout=4 * PATIENCE)

    def make(self):
        os.mkdir(self.data, 0o700)
        if self.user:
            for folder in (self.data, self.beside):
                shutil.chown(folder, "postgres", "postgres")
        self.run("initdb", "-D", self.data, "--no-locale", "-E", "UTF8", "-A", "trust", "-U", "bench")

    def start(self):
        options = f"-k {self.beside} -c listen_addresses='' -c shared_buffers=16MB -c max_wal_size=64MB"
        self.run("pg_ctl", "-D", self.data, "-o", options, "-l", f"{self.beside}/log", "-t", "120", "-w", "start")
        self.process = int(read(f"{self.data}/postmaster.pid").split()[0])

    def ask(self, query):
        return self.run("psql", "-X", "-A", "-t", "-c", query).strip()

    def check(self):
        """What each transaction of pgbench keeps equal, and every page's and index's form."""
        sums = {self.ask(f"select coalesce(sum({column}), 0) from pgbench_{table}") for table, column in
                (("accounts", "abalance"), ("tellers", "tbalance"), ("branches", "bbalance"), ("history", "delta"))}
        assert len(sums) == 1, sums
        self.run("pg_amcheck", "--install-missing", "--heapallindexed")
        return int(self.ask("select count(*) from pgbench_history"))

    def load(self):
        """Transactions until something ends them."""
        return subprocess.Popen([*self.user, f"{self.bin}/pgbench", "-n", "-c", "4", "-T", "600"], env=self.environment, cwd="/",
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self):
        """As if the power went."""
        children = subprocess.run(["pgrep", "-P", str(self.process)], capture_output=True, check=False).stdout
        group = [self.process] + [int(number) for number in children.split()]
        for number in group:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        wait_until(lambda: not any(os.path.exists(f"/proc/{number}") for number in group))


def wait_until(holds):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "waited too long"


def survives(d, durability, crash):
    with tempfile.TemporaryDirectory(prefix="larder-postgres-") as place:
        os.chmod(place, 0o755)
        beside = f"{place}/beside"
        os.mkdir(beside)
        words = ["--durability", durability] + (["--allow-other"] if os.geteuid() == 0 else [])
        try:
            with mounted(d, place, *words) as folder:
                base = Postgres(folder, beside)
                base.make()
                base.start()
                try:
                    base.run("pgbench", "-i", "-q", "-s", "1")
                    base.run("pgbench", "-n", "-c", "4", "-t", "25")
                    assert base.check() == 100
                    load = base.load()
                    wait_until(lambda: int(base.ask("select count(*) from pgbench_history")) > 150)
                    crash(folder)
                finally:
                    base.end()
                load.wait(timeout=PATIENCE)
            with mounted(d, place, *words):
                base.start()
                try:
                    assert base.check() > 150
                    base.run("pgbench", "-n", "-c", "4", "-t", "25")
                    base.check()
                    base.run("pg_ctl", "-D", base.data, "-m", "fast", "-w", "stop")
                finally:
                    base.end()
        except Exception:
            with contextlib.suppress(OSError):
                print(read(f"{beside}/log").decode()[-3000:], flush=True)
            raise


@takes_minutes
def test_mount_carries_postgresql_when_the_mount_dies(d, tmp):
    survives(d, "local", lambda folder: os.kill(mount_process(folder), signal.SIGKILL))


@takes_minutes
def test_mount_carries_postgresql_when_the_daemon_dies(d, tmp):
    def crash(_):
        d.kill()
        d.start()
    survives(d, "daemon", crash)
