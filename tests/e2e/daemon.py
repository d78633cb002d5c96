"""A larderd of its own for a test: started on free ports in a folder that goes away."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Daemon:
    """Starts in the constructor; stop(), kill() and start() again over the same data."""

    def __init__(self, bin_folder, extra=()):
        self.bin = bin_folder
        self.folder = tempfile.mkdtemp(prefix="larder-e2e-")
        self.port = free_port()
        self.extra = list(extra)
        self.process = None
        self.start()
        key = json.loads(self.cli("--json", "key", "create", "e2e", "--create-buckets"))
        self.key_id, self.secret = key["id"], key["secret"]
        self.cli("key", "allow", self.key_id, "home", "--read", "--write", "--owner")

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_path(self):
        return os.path.join(self.folder, "data", "admin.sock")

    def start(self):
        """Returns the seconds until the daemon answered."""
        began = time.monotonic()
        self.log = open(os.path.join(self.folder, "larderd.log"), "ab")
        self.process = subprocess.Popen(
            [os.path.join(self.bin, "larderd"), "--quick-start", "--data", os.path.join(self.folder, "data"),
             "--s3", f"127.0.0.1:{self.port}", "--health", "none", *self.extra],
            stdout=self.log, stderr=self.log)
        while True:
            if self.process.poll() is not None:
                raise RuntimeError("larderd ended: " + self.log_text()[-2000:])
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return time.monotonic() - began
            except OSError:
                time.sleep(0.005)

    def log_text(self):
        with open(os.path.join(self.folder, "larderd.log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """A clean stop; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def close(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def cli(self, *words, check=True, stdin=None):
        # Mounts keep their journals and caches where this daemon's data are, not where those of the machine are.
        done = subprocess.run([os.path.join(self.bin, "larder"), "--socket", self.socket_path, *words],
                              input=stdin, capture_output=True, check=False,
                              env={**os.environ, "STATE_DIRECTORY": self.folder, "CACHE_DIRECTORY": os.path.join(self.folder, "cache")})
        if check and done.returncode != 0:
            raise AssertionError(f"larder {' '.join(words)}: {done.returncode}\n{done.stderr.decode()}")
        return done.stdout if check else done

    def environment(self):
        env = dict(os.environ)
        env.update(AWS_ACCESS_KEY_ID=self.key_id, AWS_SECRET_ACCESS_KEY=self.secret, AWS_DEFAULT_REGION="us-east-1",
                   AWS_EC2_METADATA_DISABLED="true", HOME=self.folder)
        for name in ("AWS_CA_BUNDLE", "AWS_PROFILE"):
            env.pop(name, None)
        return env
