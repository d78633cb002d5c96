"""Several larderd that are one cluster: each on free ports of the loopback, in a folder of its own and a place of its own."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from daemon import free_port

PATIENCE = 90  # seconds; a condition that takes longer than this has failed


def until(condition, what, patience=PATIENCE):
    """Waits for a condition to give something true, and gives that."""
    deadline = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {patience} s")
        time.sleep(0.05)


class Machine:
    """One larderd. set_up() it with init or a token, then start(), kill() and start() again."""

    def __init__(self, bin_folder, folder, name):
        self.bin, self.name, self.folder = bin_folder, name, os.path.join(folder, name)
        os.mkdir(self.folder)
        self.port, self.rpc = free_port(), free_port()
        self.process, self.log = None, None

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self):
        return os.path.join(self.folder, "data")

    def words(self):
        return ["--data", self.data, "--s3", f"127.0.0.1:{self.port}", "--health", "none", "--files-socket", "none",
                "--socket", os.path.join(self.folder, "admin.sock"), "--rpc", f"127.0.0.1:{self.rpc}",
                "--advertise", f"127.0.0.1:{self.rpc}", "--machine", self.name, "--place", f"place-of-{self.name}",
                "--capacity", "5GB", "--config", "/dev/null"]

    def init(self):
        subprocess.run([f"{self.bin}/larderd", "--init", "--name", "heron", *self.words()], check=True, capture_output=True)

    def join(self, token, check=True):
        done = subprocess.run([f"{self.bin}/larder", "join", token, *self.words()], capture_output=True, check=False)
        assert not check or done.returncode == 0, f"{self.name} was not let in: {done.stdout.decode()}{done.stderr.decode()}"
        return done

    def start(self):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen([f"{self.bin}/larderd", *self.words()], stdout=self.log, stderr=self.log)
        until(self.answers, f"{self.name} does not answer")

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended: {self.log_text()[-2000:]}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def cli(self, *words, check=True):
        done = subprocess.run([f"{self.bin}/larder", "--socket", os.path.join(self.folder, "admin.sock"), *words],
                              capture_output=True, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name}: larder {' '.join(words)}: {done.returncode}\n{done.stderr.decode()}")
        return done.stdout.decode() if check else done

    def ask(self, *words):
        """What the command says as JSON; None when it fails for want of the daemon or the others."""
        done = self.cli("--json", *words, check=False)
        return json.loads(done.stdout) if done.stdout.strip() else None

    @property
    def log_path(self):
        return os.path.join(self.folder, "larderd.log")

    def log_text(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()


class Cluster:
    """machines[0] began it, the others were invited. All are up and have their places when the constructor returns."""

    def __init__(self, bin_folder, size=3):
        self.bin, self.folder, self.machines = bin_folder, tempfile.mkdtemp(prefix="larder-cluster-"), []
        try:
            first = self.new_machine()
            first.init()
            first.start()
            for _ in range(size - 1):
                self.add(self.new_machine())
            self.wait_until_settled()
            key = json.loads(first.cli("--json", "key", "create", "e2e", "--create-buckets"))
            self.key_id, self.secret = key["id"], key["secret"]
            first.cli("bucket", "create", "box")
            first.cli("key", "allow", self.key_id, "box", "--read", "--write", "--owner")
        except BaseException:
            self.close(failed=True)
            raise

    def new_machine(self):
        machine = Machine(self.bin, self.folder, f"m{len(self.machines) + 1}")
        self.machines.append(machine)
        return machine

    def invite(self):
        return json.loads(self.machines[0].cli("--json", "invite"))["token"]

    def add(self, machine):
        """As its message says, a join that did not reach the cluster is made again with the same token."""
        token = self.invite()
        until(lambda: self.joined(machine, token), f"{machine.name} does not reach the cluster")
        machine.start()

    @staticmethod
    def joined(machine, token):
        done = machine.join(token, check=False)
        assert done.returncode == 0 or b"[cannot-reach]" in done.stderr, f"{machine.name} was not let in: {done}"
        return done.returncode == 0

    def running(self):
        return [m for m in self.machines if m.running]

    def is_settled(self):
        """Every running machine says: those that run are all the members, up, with a place, and nothing is under way."""
        for machine in self.running():
            status, layout = machine.ask("status"), machine.ask("layout", "show")
            if not status or not layout or not status["healthy"] or "health" not in status:
                return False
            members = [m for m in status["members"] if m["state"] != "gone"]
            if sorted(m["name"] for m in members) != sorted(m.name for m in self.running()):
                return False
            if any(m["state"] != "up" or not m["in_layout"] or "catching_up" in m for m in members):
                return False
            if status["health"]["catching_up"] or len(layout["live"]) != 1:
                return False
        return True

    def wait_until_settled(self):
        try:
            until(self.is_settled, "the cluster is not settled")
        except AssertionError as error:
            raise AssertionError(f"{error}: {[m.ask('status') for m in self.running()]}") from error

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                for machine in self.running():
                    assert machine.stop() == 0, f"{machine.name} did not stop cleanly"
                for machine in self.machines:
                    text = machine.log_text() if machine.log else ""
                    assert "ERROR: AddressSanitizer" not in text and "runtime error" not in text, text
        finally:
            self.close(failed=kind is not None)

    def client(self, machine, **options):
        import boto3
        from botocore.config import Config
        return boto3.client("s3", endpoint_url=machine.endpoint, aws_access_key_id=self.key_id,
                            aws_secret_access_key=self.secret, region_name="us-east-1",
                            config=Config(signature_version="s3v4", s3={"addressing_style": "path"},
                                          retries={"max_attempts": 0}, read_timeout=60, **options))

    def close(self, failed=False):
        for machine in self.running():
            machine.kill()
        if failed:
            for machine in self.machines:
                if os.path.exists(machine.log_path):
                    print(f"--- {machine.name}\n{machine.log_text()[-3000:]}", flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
