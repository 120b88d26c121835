"""Which zone holds which block of a file: direct, single, double and triple indirect.

A pointer of 0 is a hole.  Indirect blocks (*maps*) are kept as lists of ints.  A map changed in memory
is pending until `flush` in content.py writes it: `inode.new_maps` are those that nothing on disk
points to yet, `inode.changed_maps` those that the disk has in an older form.

Source: Linux include/uapi/linux/minix_fs.h (minix2_inode.i_zone); Tanenbaum & Woodhull, ch. 5.
"""

import struct
from collections import OrderedDict

from servers.filesystem import Kind
from servers.minix.bitmap import Bitmap
from servers.minix.cache import Cache
from servers.minix.inode import UNKNOWN, Inode
from servers.minix.layout import DIRECT, Super
from servers.statuses import DeviceError, NoSpace, TooLarge

KEPT = 256  # maps in memory that are not pending: some 2 MB
LEVELS = 3


class Zones:
    """The block mapping of all inodes of one volume."""

    def __init__(self, layout: Super, cache: Cache, data: Cache, bitmap: Bitmap) -> None:
        self._layout, self._cache, self._data, self.bitmap = layout, cache, data, bitmap
        self._format = struct.Struct(f"<{layout.block_size // 4}I")
        self.width = layout.block_size // 4  # pointers in a map
        self.capacity = DIRECT + self.width + self.width**2 + self.width**3  # blocks a file can have
        self._maps: OrderedDict[int, list[int]] = OrderedDict()
        self._pending: dict[int, list[int]] = {}

    # --- looking up -------------------------------------------------------------------------------

    def lookup(self, inode: Inode, first: int, count: int) -> list[int]:
        """The zones of `count` blocks from block `first` on, 0 for a hole."""
        if first + count <= DIRECT:
            return inode.zones[first : first + count]
        found: list[int] = []
        while count > 0:
            table, at, room = self._leaf(inode, first)
            take = min(count, room)
            found += table[at : at + take] if table is not None else [0] * take
            first += take
            count -= take
        return found

    def _leaf(self, inode: Inode, index: int) -> tuple[list[int] | None, int, int]:
        """The list that holds block `index`, where in it, and how many blocks it tells of from there on."""
        if index < DIRECT:
            return inode.zones, index, DIRECT - index
        root, *steps = self.steps(index)
        table = inode.zones
        for depth, step in enumerate((root, *steps[:-1])):
            zone = table[step]
            if not zone:
                span = self.width ** (len(steps) - depth)
                return None, 0, span - self._below(steps[depth:])
            table = self._map(zone)
        return table, steps[-1], self.width - steps[-1]

    def steps(self, index: int) -> tuple[int, ...]:
        """The way to block `index`: the slot in the inode, then one step in each map."""
        if index < DIRECT:
            return (index,)
        index -= DIRECT
        width = self.width
        if index < width:
            return DIRECT, index
        index -= width
        if index < width * width:
            return DIRECT + 1, index // width, index % width
        index -= width * width
        if index < width**3:
            return DIRECT + 2, index // (width * width), index // width % width, index % width
        raise TooLarge(f"block {index} of a file")

    def _below(self, steps: list[int]) -> int:
        """The number of the block that these steps lead to, counted from where they start."""
        number = 0
        for step in steps:
            number = number * self.width + step
        return number

    def _map(self, zone: int) -> list[int]:
        table = self._pending.get(zone)
        if table is not None:
            return table
        table = self._maps.get(zone)
        if table is not None:
            self._maps.move_to_end(zone)
            return table
        table = list(self._format.unpack(self._cache.get(zone)))
        low, high = self._layout.first_zone, self._layout.zones
        if max(table) >= high or any(0 < pointer < low for pointer in table):
            raise DeviceError(f"corrupt: indirect block {zone} points outside the zones")
        self._maps[zone] = table
        if len(self._maps) > KEPT:
            self._maps.popitem(last=False)
        return table

    # --- growing ----------------------------------------------------------------------------------

    def ensure(self, inode: Inode, index: int) -> tuple[int, bool]:
        """The zone of block `index`, and whether it was allocated just now.  NoSpace changes nothing."""
        path = self.steps(index)
        table, owner = inode.zones, 0
        for depth, step in enumerate(path):
            zone = table[step]
            if not zone:
                if self.bitmap.free < len(path) - depth:
                    raise NoSpace("no free block")
                return self._grow(inode, path, depth, table, owner), True
            if depth < len(path) - 1:
                table, owner = self._map(zone), zone
        return zone, False

    def _grow(self, inode: Inode, path: tuple[int, ...], depth: int, table: list[int], owner: int) -> int:
        near = next((z for z in reversed(table[: path[depth]]) if z), owner)
        for level in range(depth, len(path)):
            zone = self.allocate(near)
            self._set(inode, table, owner, path[level], zone)
            if inode.blocks != UNKNOWN:
                inode.blocks += 1
            near = zone
            if level < len(path) - 1:
                table, owner = [0] * self.width, zone
                self._pending[zone] = table
                inode.new_maps.add(zone)
        return zone

    def _set(self, inode: Inode, table: list[int], owner: int, step: int, zone: int) -> None:
        table[step] = zone
        if owner and owner not in self._pending:
            self._pending[owner] = self._maps.pop(owner, table)
            inode.changed_maps.add(owner)

    def allocate(self, near: int) -> int:
        """A free zone, after `near` if that is free.  NoSpace if there is none."""
        offset = self._layout.first_zone - 1
        bit = self.bitmap.allocate(near + 1 - offset if near else 0)
        if not bit:
            raise NoSpace("no free block")
        return bit + offset

    def release(self, zones: list[int]) -> None:
        """These zones are free.  Nothing on disk points to them any more (or nothing ever did)."""
        self._cache.forget(zones)
        self._data.forget(zones)
        offset = self._layout.first_zone - 1
        for zone in zones:
            self._maps.pop(zone, None)
            self._pending.pop(zone, None)
            self.bitmap.release(zone - offset)

    # --- pending maps -----------------------------------------------------------------------------

    def contents(self, maps: set[int]) -> dict[int, bytes]:
        """These pending maps as they go to the disk."""
        return {zone: self._format.pack(*self._pending[zone]) for zone in maps}

    def written(self, maps: set[int]) -> None:
        """These maps are on the disk now."""
        for zone in maps:
            self._maps[zone] = self._pending.pop(zone)
            self._cache.forget((zone,))
        while len(self._maps) > KEPT:
            self._maps.popitem(last=False)

    # --- shrinking and counting -------------------------------------------------------------------

    def cut(self, inode: Inode, keep: int) -> list[int]:
        """Take every block from `keep` on out of the mapping, in memory; the zones that this frees."""
        self._count(inode)  # a map that cannot be read stops us before anything has changed
        freed = [zone for zone in inode.zones[keep:DIRECT] if zone]
        inode.zones[keep:DIRECT] = [0] * (DIRECT - min(keep, DIRECT))
        start = DIRECT
        for level in range(1, LEVELS + 1):
            slot = DIRECT + level - 1
            if inode.zones[slot]:
                gone = self._cut_map(inode, inode.zones[slot], level, keep - start, freed)
                if gone:
                    inode.zones[slot] = 0
            start += self.width**level
        for zone in freed:
            inode.dirty.discard(zone)
            inode.new_maps.discard(zone)
            inode.changed_maps.discard(zone)
        if inode.blocks != UNKNOWN:
            inode.blocks -= len(freed)
        return freed

    def _cut_map(self, inode: Inode, zone: int, level: int, keep: int, freed: list[int]) -> bool:
        """Cut within one map; True if the whole map goes."""
        span = self.width ** (level - 1)
        if keep >= span * self.width:
            return False
        table = self._map(zone)
        for step in range(max(keep, 0) // span, self.width):
            pointer = table[step]
            if not pointer:
                continue
            if level == 1:
                freed.append(pointer)
            elif not self._cut_map(inode, pointer, level - 1, keep - step * span, freed):
                continue
            if keep > 0:
                self._set(inode, table, zone, step, 0)
        if keep <= 0:
            freed.append(zone)
        return keep <= 0

    def count(self, inode: Inode) -> int:
        """Data and indirect blocks in use."""
        if inode.blocks == UNKNOWN:
            inode.blocks = self._count(inode) if inode.kind is not Kind.OTHER else 0
        return inode.blocks

    def _count(self, inode: Inode) -> int:
        seen: set[int] = set()
        direct = sum(1 for zone in inode.zones[:DIRECT] if zone)
        maps = [(zone, level + 1) for level, zone in enumerate(inode.zones[DIRECT:]) if zone]
        return direct + sum(self._count_map(zone, level, seen) for zone, level in maps)

    def _count_map(self, zone: int, level: int, seen: set[int]) -> int:
        """DeviceError if a map is met twice: that could go on for 256 to the power of three blocks."""
        if zone in seen:
            raise DeviceError(f"corrupt: indirect block {zone} is used twice")
        seen.add(zone)
        used = [pointer for pointer in self._map(zone) if pointer]
        if level == 1:
            return 1 + len(used)
        return 1 + sum(self._count_map(pointer, level - 1, seen) for pointer in used)
