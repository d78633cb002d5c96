"""The folder against a model: random cases through two real mounts of one bucket and S3. Run by run.py; needs /dev/fuse.

A case is a list of steps in a folder of its own. After each step both mounts, by listing and by path, and S3 show what the
model's keys make. LARDER_MODEL_CASES: how many cases; LARDER_MODEL_SEED: this one alone. tests/model does the same without
a kernel, with more kinds of steps."""
import ctypes
import hashlib
import os
import random
import stat

from mount import PATIENCE, mounted, needs_fuse, read, soon, write

CASES = int(os.environ.get("LARDER_MODEL_CASES", 12))
S3_STEPS = ("put", "delete", "delete many", "copy")
STEPS = S3_STEPS * 2 + ("write", "write", "append", "patch", "truncate", "unlink", "unlink", "rename", "rename", "rename",
                        "no replace", "exchange", "mkdir", "rmdir", "link", "symlink", "chmod", "hold", "hold", "let go")
SEGMENTS = ["", ".", "..", "%obj", "a%obj", "%dot", "\x01", "a%", "l" * 300, "é", "%empty"]
NAMES = ["%obj", "a%obj", "a%obj%", "%dot", "%dot%", "\x01", "a%", "l" * 255, "l" * 256]
RENAME_NOREPLACE, RENAME_EXCHANGE, AT_FDCWD = 1, 2, -100


class File:
    def __init__(self, content=b"", target=None):
        self.content, self.target, self.mode = content, target, None


def special(name):
    core = name.rstrip("%")
    long = core.startswith("%long-") and len(core) > 22 and core[-17] == "-" and not core[-16:].strip("0123456789abcdef")
    return core in ("%empty", "%dot", "%dotdot") or core.endswith("%obj") or long


def show(segment, beside=False):
    name = {"": "%empty", ".": "%dot", "..": "%dotdot"}.get(segment, segment + "%" * special(segment))
    whole = (name + "%obj" * beside).encode()
    if len(whole) <= 255:
        return whole.decode()
    return "%long-" + whole[:180].decode(errors="ignore") + "-" + hashlib.sha256(whole).hexdigest()[:16]


def segment_for(name):
    for segment in (name, name[:-1]):
        if show(segment) == name:
            return segment
    return None


def materialise(keys):
    """The one pure function: path -> (key, file); directories' keys end in "/", and their file is None when implied."""
    tree = {}
    for key, file in keys.items():
        *above, last = key.split("/")
        path, at = "", ""
        for segment in above:
            path, at = (path + "/" if path else "") + show(segment), at + segment + "/"
            tree.setdefault(path, (at, keys.get(at)))
        if last:
            beside = any(other.startswith(key + "/") for other in keys)
            tree[(path + "/" if path else "") + show(last, beside)] = (key, file)
    return tree


def make_steps(seed):
    dice = random.Random(seed)
    hostile = dice.random() < 0.7

    def word(words):
        return dice.choice(words) if hostile and dice.random() < 0.25 else dice.choice(["a", "b", "a-", "a", "-"])

    def key():
        out = "/".join(word(SEGMENTS) for _ in range(dice.randint(1, 3))) + "/" * (dice.random() < 0.1)
        return out if out.strip("/") else "a"

    def path():
        return "/".join(word(NAMES) for _ in range(dice.randint(1, 2)))
    steps = []
    for _ in range(dice.randint(6, 20)):
        act = dice.choice(STEPS)
        made = key if act in S3_STEPS else path
        pick = act not in ("put", "mkdir", "symlink", "write") or dice.random() < 0.3
        steps.append((act, dice.randrange(2), [made(), made()], [dice.randrange(1, 1000) * (pick and dice.random() < 0.8),
                     dice.randrange(1, 1000) * (dice.random() < 0.3)], dice.randrange(40), dice.randbytes(dice.randrange(1, 9))))
    return steps


class Case:
    """Plays steps below `base`, a directory of the bucket."""

    def __init__(self, s3, folders, base):
        self.s3, self.base = s3, base
        self.folders = [os.path.join(folder, base) for folder in folders]
        self.keys, self.held = {}, {}  # held: mount -> (descriptor, file, bytes not stored yet)
        os.mkdir(self.folders[0])
        self.log = []

    def play(self, steps):
        """What differs, or ""."""
        try:
            for step in steps:
                self.log.append(repr(step))
                self.log[-1] += f" -> {self.step(*step)}"
                if wrong := self.compare():
                    return wrong
            for mount in list(self.held):
                self.let_go(mount)
            return self.compare()
        except OSError as error:
            return repr(error)
        finally:
            for descriptor, _, _ in self.held.values():
                os.close(descriptor)

    def compare(self):
        wrong = [""]

        def holds():
            wrong[0] = self.difference()
            return not wrong[0]
        soon(holds)
        return wrong[0]

    def difference(self):
        listed = {}
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket="home", Prefix=self.base + "/", PaginationConfig={"PageSize": 3}):
            for found in page.get("Contents", []):
                listed[found["Key"][len(self.base) + 1:]] = found["Size"]
        listed.pop("", None)
        expected = {key: len(file.content) for key, file in self.keys.items()}
        if listed != expected:
            return f"S3 lists {listed}, not {expected}"
        for key, file in self.keys.items():
            body = self.s3.get_object(Bucket="home", Key=f"{self.base}/{key}")["Body"].read()
            if body != file.content:
                return f"S3 has {body} in {key!r}, not {file.content}"
        tree = materialise(self.keys)
        for mount, folder in enumerate(self.folders):
            shown = set()
            for above, directories, files in os.walk(folder):
                shown |= {os.path.relpath(os.path.join(above, name), folder) for name in directories + files}
            if shown != set(tree):
                return f"mount {mount} lists {shown - set(tree)} too much and not {set(tree) - shown}"
            for path, (key, file) in tree.items():
                if wrong := self.differs(mount, os.path.join(folder, path), key, file):
                    return f"mount {mount}: {path} {wrong}"
            for name in ("%empty", "%dot", "a%obj", "b%obj", "%obj", "a/%empty", "a/b%obj"):
                if os.path.lexists(os.path.join(folder, name)) != (name in tree):
                    return f"mount {mount}: {name} is found and not listed, or the other way round"
        return ""

    def differs(self, mount, path, key, file):
        found = os.lstat(path)
        if stat.S_ISDIR(found.st_mode) != key.endswith("/"):
            return "is of another kind"
        if file and file.mode is not None and stat.S_IMODE(found.st_mode) != file.mode:
            return f"has mode {found.st_mode:o}, not {file.mode:o}"
        if key.endswith("/"):
            return ""
        if file.target is not None:
            return "" if os.readlink(path) == file.target else "links elsewhere"
        held = self.held.get(mount)
        content = held[2] if held and held[1] is file else file.content
        shown = read(path)
        return "" if shown == content and found.st_size == len(content) else f"holds {shown} of {found.st_size}, not {content}"

    def pick(self, given, number, s3):
        there = sorted(self.keys if s3 else materialise(self.keys))
        return there[number % len(there)] if number and there else given

    def step(self, act, mount, names, picks, number, body):
        one, two = (self.pick(name, pick, act in S3_STEPS) for name, pick in zip(names, picks))
        if act in S3_STEPS:
            return self.by_s3(act, one, two, body)
        if act == "let go":
            return self.let_go(mount)
        tree = materialise(self.keys)
        return self.by_mount(act, mount, (one, two), tree, number, body)

    def touched(self, *files):
        """Whether a file is held open by a mount: what another door does to it then is tested without a kernel."""
        return any(held[1] in files for held in self.held.values())

    def by_s3(self, act, one, two, body):
        old = {key: self.keys.get(key) for key in (one, two)}
        if self.touched(*(file for file in old.values() if file)):
            return "held"
        if act == "put":
            self.keys[one] = File(b"" if one.endswith("/") else body)
            self.s3.put_object(Bucket="home", Key=f"{self.base}/{one}", Body=self.keys[one].content)
        elif act == "copy":
            if one == two or one not in self.keys or one.endswith("/") or two.endswith("/"):
                return "nothing"
            self.keys[two] = File(self.keys[one].content, self.keys[one].target)
            self.keys[two].mode = self.keys[one].mode
            self.s3.copy_object(Bucket="home", Key=f"{self.base}/{two}", CopySource={"Bucket": "home", "Key": f"{self.base}/{one}"})
        elif act == "delete":
            self.keys.pop(one, None)
            self.s3.delete_object(Bucket="home", Key=f"{self.base}/{one}")
        else:
            for key in {one, two}:
                self.keys.pop(key, None)
            # XML cannot carry a control character.
            keys = [key for key in {one, two} if "\x01" not in key]
            for key in {one, two}.difference(keys):
                self.s3.delete_object(Bucket="home", Key=f"{self.base}/{key}")
            if keys:
                self.s3.delete_objects(Bucket="home", Delete={"Objects": [{"Key": f"{self.base}/{key}"} for key in keys]})
        return one

    def let_go(self, mount):
        if mount not in self.held:
            return "nothing"
        descriptor, file, content = self.held.pop(mount)
        os.close(descriptor)
        file.content = content
        return "stored"

    def by_mount(self, act, mount, paths, tree, number, body):
        """Does it, and the same to the keys; refusals are those that the model expects."""
        full = [os.path.join(self.folders[mount], path) for path in paths]
        above = [self.directory(path, tree) for path in paths]
        there = [tree.get(path) for path in paths]
        if None in above or self.touched(*(found[1] for found in there if found and found[1])):
            return "nothing"
        if self.held and act in ("rename", "no replace", "exchange") and any(found and found[0].endswith("/") for found in there):
            return "held below"
        new = [self.new_key(path, parent) for path, parent in zip(paths, above)]
        does = getattr(self, "do_" + act.replace(" ", "_"))
        refused, change = does(mount, full, there, new, number, body)
        if change is None:
            return "nothing"
        try:
            change()
            error = 0
        except OSError as failed:
            error = failed.errno
        assert error == refused, f"{act} {paths}: {os.strerror(error)}, not {os.strerror(refused)}"
        if not error and act in ("unlink", "rmdir", "rename", "no replace") and above[0]:
            self.keys.setdefault(above[0], File())  # a directory stays when its last child goes
        if not error:
            self.after(act, there, new, number, body)
        return os.strerror(error)

    def directory(self, path, tree):
        """The key of the directory above; None: there is none."""
        parent = os.path.dirname(path)
        if not parent:
            return ""
        found = tree.get(parent)
        return found[0] if found and found[0].endswith("/") else None

    @staticmethod
    def new_key(path, above):
        name = os.path.basename(path)
        segment = segment_for(name)
        if len(name.encode()) > 255:
            return 36, None  # ENAMETOOLONG
        return (22, None) if segment is None else (0, above + segment)

    @staticmethod
    def file_there(found):
        return found and not found[0].endswith("/") and found[1].target is None

    # Each says the error that is expected and how to do it; None: it makes no sense here.
    def do_write(self, _mount, full, there, new, _number, body):
        if there[0] and not self.file_there(there[0]):
            return 0, None
        return 0 if there[0] else new[0][0], lambda: write(full[0], body)

    def do_append(self, _mount, full, there, _new, _number, body):
        def act():
            with open(full[0], "ab") as file:
                file.write(body)
        return 0, act if self.file_there(there[0]) else None

    def do_patch(self, _mount, full, there, _new, number, body):
        def act():
            with open(full[0], "r+b") as file:
                os.pwrite(file.fileno(), body, number)
        return 0, act if self.file_there(there[0]) else None

    def do_truncate(self, _mount, full, there, _new, number, _body):
        return 0, (lambda: os.truncate(full[0], number)) if self.file_there(there[0]) else None

    def do_hold(self, mount, full, there, _new, number, body):
        """Written and not stored: this mount shows it, everybody else the version before."""
        def act():
            descriptor = os.open(full[0], os.O_RDWR)
            os.pwrite(descriptor, body, number)
            self.held[mount] = descriptor, there[0][1], patched(there[0][1].content, number, body)
        return 0, act if self.file_there(there[0]) and mount not in self.held else None

    def do_unlink(self, _mount, full, there, new, _number, _body):
        if not there[0]:
            return new[0][0] if new[0][0] == 36 else 2, lambda: os.unlink(full[0])
        return 21 if there[0][0].endswith("/") else 0, lambda: os.unlink(full[0])

    def do_rmdir(self, _mount, full, there, _new, _number, _body):
        if not there[0] or not there[0][0].endswith("/"):
            return 0, None
        return 39 if self.below(there[0][0]) else 0, lambda: os.rmdir(full[0])

    def do_mkdir(self, _mount, full, there, new, _number, _body):
        return 17 if there[0] else new[0][0], lambda: os.mkdir(full[0], 0o750)

    def do_symlink(self, _mount, full, there, new, _number, body):
        return 17 if there[0] else new[0][0], lambda: os.symlink("to/" + body.hex(), full[0])

    def do_link(self, _mount, full, there, new, _number, _body):
        if not self.file_there(there[0]):
            return 0, None
        return 17 if there[1] else new[1][0], lambda: os.link(full[0], full[1])

    def do_chmod(self, _mount, full, there, _new, number, _body):
        able = there[0] and (there[0][0].endswith("/") or there[0][1].target is None)
        return 0, (lambda: os.chmod(full[0], 0o700 + number)) if able else None

    def do_rename(self, _mount, full, there, new, _number, _body, flags=0):
        if not there[0] or (full[0] + "/").startswith(full[1] + "/") or (full[1] + "/").startswith(full[0] + "/"):
            return 0, None
        directory = there[0][0].endswith("/")
        if directory and any(len(key) > 300 for key in self.keys):
            return 0, None
        error = new[1][0]
        if error != 36 and there[1]:
            if flags:
                error = 17
            elif there[1][0].endswith("/") != directory:
                error = 20 if directory else 21
            elif there[1][1] is there[0][1] and there[0][1] is not None:
                return 0, None
            elif directory and not error and self.below(there[1][0]):
                error = 39
        return error, lambda: rename(full[0], full[1], flags)

    def do_no_replace(self, *rest):
        return self.do_rename(*rest, flags=RENAME_NOREPLACE)

    def do_exchange(self, _mount, full, there, _new, _number, _body):
        able = all(found and not found[0].endswith("/") for found in there)
        return 0, (lambda: rename(full[0], full[1], RENAME_EXCHANGE)) if able else None

    def below(self, directory):
        return any(key.startswith(directory) and key != directory for key in self.keys)

    def after(self, act, there, new, number, body):
        """What an act that succeeded makes of the keys."""
        file = there[0][1] if there[0] else None
        if act in ("write", "append", "patch", "truncate"):
            if not file:
                file = self.keys[new[0][1]] = File()
            file.content = {"write": body, "append": file.content + body, "patch": patched(file.content, number, body),
                            "truncate": file.content[:number].ljust(number, b"\0")}[act]
        elif act in ("unlink", "rmdir"):
            del self.keys[there[0][0]]
        elif act in ("mkdir", "symlink"):
            target = "to/" + body.hex() if act == "symlink" else None
            self.keys[new[0][1] + "/" * (act == "mkdir")] = File((target or "").encode(), target)
        elif act == "link":
            self.keys[new[1][1]] = file
        elif act == "chmod":
            self.keys.setdefault(there[0][0], file or File()).mode = 0o700 + number
        elif act == "exchange":
            self.keys[there[0][0]], self.keys[there[1][0]] = there[1][1], there[0][1]
        elif act in ("rename", "no replace") and not there[0][0].endswith("/"):
            self.keys[new[1][1]] = self.keys.pop(there[0][0])
        elif act in ("rename", "no replace"):
            self.keys.pop(new[1][1] + "/", None)
            for key in [key for key in self.keys if key.startswith(there[0][0])]:
                self.keys[new[1][1] + "/" + key[len(there[0][0]):]] = self.keys.pop(key)


def patched(content, at, body):
    return content[:at].ljust(at, b"\0") + body + content[at + len(body):]


def rename(one, two, flags):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, one.encode(), AT_FDCWD, two.encode(), flags) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def shrink(steps, fails):
    """The fewest steps that still fail: parts are left out, halves first."""
    part = len(steps) // 2
    while part:
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + part:]
            if fails(fewer):
                steps = fewer
            else:
                at += part
        part //= 2
    return steps


def folder_shows_what_the_model_says(d, tmp):
    import boto3
    from botocore.config import Config
    s3 = boto3.client("s3", endpoint_url=d.endpoint, aws_access_key_id=d.key_id, aws_secret_access_key=d.secret, region_name="us-east-1",
                      config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 0}))
    other = os.path.join(tmp, "other")
    os.makedirs(other)
    only = int(os.environ.get("LARDER_MODEL_SEED", 0))
    bases = (f"case-{i}" for i in range(1 << 30))
    with mounted(d, tmp) as folder, mounted(d, other) as elsewhere:
        def play(steps):
            case = Case(s3, [folder, elsewhere], next(bases))
            try:
                wrong = case.play(steps)
            except AssertionError as failed:
                wrong = str(failed)
            return wrong and "\n".join([*case.log, wrong])
        for seed in [only] if only else range(1, CASES + 1):
            if play(make_steps(seed)):
                said = play(shrink(make_steps(seed), play))
                raise AssertionError(f"seed {seed}\n{said}")
            if seed % 25 == 0:
                print(f"      {seed} cases", flush=True)


test_folder_shows_what_the_model_says = needs_fuse(folder_shows_what_the_model_says, PATIENCE * (2 + CASES))
