#!/usr/bin/env python3
"""Speed of one node beside the machine's own limits, measured in the same run. bench.py --bin FOLDER [--json FILE] [--objects N] [--transfer]
bench.py --bin FOLDER --mount [--json FILE] [--small] [--million]       the folder instead (mount_bench.py)

Every figure stands beside a floor: sync (4 KiB append and fdatasync, one thread), http (the http room answering a constant),
hash (MD5 and SHA-256 of the body on one core), disk (1 MiB writes in order, synced at the end), row (SQLite's own
ordered scan of the same table), nginx (the same file). fsync is always on. The load is http_load with requests that are
signed before."""
import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from types import SimpleNamespace

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from daemon import Daemon, free_port  # noqa: E402
from load import Load, fill, key_of, presigned  # noqa: E402
import mount_bench  # noqa: E402

SIZES = [("1 KiB", 1 << 10), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20), ("64 MiB", 64 << 20)]


class Report:
    def __init__(self):
        self.figures = []

    def add(self, name, value, unit, floor_name="", floor=None, goal=None):
        # Of a time or of memory there may be at most so much: 1 and more is good there, too.
        at_most = unit == "s" or floor_name == "allowed"
        ratio = None if not floor or not value else floor / value if at_most else value / floor
        self.figures.append({"name": name, "value": value, "unit": unit, "floor": floor_name, "floor_value": floor,
                             "ratio": ratio, "goal": goal})
        mark = "" if ratio is None or goal is None else "  ok" if ratio >= goal else "  BELOW GOAL"
        digits = 3 if unit == "s" else 0
        print(f"{name:44s} {value:12,.{digits}f} {unit:10s}"
              + (f" {ratio:6.2f} × {floor_name} ({floor:,.{digits}f})" if ratio is not None else "")
              + (f"  goal {goal}" if goal is not None else "") + mark, flush=True)


def sync_floor(folder, seconds=1.5):
    fd = os.open(os.path.join(folder, "sync"), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    block, count, end = b"x" * 4096, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        os.write(fd, block)
        os.fdatasync(fd)
        count += 1
    os.close(fd)
    return count / seconds


def disk_floor(folder):
    block, total = os.urandom(1 << 20), 512
    fd = os.open(os.path.join(folder, "disk"), os.O_CREAT | os.O_WRONLY)
    began = time.monotonic()
    for _ in range(total):
        os.write(fd, block)
    os.fsync(fd)
    os.close(fd)
    return total / (time.monotonic() - began)


def hash_floor():
    body, began = os.urandom(64 << 20), time.monotonic()
    hashlib.md5(body).digest()
    hashlib.sha256(body).digest()
    return 64 / (time.monotonic() - began)


def rss_mib(process):
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_nginx(folder, file_folder):
    port = free_port()
    conf = os.path.join(folder, "nginx.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err; events {{}}\n"
                f"http {{ access_log off; sendfile on; keepalive_requests 1000000; client_body_temp_path {folder}/b; "
                f"proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;"
                f" server {{ listen 127.0.0.1:{port}; root {file_folder}; }} }}\n")
    os.chmod(folder, 0o755)
    os.chmod(file_folder, 0o755)
    return subprocess.Popen(["nginx", "-c", conf, "-g", "daemon off; user root;"], stderr=subprocess.DEVNULL), port


def small_goal(clients, floors):
    if clients == 1:
        return "sync floor", floors["sync"], 0.5
    return "http floor", floors["http_put"], 0.33 if clients == 32 else None


def bench_bodies(report, load, daemon, floors, seconds, files, nginx_port):
    for label, size in SIZES:
        # Every key exists before it is read, and overwriting is what is measured.
        count = 20000 if size <= 1024 else 1000 if size <= 65536 else 64 if size <= 1 << 20 else 8
        paths = [f"/home/b/{size}/{i}" for i in range(count)]
        puts = [presigned(daemon, "PUT", path) for path in paths]
        gets = [presigned(daemon, "GET", path) for path in paths]
        load.run(daemon.port, 8, "PUT", puts, files[size])
        rates = {}
        for clients in (1, 8, 32):
            rates[clients] = load.rate(daemon.port, clients, "PUT", puts, files[size], seconds)
            if size == 1024:
                floor = small_goal(clients, floors)
            elif size == 64 << 20:
                floor = ("min(hash, disk)", min(floors["hash"], floors["disk"]) / 64, 0.6)
            else:
                floor = ("sync floor", floors["sync"], None)
            report.add(f"PUT {label}, {clients} clients", rates[clients], "per s", *floor)
            # One that spins holds a processor, which a server that works on two then lacks; with large bodies there is
            # nobody to wake between two requests anyway.
            spin = size <= 65536
            rate = load.rate(daemon.port, clients, "GET", gets, None, seconds, spin=spin)
            if size <= 65536:
                goal = 0.5 if (size, clients) == (1024, 32) else None
                report.add(f"GET {label}, {clients} clients", rate, "per s", "http floor", floors[f"http_get_{clients}"], goal)
            else:
                nginx = load.rate(nginx_port, clients, "GET", [f"/{size}"], None, seconds, spin=spin)
                report.add(f"GET {label}, {clients} clients", rate, "per s", "nginx", nginx, 0.6 if size == 64 << 20 else None)
        report.add(f"PUT {label}, 32 clients against 1", rates[32], "per s", "1 client", rates[1], 3.0 if size == 1024 else 1.0)


def bench_small(report, load, daemon, floors, seconds, label, count):
    """PUT, GET and HEAD of objects of 1 KiB spread over the `count` that are there."""
    body = os.path.join(daemon.folder, "1k")
    numbers = range(0, count, max(1, count // 20000))
    signed = {m: [presigned(daemon, m, key_of(label, i)) for i in numbers] for m in ("PUT", "GET", "HEAD")}
    rates = {m: load.rate(daemon.port, 32, m, signed[m], body if m == "PUT" else None, seconds) for m in signed}
    report.add(f"HEAD, 32 clients, {count} objects", rates["HEAD"], "per s", "http floor", floors["http_get_32"], 0.5)
    return rates


def bench_list(report, load, daemon, row_floor, seconds):
    keys = [presigned(daemon, "PUT", f"/home/list/{i:03d}/{j:04d}") for i in range(100) for j in range(1000)]
    load.run(daemon.port, 32, "PUT", keys, os.path.join(daemon.folder, "1k"))
    plain = [presigned(daemon, "GET", "/home", query=f"list-type=2&prefix=list/&start-after=list/{i:03d}/0000") for i in range(99)]
    rate = load.rate(daemon.port, 1, "GET", plain, None, seconds) * 1000
    report.add("LIST without delimiter", rate, "keys/s", "row floor", row_floor(), 0.5)
    folded = [presigned(daemon, "GET", "/home", query="list-type=2&prefix=list/&delimiter=/")]
    report.add("LIST with delimiter (100 prefixes)", load.rate(daemon.port, 1, "GET", folded, None, seconds) * 100, "prefixes/s")


def bench_transfer(report, daemon):
    """What a 5 GiB upload and download by aws add to the memory of the daemon."""
    path = os.path.join(daemon.folder, "5g")
    with open(path, "wb") as f:
        os.truncate(f.fileno(), 5 << 30)
        for at in range(0, 5 << 30, 64 << 20):
            f.seek(at)
            f.write(os.urandom(1 << 20))
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": daemon.key_id, "AWS_SECRET_ACCESS_KEY": daemon.secret,
                   "AWS_DEFAULT_REGION": "us-east-1"}
    before, most = rss_mib(daemon.process), 0.0
    for source, target in ((path, "s3://home/5g"), ("s3://home/5g", path + ".back")):
        copy = subprocess.Popen(["aws", "--endpoint-url", daemon.endpoint, "s3", "cp", "--quiet", source, target], env=environment)
        while copy.poll() is None:
            most = max(most, rss_mib(daemon.process))
            time.sleep(0.1)
        if copy.returncode:
            raise SystemExit("bench: aws s3 cp failed")
    report.add("RSS added by 5 GiB up and down", most - before, "MiB")
    for made in (path, path + ".back"):
        os.unlink(made)
    daemon.cli("rm", "home/5g")


def measure_row_floor(daemon):
    """Rows a second of an ordered scan by SQLite alone that hands each key and value to a program (row_floor.cc)."""
    folder = os.path.join(daemon.folder, "data", "meta", "rows")
    best = 0.0
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".db"):
            continue
        copy = os.path.join(daemon.folder, "floor.db")
        for suffix in ("", "-wal"):
            if os.path.exists(os.path.join(folder, name + suffix)):
                shutil.copy(os.path.join(folder, name + suffix), copy + suffix)
        done = subprocess.run([os.path.join(daemon.bin, "row_floor"), copy], capture_output=True, text=True, check=True)
        rows, spent = done.stdout.split()
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(copy + suffix):
                os.unlink(copy + suffix)
        if int(rows) > 50_000:
            best = max(best, int(rows) / float(spent))
    return best or None


def write_json(report, path):
    if path:
        with open(path, "w", encoding="utf-8") as f:
            json.dump(report.figures, f, indent=1)


def bench_folder(arguments):
    work = tempfile.mkdtemp(prefix="larder-bench-")
    report, tools = Report(), SimpleNamespace(clock=time.monotonic, cpu_seconds=cpu_seconds, sync_floor=sync_floor)
    daemon = Daemon(os.path.abspath(arguments.bin))
    with open(os.path.join(daemon.folder, "1k"), "wb") as f:
        f.write(os.urandom(1024))
    try:
        mount_bench.run(report, Load(os.path.join(arguments.bin, "http_load"), work), daemon, work, arguments, tools)
    finally:
        daemon.close()
        shutil.rmtree(work, ignore_errors=True)
    write_json(report, arguments.json)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--json")
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--transfer", action="store_true", help="also 5 GiB up and down by aws, for the memory it takes")
    parser.add_argument("--mount", action="store_true", help="the folder instead of the S3 endpoint")
    parser.add_argument("--small", action="store_true", help="with --mount: fewer and smaller files")
    parser.add_argument("--million", action="store_true", help="with --mount: also the memory after a walk of 1,000,000 entries")
    arguments = parser.parse_args()
    if arguments.mount:
        bench_folder(arguments)
        return
    work = tempfile.mkdtemp(prefix="larder-bench-")
    report, seconds = Report(), arguments.seconds
    load = Load(os.path.join(arguments.bin, "http_load"), work)
    daemon = Daemon(os.path.abspath(arguments.bin))
    floor_server = subprocess.Popen([os.path.join(arguments.bin, "http_floor")], stdout=subprocess.PIPE, text=True)
    files = {}
    for _, size in SIZES:
        files[size] = os.path.join(work, str(size))
        with open(files[size], "wb") as f:
            f.write(os.urandom(size))
    shutil.copy(files[1024], os.path.join(daemon.folder, "1k"))
    nginx, nginx_port = start_nginx(work, work)
    try:
        floor_port = int(floor_server.stdout.readline().rsplit(":", 1)[1])
        floors = {"sync": sync_floor(work), "disk": disk_floor(work), "hash": hash_floor()}
        for clients in (1, 8, 32):
            floors[f"http_get_{clients}"] = load.rate(floor_port, clients, "GET", ["/x"], None, seconds)
        floors["http_put"] = load.rate(floor_port, 32, "PUT", ["/x"], files[1024], seconds)
        for name, value in floors.items():
            report.add(f"floor: {name}", value, "MiB/s" if name in ("disk", "hash") else "per s")
        report.add("RSS idle", rss_mib(daemon.process), "MiB")
        before = cpu_seconds(daemon.process)
        time.sleep(4)
        report.add("CPU idle", (cpu_seconds(daemon.process) - before) / 4 * 100, "%")
        bench_bodies(report, load, daemon, floors, seconds, files, nginx_port)
        deletes = [presigned(daemon, "DELETE", f"/home/b/1024/{i}") for i in range(20000)]
        report.add("DELETE, 32 clients", load.rate(daemon.port, 32, "DELETE", deletes), "per s", "http floor", floors["http_get_32"])
        fill(load, daemon, "few", 1000)
        small = bench_small(report, load, daemon, floors, seconds, "few", 1000)
        bench_list(report, load, daemon, lambda: measure_row_floor(daemon), seconds)
        if arguments.transfer:
            bench_transfer(report, daemon)
        if arguments.objects:
            report.add(f"filling with {arguments.objects} objects", fill(load, daemon, "many", arguments.objects), "per s")
            report.add("RSS with many objects", rss_mib(daemon.process), "MiB")
            for name, rate in bench_small(report, load, daemon, floors, seconds, "many", arguments.objects).items():
                report.add(f"{name} of 1 KiB at {arguments.objects} objects", rate, "per s", "at 1000 objects", small[name], 0.8)
        daemon.kill()
        report.add("restart after kill -9", daemon.start() * 1000, "ms")
    finally:
        nginx.terminate()
        floor_server.terminate()
        daemon.close()
        shutil.rmtree(work, ignore_errors=True)
    write_json(report, arguments.json)


if __name__ == "__main__":
    main()
