"""Mounting and leaving: what is accepted, formatted, refused, repaired, adopted."""

import os
import random
from pathlib import Path

import pytest
from disks import MemoryDisk, PowerCutError, blank, fsck, mkfs, mount, read_file, tree, write_file

from microlith.interface.devices import HostFile
from servers.filedisk import FileDisk
from servers.minix.format import write_blank
from servers.minix.store import Store
from servers.statuses import DeviceError, NotOpen, ReadOnly


@pytest.mark.parametrize("kib", [64, 100, 1000, 8193, 70_000])
@pytest.mark.parametrize("ours", [True, False])
def test_disk_of_any_size_holds_files_and_passes_fsck(kib: int, ours: bool, tmp_path: Path) -> None:
    disk = MemoryDisk(blank(kib) if ours else mkfs(tmp_path, kib))
    files = mount(disk)
    files.mkdir(b"/d")
    write_file(files, b"/d/f", b"x" * 20_000)
    files.stop()
    fsck(disk.image, tmp_path)
    assert tree(mount(disk)) == {b"/d": None, b"/d/f": b"x" * 20_000}


def test_image_in_a_host_file(tmp_path: Path) -> None:
    path = tmp_path / "disk.image"
    path.write_bytes(mkfs(tmp_path, 4096))
    disk = FileDisk()
    disk.image = HostFile("hd0", (os.open(path, os.O_RDWR),))
    disk.start()
    data = random.Random(2).randbytes(400_000)
    files = mount(disk)
    write_file(files, b"/f", data)
    files.stop()
    fsck(path.read_bytes(), tmp_path)
    assert read_file(mount(disk), b"/f") == data
    os.close(disk.image.fd)


def test_start_and_stop_write_nothing_on_a_disk_left_in_order() -> None:
    disk = MemoryDisk(blank(1024))
    mount(disk).stop()
    disk.writes = disk.reads = 0
    files = mount(disk)
    assert files.list(b"/") == ()
    files.stop()
    assert (disk.writes, disk.reads <= 2) == (0, True)


@pytest.mark.parametrize("block_size", [256, 512, 1024])
def test_disk_blocks_that_divide_those_of_the_format(block_size: int, tmp_path: Path) -> None:
    disk = MemoryDisk(blank(1024), block_size)
    files = mount(disk)
    write_file(files, b"/f", b"y" * 12_345)
    files.stop()
    fsck(disk.image, tmp_path)


@pytest.mark.parametrize("block_size", [2048, 4096, 1000])
def test_disk_blocks_that_do_not_divide_are_refused(block_size: int) -> None:
    image = blank(1024)
    with pytest.raises(DeviceError):
        mount(MemoryDisk(image[: len(image) // block_size * block_size], block_size))


@pytest.mark.parametrize("block_size", [2048, 4096])
def test_larger_blocks_of_the_format(block_size: int) -> None:
    disk = MemoryDisk(blank(4096))

    class Holding:
        pass

    holding = Holding()
    holding.disk = disk  # type: ignore[attr-defined]
    write_blank(Store(holding), block_size)  # type: ignore[arg-type]
    files = mount(disk)
    assert files.usage().block_size == block_size
    data = random.Random(9).randbytes(1_500_000)
    write_file(files, b"/f", data)
    files.mkdir(b"/d")
    files.stop()
    assert read_file(mount(disk), b"/f") == data
    assert read_file(mount(disk, check=True), b"/f") == data


@pytest.mark.parametrize(
    ("what", "at", "content"),
    [
        ("MINIX version 1", 1024 + 16, b"\x7f\x13"),
        ("MINIX version 2", 1024 + 16, b"\x78\x24"),
        ("ext2", 1024 + 56, b"\x53\xef"),
        ("magic 0x0000", 1024 + 500, b"text"),
    ],
)
def test_disk_of_another_format_is_refused_and_untouched(what: str, at: int, content: bytes) -> None:
    image = bytearray(blank(256))
    image[at : at + len(content)] = content
    disk = MemoryDisk(bytes(image))
    with pytest.raises(DeviceError, match=what):
        mount(disk)
    assert disk.image == image


def test_blank_disk_is_not_formatted_when_forbidden_or_too_small() -> None:
    disk = MemoryDisk(blank(256))
    with pytest.raises(DeviceError, match="blank"):
        mount(disk, format_blank=False)
    assert not any(disk.image)
    for kib in (1, 2, 4):
        with pytest.raises(DeviceError):
            mount(MemoryDisk(blank(kib)))


def test_power_cut_while_formatting_leaves_a_blank_disk(tmp_path: Path) -> None:
    cut = 0
    while True:
        disk = MemoryDisk(blank(64))
        disk.cut_after = cut
        try:
            mount(disk).stop()
            break
        except PowerCutError:
            disk.cut_after = None
            mount(disk).stop()
            fsck(disk.image, tmp_path)
            cut += 1
    assert cut > 3


def test_read_only_disk_is_served_and_refuses_changes() -> None:
    disk = MemoryDisk(blank(256))
    files = mount(disk)
    write_file(files, b"/f", b"data")
    files.stop()
    disk.writable = False
    files = mount(disk)
    assert read_file(files, b"/f") == b"data"
    assert files.usage().read_only
    for change in (
        lambda: files.create(b"/g"),
        lambda: files.mkdir(b"/d"),
        lambda: files.unlink(b"/f"),
        lambda: files.rename(b"/f", b"/g"),
        lambda: files.chmod(b"/f", 0o600),
        lambda: files.open(b"/f", True),
    ):
        with pytest.raises(ReadOnly):
            change()
    files.sync()
    files.stop()


def test_change_by_somebody_else_is_noticed(tmp_path: Path) -> None:
    disk = MemoryDisk(blank(256))
    files = mount(disk)
    write_file(files, b"/f", b"data" * 5000)
    layout = files.volume.layout
    files.stop()
    disk.image[layout.zmap_start * 1024] = 0xFF  # some blocks were lost
    mount(disk).stop()
    fsck(disk.image, tmp_path)


def test_unlinked_open_file_is_gone_after_a_stop(tmp_path: Path) -> None:
    disk = MemoryDisk(blank(256))
    files = mount(disk)
    file = files.create(b"/f")
    file.write(0, b"z" * 30_000)
    files.unlink(b"/f")
    assert file.read(0, 5) == b"zzzzz"
    files.stop()
    fsck(disk.image, tmp_path)
    with pytest.raises(NotOpen):
        file.read(0, 1)
    file.close()


def test_open_file_of_an_earlier_mount_is_closed() -> None:
    files = mount(MemoryDisk(blank(256)))
    file = files.create(b"/f")
    files.stop()
    files.start()
    with pytest.raises(NotOpen):
        file.write(0, b"x")
    file.close()
    file.released()


def test_adopt_reopens_what_was_read_and_nothing_else() -> None:
    disk = MemoryDisk(blank(256))
    files = mount(disk)
    for name in (b"/kept", b"/gone", b"/reused"):
        write_file(files, name, name)
    handles = {name: files.open(name) for name in (b"/kept", b"/gone", b"/reused")}
    badges = {name: file.badge for name, file in handles.items()}
    for file in handles.values():
        file.close()
    assert all(0 < badge < 1 << 63 for badge in badges.values())
    assert files.open(b"/kept", True).badge == 0
    write_file(files, b"/kept", b"changed since")
    files.rename(b"/kept", b"/renamed")
    files.unlink(b"/reused")
    write_file(files, b"/other", b"other")
    assert files.stat(b"/other").inode == badges[b"/reused"] >> 32
    files.unlink(b"/gone")
    again = mount(disk)  # without a stop
    kept = again.adopt(badges[b"/kept"])
    assert kept is not None
    assert kept.read(0, 100) == b"changed since"
    assert kept.badge == badges[b"/kept"]
    with pytest.raises(NotOpen):
        kept.write(0, b"x")
    for badge in (badges[b"/gone"], badges[b"/reused"], 1, -1, 2**63 - 1):
        assert again.adopt(badge) is None


def test_crash_loses_only_what_was_not_synced(tmp_path: Path) -> None:
    disk = MemoryDisk(blank(1024))
    files = mount(disk)
    first, second = files.create(b"/synced"), files.create(b"/not")
    first.write(0, b"s" * 50_000)
    first.sync()
    second.write(0, b"n" * 50_000)
    again = mount(disk)
    assert tree(again) == {b"/synced": b"s" * 50_000, b"/not": b""}
    again.stop()
    fsck(disk.image, tmp_path)
