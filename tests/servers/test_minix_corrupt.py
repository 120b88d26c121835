"""A disk with flipped bits: every answer is a result or a declared Status, and every walk ends."""

import contextlib
import random
from collections.abc import Callable
from typing import Any

import pytest
from disks import MemoryDisk, blank, declared, mount, write_file

from microlith.interface.status import Status
from servers.filesystem import File, Kind
from servers.minix.files import MinixFiles
from servers.statuses import DeviceError


def image() -> bytes:
    disk = MemoryDisk(blank(256))
    files = mount(disk)
    for name in (b"/a", b"/a/b", b"/c"):
        files.mkdir(name)
    for number in range(25):
        write_file(files, b"/a/f%d" % number, bytes([number]) * (number * 300))
    write_file(files, b"/c/big", b"big" * 12_000)
    write_file(files, b"/c/sparse", b"end", 400_000)
    files.symlink(b"../a/f3", b"/c/link")
    files.link(b"/a/f3", b"/c/hard")
    files.stop()
    return bytes(disk.image)


def attempt(operation: str, method: Callable[..., Any], *arguments: Any, interface: type | None = None) -> Any:
    try:
        return method(*arguments)
    except Status as status:
        statuses = declared(operation, interface) if interface else declared(operation)
        assert type(status) in statuses, (operation, status)
        return None


def visit(files: MinixFiles, path: bytes, budget: list[int]) -> None:
    """Look at everything, through every operation that looks."""
    budget[0] -= 1
    if budget[0] < 0 or path.count(b"/") > 12:
        return
    attempt("stat", files.stat, path)
    attempt("readlink", files.readlink, path)
    file = attempt("open", files.open, path)
    if file is not None:
        attempt("stat", file.stat, interface=File)
        for offset in (0, 7000, 399_000):
            attempt("read", file.read, offset, 5000, interface=File)
        attempt("close", file.close, interface=File)
    for entry in attempt("list", files.list, path) or ():
        child = path.rstrip(b"/") + b"/" + entry.name
        visit(files, child, budget)
        if entry.kind is Kind.OTHER:
            attempt("open", files.open, child)


def change(files: MinixFiles, rng: random.Random) -> None:
    """Change everything, through every operation that changes."""
    names = [b"/a", b"/a/b", b"/c", b"/c/big", b"/c/link", b"/c/sparse", b"/x", *(b"/a/f%d" % n for n in range(6))]
    for _ in range(25):
        one, two = rng.choice(names), rng.choice(names)
        attempt("rename", files.rename, one, two)
        attempt("unlink", files.unlink, rng.choice(names))
        attempt("rmdir", files.rmdir, rng.choice(names))
        attempt("mkdir", files.mkdir, rng.choice(names))
        attempt("link", files.link, one, b"/a/b/l")
        attempt("symlink", files.symlink, b"a", two)
        attempt("chmod", files.chmod, one, 0o777)
        file = attempt("create", files.create, two)
        if file is not None:
            attempt("write", file.write, rng.choice((0, 5000, 300_000)), b"w" * 3000, interface=File)
            attempt("truncate", file.truncate, rng.randrange(9000), interface=File)
            attempt("append", file.append, b"w" * 3000, interface=File)
            attempt("close", file.close, interface=File)
    attempt("sync", files.sync)
    attempt("usage", files.usage)


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("part", ["all", "tables", "bitmaps"])
def test_flipped_bits_raise_nothing_but_declared_statuses(part: str, check: bool) -> None:
    good, rng = image(), random.Random(f"{part} {check}")
    started = 0
    for number in range(40):
        broken = bytearray(good)
        low, high = {"all": (0, 256), "tables": (4, 14), "bitmaps": (1, 4)}[part]
        for _ in range(rng.choice((1, 4, 30, 300))):
            broken[rng.randrange(low * 1024, high * 1024)] ^= 1 << rng.randrange(8)
        files = MinixFiles()
        files.disk = MemoryDisk(bytes(broken))
        files.check = check
        try:
            files.start()
        except DeviceError:
            continue
        started += 1
        visit(files, b"/", [400])
        if number % 2:
            change(files, rng)
        with contextlib.suppress(DeviceError):
            files.stop()
    assert started > 3


def test_repair_makes_any_disk_with_a_root_sound(tmp_path: Any) -> None:
    from disks import fsck

    good, rng, sound = image(), random.Random(8), 0
    for _ in range(40):
        broken = bytearray(good)
        for _ in range(rng.choice((1, 5, 40))):
            broken[rng.randrange(2 * 1024, 60 * 1024)] ^= 1 << rng.randrange(8)
        disk = MemoryDisk(bytes(broken))
        try:
            mount(disk, check=True).stop()
        except DeviceError:
            continue
        fsck(bytes(disk.image), tmp_path)
        sound += 1
    assert sound > 25


def test_map_that_points_to_itself_ends_as_a_device_error() -> None:
    disk = MemoryDisk(blank(256))
    files = mount(disk)
    write_file(files, b"/f", b"x", 67_400_000)
    volume = files.volume
    inode = volume.inodes.get(files.stat(b"/f").inode)
    zone = inode.zones[9]
    disk.image[zone * 1024 : zone * 1024 + 1024] = zone.to_bytes(4, "little") * 256
    volume.zones._maps.clear()
    inode.blocks = -1
    with pytest.raises(DeviceError):
        files.stat(b"/f")
    with pytest.raises(DeviceError):
        files.unlink(b"/f")


def test_cycle_of_directories_is_cut(tmp_path: Any) -> None:
    from disks import fsck

    from servers.minix.layout import ENTRY

    disk = MemoryDisk(blank(256))
    files = mount(disk)
    files.mkdir(b"/a")
    files.mkdir(b"/a/b")
    a, b = (files.volume.inodes.get(files.stat(path).inode) for path in (b"/a", b"/a/b"))
    files.volume.directories.add(b, b"up", a.number)
    files.volume.directories.set_parent(a, b.number)
    again = mount(disk)
    assert [entry.name for entry in again.list(b"/a/b")] == []
    again.stop()
    fsck(disk.image, tmp_path)
    assert ENTRY.size == 64
