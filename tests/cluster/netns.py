#!/usr/bin/env python3
"""Machines far apart on this one: a network namespace each, joined by larder_geoswitch, and what may befall them.
Needs root. All addresses are inside namespaces made here, which end with it.

    with Network(["attic", "shed", "office"], switch="build/dev/bin/larder_geoswitch") as net:
        net.far(50)                                  # milliseconds one way, between all
        net.start("attic", ["larderd", ...], log)    # runs there, under that name
        net.cut("attic", "shed"); net.heal("attic", "shed")
        net.kill("attic")                            # SIGKILL; also stop, pause, resume

`netns.py --self-test [--switch FILE]` tests itself.
"""
import argparse
import os
import signal
import subprocess
import sys
import time


class Network:
    """addresses[name] is a machine's address; the first is 10.77.0.1."""

    def __init__(self, names, switch, seed=1, mtu=1500):
        self.names = list(names)
        self.addresses = {name: f"10.77.0.{i + 1}" for i, name in enumerate(self.names)}
        self.spaces = {name: f"larder-{os.getpid()}-{name}" for name in self.names}
        self.ways = {}
        self.processes = {}
        self.switch = None
        try:
            for space in self.spaces.values():
                _ip("netns", "add", space)
                _ip("-n", space, "link", "set", "lo", "up")
            places = [f"{self.spaces[n]}={self.addresses[n]}" for n in self.names]
            self.switch = subprocess.Popen([switch, str(seed), *places], text=True, bufsize=1,
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if self.switch.stdout.readline().strip() != "ready":
                raise RuntimeError("larder_geoswitch did not start")
            for name in self.names:
                _ip("-n", self.spaces[name], "addr", "add", self.addresses[name] + "/24", "dev", "larder0")
                _ip("-n", self.spaces[name], "link", "set", "larder0", "mtu", str(mtu), "up")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for name in list(self.processes):
            self.kill(name)
        if self.switch:
            self.switch.stdin.close()
            self.switch.wait()
            self.switch = None
        for space in self.spaces.values():
            subprocess.run(["ip", "netns", "del", space], stderr=subprocess.DEVNULL, check=False)

    # The network.

    def way(self, a, b, **changes):
        """One direction: delay and jitter in ms, loss from 0 to 1, rate in Mbit/s (0: no limit), cut."""
        state = self.ways.setdefault((a, b), {"delay": 0, "jitter": 0, "loss": 0, "rate": 0, "cut": False})
        unknown = set(changes) - set(state)
        if unknown:
            raise ValueError(f"no such property: {unknown}")
        state.update(changes)
        numbers = (self.names.index(a), self.names.index(b), state["delay"] * 1000, state["jitter"] * 1000,
                   state["loss"] * 1_000_000, state["rate"] * 1000, state["cut"])
        self.switch.stdin.write("link " + " ".join(str(int(n)) for n in numbers) + "\n")
        if self.switch.stdout.readline().strip() != "ok":
            raise RuntimeError("larder_geoswitch did not understand")

    def both(self, a, b, **changes):
        self.way(a, b, **changes)
        self.way(b, a, **changes)

    def pairs(self):
        return [(a, b) for a in self.names for b in self.names if a != b]

    def far(self, delay, jitter=0, rate=0):
        for a, b in self.pairs():
            self.way(a, b, delay=delay, jitter=jitter, rate=rate)

    def cut(self, a, b, one_way=False):
        """Nothing gets from a to b, nor (unless one_way) back; what is on its way is lost too."""
        self.way(a, b, cut=True)
        if not one_way:
            self.way(b, a, cut=True)

    def heal(self, a, b):
        self.both(a, b, cut=False)

    def isolate(self, name):
        for other in self.names:
            if other != name:
                self.cut(name, other)

    def heal_all(self):
        for a, b in self.pairs():
            self.way(a, b, cut=False)

    # The machines.

    def inside(self, name, argv):
        return ["ip", "netns", "exec", self.spaces[name], *argv]

    def run(self, name, argv, **options):
        """Runs a program there to its end; gives what it wrote."""
        return subprocess.run(self.inside(name, argv), check=True, text=True, stdout=subprocess.PIPE, **options).stdout

    def start(self, name, argv, log=subprocess.DEVNULL):
        """Starts a machine's one lasting program."""
        if name in self.processes:
            raise RuntimeError(f"{name} runs already")
        self.processes[name] = subprocess.Popen(self.inside(name, argv), stdout=log, stderr=log)
        return self.processes[name]

    def is_running(self, name):
        return name in self.processes and self.processes[name].poll() is None

    def kill(self, name):
        self._end(name, signal.SIGKILL)

    def stop(self, name):
        """Asks it to end, and waits. Gives its exit status."""
        return self._end(name, signal.SIGTERM)

    def pause(self, name):
        self.processes[name].send_signal(signal.SIGSTOP)

    def resume(self, name):
        self.processes[name].send_signal(signal.SIGCONT)

    def _end(self, name, how):
        process = self.processes.pop(name)
        process.send_signal(how)
        if how != signal.SIGKILL:
            process.send_signal(signal.SIGCONT)
        return process.wait()


def _ip(*argv):
    subprocess.run(["ip", *argv], check=True)


ECHO = """
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", 7000)); s.listen()
while True:
    c, _ = s.accept()
    while (b := c.recv(65536)):
        c.sendall(b)
    c.close()
"""
# Says how long a connection and an answer took, in seconds, or "none".
ASK = """
import socket, sys, time
try:
    began = time.monotonic()
    s = socket.create_connection((sys.argv[1], 7000), timeout=float(sys.argv[2]))
    s.sendall(b"x")
    print(time.monotonic() - began if s.recv(1) == b"x" else "none")
except OSError:
    print("none")
"""


def self_test(switch):
    names = ["attic", "shed", "office"]
    with Network(names, switch) as net:
        def ask(a, b, patience=20):
            said = net.run(a, [sys.executable, "-c", ASK, net.addresses[b], str(patience)]).strip()
            return None if said == "none" else float(said)

        for name in names:
            net.start(name, [sys.executable, "-c", ECHO])
        deadline = time.monotonic() + 20
        while any(ask(a, b) is None for a, b in net.pairs()):
            assert time.monotonic() < deadline, "the machines do not reach each other"
        net.both("attic", "shed", delay=40)
        assert ask("attic", "shed") >= 0.160, "two round trips of 80 ms each were asked for"
        net.both("attic", "shed", delay=0)
        net.cut("attic", "shed")
        assert ask("attic", "shed", 1) is None and ask("shed", "attic", 1) is None, "cut, and still reached"
        assert ask("attic", "office") is not None, "another pair was cut too"
        net.heal("attic", "shed")
        assert ask("attic", "shed") is not None, "healed, and not reached"
        net.cut("attic", "shed", one_way=True)
        assert ask("shed", "attic", 1) is None, "no answer can come back"
        net.heal_all()
        net.isolate("office")
        assert ask("office", "attic", 1) is None and ask("shed", "attic") is not None
        net.heal_all()
        net.way("attic", "shed", loss=1)
        assert ask("attic", "shed", 1) is None, "all is lost, and still reached"
        net.way("attic", "shed", loss=0)
        net.pause("shed")
        assert ask("attic", "shed", 1) is None, "paused, and still answering"
        net.resume("shed")
        assert ask("attic", "shed") is not None
        net.kill("shed")
        assert not net.is_running("shed") and ask("attic", "shed") is None, "killed, and still answering"
        net.start("shed", [sys.executable, "-c", ECHO])
        while ask("attic", "shed") is None:
            assert time.monotonic() < deadline + 60, "does not come back"
        net.stop("attic")
        assert not net.is_running("attic")
        spaces = list(net.spaces.values())
    left = subprocess.run(["ip", "netns", "list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert not any(space in left for space in spaces), "a namespace is left over"
    print("netns: good")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true", required=True)
    parser.add_argument("--switch", default="build/dev/bin/larder_geoswitch")
    self_test(parser.parse_args().switch)
