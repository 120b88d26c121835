"""The same random operations on MinixFiles and on the host's file system: same answers, same errno."""

import errno
import os
import random
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from disks import MemoryDisk, blank, fsck, mount, tree

from microlith.interface.interface import operations_of
from microlith.interface.operation import Operation
from microlith.interface.status import Status
from servers.filesystem import File, FileSystem, Kind, Stat
from servers.minix.files import MinixFiles

NAMES = (b"a", b"b", b"c", b"d")
SAME = {errno.EBUSY: errno.EINVAL}  # Linux and POSIX name the refusal to rename . and .. differently
KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIRECTORY, stat.S_IFLNK: Kind.SYMLINK}


@pytest.fixture(autouse=True)
def no_umask() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


class Pair:
    """Both file systems, and the files open in both."""

    def __init__(self, files: MinixFiles, root: Path, seed: int) -> None:
        self.files, self.root, self.random = files, os.fsencode(root), random.Random(seed)
        self.open: list[tuple[Any, int, bool]] = []
        self.log: list[str] = []

    def path(self) -> bytes:
        """No way leads out of the host's root: each .. follows a name, and links lead down."""
        parts = []
        for _ in range(self.random.choice((1, 1, 2, 2, 3))):
            parts.append(self.random.choice(NAMES))
            if self.random.random() < 0.06:
                parts.append(self.random.choice((b".", b"..")))
        return b"/" + b"/".join(parts) + (b"/" if self.random.random() < 0.05 else b"")

    def both(self, operation: Operation, what: str, ours: Callable[[], Any], theirs: Callable[[], Any]) -> Any:
        """Run both; the results, or None if both were refused alike."""
        self.log.append(what)
        refused: Any = None
        expected: Any = None
        try:
            expected = theirs()
        except OSError as error:
            refused = SAME.get(error.errno or 0, error.errno)
        try:
            result = ours()
        except Status as status:
            assert type(status) in operation.statuses, (self.log[-9:], status)
            assert status.number == refused, (self.log[-9:], status, refused and os.strerror(refused))
            return None
        assert refused is None, (self.log[-9:], "the host refused", os.strerror(refused))
        return result, expected

    def step(self) -> None:
        kind = self.random.choices(
            ("create", "handle", "mkdir", "rmdir", "unlink", "rename", "link", "symlink", "look", "chmod"),
            (14, 30, 12, 6, 8, 14, 6, 6, 14, 2),
        )[0]
        getattr(self, kind)()

    def call(self, name: str, path: bytes, *arguments: Any, host: Callable[[], Any]) -> Any:
        operation = operations_of(FileSystem)[name]
        method = getattr(self.files, name)
        return self.both(operation, f"{name} {path!r} {arguments}", lambda: method(path, *arguments), host)

    def create(self) -> None:
        path, exclusive, write = self.path(), self.random.random() < 0.2, self.random.random() < 0.8
        if write:
            flags = os.O_RDWR | os.O_CREAT | (os.O_EXCL if exclusive else 0)
            answer = self.call("create", path, 0o640, exclusive, host=lambda: os.open(self.root + path, flags, 0o640))
        else:
            answer = self.call("open", path, host=lambda: os.open(self.root + path, os.O_RDONLY))
        if answer:
            self.open.append((*answer, write))

    def handle(self) -> None:
        if not self.open:
            return
        index = self.random.randrange(len(self.open))
        file, fd, write = self.open[index]
        what = self.random.choice(("read", "write", "write", "append", "truncate", "stat", "close"))
        offset, size = self.random.choice((0, 1, 1000, 1024, 7168, 9000, 300_000)), self.random.randrange(9000)
        data = self.random.randbytes(size)
        table = operations_of(File)
        if what == "read":
            answer = self.both(
                table["read"], f"read {fd}", lambda: file.read(offset, size), lambda: os.pread(fd, size, offset)
            )
        elif what == "write":
            answer = self.both(
                table["write"],
                f"write {fd} {offset} {size}",
                lambda: file.write(offset, data),
                lambda: os.pwrite(fd, data, offset),
            )
        elif what == "append" and write:
            end = os.fstat(fd).st_size
            answer = self.both(
                table["append"],
                f"append {fd} {size}",
                lambda: file.append(data),
                lambda: end + os.pwrite(fd, data, end),
            )
        elif what == "truncate" and write:
            answer = self.both(
                table["truncate"],
                f"truncate {fd} {offset}",
                lambda: file.truncate(offset),
                lambda: os.ftruncate(fd, offset),
            )
        elif what == "close":
            self.log.append(f"close {fd}")
            file.close()
            os.close(fd)
            del self.open[index]
            return
        else:
            self.same_stat(file.stat(), os.fstat(fd))
            return
        assert answer is None or answer[0] == answer[1], self.log[-9:]

    def mkdir(self) -> None:
        path = self.path()
        self.call("mkdir", path, host=lambda: os.mkdir(self.root + path, 0o755))

    def rmdir(self) -> None:
        path = self.path()
        self.call("rmdir", path, host=lambda: os.rmdir(self.root + path))

    def unlink(self) -> None:
        path = self.path()
        self.call("unlink", path, host=lambda: os.unlink(self.root + path))

    def rename(self) -> None:
        old, new = self.path(), self.path()
        self.call("rename", old, new, host=lambda: os.rename(self.root + old, self.root + new))

    def link(self) -> None:
        old, new = self.path(), self.path()
        self.call("link", old, new, host=lambda: os.link(self.root + old, self.root + new, follow_symlinks=False))

    def symlink(self) -> None:
        target = b"/".join(self.random.choices(NAMES, k=self.random.choice((1, 1, 2))))
        path = self.path()
        self.both(
            operations_of(FileSystem)["symlink"],
            f"symlink {target!r} {path!r}",
            lambda: self.files.symlink(target, path),
            lambda: os.symlink(target, self.root + path),
        )

    def chmod(self) -> None:
        path, mode = self.path(), self.random.choice((0o700, 0o755, 0o777, 0o4755))
        self.call("chmod", path, mode, host=lambda: os.chmod(self.root + path, mode))

    def look(self) -> None:
        path, follow = self.path(), self.random.random() < 0.5
        answer = self.call("stat", path, follow, host=lambda: os.stat(self.root + path, follow_symlinks=follow))
        if answer:
            self.same_stat(*answer)
        answer = self.call("list", path, host=lambda: sorted(os.listdir(self.root + path)))
        assert not answer or sorted(entry.name for entry in answer[0]) == answer[1], self.log[-9:]
        answer = self.call("readlink", path, host=lambda: os.readlink(self.root + path))
        assert not answer or answer[0] == answer[1]

    def same_stat(self, ours: Stat, theirs: os.stat_result) -> None:
        assert ours.kind is KINDS[stat.S_IFMT(theirs.st_mode)], self.log[-9:]
        if ours.kind is not Kind.SYMLINK:
            assert ours.mode == stat.S_IMODE(theirs.st_mode), self.log[-9:]
        if ours.kind is not Kind.DIRECTORY:
            assert (ours.links, ours.size) == (theirs.st_nlink, theirs.st_size), self.log[-9:]

    def finish(self) -> None:
        for file, fd, _ in self.open:
            file.close()
            os.close(fd)
        self.open.clear()


def host_tree(root: bytes, top: bytes = b"") -> dict[bytes, object]:
    found: dict[bytes, object] = {}
    for entry in os.scandir(root + top):
        path = top + b"/" + entry.name
        if entry.is_symlink():
            found[path] = os.readlink(root + path)
        elif entry.is_dir():
            found[path] = None
            found.update(host_tree(root, path))
        else:
            found[path] = Path(os.fsdecode(root + path)).read_bytes()
    return found


@pytest.mark.parametrize("seed", range(1000,1600))
def test_random_operations_same_answers_as_the_host(seed: int, tmp_path: Path) -> None:
    root = tmp_path / "host"
    root.mkdir(0o755)
    disk = MemoryDisk(blank(8192), 512 if seed % 3 == 0 else 1024)
    pair = Pair(mount(disk, cache_blocks=16 if seed % 2 else 1024), root, seed)
    try:
        for number in range(1000,1600):
            pair.step()
            if number % 125 == 124:
                pair.files.sync()
    finally:
        pair.finish()
    expected = host_tree(os.fsencode(root))
    assert tree(pair.files) == expected
    pair.files.stop()
    fsck(disk.image, tmp_path)
    again = mount(disk, check=True)
    assert tree(again) == expected
    again.stop()
    fsck(disk.image, tmp_path)
