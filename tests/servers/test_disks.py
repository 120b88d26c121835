"""FileDisk and RamDisk keep the BlockDevice contract."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from microlith.interface.devices import HostFile
from servers.blockdevice import BlockDevice, Geometry
from servers.filedisk import LIMIT, FileDisk
from servers.ramdisk import RamDisk
from servers.statuses import DeviceError, OutOfRange, ReadOnly


def file_disk(path: Path, size: int, flags: int = os.O_RDWR, block_size: int = 1024) -> FileDisk:
    with path.open("ab") as file:
        file.truncate(size)
    disk = FileDisk()
    disk.image = HostFile("hd0", (os.open(path, flags),))
    disk.block_size = block_size
    disk.start()
    return disk


@pytest.fixture(params=["file", "ram"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlockDevice]:
    if request.param == "ram":
        ram = RamDisk()
        ram.blocks = 32 * 1024
        ram.start()
        yield ram
    else:
        found = file_disk(tmp_path / "image", 32 * 1024 * 1024)
        yield found
        os.close(found.image.fd)


def test_geometry_tells_the_shape(disk: BlockDevice) -> None:
    assert disk.geometry() == Geometry(1024, 32 * 1024, True)


def test_read_returns_what_was_written(disk: BlockDevice) -> None:
    disk.write(5, b"a" * 1024 + b"b" * 2048)
    disk.flush()
    assert disk.read(4, 5) == bytes(1024) + b"a" * 1024 + b"b" * 2048 + bytes(1024)
    assert disk.read(7, 0) == b""


def test_read_of_the_last_blocks(disk: BlockDevice) -> None:
    disk.write(32 * 1024 - 1, b"z" * 1024)
    assert disk.read(32 * 1024 - 2, 2) == bytes(1024) + b"z" * 1024


@pytest.mark.parametrize(("block", "count"), [(-1, 1), (0, -1), (32 * 1024, 1), (32 * 1024 - 1, 2), (2**62, 1)])
def test_read_beyond_the_disk_is_out_of_range(disk: BlockDevice, block: int, count: int) -> None:
    with pytest.raises(OutOfRange):
        disk.read(block, count)


@pytest.mark.parametrize(("block", "size"), [(-1, 1024), (32 * 1024, 1024), (0, 1000), (32 * 1024 - 1, 2048)])
def test_write_beyond_the_disk_or_of_half_blocks_changes_nothing(disk: BlockDevice, block: int, size: int) -> None:
    with pytest.raises(OutOfRange):
        disk.write(block, b"x" * size)
    assert disk.read(0, 1) + disk.read(32 * 1024 - 1, 1) == bytes(2048)


def test_a_call_is_bounded(disk: BlockDevice) -> None:
    assert len(disk.read(0, LIMIT // 1024)) == LIMIT
    with pytest.raises(OutOfRange):
        disk.read(0, LIMIT // 1024 + 1)
    with pytest.raises(OutOfRange):
        disk.write(0, bytes(LIMIT + 1024))


def test_read_only_descriptor_refuses_writes(tmp_path: Path) -> None:
    disk = file_disk(tmp_path / "image", 4096, os.O_RDONLY)
    assert disk.geometry() == Geometry(1024, 4, False)
    with pytest.raises(ReadOnly):
        disk.write(0, bytes(1024))
    disk.flush()
    os.close(disk.image.fd)


def test_part_of_a_block_at_the_end_is_not_counted(tmp_path: Path) -> None:
    disk = file_disk(tmp_path / "image", 5000, block_size=512)
    assert disk.geometry() == Geometry(512, 9, True)
    os.close(disk.image.fd)


def test_host_error_is_a_device_error(tmp_path: Path) -> None:
    disk = file_disk(tmp_path / "image", 4096)
    os.truncate(tmp_path / "image", 1500)  # the file shrinks under the server
    with pytest.raises(DeviceError):
        disk.read(1, 1)
    os.close(disk.image.fd)
    reading, writing = os.pipe()
    disk.image = HostFile("hd0", (writing,))  # ESPIPE
    for call in (lambda: disk.read(0, 1), lambda: disk.write(0, bytes(1024)), disk.flush):
        with pytest.raises(DeviceError):
            call()
    os.close(reading)
    os.close(writing)
