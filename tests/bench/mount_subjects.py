"""What the bench of folders measures: Larder's mount, the null FUSE that is its floor, rclone mount and s3fs, and a plain
folder. Each shows a folder, and can show it anew so that neither kernel nor mount remembers anything of it."""
import os
import signal
import subprocess
import time

PATIENCE = 20  # seconds until a folder must be there, or gone


class Failed(Exception):
    """A job that a subject cannot do; its text is one line."""


def is_mounted(folder):
    """By the kernel's table: asking the folder itself would hang with whoever serves it."""
    with open("/proc/self/mounts", encoding="utf-8") as f:
        return any(line.split()[1] == folder for line in f)


def soon(holds, what):
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise Failed(what)
        time.sleep(0.01)


def on_processor(number):
    """Words in front of a command that keep it on one processor. The load runs on one and who serves the folder on another:
    where they share one by chance, a request costs a tenth of what it costs where a sleeping processor must be woken."""
    return ["taskset", "--cpu-list", str(number)] if len(os.sched_getaffinity(0)) > 1 else []


class Plain:
    """A folder of the disk."""

    name = "disk"
    processes = ()

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def start(self):
        pass

    def stop(self):
        pass

    def remount(self):
        pass


class Mounted(Plain):
    """A program in the foreground that shows a folder."""

    def __init__(self, name, folder, words, environment=None):
        super().__init__(folder)
        self.name, self.words, self.environment = name, [*on_processor(1), *words], environment
        self.process = None

    def start(self):
        # Ctrl-C is ours to pass on: unmounting has an order.
        self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, env=self.environment, start_new_session=True)
        soon(lambda: is_mounted(self.folder) or self.process.poll() is not None, "the folder did not appear")
        if self.process.poll() is not None:
            raise Failed(f"{self.words[0]} ended with {self.process.returncode}")

    def stop(self):
        if self.process is None:
            return
        subprocess.run(["fusermount3", "-u", self.folder], check=False, capture_output=True)
        try:
            self.process.wait(timeout=PATIENCE / 2 if not is_mounted(self.folder) else 1)
        except subprocess.TimeoutExpired:
            # Whoever waits for an answer gets an error once nobody is left to give one.
            self.process.kill()
            self.process.wait()
            subprocess.run(["fusermount3", "-uz", self.folder], check=False, capture_output=True)
        self.process.stdout.close()
        self.process = None

    def remount(self):
        self.stop()
        self.start()

    def rss_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


class NullFuse(Mounted):
    """Keeps its files in memory while it shows them anew."""

    def __init__(self, bin_folder, folder):
        super().__init__("null FUSE", folder, [os.path.join(bin_folder, "null_fuse"), folder])

    def start(self):
        super().start()
        self.process.stdout.readline()

    def remount(self):
        self.process.send_signal(signal.SIGUSR1)
        if self.process.stdout.readline() != "mounted\n":
            raise Failed("null_fuse did not mount again")


def larder(daemon, folder, durability):
    files = os.path.join(os.path.dirname(daemon.socket_path), "files.sock")
    name = "larder" if durability == "local" else f"larder, durability {durability}"
    return Mounted(name, folder, [os.path.join(daemon.bin, "larder-mount"), "home", folder, "--socket", files, "--foreground",
                                  "--durability", durability], {"STATE_DIRECTORY": os.path.dirname(daemon.socket_path)})


def rclone(daemon, work, folder):
    """Its cache on disk is needed for writing anywhere; it uploads after a file is closed."""
    settings = os.path.join(work, "rclone.conf")
    with open(settings, "w", encoding="utf-8") as f:
        f.write(f"[larder]\ntype = s3\nprovider = Other\nendpoint = {daemon.endpoint}\nregion = us-east-1\n"
                f"access_key_id = {daemon.key_id}\nsecret_access_key = {daemon.secret}\n")
    return Mounted("rclone", folder, ["rclone", "mount", "larder:rclone", folder, "--config", settings, "--vfs-cache-mode", "full",
                                      "--cache-dir", os.path.join(work, "rclone-cache")], daemon.environment())


def s3fs(daemon, work, folder):
    secret = os.path.join(work, "s3fs.passwd")
    with open(secret, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write(f"{daemon.key_id}:{daemon.secret}\n")
    return Mounted("s3fs", folder, ["s3fs", "s3fs", folder, "-f", "-o", f"url={daemon.endpoint},use_path_request_style,"
                                    f"endpoint=us-east-1,passwd_file={secret}"], daemon.environment())
