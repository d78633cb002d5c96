"""A Debian 12 of its own in a folder: made once by debootstrap, kept as a tarball outside the tree, unpacked for each run. It
has its own network, processes and mounts, and no init: programs are started by hand."""
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "larder")
SUITE = "bookworm"


def run(*words, check=True, **kwargs):
    done = subprocess.run(words, capture_output=True, text=True, check=False, **kwargs)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done


def sources():
    """The Debian archives that this machine uses: the lines of a sources.list, and the mirror of the release itself."""
    lines, mirror = [], None
    wanted = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(CREATED_BY) $(ORIGIN)").stdout
    for line in sorted(set(wanted.splitlines())):
        uri, release, component, kind, origin = (line.split(" ", 4) + [""])[:5]
        if kind != "Packages" or origin != "Debian" or component != "main":
            continue
        lines.append(f"deb {uri} {release} {component}")
        if release == SUITE:
            mirror = uri
    if mirror is None:
        raise SystemExit(f"the sources of apt on this machine do not name {SUITE}")
    return "\n".join(lines) + "\n", mirror


def base_tarball():
    tarball = os.path.join(CACHE, f"debian-{SUITE}-minbase.tar")
    if os.path.exists(tarball):
        return tarball
    os.makedirs(CACHE, exist_ok=True)
    print(f"debootstrap of {SUITE}, kept as {tarball}", flush=True)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        root = os.path.join(folder, "root")
        run("debootstrap", "--variant=minbase", SUITE, root, sources()[1])
        run("tar", "-C", root, "-cf", tarball + ".part", ".")
    os.rename(tarball + ".part", tarball)
    return tarball


class Machine:
    def __init__(self, tarball=None):
        """`tarball` is one that save() made; without it, the bare system."""
        self.root = tempfile.mkdtemp(prefix="larder-debian-", dir="/var/tmp")
        run("tar", "-C", self.root, "-xpf", tarball or base_tarball())
        # Nothing here is to survive a power cut.
        with open(os.path.join(self.root, "etc/dpkg/dpkg.cfg.d/test"), "w", encoding="utf-8") as f:
            f.write("force-unsafe-io\n")
        with open(os.path.join(self.root, "etc/apt/sources.list"), "w", encoding="utf-8") as f:
            f.write(sources()[0])
        shutil.copy("/etc/resolv.conf", os.path.join(self.root, "etc/resolv.conf"))
        self.archives = os.path.join(CACHE, "archives")
        os.makedirs(self.archives, exist_ok=True)
        for package in glob.glob(os.path.join(self.archives, "*.deb")):
            shutil.copy(package, os.path.join(self.root, "var/cache/apt/archives"))
        # Everything that runs inside lives and dies with this process, its mounts and its network.
        script = """
            mount --make-rprivate / && mount -t proc proc "$0/proc" && mount -t tmpfs -o mode=755 tmpfs "$0/run" &&
            mount -t tmpfs -o mode=755 tmpfs "$0/dev" && mkdir "$0/dev/pts" "$0/dev/shm" &&
            for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "$0/dev/${node%:*}" c 1 "${node#*:}"; done &&
            mknod -m 666 "$0/dev/tty" c 5 0 && mknod -m 666 "$0/dev/fuse" c 10 229 && ln -s /proc/self/fd "$0/dev/fd" &&
            ip link set lo up && mkdir -p "$0/run/lock" && echo ready && exec sleep infinity"""
        self.keeper = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "sh", "-c", script, self.root],
            stdout=subprocess.PIPE, text=True)
        assert self.keeper.stdout.readline() == "ready\n", "no namespaces: this test needs root with all its rights"
        children = f"/proc/{self.keeper.pid}/task/{self.keeper.pid}/children"
        with open(children, encoding="utf-8") as f:
            self.init = f.read().split()[0]

    def save(self, tarball):
        run("tar", "-C", self.root, "--one-file-system", "-cf", tarball, ".")

    def stop(self):
        self.keeper.kill()
        self.keeper.wait()

    def close(self):
        self.stop()
        shutil.rmtree(self.root, ignore_errors=True)
        if os.path.exists(self.root + ".log"):
            os.unlink(self.root + ".log")

    def path(self, path):
        """A path of this machine as seen from outside, below its mounts too."""
        return f"/proc/{self.init}/root{self.root}/{path.lstrip('/')}"

    def inside(self, *words, network=False, user=None):
        """The words that run a command in this machine; with `network`, on the network of the outside."""
        spaces = ["--mount", "--pid", "--ipc", "--uts"] + ([] if network else ["--net"])
        as_user = ["runuser", "-u", user, "--"] if user else []
        return ["nsenter", "--target", self.init, *spaces, "chroot", self.root, *as_user, *words]

    def run(self, *words, network=False, user=None, check=True, stdin=None, **env):
        whole = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                 "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root", **env}
        return run(*self.inside(*words, network=network, user=user), check=check, env=whole, input=stdin)

    def outside(self, *words, check=True):
        """A program of the outside on this machine's network."""
        return run("nsenter", "--target", self.init, "--net", *words, check=check)

    def apt(self, *words):
        done = self.run("apt-get", "-y", "--no-install-recommends", "-o", "APT::Keep-Downloaded-Packages=true",
                        "-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=3",
                        "-o", "Dpkg::Options::=--force-confold", *words, network=True)
        for package in glob.glob(self.path("/var/cache/apt/archives/*.deb")):
            if not os.path.exists(os.path.join(self.archives, os.path.basename(package))):
                shutil.copy(package, self.archives)
        return done


class Booted:
    """A machine whose systemd runs, in a container without a network but its own."""

    def __init__(self, machine):
        machine.stop()
        # Nothing will ever come up there to wait for.
        run("systemctl", "--root", machine.root, "mask", "systemd-networkd-wait-online.service")
        if os.path.exists(f"{machine.root}/etc/machine-id"):
            os.unlink(f"{machine.root}/etc/machine-id")
        with open(machine.root + ".boot", "wb") as log:
            self.nspawn = subprocess.Popen(
                ["systemd-nspawn", "--register=no", "--keep-unit", "--private-network", "--directory", machine.root,
                 "--boot"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.log = machine.root + ".boot"
        self.leader, deadline = None, time.monotonic() + 120
        while self.run("systemctl", "is-system-running", "--wait", check=False).stdout.strip() not in ("running", "degraded"):
            if self.nspawn.poll() is not None or time.monotonic() > deadline:
                with open(self.log, encoding="utf-8", errors="replace") as f:
                    raise AssertionError("no systemd came up:\n" + f.read()[-3000:])
            time.sleep(0.2)
        self.run("mknod", "-m", "666", "/dev/fuse", "c", "10", "229")

    def run(self, *words, check=True, **env):
        if self.leader is None:
            below = Service.children(self.nspawn.pid)
            self.leader = below[0] if below else None
        whole = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root",
                 "DEBIAN_FRONTEND": "noninteractive", **env}
        return run("nsenter", "--target", str(self.leader), "--all", *words, check=check, env=whole)

    def close(self):
        # systemd-nspawn passes it on as a power button; what does not obey is ended.
        self.nspawn.terminate()
        try:
            self.nspawn.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()
        os.unlink(self.log)


class Service:
    """What systemd would do with Type=notify: starts the words as the user, waits for READY=1."""

    def __init__(self, machine, words, user, log, env=None):
        self.log = log
        path = machine.path("/tmp/notify.sock")
        if os.path.exists(path):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(log, "ab") as out:
            notify.bind(path)
            os.chmod(path, 0o666)
            notify.settimeout(60)
            self.process = subprocess.Popen(
                machine.inside("env", "NOTIFY_SOCKET=/tmp/notify.sock", *words, user=user), stdout=out, stderr=out,
                env={"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8", **(env or {})})
            self.said = ""
            while "READY=1" not in self.said:
                if self.process.poll() is not None:
                    raise AssertionError(f"{words} ended with {self.process.returncode}: {self.text()}")
                notify.settimeout(1)
                try:
                    self.said += notify.recv(4096).decode()
                except socket.timeout:
                    continue
        self.pid = self.process.pid  # of nsenter; the program is the last of its children
        while (below := self.children(self.pid)):
            self.pid = below[0]

    @staticmethod
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as f:
            return [int(word) for word in f.read().split()]

    def uid(self):
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as f:
            return int(next(line for line in f if line.startswith("Uid:")).split()[1])

    def text(self):
        with open(self.log, encoding="utf-8") as f:
            return f.read()

    def stop(self):
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(timeout=90)
