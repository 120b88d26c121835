"""The parts of the file server that can be tested alone: layout, mark, runs, cache, bitmap, mapping."""

import random
from itertools import pairwise

import pytest
from disks import MemoryDisk, blank, mount
from hypothesis import given, settings
from hypothesis import strategies as st

from servers.blockdevice import BlockDevice
from servers.minix import mark
from servers.minix.bitmap import Bitmap
from servers.minix.cache import Cache
from servers.minix.format import bitmap
from servers.minix.layout import ENTRY, INODE, SUPER, Super, read_super, shape
from servers.minix.store import Store, runs
from servers.statuses import DeviceError, NoSpace


class Holding:
    disk: BlockDevice

    def __init__(self, disk: BlockDevice) -> None:
        self.disk = disk


def store(blocks: int = 64) -> tuple[MemoryDisk, Store]:
    disk = MemoryDisk(blank(blocks))
    return disk, Store(Holding(disk))


def test_sizes_are_those_of_the_format() -> None:
    assert (SUPER.size, INODE.size, ENTRY.size) == (31, 64, 64)


@given(st.integers(min_value=16, max_value=1 << 22), st.sampled_from((1024, 2048, 4096)))
def test_shape_of_any_disk_is_accepted_by_read_super(kib: int, block_size: int) -> None:
    try:
        layout = shape(kib * 1024, block_size)
    except DeviceError:
        assert kib < 64
        return
    assert read_super(layout.pack().ljust(1024, b"\0"), kib * 1024) == layout
    assert layout.first_zone == layout.table_start + layout.table_blocks


@settings(max_examples=300)
@given(st.binary(min_size=31, max_size=31), st.booleans())
def test_read_super_of_anything_is_a_status_or_fits_the_disk(data: bytes, magic: bool) -> None:
    if magic:
        data = data[:24] + b"\x5a\x4d" + data[26:28] + b"\x00\x04" + data[30:]
    try:
        found = read_super(data.ljust(1024, b"\0"), 1 << 24)
    except DeviceError:
        return
    assert found.table_start + found.table_blocks <= found.first_zone < found.zones <= (1 << 24) // found.block_size


def test_mark_is_clean_only_with_its_checksum() -> None:
    region = bytes(1024)
    assert not mark.clean(region, 0)
    stamped = mark.stamp(region, mark.CLEAN, 77)
    assert len(stamped) == 1024
    assert mark.clean(stamped, 77)
    assert not mark.clean(stamped, 78)
    assert not mark.clean(mark.stamp(stamped, mark.IN_USE, 77), 77)
    for bit in range(mark.MARK_AT * 8, (mark.MARK_AT + 24) * 8):
        flipped = bytearray(stamped)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not mark.clean(bytes(flipped), 77)


@given(st.lists(st.integers(0, 200)), st.integers(1, 20), st.integers(1, 30))
def test_runs_hold_every_block_once_and_in_bounds(blocks: list[int], bridge: int, longest: int) -> None:
    found = runs(blocks, bridge, longest)
    assert [block for run in found for block in run] == sorted(set(blocks))
    for run in found:
        assert run[-1] - run[0] < longest
        assert all(b - a <= bridge for a, b in pairwise(run))


def test_cache_never_drops_a_dirty_block() -> None:
    disk, below = store()
    cache = Cache(below, 8)
    cache.put(3, b"d" * 1024)
    for block in range(10, 60):
        cache.get(block)
    reads = disk.reads
    assert cache.get(3) == b"d" * 1024
    assert disk.reads == reads
    assert bytes(disk.image[3 * 1024 : 4 * 1024]) == bytes(1024)
    cache.write_back([3, 4])
    assert bytes(disk.image[3 * 1024 : 4 * 1024]) == b"d" * 1024
    assert not cache.dirty


def test_cache_drops_the_least_recently_used() -> None:
    disk, below = store()
    cache = Cache(below, 8)
    for block in range(1, 8):
        cache.get(block)
    cache.get(1)
    cache.get(20)
    cache.get(21)
    disk.reads = 0
    cache.get(1)
    assert disk.reads == 0
    cache.get(2)
    assert disk.reads == 1


def test_cache_of_random_work_equals_a_plain_disk() -> None:
    disk, below = store()
    cache, model, rng = Cache(below, 8), {}, random.Random(5)
    for number in range(3000):
        block = rng.randrange(1, 64)
        if rng.random() < 0.4:
            model[block] = number.to_bytes(4, "big") * 256
            (cache.put if rng.random() < 0.7 else cache.write_through)(block, model[block])
        elif rng.random() < 0.2:
            cache.write_back(range(64))
        else:
            wanted = [0, *rng.sample(range(1, 64), 3), block]
            found = cache.hot(wanted) or cache.get_many(wanted, [block + 1] if block < 63 else [])
            assert found == [model.get(b, bytes(1024)) for b in wanted]
    cache.write_back(range(64))
    assert all(bytes(disk.image[b * 1024 : b * 1024 + 1024]) == data for b, data in model.items())


def test_bitmap_is_a_superset_on_disk_at_every_moment() -> None:
    disk, below = store()
    start = bitmap(1024, 5000)
    disk.image[2 * 1024 : 3 * 1024] = start
    bits, used, rng = Bitmap(below, 2, start, 5000, 8), {1}, random.Random(3)
    for number in range(4000):
        if used and rng.random() < 0.4:
            gone = rng.choice(sorted(used))
            used.discard(gone)
            bits.release(gone)
        else:
            got = bits.allocate(rng.randrange(6000) if rng.random() < 0.5 else 0)
            assert got not in used
            assert 1 <= got <= 5000
            used.add(got)
            bits.secure()
        if number % 500 == 0:
            bits.settle()
            assert len(used) == 5000 - bits.free
        on_disk = int.from_bytes(disk.image[2 * 1024 : 3 * 1024], "little")
        assert all(on_disk >> bit & 1 for bit in used)
    bits.settle()
    on_disk = int.from_bytes(disk.image[2 * 1024 : 3 * 1024], "little")
    assert {bit for bit in range(1, 5001) if on_disk >> bit & 1} == used


def test_bitmap_gives_every_bit_once_and_then_none() -> None:
    _, below = store()
    bits = Bitmap(below, 2, bitmap(1024, 100), 100, 8)
    assert sorted(bits.allocate(50) for _ in range(99)) == list(range(2, 101))
    assert (bits.allocate(50), bits.allocate(), bits.free) == (0, 0, 0)
    bits.release(70)
    assert bits.allocate(3) == 70


def test_bitmap_reserve_makes_writes_rare() -> None:
    disk, below = store()
    bits = Bitmap(below, 2, bitmap(1024, 5000), 5000, 8)
    for _ in range(62):  # the rest of the first eight bytes: 0 is nobody's, 1 the root's
        bits.allocate()
        bits.secure()
    assert disk.writes == 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("wwct"), st.integers(0, 70_000)), max_size=12))
def test_mapping_of_any_blocks_equals_a_dictionary(steps: list[tuple[str, int]]) -> None:
    files = mount(MemoryDisk(blank(512)))
    volume, model = files.volume, {}
    inode = volume.inodes.allocate(0o100644, 1)
    for what, index in steps:
        if what == "w":
            zone, fresh = volume.zones.ensure(inode, index)
            assert fresh == (index not in model)
            model[index] = zone
        elif what == "c":
            freed = volume.zones.cut(inode, index)
            assert set(freed) >= {zone for at, zone in model.items() if at >= index}
            volume.zones.release(freed)
            model = {at: zone for at, zone in model.items() if at < index}
        assert len(set(model.values())) == len(model)
        first = max(0, index - 300)
        assert volume.zones.lookup(inode, first, 600) == [model.get(at, 0) for at in range(first, first + 600)]
    volume.zones.release(volume.zones.cut(inode, 0))
    assert inode.blocks == 0
    assert volume.zones.bitmap.free == volume.layout.data_zones - 1


def test_ensure_without_space_changes_nothing() -> None:
    files = mount(MemoryDisk(blank(64)))
    volume = files.volume
    inode = volume.inodes.allocate(0o100644, 1)
    while volume.zones.bitmap.free > 2:
        volume.zones.bitmap.allocate()
    with pytest.raises(NoSpace):
        volume.zones.ensure(inode, 7 + 256 + 5)
    assert (inode.zones, volume.zones.bitmap.free) == ([0] * 10, 2)


def test_super_names_what_it_found() -> None:
    for data, words in (
        (bytes(16) + b"\x8f\x13", "MINIX version 1"),
        (bytes(56) + b"\x53\xef", "ext"),
        (bytes(24) + b"\x34\x12", "0x1234"),
    ):
        with pytest.raises(DeviceError, match=words):
            read_super(data.ljust(1024, b"\0"), 1 << 20)
    layout = shape(1 << 20)
    for wrong in (
        layout._replace(zones=2048),
        layout._replace(inodes=0),
        layout._replace(first_zone=3),
        layout._replace(block_size=512),
        layout._replace(zmap_blocks=0),
    ):
        with pytest.raises(DeviceError):
            read_super(Super.pack(wrong).ljust(1024, b"\0"), 1 << 20)
