#!/usr/bin/env python3
"""End to end: real programs against a running larderd. run.py --bin FOLDER [--label NAME] [-k PART]"""
import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import applications  # noqa: E402
import cluster  # noqa: E402
import damage  # noqa: E402
import folder_faults  # noqa: E402
import folder_model  # noqa: E402
import mount  # noqa: E402
from daemon import Daemon  # noqa: E402

SIZES = [0, 1, 16 * 1024, 16 * 1024 + 1, 1 << 20, (1 << 20) + 1, 9_000_000, 20_000_000]


def write_file(path, size, seed=1):
    with open(path, "wb") as f:
        f.write(random.Random(seed).randbytes(size))


def same(a, b):
    with open(a, "rb") as x, open(b, "rb") as y:
        assert hashlib.sha256(x.read()).digest() == hashlib.sha256(y.read()).digest(), f"{a} differs from {b}"


def run(d, *words, **kwargs):
    done = subprocess.run(words, env=d.environment(), capture_output=True, check=False, **kwargs)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")
    return done.stdout.decode()


def client(d):
    import boto3
    from botocore.config import Config
    return boto3.client("s3", endpoint_url=d.endpoint, aws_access_key_id=d.key_id, aws_secret_access_key=d.secret,
                        region_name="us-east-1", config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 0}))


def test_awscli_copies_up_and_down_and_syncs(d, tmp):
    aws = ["aws", "--endpoint-url", d.endpoint, "s3"]
    for size in SIZES:
        write_file(f"{tmp}/up", size)
        run(d, *aws, "cp", f"{tmp}/up", f"s3://home/aws/{size}")
        run(d, *aws, "cp", f"s3://home/aws/{size}", f"{tmp}/down")
        same(f"{tmp}/up", f"{tmp}/down")
    os.mkdir(f"{tmp}/tree")
    for i in range(30):
        write_file(f"{tmp}/tree/{i}", 1000 * i, i)
    run(d, *aws, "sync", f"{tmp}/tree", "s3://home/tree")
    assert run(d, *aws, "sync", f"{tmp}/tree", "s3://home/tree").strip() == "", "the second sync moves nothing"
    run(d, *aws, "rm", "--recursive", "s3://home/tree")


def test_boto3_conditions_ranges_and_listings(d, tmp):
    from botocore.exceptions import ClientError
    s3 = client(d)
    s3.put_object(Bucket="home", Key="c", Body=b"0123456789", Metadata={"colour": "blue"}, ContentType="text/plain")
    assert s3.get_object(Bucket="home", Key="c", Range="bytes=2-4")["Body"].read() == b"234"
    head = s3.head_object(Bucket="home", Key="c")
    assert head["Metadata"] == {"colour": "blue"} and head["ContentType"] == "text/plain"
    for i in range(25):
        s3.put_object(Bucket="home", Key=f"list/{i % 5}/{i}", Body=b"x")
    keys, prefixes, token = [], [], {}
    while True:
        page = s3.list_objects_v2(Bucket="home", Prefix="list/", Delimiter="/", MaxKeys=2, **token)
        keys += [o["Key"] for o in page.get("Contents", [])]
        prefixes += [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert prefixes == [f"list/{i}/" for i in range(5)] and keys == []
    try:
        s3.get_object(Bucket="home", Key="none")
        raise AssertionError("a missing key was found")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchKey"
    deleted = s3.delete_objects(Bucket="home", Delete={"Objects": [{"Key": f"list/{i % 5}/{i}"} for i in range(25)]})
    assert len(deleted["Deleted"]) == 25


def test_one_of_many_concurrent_creators_wins(d, tmp):
    from botocore.awsrequest import AWSRequest
    from botocore.auth import SigV4Auth
    from botocore.credentials import Credentials
    import urllib.request
    import urllib.error
    statuses, gate = [], threading.Barrier(16)

    def create(n):
        request = AWSRequest("PUT", f"{d.endpoint}/home/race", data=str(n).encode(),
                             headers={"If-None-Match": "*", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        SigV4Auth(Credentials(d.key_id, d.secret), "s3", "us-east-1").add_auth(request)
        plain = urllib.request.Request(request.url, data=str(n).encode(), headers=dict(request.headers), method="PUT")
        gate.wait()
        try:
            with urllib.request.urlopen(plain) as answer:
                statuses.append(answer.status)
        except urllib.error.HTTPError as error:
            statuses.append(error.code)

    threads = [threading.Thread(target=create, args=(n,)) for n in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert statuses.count(200) == 1, statuses
    assert all(s in (200, 412, 409) for s in statuses), statuses


def test_multipart_with_copied_part(d, tmp):
    s3 = client(d)
    body = random.Random(3).randbytes(6 << 20)
    s3.put_object(Bucket="home", Key="source", Body=body)
    upload = s3.create_multipart_upload(Bucket="home", Key="joined")["UploadId"]
    first = s3.upload_part_copy(Bucket="home", Key="joined", UploadId=upload, PartNumber=1,
                                CopySource="home/source")["CopyPartResult"]["ETag"]
    second = s3.upload_part(Bucket="home", Key="joined", UploadId=upload, PartNumber=3, Body=b"tail")["ETag"]
    assert len(s3.list_parts(Bucket="home", Key="joined", UploadId=upload)["Parts"]) == 2
    s3.complete_multipart_upload(Bucket="home", Key="joined", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": first}, {"PartNumber": 3, "ETag": second}]})
    assert s3.get_object(Bucket="home", Key="joined")["Body"].read() == body + b"tail"


def test_s3cmd(d, tmp):
    with open(f"{d.folder}/.s3cfg", "w", encoding="utf-8") as f:
        f.write(f"[default]\naccess_key = {d.key_id}\nsecret_key = {d.secret}\nhost_base = 127.0.0.1:{d.port}\n"
                f"host_bucket = 127.0.0.1:{d.port}\nuse_https = False\n")
    write_file(f"{tmp}/up", 20_000_000)
    run(d, "s3cmd", "put", f"{tmp}/up", "s3://home/s3cmd")
    run(d, "s3cmd", "get", "--force", "s3://home/s3cmd", f"{tmp}/down")
    same(f"{tmp}/up", f"{tmp}/down")
    assert "s3://home/s3cmd" in run(d, "s3cmd", "ls", "s3://home/")
    run(d, "s3cmd", "mb", "s3://s3cmd-bucket")
    run(d, "s3cmd", "rb", "s3://s3cmd-bucket")


def test_rclone(d, tmp):
    os.mkdir(f"{tmp}/tree")
    for i in range(20):
        write_file(f"{tmp}/tree/{i}", 40_000 * i, i)
    remote = (f":s3,provider=Other,access_key_id={d.key_id},secret_access_key={d.secret},"
              f"endpoint='{d.endpoint}':home/rclone")
    run(d, "rclone", "sync", f"{tmp}/tree", remote)
    run(d, "rclone", "check", f"{tmp}/tree", remote)
    run(d, "rclone", "sync", remote, f"{tmp}/back")
    for i in range(20):
        same(f"{tmp}/tree/{i}", f"{tmp}/back/{i}")


def test_restic_backs_up_checks_and_restores(d, tmp):
    os.mkdir(f"{tmp}/tree")
    for i in range(15):
        write_file(f"{tmp}/tree/{i}", 200_000 + i, i)
    env = d.environment()
    env.update(RESTIC_PASSWORD="x", RESTIC_REPOSITORY=f"s3:{d.endpoint}/restic", RESTIC_CACHE_DIR=f"{tmp}/cache")
    for words in (["init"], ["backup", f"{tmp}/tree"], ["check", "--read-data"], ["restore", "latest", "--target", f"{tmp}/back"]):
        done = subprocess.run(["restic", *words], env=env, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
    for i in range(15):
        same(f"{tmp}/tree/{i}", f"{tmp}/back{tmp}/tree/{i}")


def test_curl_presigned_and_anonymous(d, tmp):
    s3 = client(d)
    s3.put_object(Bucket="home", Key="pre signed", Body=b"hello")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "home", "Key": "pre signed"}, ExpiresIn=60)
    assert run(d, "curl", "-sf", url) == "hello"
    assert "AccessDenied" in run(d, "curl", "-s", f"{d.endpoint}/home/x")
    assert "SignatureDoesNotMatch" in run(d, "curl", "-s", url.replace("X-Amz-Expires=60", "X-Amz-Expires=61"))
    put = s3.generate_presigned_url("put_object", Params={"Bucket": "home", "Key": "by-curl"}, ExpiresIn=60)
    write_file(f"{tmp}/up", 3_000_000)
    run(d, "curl", "-sf", "-T", f"{tmp}/up", put)
    assert s3.head_object(Bucket="home", Key="by-curl")["ContentLength"] == 3_000_000


def test_command_line(d, tmp):
    write_file(f"{tmp}/up", 5_000_000)
    d.cli("cp", f"{tmp}/up", "home:cli/up")
    d.cli("cp", "home:cli/up", "home:cli/copy")
    d.cli("cp", "home:cli/copy", f"{tmp}/down")
    same(f"{tmp}/up", f"{tmp}/down")
    assert d.cli("cat", "home:cli/copy") == open(f"{tmp}/up", "rb").read()
    assert json.loads(d.cli("--json", "stat", "home:cli/up"))["size"] == 5_000_000
    assert b"cli/up" in d.cli("ls", "-r", "home:cli/")
    d.cli("rm", "-r", "home:cli/")
    missing = d.cli("cat", "home:cli/up", check=False)
    assert missing.returncode == 3 and b"fix:" in missing.stderr, missing
    assert d.cli("bucket", "create", "BAD NAME", check=False).returncode in (2, 0)
    assert d.cli("nonsense", check=False).returncode == 2
    unreachable = subprocess.run([f"{d.bin}/larder", "--socket", "/nonexistent", "status"], capture_output=True, check=False)
    assert unreachable.returncode == 5, unreachable


def test_a_node_is_a_cluster_of_one(d, tmp):
    node = json.loads(d.cli("--json", "node", "ls"))["nodes"][0]
    name = node["name"]
    assert node["self"] and node["state"] == "up" and node["place"] == "home" and node["partitions"] == 1024, node
    before = json.loads(d.cli("--json", "layout", "show"))
    assert d.cli("--quiet", "node", "ls").decode().split() == [name]
    # The number of a node is its name too, and so is the beginning of its id.
    assert json.loads(d.cli("--json", "node", "show", node["node"][:6])) == json.loads(d.cli("--json", "node", "show", "1"))
    d.cli("layout", "set", name, "--capacity", "4TB", "--tag", "ssd", "--place", "shed")
    assert b"4.0 TB" in d.cli("layout", "plan")
    refused = d.cli("layout", "apply", check=False)
    assert refused.returncode == 7 and b"larder layout apply --yes" in refused.stderr, refused
    assert d.cli("layout", "apply", "--yes", "--if-version", str(before["epoch"] + 1), check=False).returncode == 6
    d.cli("layout", "apply", "--yes", "--if-version", str(before["epoch"]))
    assert d.cli("layout", "plan", check=False).returncode == 3
    d.stop()
    d.start()
    after = json.loads(d.cli("--json", "layout", "show"))
    assert after["epoch"] == before["epoch"] + 1 and "staged" not in after, after
    assert after["nodes"][0]["capacity_bytes"] == 4 * 10**12 and after["nodes"][0]["tags"] == ["ssd"], after
    assert json.loads(d.cli("--json", "node", "show", "1"))["place"] == "shed"
    history = json.loads(d.cli("--json", "layout", "history"))["layouts"]
    assert [entry["epoch"] for entry in history][:2] == [after["epoch"], before["epoch"]], history
    assert b"because shed is then full" in d.cli("layout", "explain")
    for words in (["node", "drain", name, "--yes"], ["leave", "--yes"], ["node", "forget", name]):
        assert d.cli(*words, check=False).returncode == 11, words
    assert d.cli("node", "show", "nobody", check=False).returncode == 3


def test_quota_and_keys(d, tmp):
    from botocore.exceptions import ClientError
    d.cli("bucket", "create", "small")
    d.cli("bucket", "quota", "small", "--max-size", "1MB")
    d.cli("key", "allow", d.key_id, "small", "--read", "--write")
    s3 = client(d)
    try:
        s3.put_object(Bucket="small", Key="big", Body=b"x" * 2_000_000)
        raise AssertionError("the limit was not kept")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "QuotaExceeded", error
    d.cli("key", "deny", d.key_id, "small", "--read")
    try:
        s3.list_objects_v2(Bucket="small")
        raise AssertionError("a right that was taken is still there")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied"


def test_killed_in_the_middle_of_writes_nothing_acknowledged_is_lost(d, tmp):
    import botocore.exceptions
    acknowledged, stop = {}, threading.Event()

    def writer(n):
        s3, i = client(d), 0
        while not stop.is_set():
            key, body = f"kill/{n}/{i}", random.Random(n * 1000 + i).randbytes(random.Random(i).choice([100, 5000, 300_000]))
            try:
                s3.put_object(Bucket="home", Key=key, Body=body)
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                return
            acknowledged[key] = hashlib.md5(body).hexdigest()
            i += 1

    for _ in range(3):
        threads = [threading.Thread(target=writer, args=(n,)) for n in range(4)]
        before = len(acknowledged)
        for t in threads:
            t.start()
        while len(acknowledged) < before + 40:
            pass
        d.kill()
        for t in threads:
            t.join()
        d.start()
        s3 = client(d)
        for key, digest in acknowledged.items():
            assert hashlib.md5(s3.get_object(Bucket="home", Key=key)["Body"].read()).hexdigest() == digest, key
    stop.set()


def test_tags_come_in_the_order_of_their_keys(d, tmp):
    s3 = client(d)
    s3.put_object(Bucket="home", Key="tagged", Body=b"x", Tagging="foo=bar&bar")
    assert s3.get_object_tagging(Bucket="home", Key="tagged")["TagSet"] == [
        {"Key": "bar", "Value": ""}, {"Key": "foo", "Value": "bar"}]


def test_refuses_to_start_with_a_reason(d, tmp):
    larderd = f"{d.bin}/larderd"
    second = subprocess.run([larderd, "--quick-start", "--data", f"{d.folder}/data", "--s3", "127.0.0.1:0", "--health", "none"],
                            capture_output=True, check=False, timeout=60)
    assert b"data-locked" in second.stderr and second.returncode != 0, second
    busy = subprocess.run([larderd, "--quick-start", "--data", f"{tmp}/other", "--s3", f"127.0.0.1:{d.port}", "--health", "none"],
                          capture_output=True, check=False, timeout=60)
    assert b"address-in-use" in busy.stderr and busy.returncode != 0, busy
    unset = subprocess.run([larderd, "--data", f"{tmp}/nothing"], capture_output=True, check=False, timeout=60)
    assert b"not-set-up" in unset.stderr and b"larder init" in unset.stderr, unset
    with open(f"{tmp}/bad.toml", "w", encoding="utf-8") as f:
        f.write("s3_adress = ':1'\n")
    wrong = subprocess.run([larderd, "--config", f"{tmp}/bad.toml"], capture_output=True, check=False, timeout=60)
    assert wrong.returncode == 2 and b"bad.toml:1" in wrong.stderr, wrong


def test_init_and_server_take_the_words_of_larderd(d, tmp):
    made = d.cli("init", "--data", f"{tmp}/new", check=False)
    assert made.returncode == 0 and b"Access key" in made.stdout, made
    again = d.cli("init", "--data", f"{tmp}/new", check=False)
    assert b"already-set-up" in again.stderr and again.returncode != 0, again
    wrong = d.cli("server", "--data", f"{tmp}/none", "--s3", "127.0.0.1:0", check=False)
    assert b"not-set-up" in wrong.stderr and wrong.returncode != 0, wrong


def test_stops_cleanly(d, tmp):
    assert d.stop() == 0
    d.start()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--label", default="")
    parser.add_argument("-k", default="")
    parser.add_argument("--without", default="", help="leaves out tests with this in their name")
    arguments = parser.parse_args()
    known = sorted({**globals(), **vars(damage), **vars(mount), **vars(applications),
                    **vars(folder_faults), **vars(folder_model), **vars(cluster)}.items())
    tests = [(n, f) for n, f in known if n.startswith("test_") and arguments.k in n
             and not (arguments.without and arguments.without in n)]
    failed = 0
    for name, test in tests:
        daemon = Daemon(os.path.abspath(arguments.bin))
        tmp = os.path.join(daemon.folder, "tmp")
        os.mkdir(tmp)
        try:
            test(daemon, tmp)
            if daemon.process.poll() is None:
                assert daemon.stop() == 0, "the daemon did not stop cleanly"
            assert "ERROR: AddressSanitizer" not in daemon.log_text() and "runtime error" not in daemon.log_text()
            print(f"ok    {arguments.label} {name}", flush=True)
        except Exception:  # noqa: BLE001
            failed += 1
            print(f"FAIL  {arguments.label} {name}", flush=True)
            traceback.print_exc()
            print(daemon.log_text()[-3000:], flush=True)
        finally:
            daemon.close()
            shutil.rmtree(tmp, ignore_errors=True)
    print(f"{len(tests) - failed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
