"""Speed of the mount beside its floors, measured in the same run: `./dev bench --mount`. docs/performance.md says what each
figure means. The load is mount_load; the floors are null FUSE (null_fuse: everything from memory, the same kernel options),
the disk's page cache, one thread's syncs and the disk's own file system. rclone mount and s3fs do the same jobs over the
same daemon, in smaller sizes."""
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass

from load import presigned
from mount_subjects import Failed, Mounted, NullFuse, Plain, larder, on_processor, rclone, s3fs


@dataclass
class Sizes:
    files: int  # of 1 KiB in one folder
    statted: int
    mib: int  # of the large file
    cloned: int  # files of the repository
    limit: int  # seconds that a job may take


FULL = Sizes(files=100_000, statted=20_000, mib=1024, cloned=5_000, limit=600)
SMALL = Sizes(files=10_000, statted=5_000, mib=128, cloned=500, limit=120)
PEERS = Sizes(files=1_000, statted=500, mib=64, cloned=100, limit=30)

GOALS = {"stat warm": 0.8, "stat cold": 0.5, "create + write 4 KiB + close": 0.25, "write 1 MiB in order": 0.4, "read cached": 0.8}


class Jobs:
    """The jobs on one subject. Each gives its figures to `tell(job, value, unit)`; one that fails is told as None."""

    def __init__(self, subject, sizes, seconds, context):
        self.subject, self.sizes, self.seconds, self.context = subject, sizes, seconds, context
        self.figures = {}

    def load(self, *words):
        """What mount_load says. Nothing here touches the folder itself: it may hang."""
        return json.loads(self.run([*on_processor(0), self.context.program, *map(str, words)]).stdout)

    def run(self, words):
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as child:
            try:
                said, wrong = child.communicate(timeout=self.sizes.limit)
            except BaseException as error:
                # What waits for the folder ends only when nobody serves it any more.
                child.kill()
                self.subject.stop()
                if isinstance(error, subprocess.TimeoutExpired):
                    self.subject.start()
                    raise Failed(f"took more than {self.sizes.limit} s") from None
                raise
        if child.returncode:
            raise Failed((wrong.strip().splitlines() or [f"{words[0]} failed"])[-1])
        return subprocess.CompletedProcess(words, 0, said, wrong)

    def path(self, *parts):
        return os.path.join(self.subject.folder, *parts)

    def measure(self, job, unit, act, cold=False):
        try:
            if cold:
                self.subject.remount()
            before = self.context.processor_seconds(self.subject)
            self.figures[job] = value = act()
            after = self.context.processor_seconds(self.subject)
            self.context.tell(self.subject, job, value, unit, {name: after[name] - spent for name, spent in before.items()})
        except (Failed, OSError) as error:
            self.figures[job] = None
            self.context.failed(self.subject, job, error)

    def rate(self, *words):
        done = self.load(*words)
        return done["count"] / done["seconds"]

    def mib_rate(self, *words):
        done = self.load(*words)
        return done["bytes"] / (1 << 20) / done["seconds"]

    def all(self):
        sizes, seconds, many, big = self.sizes, self.seconds, self.path("many"), self.path("big")
        self.measure("stat warm", "per s", lambda: self.rate("stat", many, min(1000, sizes.statted), seconds))
        self.measure("stat cold", "per s", lambda: self.rate("stat", many, sizes.statted, 0), cold=True)
        self.measure("ls -l cold", "s", lambda: self.listing(many), cold=True)
        self.measure("create + write 4 KiB + close", "per s", lambda: self.rate("create", self.make_folder("new"), seconds))
        self.measure("write 1 MiB in order", "MiB/s", lambda: self.mib_rate("write", big, sizes.mib))
        self.measure("read cached", "MiB/s", lambda: self.mib_rate("read", big, seconds))
        self.measure("read cold", "MiB/s", lambda: self.mib_rate("read", big, 0), cold=True)
        if isinstance(self.subject, Mounted) and self.subject.name.startswith("larder"):
            self.context.forget(self.context.daemon.folder)
            self.measure("read cold, from the disk", "MiB/s", lambda: self.mib_rate("read", big, 0), cold=True)
        self.measure("random write 4 KiB + fsync", "per s", lambda: self.rate("random", big, seconds))
        if self.subject.name != "null FUSE":
            self.measure("git clone", "s", self.clone)
        # Last: what it leaves to clear away takes time from whatever comes behind.
        self.measure("rename of a folder", "s", lambda: self.load("rename", many, self.path("renamed"))["seconds"])

    def make_folder(self, name):
        self.run(["mkdir", self.path(name)])
        return self.path(name)

    def listing(self, folder):
        done = self.load("walk", folder)
        if done["count"] != self.sizes.files:
            raise Failed(f"{done['count']} entries were listed instead of {self.sizes.files}")
        return done["seconds"]

    def clone(self):
        # --no-local: one pack is written and the files checked out, as from another machine.
        watch = self.context.clock()
        self.run(["git", "clone", "-q", "--no-local", self.context.repository(self.sizes.cloned), self.path("clone")])
        return self.context.clock() - watch


class Context:
    """What the jobs of all subjects share."""

    def __init__(self, report, load, daemon, work, tools):
        self.report, self.load, self.daemon, self.work, self.tools = report, load, daemon, work, tools
        self.program = os.path.join(daemon.bin, "mount_load")
        self.clock = tools.clock
        self.floors = {}

    def processor_seconds(self, subject):
        processes = {"daemon": self.daemon.process} if subject.name != "null FUSE" else {}
        if isinstance(subject, Mounted) and subject.process is not None:
            processes["mount"] = subject.process
        return {name: self.tools.cpu_seconds(process) for name, process in processes.items()}

    def tell(self, subject, job, value, unit, spent):
        if isinstance(subject, Mounted):
            cpu = ", ".join(f"{name} {max(0.0, seconds):.2f} s" for name, seconds in spent.items())
        else:
            cpu = ""
        floor, of, goal = self.floors.get((subject.name, job), ("", None, None))
        self.report.add(f"{subject.name}: {job}", value, unit, floor, of, goal)
        if cpu:
            print(f"{'':8s}processor time: {cpu}", flush=True)

    def failed(self, subject, job, error):
        print(f"{subject.name + ': ' + job:44s}       failed ({error})", flush=True)
        self.report.figures.append({"name": f"{subject.name}: {job}", "value": None, "unit": "failed", "floor": "",
                                    "floor_value": None, "ratio": None, "goal": None})

    def settle(self):
        """Waits until the daemon has done what earlier jobs left it to do, such as moving rows behind a rename."""
        for _ in range(240):
            before = self.tools.cpu_seconds(self.daemon.process)
            time.sleep(0.5)
            if self.tools.cpu_seconds(self.daemon.process) - before < 0.02:
                return

    @staticmethod
    def forget(folder):
        """Empties the kernel's page cache of what lies in the folder: what is read next comes from the disk."""
        os.sync()
        for path, _, names in os.walk(folder):
            for name in names:
                if not os.path.isfile(os.path.join(path, name)):
                    continue
                with open(os.path.join(path, name), "rb") as f:
                    os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def fill(self, bucket, files, folder="many"):
        """Objects of 1 KiB, named as mount_load names files."""
        body = os.path.join(self.daemon.folder, "1k")
        for begin in range(0, files, 50_000):
            targets = [presigned(self.daemon, "PUT", f"/{bucket}/{folder}/f{i:06d}") for i in range(begin, min(files, begin + 50_000))]
            self.load.run(self.daemon.port, 32, "PUT", targets, body)

    def repository(self, files):
        """A repository of one commit and one pack."""
        path = os.path.join(self.work, f"repository-{files}")
        if os.path.exists(path):
            return path
        dice = random.Random(files)
        for i in range(files):
            folder = os.path.join(path, f"d{i % 50:02d}")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, f"f{i}"), "wb") as f:
                f.write(dice.randbytes(dice.randrange(200, 4000)).hex().encode())
        git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-C", path]
        for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"], ["repack", "-adq"]):
            subprocess.run([*git, *words], check=True, stdout=subprocess.DEVNULL)
        return path


def expect(context, floors, sizes, null, plain):
    """Which floor and goal each figure of Larder's mount has."""
    for job, value in null.figures.items():
        context.floors["larder", job] = ("null FUSE", value, GOALS.get(job))
    context.floors["larder", "read cold"] = ("page cache", plain.figures["read cached"], None)
    context.floors["larder", "read cold, from the disk"] = ("disk", plain.figures["read cold, from the disk"], 0.5)
    context.floors["larder", "random write 4 KiB + fsync"] = ("sync floor", floors["sync"], 0.4)
    context.floors["larder", "git clone"] = ("disk", plain.figures["git clone"], 0.25)
    # Seconds that it may take; for the number of files that the goal names.
    context.floors["larder", "ls -l cold"] = ("allowed", 1.5 * sizes.files / FULL.files, 1.0)
    context.floors["larder", "rename of a folder"] = ("allowed", 1.0, 1.0)


def measure_plain(context, folder, sizes, seconds):
    jobs = Jobs(Plain(folder), sizes, seconds, context)
    jobs.load("write", jobs.path("big"), sizes.mib)
    jobs.measure("read cached", "MiB/s", lambda: jobs.mib_rate("read", jobs.path("big"), seconds))
    context.forget(folder)
    jobs.measure("read cold, from the disk", "MiB/s", lambda: jobs.mib_rate("read", jobs.path("big"), 0))
    jobs.measure("git clone", "s", jobs.clone)
    shutil.rmtree(folder)
    return jobs


def measure_null(context, folder, sizes, seconds):
    with started(NullFuse(context.daemon.bin, folder)) as subject:
        jobs = Jobs(subject, sizes, seconds, context)
        jobs.load("make", jobs.make_folder("many"), sizes.files, 1024)
        jobs.all()
    return jobs


@contextlib.contextmanager
def started(subject):
    try:
        subject.start()
        yield subject
    finally:
        subject.stop()


def measure_larder(context, folder, sizes, seconds, million):
    with started(larder(context.daemon, folder, "local")) as subject:
        context.report.add("larder: RSS of an idle mount", subject.rss_mib(), "MiB", "allowed", 30, 1.0)
        context.fill("home", sizes.files)
        jobs = Jobs(subject, sizes, seconds, context)
        jobs.all()
        if million:
            for part in range(100):
                context.fill("home", 10_000, f"million/{part:02d}")
            subject.remount()
            jobs.measure("walk of 1,000,000 entries", "s", lambda: jobs.load("walk", jobs.path("million"))["seconds"])
            context.report.add("larder: RSS having walked 1,000,000 entries", subject.rss_mib(), "MiB", "allowed", 150, 1.0)


def measure_waiting(context, folder, sizes, seconds):
    """The jobs that are otherwise without a wait for the daemon."""
    context.settle()
    with started(larder(context.daemon, folder, "daemon")) as subject:
        jobs = Jobs(subject, sizes, seconds, context)
        jobs.measure("create + write 4 KiB + close", "per s", lambda: jobs.rate("create", jobs.make_folder("new too"), seconds))
        jobs.measure("random write 4 KiB + fsync", "per s", lambda: jobs.rate("random", jobs.path("big"), seconds))


def measure_peers(context, work, seconds):
    print(f"peers, over the same S3 endpoint, in smaller sizes: {PEERS.files:,} files in the folder, a large file of {PEERS.mib} MiB, "
          f"{PEERS.cloned} files cloned; a job that takes more than {PEERS.limit} s has failed", flush=True)
    for name, make in (("rclone", rclone), ("s3fs", s3fs)):
        if shutil.which(name) is None:
            print(f"{name}: not installed", flush=True)
            continue
        context.daemon.cli("bucket", "create", name)
        context.daemon.cli("key", "allow", context.daemon.key_id, name, "--read", "--write", "--owner")
        context.fill(name, PEERS.files)
        subject = make(context.daemon, work, os.path.join(work, f"mount-{name}"))
        try:
            with started(subject):
                Jobs(subject, PEERS, seconds, context).all()
        except Failed as error:
            context.failed(subject, "mount", error)


def interrupt(*_):
    raise KeyboardInterrupt


def run(report, load, daemon, work, options, tools):
    """All of it. `options`: seconds a figure, small, million; `tools`: what bench.py lends."""
    signal.signal(signal.SIGTERM, interrupt)
    sizes = SMALL if options.small else FULL
    context = Context(report, load, daemon, work, tools)
    print(f"{sizes.files:,} files in the folder, a large file of {sizes.mib} MiB, {sizes.cloned:,} files cloned", flush=True)
    plain = measure_plain(context, os.path.join(work, "plain"), sizes, options.seconds)
    floors = {"sync": tools.sync_floor(work)}
    report.add("floor: sync", floors["sync"], "per s")
    null = measure_null(context, os.path.join(work, "mount-null"), sizes, options.seconds)
    expect(context, floors, sizes, null, plain)
    measure_larder(context, os.path.join(work, "mount-larder"), sizes, options.seconds, options.million)
    measure_waiting(context, os.path.join(work, "mount-larder"), sizes, options.seconds)
    measure_peers(context, work, options.seconds)
