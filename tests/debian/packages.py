"""The packages under test: those that were built, a later version of them, and the system they are installed into."""
import glob
import os
import re
import shutil

from machine import Machine, run

NAMES = ("larder", "larder-server", "larder-fuse")
NEXT = "+next1"  # added to the version of the second build


class Packages:
    def __init__(self, folder, work):
        self.folder, self.work = os.path.abspath(folder), work
        self.now = self.files(self.folder)
        self._next = self._ground = None

    @staticmethod
    def files(folder):
        found = {}
        for name in NAMES:
            found[name], = glob.glob(os.path.join(folder, f"{name}_*.deb"))
        return found

    def ground(self):
        """A system with the package lists of today and with what the packages say they need, and nothing else."""
        if self._ground is None:
            tarball = os.path.join(self.work, "ground.tar")
            machine = Machine()
            try:
                machine.apt("update")
                needs = ",".join(run("dpkg-deb", "-f", path, "Depends").stdout for path in self.now.values())
                words = {word.strip() for word in needs.split(",")}
                machine.apt("satisfy", *sorted(word for word in words if word and not word.startswith("larder ")))
                machine.save(tarball)
                self._ground = tarball
            finally:
                machine.close()
        return self._ground

    def next(self):
        """A later version with other shipped settings, from the same objects: packed again, not compiled again."""
        if self._next is None:
            folder = os.path.join(self.work, "next")
            shutil.copytree(os.path.join(self.folder, "source"), os.path.join(folder, "source"), symlinks=True)
            source = os.path.join(folder, "source")
            with open(os.path.join(source, "debian/changelog"), encoding="utf-8") as f:
                old = f.read()
            version = re.match(r"larder \((\S+)\)", old).group(1)
            with open(os.path.join(source, "debian/changelog"), "w", encoding="utf-8") as f:
                f.write(old.split("\n\n", 1)[0].replace(version, version + NEXT) + "\n\n  * The next one.\n\n" +
                        re.search(r"^ -- .*$", old, re.M).group(0) + "\n\n" + old)
            with open(os.path.join(source, "debian/larder.toml"), "a", encoding="utf-8") as f:
                f.write("# A line of the next version.\n")
            run("dpkg-buildpackage", "-us", "-uc", "-b", "-nc", cwd=source)
            self._next = self.files(folder)
        return self._next
