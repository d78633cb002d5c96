"""A small signed S3 connection: one socket, no retries, so that a test knows what was acknowledged."""
import datetime
import hashlib
import hmac
import http.client
import urllib.parse


class Connection:
    def __init__(self, port, key_id, secret, region="us-east-1"):
        self.port, self.key_id, self.secret, self.region = port, key_id, secret, region
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.keys = {}
        self.headers = {}

    def signing_key(self, date):
        if date not in self.keys:
            key = ("AWS4" + self.secret).encode()
            for part in (date, self.region, "s3", "aws4_request"):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
            self.keys = {date: key}
        return self.keys[date]

    def request(self, method, path, body=b""):
        """Returns (status, body); `headers` has those of the answer. OSError when the connection breaks: the outcome is then unknown."""
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp, date = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        path = urllib.parse.quote(path, safe="/-._~")
        headers = {"host": f"127.0.0.1:{self.port}", "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": stamp}
        names = ";".join(sorted(headers))
        canonical = "\n".join([method, path, "", *(f"{n}:{headers[n]}" for n in sorted(headers)), "", names, "UNSIGNED-PAYLOAD"])
        scope = f"{date}/{self.region}/s3/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        signature = hmac.new(self.signing_key(date), to_sign.encode(), hashlib.sha256).hexdigest()
        headers["Authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={names}, "
                                    f"Signature={signature}")
        try:
            self.http.request(method, path, body, headers)
            answer = self.http.getresponse()
            self.headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
