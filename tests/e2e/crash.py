#!/usr/bin/env python3
"""kill -9 and restart under load. crash.py --bin FOLDER --cycles N [--preload OBJECTS]

Writers put, overwrite and delete over several connections; each cycle kills the daemon in the middle, restarts it, and
checks what was acknowledged: a sample each cycle, everything at the end. Exit 1 when anything acknowledged is lost."""
import argparse
import hashlib
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon  # noqa: E402
from load import Load, fill  # noqa: E402
from signing import Connection  # noqa: E402


class Ledger:
    """What each key must hold: the last acknowledged write, and any later one whose fate is unknown."""

    def __init__(self):
        self.lock = threading.Lock()
        self.keys = {}
        self.refused = []  # statuses of writes that a running daemon did not take

    def begin(self, key, digest):
        with self.lock:
            self.keys.setdefault(key, {None})
            return self.keys[key] | {digest}

    def may_be(self, key, digests):
        with self.lock:
            self.keys[key] = digests

    def acknowledged(self, key, digest):
        with self.lock:
            self.keys[key] = {digest}


def digest_of(body):
    return hashlib.md5(body).hexdigest()


def writer(daemon, ledger, number, stop, counts):
    rng = random.Random(os.urandom(8))
    connection = Connection(daemon.port, daemon.key_id, daemon.secret)
    while not stop.is_set():
        key = f"crash/{number}/{rng.randrange(200)}"
        remove = rng.random() < 0.15
        body = b"" if remove else rng.randbytes(rng.choice([64, 1024, 20_000, 300_000, 2_500_000]))
        wanted = None if remove else digest_of(body)
        possible = ledger.begin(key, wanted)
        try:
            status, _ = connection.request("DELETE" if remove else "PUT", f"/home/{key}", body)
        except OSError:
            ledger.may_be(key, possible)
            return
        if status in (200, 204):
            ledger.acknowledged(key, wanted)
            counts[number] += 1
        else:
            ledger.may_be(key, possible)
            ledger.refused.append(status)


def verify(daemon, ledger, keys):
    lost = []
    connection = Connection(daemon.port, daemon.key_id, daemon.secret)
    for key in keys:
        status, body = connection.request("GET", f"/home/{key}")
        found = digest_of(body) if status == 200 else None if status == 404 else f"status {status}"
        if found not in ledger.keys[key]:
            lost.append((key, found, ledger.keys[key]))
        else:
            # From now on it is known which of the possible ones it is.
            ledger.acknowledged(key, found)
    return lost


def preload(daemon, binaries, count):
    with open(os.path.join(daemon.folder, "1k"), "wb") as f:
        f.write(os.urandom(1024))
    fill(Load(os.path.join(binaries, "http_load"), daemon.folder), daemon, "preload", count)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--preload", type=int, default=0)
    arguments = parser.parse_args()
    daemon = Daemon(os.path.abspath(arguments.bin))
    ledger, restarts, total, lost = Ledger(), [], 0, []
    try:
        if arguments.preload:
            preload(daemon, arguments.bin, arguments.preload)
        for cycle in range(arguments.cycles):
            stop, counts = threading.Event(), [0] * 6
            threads = [threading.Thread(target=writer, args=(daemon, ledger, n, stop, counts)) for n in range(6)]
            for t in threads:
                t.start()
            time.sleep(random.uniform(0.2, 0.8))
            daemon.kill()
            stop.set()
            for t in threads:
                t.join()
            restarts.append(daemon.start())
            total += sum(counts)
            sample = random.sample(sorted(ledger.keys), min(60, len(ledger.keys)))
            lost += verify(daemon, ledger, sample)
            if (cycle + 1) % 20 == 0 or lost:
                print(f"cycle {cycle + 1}: {total} acknowledged writes, {len(lost)} lost, slowest restart "
                      f"{max(restarts):.2f} s", flush=True)
            if lost:
                break
        lost += verify(daemon, ledger, sorted(ledger.keys))
        status = daemon.cli("verify", check=False)
        print(f"{arguments.cycles} cycles, {total} acknowledged writes, {len(ledger.refused)} refused, {len(lost)} lost, restart median "
              f"{sorted(restarts)[len(restarts) // 2]:.2f} s, slowest {max(restarts):.2f} s, verify exit {status.returncode}")
        for key, found, expected in lost[:10]:
            print(f"LOST {key}: found {found}, expected one of {expected}")
        sys.exit(1 if lost or ledger.refused or status.returncode != 0 else 0)
    finally:
        daemon.close()


if __name__ == "__main__":
    main()
