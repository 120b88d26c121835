"""Files: holes, indirection, truncation, a full disk, and how many calls to the disk all that takes."""

import random
from pathlib import Path

import pytest
from disks import MemoryDisk, blank, fsck, mount, read_file, write_file

from servers.minix.files import MinixFiles
from servers.minix.openfile import LIMIT
from servers.statuses import Invalid, IsADirectory, NoSpace, NotOpen, TooLarge

KIB = 1024
SINGLE, DOUBLE, TRIPLE = 7 * KIB, (7 + 256) * KIB, (7 + 256 + 65536) * KIB


def start(kib: int = 2048, **settings: object) -> tuple[MemoryDisk, MinixFiles]:
    disk = MemoryDisk(blank(kib))
    return disk, mount(disk, **settings)


def test_hole_reads_as_zeros_and_takes_no_blocks(tmp_path: Path) -> None:
    disk, files = start()
    file = files.create(b"/f")
    assert file.write(1_000_000, b"end") == 3
    assert (file.stat().size, file.stat().blocks) == (1_000_003, 3)  # data, and two indirect blocks above it
    assert file.read(0, 1_000_003) == bytes(1_000_000) + b"end"
    file.close()
    files.stop()
    fsck(disk.image, tmp_path)
    again = mount(disk)
    assert read_file(again, b"/f") == bytes(1_000_000) + b"end"


@pytest.mark.parametrize("edge", [SINGLE, DOUBLE, TRIPLE])
def test_data_across_an_edge_of_indirection(edge: int, tmp_path: Path) -> None:
    disk, files = start()
    data = random.Random(edge).randbytes(5000)
    write_file(files, b"/f", data, edge - 2500)
    files.stop()
    fsck(disk.image, tmp_path)
    files = mount(disk, check=True)
    file = files.open(b"/f", True)
    assert file.read(edge - 2600, 6000) == bytes(100) + data
    file.truncate(edge + 10)
    assert file.read(edge - 2500, 6000) == data[:2510]
    file.truncate(edge - 10)
    file.truncate(edge + 3000)
    assert file.read(edge - 20, 6000) == data[2480:2490] + bytes(3010)
    file.truncate(0)
    assert file.stat().blocks == 0
    file.close()
    assert files.usage().free_blocks == files.usage().blocks - 1
    files.stop()
    fsck(disk.image, tmp_path)


def test_write_larger_than_the_cache_never_fills_it_with_dirty_blocks(tmp_path: Path) -> None:
    disk, files = start(8192, cache_blocks=64)
    cache, limit = files.volume.content._cache, 32
    seen, keep = [], cache._keep
    cache._keep = lambda block, data: (keep(block, data), seen.append(len(cache.dirty)))  # type: ignore[method-assign]
    data = random.Random(5).randbytes(4096 * KIB)
    file = files.create(b"/f")
    assert file.write(0, data) == len(data)
    assert max(seen) <= limit + 1
    assert len(cache._blocks) <= 64
    assert file.read(0, len(data)) == data
    file.close()
    files.stop()
    fsck(disk.image, tmp_path)


def test_large_file_written_in_pieces(tmp_path: Path) -> None:
    disk, files = start(8192, cache_blocks=64)
    rng, file, model = random.Random(4), files.create(b"/f"), bytearray()
    while len(model) < 3_000_000:
        piece = rng.randbytes(rng.choice((100, 4096, 70_000)))
        model += piece
        assert file.append(piece) == len(model)
    for _ in range(200):
        at, size = rng.randrange(3_000_000), rng.randrange(9000)
        assert file.read(at, size) == model[at : at + size]
        at, piece = rng.randrange(2_900_000), rng.randbytes(rng.randrange(5000))
        file.write(at, piece)
        model[at : at + len(piece)] = piece
    assert file.read(0, LIMIT) == model
    file.close()
    files.stop()
    fsck(disk.image, tmp_path)
    assert read_file(mount(disk), b"/f") == model


def test_shrunk_and_grown_file_has_zeros_also_after_a_restart() -> None:
    disk, files = start()
    write_file(files, b"/f", b"x" * 3000)
    file = files.open(b"/f", True)
    file.truncate(1500)
    file.close()
    disk2 = MemoryDisk(bytes(disk.image))  # without a stop
    file = mount(disk2).open(b"/f", True)
    file.truncate(2500)
    assert file.read(0, 4000) == b"x" * 1500 + bytes(1000)
    file.write(3000, b"y")
    assert file.read(1400, 4000) == b"x" * 100 + bytes(1500) + b"y"


def test_limits_of_a_read_and_of_a_file() -> None:
    _, files = start()
    file = files.create(b"/f")
    for offset, count in ((-1, 1), (0, -1), (0, LIMIT + 1)):
        with pytest.raises(Invalid):
            file.read(offset, count)
    with pytest.raises(Invalid):
        file.write(-1, b"x")
    with pytest.raises(Invalid):
        file.truncate(-1)
    limit = 0x7FFFFFFF
    assert file.write(limit - 2, b"abc") == 2
    assert file.read(limit - 2, 10) == b"ab"
    for call in (
        lambda: file.write(limit, b"x"),
        lambda: file.append(b"x"),
        lambda: file.truncate(limit + 1),
    ):
        with pytest.raises(TooLarge):
            call()
    assert file.write(limit, b"") == 0
    assert file.read(2**62, 5) == b""


def test_rights_of_an_open_file() -> None:
    _, files = start()
    write_file(files, b"/f", b"abc")
    file = files.open(b"/f")
    for call in (lambda: file.write(0, b"x"), lambda: file.append(b"x"), lambda: file.truncate(0)):
        with pytest.raises(NotOpen):
            call()
    file.close()
    file.close()
    for call in (lambda: file.read(0, 1), file.stat, file.sync):
        with pytest.raises(NotOpen):
            call()
    with pytest.raises(IsADirectory):
        files.open(b"/").read(0, 1)


@pytest.mark.parametrize("kib", [64, 700])
def test_full_disk_answers_no_space_and_recovers(kib: int, tmp_path: Path) -> None:
    disk, files = start(kib)
    free = files.usage().free_blocks
    file = files.create(b"/f")
    written = 0
    with pytest.raises(NoSpace):
        while True:
            written += file.write(written, b"f" * 5000)
    assert file.stat().size == written
    assert files.usage().free_blocks == 0
    with pytest.raises(NoSpace):
        file.append(b"x" * 3000)
    assert file.stat().size == written
    file.write(0, b"over")
    with pytest.raises(NoSpace):
        files.mkdir(b"/d")
    with pytest.raises(NoSpace):
        files.symlink(b"t", b"/s")
    assert [entry.name for entry in files.list(b"/")] == [b"f"]
    file.close()
    files.stop()
    fsck(disk.image, tmp_path)
    files = mount(disk)
    assert read_file(files, b"/f") == b"over" + b"f" * (written - 4)
    files.unlink(b"/f")
    assert files.usage().free_blocks == free
    files.stop()
    fsck(disk.image, tmp_path)


def test_append_without_space_changes_nothing(tmp_path: Path) -> None:
    disk, files = start(64)
    write_file(files, b"/f", b"a" * 30_000)
    file = files.open(b"/f", True)
    with pytest.raises(NoSpace):
        file.append(b"b" * 40_000)
    assert file.stat().size == 30_000
    file.close()
    assert read_file(files, b"/f") == b"a" * 30_000
    files.stop()
    fsck(disk.image, tmp_path)


def test_inodes_run_out(tmp_path: Path) -> None:
    disk, files = start(64)
    made = files.usage().free_inodes
    for number in range(made):
        files.create(b"/%d" % number).close()
    with pytest.raises(NoSpace):
        files.create(b"/one-more")
    with pytest.raises(NoSpace):
        files.mkdir(b"/one-more")
    files.unlink(b"/3")
    files.create(b"/one-more").close()
    files.stop()
    fsck(disk.image, tmp_path)


def test_calls_to_the_disk_are_few() -> None:
    disk, files = start(16384)
    files.create(b"/first").close()
    disk.writes = disk.reads = 0
    file = files.create(b"/small")
    assert (disk.reads, disk.writes) == (0, 2)  # the inode, the entry
    file.write(0, b"x" * 3000)
    file.close()
    assert (disk.reads, disk.writes - 2) == (0, 3)  # once in a while the bitmap; the data; the inode
    disk.writes = 0
    write_file(files, b"/large", b"x" * 65536)
    assert disk.writes == 4
    files.rename(b"/large", b"/renamed")
    assert disk.writes == 5
    files.stop()
    files = mount(disk)
    disk.reads = 0
    file = files.open(b"/renamed")
    for at in range(0, 65536, 4096):
        assert file.read(at, 4096) == b"x" * 4096
    assert disk.reads <= 5  # directory, inode, indirect block, two runs
    disk.reads = 0
    file.read(0, 65536)
    files.stat(b"/renamed")
    assert disk.reads == 0
