"""What the tests of the disk and file servers share: disks in memory that count, fail and lose power."""

import shutil
import subprocess
from pathlib import Path

import pytest

from microlith.frame.server import Server
from microlith.interface.interface import operations_of
from microlith.interface.operation import Operation
from microlith.interface.status import ServerDied, Status
from servers.blockdevice import BlockDevice, Geometry
from servers.filesystem import FileSystem, Kind
from servers.minix.files import MinixFiles
from servers.statuses import OutOfRange, ReadOnly

FSCK = shutil.which("fsck.minix", path="/usr/sbin:/sbin:/usr/bin:/bin")
MKFS = shutil.which("mkfs.minix", path="/usr/sbin:/sbin:/usr/bin:/bin")
KIB = 1024


class PowerCutError(Exception):
    """Not a Status: nobody catches it, as nobody outlives a power cut."""


class MemoryDisk(Server, BlockDevice):
    """A disk in memory that counts calls, and stops after a given number of blocks written."""

    def __init__(self, image: bytes, block_size: int = KIB, writable: bool = True) -> None:
        self.image = bytearray(image)
        self.block_size, self.writable = block_size, writable
        self.reads = self.writes = self.flushes = self.blocks_written = 0
        self.cut_after: int | None = None  # blocks; the rest of a longer write is lost
        self.dead_after: int | None = None  # writes; then every call answers ServerDied
        self.log: list[tuple[int, int]] = []

    def geometry(self) -> Geometry:
        return Geometry(self.block_size, len(self.image) // self.block_size, self.writable)

    def read(self, block: int, count: int) -> bytes:
        self._alive()
        self.reads += 1
        start, end = block * self.block_size, (block + count) * self.block_size
        if block < 0 or end > len(self.image):
            raise OutOfRange(f"{block}")
        return bytes(self.image[start:end])

    def write(self, block: int, data: bytes) -> None:
        self._alive()
        if not self.writable:
            raise ReadOnly("disk")
        assert len(data) % self.block_size == 0
        self.writes += 1
        self.log.append((block, len(data) // self.block_size))
        count = len(data) // self.block_size
        if self.cut_after is not None and self.blocks_written + count > self.cut_after:
            data = data[: max(self.cut_after - self.blocks_written, 0) * self.block_size]
        start = block * self.block_size
        self.image[start : start + len(data)] = data
        self.blocks_written += count
        if self.cut_after is not None and self.blocks_written > self.cut_after:
            raise PowerCutError

    def flush(self) -> None:
        self._alive()
        self.flushes += 1

    def _alive(self) -> None:
        if self.dead_after is not None and self.writes >= self.dead_after:
            raise ServerDied("disk")


def blank(kib: int) -> bytes:
    return bytes(kib * KIB)


def mkfs(directory: Path, kib: int) -> bytes:
    """An image made by mkfs.minix -3."""
    if MKFS is None:
        pytest.skip("mkfs.minix (util-linux) is not installed")
    path = directory / "mkfs.image"
    path.write_bytes(blank(kib))
    subprocess.run([MKFS, "-3", path], check=True, capture_output=True)
    return path.read_bytes()


def fsck(image: bytes, directory: Path) -> None:
    """fsck.minix -f has nothing to say about this image."""
    if FSCK is None:
        pytest.skip("fsck.minix (util-linux) is not installed: the structure on disk has no judge")
    path = directory / "fsck.image"
    path.write_bytes(image)
    done = subprocess.run([FSCK, "-f", path], capture_output=True, text=True, check=False)
    said = done.stdout.replace(f"Forcing filesystem check on {path}.", "").strip()
    assert (done.returncode, said, done.stderr) == (0, "", "")


def mount(disk: BlockDevice, **settings: object) -> MinixFiles:
    files = MinixFiles()
    files.disk = disk
    for name, value in settings.items():
        setattr(files, name, value)
    files.start()
    return files


def write_file(files: MinixFiles, path: bytes, data: bytes, offset: int = 0) -> None:
    file = files.create(path)
    assert file.write(offset, data) == len(data)
    file.close()


def read_file(files: MinixFiles, path: bytes) -> bytes:
    file = files.open(path)
    try:
        return file.read(0, file.stat().size)
    finally:
        file.close()


def tree(files: MinixFiles, top: bytes = b"/") -> dict[bytes, object]:
    """Every path below `top`: the bytes of a file, the target of a symbolic link, None for a directory."""
    found: dict[bytes, object] = {}
    for entry in files.list(top, 0, 100000):
        path = top.rstrip(b"/") + b"/" + entry.name
        if entry.kind is Kind.DIRECTORY:
            found[path] = None
            found.update(tree(files, path))
        elif entry.kind is Kind.SYMLINK:
            found[path] = files.readlink(path)
        else:
            found[path] = read_file(files, path)
    return found


def declared(operation: str, interface: type = FileSystem) -> tuple[type[Status], ...]:
    found: Operation = operations_of(interface)[operation]
    return found.statuses
