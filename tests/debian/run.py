#!/usr/bin/env python3
"""The packages, as a user meets them: judged by lintian and systemd, installed into a fresh Debian, run, upgraded, mounted,
purged. run.py --packages FOLDER [-k PART]; FOLDER is what `./dev package` made. Needs root."""
import argparse
import glob
import os
import re
import shutil
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import Booted, Machine, Service, run  # noqa: E402
from packages import NAMES, NEXT, Packages  # noqa: E402

EXPOSURE_MAX = 1.6
S3 = "http://127.0.0.1:3900"


def test_lintian_has_nothing_to_say(packages, _):
    changes, = glob.glob(os.path.join(packages.folder, "*.changes"))
    done = run("lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", changes, check=False)
    assert done.returncode == 0 and not done.stdout.strip(), done.stdout
    # Overrides are for what is justified, beside the reason.
    for path in glob.glob(os.path.join(packages.folder, "source/debian/*.lintian-overrides")):
        with open(path, encoding="utf-8") as f:
            assert f.read().startswith("# "), f"{path} gives no reason"


def test_scripts_are_clean(packages, _):
    debian = os.path.join(packages.folder, "source/debian")
    scripts = [f"{debian}/{name}" for name in ("mount.fuse.larder", "open-folder", "larder-server.postrm")]
    run("shellcheck", *scripts, *glob.glob(f"{debian}/tests/[!c]*"))
    run("desktop-file-validate", *glob.glob(f"{debian}/*.desktop"))


def test_the_service_is_confined(packages, _):
    with tempfile.TemporaryDirectory() as folder:
        run("dpkg-deb", "-x", packages.now["larder-server"], folder)
        unit, = glob.glob(f"{folder}/**/system/larder-server.service", recursive=True)
        said = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit).stdout
        exposure = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said).group(1))
    print(f"    exposure {exposure}")
    assert exposure <= EXPOSURE_MAX, said


def unit_of(machine):
    """The unit as a dictionary of its last values."""
    with open(machine.path("/lib/systemd/system/larder-server.service"), encoding="utf-8") as f:
        return dict(re.findall(r"^(\w+)=(.*)$", f.read(), re.M))


def install(machine, files, *names):
    for name in names:
        shutil.copy(files[name], machine.path("/srv"))
    return machine.apt("install", *[f"/srv/{os.path.basename(files[name])}" for name in names])


def fresh(packages, *names):
    machine = Machine(packages.ground())
    install(machine, packages.now, *(names or NAMES))
    return machine


def start(machine):
    """Without systemd: what the unit runs, as the user it names, in the folders that sysusers and tmpfiles made."""
    unit = unit_of(machine)
    return Service(machine, unit["ExecStart"].split(), unit["User"], machine.root + ".log")


def ids_of(machine, user):
    return tuple(int(machine.run("id", flag, user).stdout) for flag in ("-u", "-g"))


def secret_of(machine, key="home"):
    shown = machine.run("larder", "key", "show", key, "--show-secret").stdout
    return tuple(re.search(rf"^{name} +(\S+)$", shown, re.M).group(1) for name in ("Key id", "Secret"))


def s3(machine, key, *words):
    return machine.outside("curl", "--silent", "--show-error", "--fail", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user",
                           ":".join(key), "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *words).stdout


def owner_and_mode(machine, path):
    info = os.stat(machine.path(path))
    return info.st_uid, info.st_gid, info.st_mode & 0o7777


def test_installed_it_serves_as_its_own_user(packages, _):
    machine = fresh(packages)
    try:
        user = ids_of(machine, "larder")
        assert 0 < user[0] < 1000, "a system user"
        assert owner_and_mode(machine, "/run/larder") == (*user, 0o755)
        assert owner_and_mode(machine, "/var/lib/larder") == (*user, 0o750)
        assert os.path.islink(machine.path("/etc/systemd/system/multi-user.target.wants/larder-server.service"))
        daemon = start(machine)
        assert daemon.uid() == user[0]
        key = secret_of(machine)
        assert key[1] not in daemon.text(), "the secret was logged"
        assert oct(owner_and_mode(machine, "/run/larder/admin.sock")[2]) == "0o660"
        s3(machine, key, "--upload-file", os.path.abspath(__file__), S3 + "/home/program")
        with open(__file__, encoding="utf-8") as f:
            assert machine.run("larder", "cat", "home:program").stdout == f.read()
        refused = machine.outside("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", S3 + "/home/program").stdout
        assert refused == "403", refused
        assert machine.outside("curl", "-s", "http://127.0.0.1:3903/health").stdout.strip() == "healthy"
        assert daemon.stop() == 0
        for path in ("/etc/larder/larder.toml", "/etc/larder"):
            assert owner_and_mode(machine, path)[:2] == (0, 0)
    finally:
        machine.close()


def test_the_group_administers_and_nobody_else(packages, _):
    machine = fresh(packages, "larder", "larder-server")
    try:
        machine.run("useradd", "--groups", "larder", "member")
        machine.run("useradd", "stranger")
        daemon = start(machine)
        assert "Cluster" in machine.run("larder", "status", user="member").stdout
        machine.run("larder", "bucket", "create", "members", user="member")
        refused = machine.run("larder", "status", user="stranger", check=False)
        assert refused.returncode == 4 and "not-allowed" in refused.stderr, refused
        # What keeps strangers out is not the file's mode alone.
        os.chmod(machine.path("/run/larder/admin.sock"), 0o666)
        refused = machine.run("larder", "status", user="stranger", check=False)
        assert refused.returncode == 4 and "may not administer" in refused.stderr, refused
        daemon.stop()
    finally:
        machine.close()


def refused_start(machine, code):
    unit = unit_of(machine)
    done = machine.run(*unit["ExecStart"].split(), user=unit["User"], check=False)
    assert f"[{code}]" in done.stderr, done
    assert str(done.returncode) in unit["RestartPreventExitStatus"].split(), "systemd would try for ever"


def test_a_first_start_takes_nothing_for_new_that_may_not_be(packages, _):
    machine = fresh(packages, "larder", "larder-server")
    try:
        user = ids_of(machine, "larder")
        stray = machine.path("/var/lib/larder/data")
        os.mkdir(stray)
        refused_start(machine, "not-set-up")
        os.rmdir(stray)
        with open(machine.path("/etc/larder/larder.toml"), "a", encoding="utf-8") as f:
            f.write('data = "/srv/larder"\n')
        os.mkdir(machine.path("/srv/larder"))
        os.chown(machine.path("/srv/larder"), *user)
        refused_start(machine, "not-set-up")
        with open(machine.path("/etc/larder/larder.toml"), "a", encoding="utf-8") as f:
            f.write("colour = 3\n")
        refused_start(machine, "bad-config")
        # As larder-init(1) says; then the service runs there.
        run("sed", "-i", "/colour/d", machine.path("/etc/larder/larder.toml"))
        machine.run("larder", "init", "--data", "/srv/larder", user="larder")
        start(machine).stop()
        # A new disk's lost+found, and what a start that was cut off at once leaves, are nobody's data.
        run("sed", "-i", "/^data/d", machine.path("/etc/larder/larder.toml"))
        for folder in ("lost+found", "meta"):
            os.mkdir(machine.path(f"/var/lib/larder/{folder}"))
            os.chown(machine.path(f"/var/lib/larder/{folder}"), *user)
        start(machine).stop()
    finally:
        machine.close()


def test_pages_and_completion_are_there(packages, _):
    machine = fresh(packages)
    try:
        machine.apt("install", "man-db", "groff-base", "ufw")
        assert "3900/tcp" in machine.run("ufw", "app", "info", "Larder").stdout
        assert "3901/tcp" in machine.run("ufw", "app", "info", "Larder Cluster").stdout
        for page in ("larder", "larder-bucket", "larder-join", "larder-mount", "larderd", "larder.toml", "mount.fuse.larder"):
            shown = machine.run("man", "--pager=cat", page).stdout
            assert page in shown and "SYNOPSIS" in shown, page
        printed = machine.run("larder", "completion", "bash").stdout
        with open(machine.path("/usr/share/bash-completion/completions/larder"), encoding="utf-8") as f:
            assert f.read() == printed
        tried = machine.run("bash", "-c", '. /usr/share/bash-completion/completions/larder; COMP_WORDS=(larder buc); '
                            'COMP_CWORD=1; _larder; echo "${COMPREPLY[*]}"').stdout
        assert tried.strip() == "bucket", tried
        # /usr/sbin is on the PATH of few users.
        shown = machine.run("env", "PATH=/usr/bin:/bin", "larder", "server", "--help").stdout
        assert "larderd, the daemon of Larder" in shown, shown
    finally:
        machine.close()


RECORDER = """#!/bin/sh
echo "$@" >>/srv/systemctl.log
"""


def record_systemctl(machine):
    """What maintainer scripts tell systemd, on a machine that has none."""
    os.makedirs(machine.path("/run/systemd/system"), exist_ok=True)
    path = machine.path("/usr/bin/systemctl")
    os.unlink(path)
    with open(path, "w", encoding="utf-8") as f:
        f.write(RECORDER)
    os.chmod(path, 0o755)


def recorded(machine):
    path = machine.path("/srv/systemctl.log")
    with open(path, encoding="utf-8") as f:
        said = f.read()
    os.unlink(path)
    return said


def test_an_upgrade_keeps_data_and_settings_and_restarts(packages, _):
    machine = fresh(packages)
    try:
        daemon = start(machine)
        key = secret_of(machine)
        machine.run("larder", "cp", "-", "home:letter", stdin="kept\n")
        daemon.stop()
        settings = machine.path("/etc/larder/larder.toml")
        with open(settings, "a", encoding="utf-8") as f:
            f.write('region = "shed"\n')
        record_systemctl(machine)
        install(machine, packages.next(), *NAMES)
        told = recorded(machine)
        assert re.search(r"\brestart larder-server\.service$", told, re.M), told
        assert NEXT in machine.run("dpkg-query", "-W", "larder-server").stdout
        with open(settings, encoding="utf-8") as f:
            assert 'region = "shed"' in f.read(), "the administrator's settings are gone"
        assert os.path.exists(settings + ".dpkg-dist"), "the new shipped settings are not beside them"
        daemon = start(machine)
        assert machine.run("larder", "cat", "home:letter").stdout == "kept\n"
        assert "region shed" in machine.run("larder", "status").stdout
        assert s3(machine, key, S3 + "/home/letter") == "kept\n"
        daemon.stop()
    finally:
        machine.close()


def test_an_upgrade_takes_new_settings_where_nobody_changed_them(packages, _):
    machine = fresh(packages, "larder", "larder-server")
    try:
        install(machine, packages.next(), "larder", "larder-server")
        with open(machine.path("/etc/larder/larder.toml"), encoding="utf-8") as f:
            assert "# A line of the next version." in f.read()
        start(machine).stop()
    finally:
        machine.close()


def test_a_purge_keeps_data_unless_asked(packages, _):
    machine = fresh(packages, "larder", "larder-server")
    try:
        daemon = start(machine)
        machine.run("larder", "cp", "-", "home:letter", stdin="kept\n")
        daemon.stop()
        machine.apt("remove", "larder-server")
        assert os.path.exists(machine.path("/etc/larder/larder.toml")), "a removal keeps the settings"
        said = machine.apt("purge", "larder-server")
        assert "/var/lib/larder is kept" in said.stderr + said.stdout
        assert not os.path.exists(machine.path("/etc/larder/larder.toml"))
        assert os.path.isdir(machine.path("/var/lib/larder/meta"))
        assert not os.path.exists(machine.path("/run/larder"))
        ids_of(machine, "larder")
        # Installed again it serves what was there.
        install(machine, packages.now, "larder-server")
        daemon = start(machine)
        assert machine.run("larder", "cat", "home:letter").stdout == "kept\n"
        daemon.stop()
        machine.run("debconf-set-selections", stdin="larder-server larder-server/purge-data boolean true\n")
        machine.apt("purge", "larder-server")
        assert not os.path.exists(machine.path("/var/lib/larder"))
        # The answer was for that once.
        install(machine, packages.now, "larder-server")
        start(machine).stop()
        machine.apt("purge", "larder-server")
        assert os.path.isdir(machine.path("/var/lib/larder/meta")), "an old answer deleted new data"
    finally:
        machine.close()


def test_a_bucket_is_mounted_by_fstab_by_hand_and_at_login(packages, _):
    machine = fresh(packages)
    try:
        machine.run("useradd", "--create-home", "--groups", "larder", "member")
        daemon = start(machine)
        os.mkdir(machine.path("/mnt/home"))
        with open(machine.path("/etc/fstab"), "a", encoding="utf-8") as f:
            f.write("home /mnt/home fuse.larder _netdev,nofail,allow_other,x-systemd.requires=larder-server.service 0 0\n")
        machine.run("mount", "-v", "/mnt/home")
        machine.run("sh", "-c", "echo by-fstab >/mnt/home/letter")
        assert machine.run("larder", "cat", "home:letter").stdout == "by-fstab\n"
        assert "/mnt/home" in machine.run("larder", "mount", "ls").stdout
        assert machine.run("cat", "/mnt/home/letter", user="member").stdout == "by-fstab\n"
        machine.run("mount", "-a")
        assert machine.run("larder", "--json", "mount", "ls").stdout.count('"/mnt/home"') == 1, "mounted twice"
        machine.run("umount", "/mnt/home")
        wrong = machine.run("mount", "-t", "fuse.larder", "-o", "colour=3", "home", "/mnt/home", check=False)
        assert wrong.returncode != 0 and "colour=3" in wrong.stderr, wrong
        machine.run("mount", "--fake", "/mnt/home")
        machine.run("mkdir", "/home/member/mine", user="member")
        machine.run("larder", "mount", "home", "/home/member/mine", user="member")
        assert machine.run("cat", "/home/member/mine/letter", user="member").stdout == "by-fstab\n"
        machine.run("larder", "umount", "/home/member/mine", user="member")
        # The line of the unit for users, with its instance and home written out.
        with open(machine.path("/usr/lib/systemd/user/larder-mount@.service"), encoding="utf-8") as f:
            line = re.search(r"^ExecStart=(.*)$", f.read(), re.M).group(1)
        words = line.replace("$LARDER_MOUNT_OPTIONS ", "").replace("${LARDER_FOLDER}", "/home/member/Larder/home").replace("%i", "home")
        machine.run("mkdir", "-p", "/home/member/Larder/home", user="member")
        login = Service(machine, words.split(), "member", machine.root + ".log")
        assert machine.run("cat", "/home/member/Larder/home/letter", user="member").stdout == "by-fstab\n"
        assert login.stop() == 0
        assert not machine.run("ls", "/home/member/Larder/home", user="member").stdout, "the mount is still there"
        daemon.stop()
    finally:
        machine.close()


def test_the_package_tests_itself_by_hand(packages, _):
    machine = fresh(packages, "larder", "larder-server")
    try:
        machine.apt("install", "curl")
        shutil.copy(os.path.join(packages.folder, "source/debian/tests/by-hand"), machine.path("/srv"))
        os.mkdir(machine.path("/srv/work"))
        machine.run("/srv/by-hand", AUTOPKGTEST_TMP="/srv/work")
    finally:
        machine.close()


def test_systemd_runs_it_confined_and_restarts_it(packages, work):
    machine = fresh(packages)
    booted = None
    try:
        machine.apt("install", "systemd-sysv", "dbus-user-session", "libpam-systemd", "systemd-container", "curl", "procps")
        for name, path in packages.next().items():
            shutil.copy(path, os.path.join(machine.root, "root", name + "-next.deb"))
        for name in ("service", "folder"):
            shutil.copy(os.path.join(packages.folder, "source/debian/tests", name), os.path.join(machine.root, "root"))
        booted = Booted(machine)
        os.makedirs(os.path.join(machine.root, "root/work"))

        def main_pid():
            return booted.run("systemctl", "show", "--property", "MainPID", "--value", "larder-server").stdout.strip()

        booted.run("/srv/service")
        booted.run("/srv/folder", AUTOPKGTEST_TMP="/srv/work")
        before = main_pid()
        booted.run("apt-get", "-y", "install", *[f"/srv/{name}-next.deb" for name in NAMES])
        assert main_pid() not in (before, "0"), "the upgrade did not restart it"
        assert booted.run("larder", "cat", "home:letter").stdout == "hello\n"
        # At every login, as larder-mount(1) says.
        booted.run("useradd", "--create-home", "--groups", "larder", "member")
        booted.run("loginctl", "enable-linger", "member")
        user = ["systemctl", "--user", "--machine", "member@"]
        booted.run(*user, "enable", "--now", "larder-mount@home")
        assert booted.run("runuser", "-u", "member", "--", "cat", "/home/member/Larder/home/letter").stdout == "hello\n"
        booted.run(*user, "stop", "larder-mount@home")
        assert not booted.run("ls", "/home/member/Larder/home").stdout, "the mount is still there"
        # The same by one word, for any folder; what it says ends it for good.
        runtime = "XDG_RUNTIME_DIR=/run/user/" + booted.run("id", "-u", "member").stdout.strip()
        member = ["runuser", "-u", "member", "--", "env", runtime, "HOME=/home/member"]
        said = booted.run(*member, "larder", "mount", "home", "/home/member/Mine", "--enable", "--durability", "local").stdout
        assert booted.run(*member, "cat", "/home/member/Mine/letter").stdout == "hello\n"
        assert booted.run(*member, "systemctl", "--user", "is-enabled", "larder-mount@home").stdout == "enabled\n"
        assert booted.run("stat", "-c", "%a", "/home/member/.config/larder/home.env").stdout == "600\n"
        booted.run(*member, *re.search(r"no more:  (.*)", said).group(1).split())
        assert not booted.run("ls", "/home/member/Mine").stdout, "the mount is still there"
        # Killed, it comes again; with wrong settings it stays down.
        before = main_pid()
        booted.run("kill", "-9", before)
        booted.run("sh", "-c", "until larder status; do sleep 0.2; done")
        assert main_pid() != before
        with open(os.path.join(machine.root, "etc/larder/larder.toml"), "a", encoding="utf-8") as f:
            f.write("colour = 3\n")
        booted.run("systemctl", "restart", "larder-server", check=False)
        assert booted.run("systemctl", "is-active", "larder-server", check=False).stdout.strip() == "failed"
        assert "[bad-config]" in booted.run("journalctl", "-u", "larder-server").stdout
    finally:
        if booted:
            booted.close()
        machine.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--packages", required=True)
    parser.add_argument("-k", default="")
    words = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="larder-packages-", dir="/var/tmp") as work:
        packages = Packages(words.packages, work)
        for name, test in list(globals().items()):
            if not name.startswith("test_") or words.k not in name:
                continue
            began = time.monotonic()
            try:
                test(packages, work)
                print(f"ok    {name}  {time.monotonic() - began:.1f} s", flush=True)
            except Exception:
                failed += 1
                print(f"FAIL  {name}\n{traceback.format_exc()}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
