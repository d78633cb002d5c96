#!/usr/bin/env python3
"""Writes requests as boto3 signs and sends them, for auth_client_test.cc.

    python3 make_requests.py > boto3-VERSION.txt

Nothing is sent: each request is caught on its way out. One block per request: a line with its name, one with the length
of the body, the head as it would go over the wire, an empty line, the body (transfer coding removed), a line end.
"""
import contextlib
import datetime
import importlib
import io
import sys
import unittest.mock

import boto3
from botocore.config import Config

KEY, SECRET = "GK0123456789abcdef01234567", "8f2e7a4b1c9d0e6f3a5b7c8d9e0f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f"
NOW = datetime.datetime(2026, 11, 3, 11, 27, 4, tzinfo=datetime.timezone.utc)


class Frozen(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return NOW.replace(tzinfo=None)

    @classmethod
    def now(cls, tz=None):
        return NOW.astimezone(tz) if tz else NOW.replace(tzinfo=None)


def body_of(request):
    body = request.body
    if body is None:
        return b""
    if hasattr(body, "read"):
        body = body.read()
    return body.encode() if isinstance(body, str) else bytes(body)


def show(name, method, url, headers, body):
    scheme, rest = url.split("://", 1)
    host, _, path = rest.partition("/")
    lines = [f"{method} /{path} HTTP/1.1", f"Host: {host}"]
    for field, value in headers.items():
        value = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        if field.lower() not in ("host", "user-agent"):
            lines.append(f"{field}: {value}")
    head = "\r\n".join(lines).encode("latin-1")
    sys.stdout.buffer.write(b"%s\n%d\n%s\r\n\r\n%s\n" % (name.encode(), len(body), head, body))


class Catch:
    def __init__(self, name):
        self.name = name

    def __call__(self, request, **kwargs):
        show(self.name, request.method, request.url, request.headers, body_of(request))
        raise StopIteration


def client(scheme="http", style="path", **config):
    return boto3.client(
        "s3", endpoint_url=f"{scheme}://s3.example.org:3900", region_name="home", aws_access_key_id=KEY,
        aws_secret_access_key=SECRET, config=Config(s3={"addressing_style": style}, **config))


def call(name, operation, scheme="http", style="path", **arguments):
    s3 = client(scheme, style)
    s3.meta.events.register("before-send.s3", Catch(name))
    try:
        getattr(s3, operation)(**arguments)
    except StopIteration:
        pass


def presign(name, operation, method, headers={}, **arguments):
    s3 = client(signature_version="s3v4")
    url = s3.generate_presigned_url(operation, Params=arguments, ExpiresIn=3600)
    show(name, method, url, headers, b"")


def main():
    keys = ["plain", "a b+c", "it's (1) *!~:@&=$,;", "ü/é/日本/🎉", "a//b/./c/../d", "%41%2F", "trail/", "-_.~"]
    call("list buckets", "list_buckets")
    for key in keys:
        call(f"get {key}", "get_object", Bucket="home", Key=key)
    call("get range and version", "get_object", Bucket="home", Key="k", Range="bytes=0-9", VersionId="null")
    call("get with overrides", "get_object", Bucket="home", Key="k", ResponseContentDisposition='attachment; filename="a b.txt"')
    call("get virtual host", "get_object", style="virtual", Bucket="home", Key="dir/a b")
    call("list", "list_objects_v2", Bucket="home", Prefix="a+b c/é", Delimiter="/", ContinuationToken="a/b+c==")
    call("uploads", "create_multipart_upload", Bucket="home", Key="k", Metadata={"a": "x  y", "b": " z"})
    call("put bytes", "put_object", Bucket="home", Key="k", Body=b"Hello, Larder!")
    call("put empty", "put_object", Bucket="home", Key="k")
    call("put over tls", "put_object", scheme="https", Bucket="home", Key="k", Body=b"Hello, Larder!", ContentEncoding="gzip")
    call("put stream over tls", "put_object", scheme="https", Bucket="home", Key="k", Body=io.BytesIO(b"x" * 3000))
    call("put sha256", "put_object", Bucket="home", Key="k", Body=b"Hello, Larder!", ChecksumAlgorithm="SHA256")
    call("delete many", "delete_objects", Bucket="home", Delete={"Objects": [{"Key": k} for k in keys]})
    call("copy", "copy_object", Bucket="home", Key="to", CopySource={"Bucket": "home", "Key": "a b+é"})
    presign("presigned get", "get_object", "GET", Bucket="home", Key="a b+é/~")
    presign("presigned put", "put_object", "PUT", {"Content-Type": "text/plain"}, Bucket="home", Key="k", ContentType="text/plain")
    presign("presigned part", "upload_part", "PUT", Bucket="home", Key="k", UploadId="a+b/c==", PartNumber=7)


def freeze(stack, name):
    """Stops the clock of a module that signs, in each of the ways in which versions of botocore ask for the time."""
    try:
        module = importlib.import_module(name)
    except ImportError:
        return
    if hasattr(module, "datetime"):
        clock = stack.enter_context(unittest.mock.patch.object(module, "datetime"))
        clock.datetime = Frozen
        clock.timezone = datetime.timezone
    now = lambda remove_tzinfo=True: NOW.replace(tzinfo=None) if remove_tzinfo else NOW
    stack.enter_context(unittest.mock.patch.object(module, "get_current_datetime", now, create=True))


with contextlib.ExitStack() as stack:
    freeze(stack, "botocore.auth")
    freeze(stack, "botocore.crt.auth")
    main()
