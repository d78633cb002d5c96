"""Many requests at once for benches and tests: signed beforehand, sent by the http_load program."""
import datetime
import hashlib
import hmac
import json
import os
import subprocess
import urllib.parse

from signing import Connection


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


class Load:
    """Requests by http_load: over and over for some seconds, or each target once. Readers keep from sleeping, so that the
    server does not pay for waking its own clients up; writers do not, since the server needs both processors then, nor do
    readers that are told so."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def run(self, port, connections, method, targets, body_file=None, seconds=None, spin=True):
        """What http_load says; nothing may have been refused."""
        path = os.path.join(self.folder, "targets")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(targets) + "\n")
        words = [self.program, str(port), str(connections), method, path]
        words += ["--body", body_file] if body_file else []
        words += ["--seconds", str(seconds)] if seconds else []
        words += ["--spin", "yes"] if spin and method in ("GET", "HEAD") else []
        done = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        if done["errors"]:
            raise SystemExit(f"bench: {done['errors']} of {done['requests']} {method} requests were refused")
        return done

    def rate(self, *arguments, **named):
        done = self.run(*arguments, **named)
        return done["requests"] / done["seconds"]


def key_of(label, number):
    return f"/home/{label}/{hashlib.md5(str(number).encode()).hexdigest()}"


def fill(load, daemon, label, count):
    """`count` objects of 1 KiB, each written once; returns the rate."""
    body, spent = os.path.join(daemon.folder, "1k"), 0.0
    for begin in range(0, count, 50_000):
        targets = [presigned(daemon, "PUT", key_of(label, i)) for i in range(begin, min(count, begin + 50_000))]
        spent += load.run(daemon.port, 32, "PUT", targets, body)["seconds"]
    return count / spent
