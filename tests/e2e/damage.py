"""What damage does to clients: the error they get, the log line with its cure, and that nothing else is lost. Run by run.py."""
import hashlib
import os
import random
import subprocess

from signing import Connection


def connect(d):
    return Connection(d.port, d.key_id, d.secret)


def body_of(seed, size):
    return random.Random(seed).randbytes(size)


def put(d, key, body):
    status, answer = connect(d).request("PUT", f"/home/{key}", body)
    assert status == 200, answer


def get(d, key):
    """(status, body); a connection cut in the middle of the body is (None, what it was)."""
    try:
        return connect(d).request("GET", f"/home/{key}")
    except OSError as error:
        return None, str(error).encode()


def listing(d):
    status, answer = connect(d).request("GET", "/home")
    assert status == 200, answer
    return answer.decode()


def said(d, words):
    """The log line that holds the words, which must tell what to do."""
    lines = [line for line in d.log_text().splitlines() if words in line]
    assert lines, f"nothing of {words!r} in the log"
    assert "cure" in lines[-1], lines[-1]
    return lines[-1]


def files(d, *folders):
    root = os.path.join(d.folder, "data", *folders)
    return sorted(os.path.join(base, name) for base, _, names in os.walk(root) for name in names)


def flip(paths, marker, offset=0):
    """Flips a bit of each copy of the marker, or `offset` bytes behind its beginning."""
    found = 0
    for path in paths:
        with open(path, "r+b") as f:
            content = f.read()
            at = content.find(marker)
            while at >= 0:
                f.seek(at + offset)
                f.write(bytes([content[at + offset] ^ 4]))
                found += 1
                at = content.find(marker, at + 1)
    assert found, "the marker is not on the disk"


def stopped(d, change):
    assert d.stop() == 0
    change()
    d.start()


def test_a_flipped_bit_in_a_segment_harms_one_object(d, tmp):
    bad, good = body_of(1, 200_000), body_of(2, 200_000)
    put(d, "bad", bad)
    put(d, "good", good)
    stopped(d, lambda: flip([p for p in files(d) if "segment-" in p], bad[100_000:100_032]))
    status, answer = get(d, "bad")
    assert status != 200, status
    assert "offset" in said(d, "a block cannot be read")
    assert get(d, "good") == (200, good)
    assert "<Key>bad</Key>" in listing(d)
    done = d.cli("verify", check=False)
    assert done.returncode != 0 and b"home:bad" in done.stdout + done.stderr, done
    put(d, "bad", bad)
    assert get(d, "bad") == (200, bad)
    assert d.cli("verify", check=False).returncode == 0


def test_a_segment_that_cannot_be_read_harms_its_objects_alone(d, tmp):
    put(d, "big", body_of(3, 300_000))
    put(d, "small", b"inline")
    segments = [p for p in files(d) if "segment-" in p]
    stopped(d, lambda: [os.rename(p, p + ".away") or os.mkdir(p) for p in segments])
    status, answer = get(d, "big")
    assert status == 500 and b"InternalError" in answer, (status, answer)
    said(d, "a segment cannot be opened")
    assert get(d, "small") == (200, b"inline")
    put(d, "other", body_of(4, 300_000))
    assert get(d, "other") == (200, body_of(4, 300_000))
    stopped(d, lambda: [os.rmdir(p) or os.rename(p + ".away", p) for p in segments])
    assert get(d, "big") == (200, body_of(3, 300_000))
    assert get(d, "other") == (200, body_of(4, 300_000))


def test_a_flipped_bit_in_a_row_harms_one_object_until_it_is_written_again(d, tmp):
    for i in range(20):
        put(d, f"k{i}", body_of(i, 100))
    etag = hashlib.md5(body_of(7, 100)).hexdigest()
    stopped(d, lambda: flip([p for p in files(d) if ".db" in p], etag.encode()))
    status, answer = get(d, "k7")
    assert status == 500 and b"InternalError" in answer, (status, answer)
    said(d, "a row is damaged")
    assert all(get(d, f"k{i}") == (200, body_of(i, 100)) for i in range(20) if i != 7)
    assert "<Key>k7</Key>" in listing(d) and "<Key>k19</Key>" in listing(d)
    put(d, "k7", b"again")
    assert get(d, "k7") == (200, b"again")
    assert d.cli("verify", check=False).returncode == 0


def test_a_flipped_bit_in_the_index_is_mended_by_a_restart(d, tmp):
    body = body_of(5, 200_000)
    put(d, "indexed", body)
    put(d, "other", body_of(6, 200_000))
    name = hashlib.sha256(body).digest()
    # The entry of tree 32: the name, then the place. Its last bytes are flipped, not the name.
    stopped(d, lambda: flip([p for p in files(d) if ".db" in p], b"\x00\x20" + name, 2 + 32 + 8))
    status, answer = get(d, "indexed")
    assert status == 500 and b"InternalError" in answer, (status, answer)
    said(d, "block index is damaged")
    assert get(d, "other") == (200, body_of(6, 200_000))
    d.stop()
    d.start()
    assert get(d, "indexed") == (200, body)
    assert d.cli("verify", check=False).returncode == 0


def test_a_lost_shard_is_set_aside_and_the_rest_goes_on(d, tmp):
    for i in range(40):
        d.cli("bucket", "create", f"bucket-{i:02d}")
        d.cli("cp", "-", f"bucket-{i:02d}:k", stdin=body_of(i, 100_000))
    shard = sorted(p for p in files(d, "meta") if p.endswith(".db"))[-1]
    stopped(d, lambda: os.rename(shard, shard + ".away"))
    said(d, "replaced by an empty one")

    def kept():
        return [i for i in range(40) if d.cli("cat", f"bucket-{i:02d}:k", check=False).stdout == body_of(i, 100_000)]
    assert 5 < len(kept()) < 40, kept()
    # Nothing was freed meanwhile: with the file back, all is back.
    stopped(d, lambda: None)
    stopped(d, lambda: os.rename(shard + ".away", shard) or os.remove(shard + ".damaged-1"))
    assert len(kept()) == 40, kept()


def test_a_full_disk_refuses_writes_and_serves_reads(d, tmp):
    if os.geteuid() != 0:
        return  # a small file system must be mounted for it
    small = os.path.join(d.folder, "small")
    d.stop()
    os.mkdir(small)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", small], check=True)
    try:
        os.rename(os.path.join(d.folder, "data"), os.path.join(d.folder, "old"))
        subprocess.run(["cp", "-a", os.path.join(d.folder, "old"), os.path.join(small, "data")], check=True)
        os.symlink(os.path.join(small, "data"), os.path.join(d.folder, "data"))
        d.start()
        stored, refused = {}, None
        for i in range(60):
            body = body_of(i, 4_000_000)
            status, answer = connect(d).request("PUT", f"/home/fill-{i}", body)
            if status != 200:
                refused = status, answer
                break
            stored[f"fill-{i}"] = body
        assert refused and refused[0] in (503, 507) and b"<Error>" in refused[1], refused
        assert len(stored) > 5, len(stored)
        assert all(get(d, key) == (200, body) for key, body in stored.items())
        for key in list(stored)[:-2]:
            assert connect(d).request("DELETE", f"/home/{key}")[0] == 204
        for _ in range(600):
            status, _ = connect(d).request("PUT", "/home/after", body_of(99, 1_000_000))
            if status == 200:
                break
        assert status == 200, "no writes although there is room again"
        assert all(get(d, key) == (200, stored[key]) for key in list(stored)[-2:])
        assert d.stop() == 0
        d.start()
        assert get(d, "after") == (200, body_of(99, 1_000_000))
        assert d.stop() == 0
    finally:
        subprocess.run(["umount", "-l", small], check=False)
