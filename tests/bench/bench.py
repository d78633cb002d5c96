#!/usr/bin/env python3
"""Speed of one node beside the machine's own limits, measured in the same run. bench.py --bin FOLDER [--json FILE] [--objects N]

Every figure stands beside a floor: sync (4 KiB append and fdatasync, one thread), http (the http room answering a constant),
hash (MD5 and SHA-256 of the body on one core), disk (1 MiB writes in order, synced at the end), row (an ordered scan of the
same table by SQLite), nginx (the same file). fsync is always on. The load is wrk with requests that are signed before."""
import argparse
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse
import datetime
import hmac

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from daemon import Daemon, free_port  # noqa: E402
from signing import Connection  # noqa: E402

SIZES = [("1 KiB", 1 << 10), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20), ("64 MiB", 64 << 20)]


class Report:
    def __init__(self):
        self.figures = []

    def add(self, name, value, unit, floor_name="", floor=None, goal=None):
        ratio = value / floor if floor else None
        self.figures.append({"name": name, "value": value, "unit": unit, "floor": floor_name, "floor_value": floor,
                             "ratio": ratio, "goal": goal})
        mark = "" if ratio is None or goal is None else "  ok" if ratio >= goal else "  BELOW GOAL"
        print(f"{name:44s} {value:12,.0f} {unit:10s}"
              + (f" {ratio:6.2f} × {floor_name} ({floor:,.0f})" if ratio is not None else "")
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


def presigned(daemon, method, path, expires=604800, query=""):
    """The path and query of a presigned request: it stays valid, so that the load generator only replays it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    stamp, date = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    scope = f"{date}/us-east-1/s3/aws4_request"
    items = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    items.update({"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{daemon.key_id}/{scope}", "X-Amz-Date": stamp,
                  "X-Amz-Expires": str(expires), "X-Amz-SignedHeaders": "host"})
    canonical_query = "&".join(f"{urllib.parse.quote(k, safe='-._~')}={urllib.parse.quote(v, safe='-._~')}"
                               for k, v in sorted(items.items()))
    canonical = "\n".join([method, path, canonical_query, f"host:127.0.0.1:{daemon.port}", "", "host", "UNSIGNED-PAYLOAD"])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = Connection(daemon.port, daemon.key_id, daemon.secret).signing_key(date)
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return f"{path}?{canonical_query}&X-Amz-Signature={signature}"


def wrk(port, connections, seconds, method, targets, body_file=None):
    """Requests per second, and how many were answered with an error."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False) as f:
        f.write("local targets = {}\n")
        with open(f.name + ".txt", "w", encoding="utf-8") as list_file:
            list_file.write("\n".join(targets))
        f.write(f'for line in io.lines("{f.name}.txt") do targets[#targets + 1] = line end\n')
        f.write("local body = nil\n")
        if body_file:
            f.write(f'local file = io.open("{body_file}", "rb"); body = file:read("*a"); file:close()\n')
        f.write("local at = 0\n")
        f.write(f'request = function() at = at % #targets + 1; return wrk.format("{method}", targets[at], nil, body) end\n')
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", f.name,
                           f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=False)
    os.unlink(f.name)
    os.unlink(f.name + ".txt")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    if not rate or bad:
        print(done.stdout, done.stderr, file=sys.stderr)
    return float(rate.group(1)) if rate else 0.0


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


def bench_bodies(report, daemon, floors, seconds, files, nginx_port):
    for label, size in SIZES:
        previous = None
        for clients in (1, 8, 32):
            if size >= 64 << 20 and clients == 32:
                continue
            count = 20000 if size <= 65536 else 64 if size <= 1 << 20 else 4
            puts = [presigned(daemon, "PUT", f"/home/b/{size}/{i}") for i in range(count)]
            rate = wrk(daemon.port, clients, seconds, "PUT", puts, files[size])
            if size == 1024:
                floor = ("sync floor", floors["sync"], 0.5) if clients == 1 else ("http floor", floors["http_put"], 0.33 if clients == 32 else None)
            elif size == 64 << 20:
                floor = ("min(hash, disk)", min(floors["hash"], floors["disk"]) / 64, 0.6)
            else:
                floor = ("sync floor", floors["sync"], None)
            report.add(f"PUT {label}, {clients} clients", rate, "per s", *floor)
            if previous is not None:
                report.add(f"PUT {label}, {clients} clients against fewer", rate, "per s", "fewer clients", previous, 1.0)
            previous = rate
            stored = max(1, min(count, int(rate * seconds)))
            gets = [presigned(daemon, "GET", f"/home/b/{size}/{i}") for i in range(stored)]
            rate = wrk(daemon.port, clients, seconds, "GET", gets)
            if size <= 65536:
                report.add(f"GET {label}, {clients} clients", rate, "per s", "http floor", floors[f"http_get_{clients}"], 0.5 if (size, clients) == (1024, 32) else None)
            else:
                nginx = wrk(nginx_port, clients, seconds, "GET", [f"/{size}"])
                report.add(f"GET {label}, {clients} clients", rate, "per s", "nginx", nginx, 0.6 if size == 64 << 20 else None)


def bench_small(report, daemon, floors, seconds, count, label):
    """PUT, GET, HEAD, LIST of small objects while the bucket holds about `count`."""
    puts = [presigned(daemon, "PUT", f"/home/{label}/{hashlib.md5(str(i).encode()).hexdigest()}") for i in range(min(count, 20000))]
    gets = [presigned(daemon, "GET", f"/home/{label}/{hashlib.md5(str(i).encode()).hexdigest()}") for i in range(min(count, 20000))]
    heads = [presigned(daemon, "HEAD", f"/home/{label}/{hashlib.md5(str(i).encode()).hexdigest()}") for i in range(min(count, 20000))]
    body = os.path.join(daemon.folder, "1k")
    put = wrk(daemon.port, 32, seconds, "PUT", puts, body)
    get = wrk(daemon.port, 32, seconds, "GET", gets)
    head = wrk(daemon.port, 32, seconds, "HEAD", heads)
    report.add(f"HEAD, 32 clients, {label} objects", head, "per s", "http floor", floors["http_get_32"], 0.5)
    return {"PUT 1 KiB": put, "GET 1 KiB": get, "HEAD": head}


def fill(daemon, label, count):
    """`count` objects of 1 KiB by as many connections as help."""
    body = os.path.join(daemon.folder, "1k")
    done, step = 0, 100_000
    while done < count:
        step = min(step, count - done)
        targets = [presigned(daemon, "PUT", f"/home/{label}/{hashlib.md5(str(i).encode()).hexdigest()}") for i in range(done, done + step)]
        left = step
        while left > 0:
            seconds = 10
            rate = wrk(daemon.port, 32, seconds, "PUT", targets[step - left:], body)
            left -= int(rate * seconds)
        done += step


def bench_list(report, daemon, row_floor, seconds):
    plain = [presigned(daemon, "GET", "/home", query="list-type=2&prefix=list/")]
    rate = wrk(daemon.port, 1, seconds, "GET", plain) * 1000
    report.add("LIST without delimiter", rate, "keys/s", "row floor", row_floor, 0.5)
    folded = [presigned(daemon, "GET", "/home", query="list-type=2&prefix=list/&delimiter=/")]
    rate = wrk(daemon.port, 1, seconds, "GET", folded) * 100
    report.add("LIST with delimiter (100 prefixes)", rate, "prefixes/s")


def measure_row_floor(daemon):
    folder = os.path.join(daemon.folder, "data", "meta", "rows")
    best = 0.0
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".db"):
            continue
        copy = os.path.join(daemon.folder, "floor.db")
        for suffix in ("", "-wal"):
            if os.path.exists(os.path.join(folder, name + suffix)):
                shutil.copy(os.path.join(folder, name + suffix), copy + suffix)
        db = sqlite3.connect(copy)
        db.execute("PRAGMA cache_size=-65536")
        query = "SELECT count(*), sum(length(v)) FROM (SELECT k, v FROM rows WHERE k >= x'0001' AND k < x'0002' ORDER BY k)"
        db.execute(query).fetchone()
        began = time.monotonic()
        rows = db.execute(query).fetchone()[0]
        spent = time.monotonic() - began
        db.close()
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(copy + suffix):
                os.unlink(copy + suffix)
        if rows > 50_000:
            best = max(best, rows / spent)
    return best or None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--json")
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=3)
    arguments = parser.parse_args()
    report, seconds = Report(), arguments.seconds
    work = tempfile.mkdtemp(prefix="larder-bench-")
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
            floors[f"http_get_{clients}"] = wrk(floor_port, clients, seconds, "GET", ["/x"])
        floors["http_put"] = wrk(floor_port, 32, seconds, "PUT", ["/x"], files[1024])
        for name, value in floors.items():
            report.add(f"floor: {name}", value, "MiB/s" if name in ("disk", "hash") else "per s")
        report.add("RSS idle", rss_mib(daemon.process), "MiB")
        before = cpu_seconds(daemon.process)
        time.sleep(4)
        report.add("CPU idle", (cpu_seconds(daemon.process) - before) / 4 * 100, "%")
        bench_bodies(report, daemon, floors, seconds, files, nginx_port)
        deletes = [presigned(daemon, "DELETE", f"/home/b/1024/{i}") for i in range(20000)]
        report.add("DELETE, 32 clients", wrk(daemon.port, 32, seconds, "DELETE", deletes), "per s", "http floor", floors["http_get_32"])
        small = bench_small(report, daemon, floors, seconds, 1000, "few")
        for i in range(100):
            fill_some = [presigned(daemon, "PUT", f"/home/list/{i:03d}/{j:04d}") for j in range(1000)]
            connection = Connection(daemon.port, daemon.key_id, daemon.secret)
            for target in fill_some if i == 0 else fill_some[:100]:
                connection.http.request("PUT", target, b"x", {"host": f"127.0.0.1:{daemon.port}"})
                connection.http.getresponse().read()
        if arguments.objects:
            fill(daemon, "many", arguments.objects)
            report.add("RSS with many objects", rss_mib(daemon.process), "MiB")
            for name, rate in bench_small(report, daemon, floors, seconds, arguments.objects, "many").items():
                report.add(f"{name} at {arguments.objects} objects", rate, "per s", "at 1000 objects", small[name], 0.8)
        bench_list(report, daemon, measure_row_floor(daemon), seconds)
        daemon.kill()
        report.add("restart after kill -9", daemon.start() * 1000, "ms")
    finally:
        nginx.terminate()
        floor_server.terminate()
        daemon.close()
        shutil.rmtree(work, ignore_errors=True)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as f:
            json.dump(report.figures, f, indent=1)


if __name__ == "__main__":
    main()
