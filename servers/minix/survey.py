"""What can be reached from the root of a disk, and what is wrong with it.

Used on a disk that was not left in order.  The tree is read level by level, all directories (and all
indirect blocks) of a level in few calls, so the time goes with the inodes in use, not with the disk.
Nothing is written here: repair.py does that from what this found.

Rules: who claims a zone first keeps it; an entry that names no inode in use goes; a directory keeps one
name, the one in the directory that its `..` names if there is such a one; sizes bound the mapping.
"""

import stat
import struct
from typing import NamedTuple

from servers.minix.directory import bad_name
from servers.minix.inode import why_not
from servers.minix.layout import DIRECT, ENTRY, INODE, ROOT, WITH_ZONES, Super
from servers.minix.store import Store
from servers.statuses import DeviceError

TABLE_BLOCKS = 64  # of the inode table, read in one call
BRIDGE = 64  # the indirect blocks of files of one size often lie so far apart
Fields = list[int]  # an inode's: mode, links, uid, gid, size, three times, ten zones
LINKS, SIZE, ZONES = 1, 4, 8


class Name(NamedTuple):
    """An entry of a directory that names another inode."""

    directory: int
    slot: int
    number: int


class Node(NamedTuple):
    """An indirect block to be read: which, of how many levels, and the block of the file it begins with."""

    zone: int
    level: int
    base: int
    owner: int


class Survey:
    """Run it once; then its attributes are the truth to write down."""

    def __init__(self, store: Store, layout: Super) -> None:
        self._store, self._layout = store, layout
        self._width = layout.block_size // 4
        self._pointers = struct.Struct(f"<{self._width}I")
        self._table: dict[int, bytes] = {}
        self.inodes: dict[int, Fields] = {}  # in use
        self.zones: set[int] = set()  # in use
        self.names: dict[int, list[Name]] = {}  # by the inode they name
        self.blocks: dict[int, bytes] = {}  # blocks whose content is wrong: what it should be
        self.wrong: list[Name] = []  # entries that should go
        self.changed: set[int] = set()  # inodes whose fields above differ from the disk
        self.directory_zones: dict[int, list[int]] = {}
        self._parents: dict[int, int] = {}  # what `..` says
        self._maps: dict[int, list[Node]] = {}

    def run(self) -> None:
        """Read it all.  DeviceError if there is no root to begin with."""
        root = self._inode(ROOT)
        if root is None or not stat.S_ISDIR(root[0]):
            raise DeviceError("corrupt: the root inode is not a directory")
        level = [ROOT]
        self.inodes[ROOT] = root
        while level:
            level = self._level(level)
        self._drop_second_names()
        self._count_links()

    # --- the tree ---------------------------------------------------------------------------------

    def _level(self, numbers: list[int]) -> list[int]:
        """Claim what these new inodes use, read the directories among them; the new inodes those name."""
        leaves = self._claim_all(numbers)
        directories = [n for n in numbers if stat.S_ISDIR(self.inodes[n][0])]
        contents = self._store.read_many((zone for n in directories for zone in leaves[n] if zone), BRIDGE)
        found: list[int] = []
        for number in directories:
            found += self._read_directory(number, leaves[number], contents)
        return found

    def _read_directory(self, number: int, zones: list[int], contents: dict[int, bytes]) -> list[int]:
        self.directory_zones[number] = zones
        data = b"".join([contents.get(zone, b"") for zone in zones]) if all(zones) else b""
        fields = self.inodes[number]
        if fields[SIZE] // ENTRY.size < 2 or len(data) < 2 * ENTRY.size or not _begins_well(data, number):
            self._lose(number)
            return []
        self._parents[number] = ENTRY.unpack_from(data, ENTRY.size)[0]
        seen: set[bytes] = set()
        found: list[int] = []
        for slot, (child, padded) in enumerate(ENTRY.iter_unpack(data[: fields[SIZE] // ENTRY.size * ENTRY.size])):
            if slot < 2 or not child:
                continue
            name, entry = padded.split(b"\0", 1)[0], Name(number, slot, child)
            known = child in self.inodes
            if bad_name(name) or name in seen or not (known or self._adopt(child)):
                self.wrong.append(entry)
                continue
            seen.add(name)
            self.names.setdefault(child, []).append(entry)
            if not known:
                found.append(child)
        return found

    def _lose(self, number: int) -> None:
        """A directory that cannot be read as one: its names go, and what it claimed is free again."""
        if number == ROOT:
            raise DeviceError("corrupt: the root directory has no entries")
        self.wrong += self.names.pop(number, [])
        self.zones.difference_update(self.directory_zones.pop(number))
        self.zones.difference_update(node.zone for node in self._maps.get(number, ()))
        del self.inodes[number]
        self.changed.discard(number)

    def _adopt(self, number: int) -> bool:
        """Take this inode in, if it is one in use."""
        fields = self._inode(number)
        if fields is None:
            return False
        self.inodes[number] = fields
        return True

    def _inode(self, number: int) -> Fields | None:
        layout = self._layout
        if not 0 < number <= layout.inodes:
            return None
        index, at = divmod(number - 1, layout.block_size // INODE.size)
        chunk = index // TABLE_BLOCKS * TABLE_BLOCKS
        data = self._table.get(chunk)
        if data is None:
            count = min(TABLE_BLOCKS, layout.table_blocks - chunk)
            data = self._table[chunk] = self._store.read(layout.table_start + chunk, count)
        fields = INODE.unpack_from(data, (index - chunk) * layout.block_size + at * INODE.size)
        if fields[LINKS] == 0 or why_not((*fields[:ZONES], *(0,) * (DIRECT + 3)), layout):
            return None
        return list(fields)

    # --- zones ------------------------------------------------------------------------------------

    def _claim_all(self, numbers: list[int]) -> dict[int, list[int]]:
        """Claim the zones of these inodes; of the directories the zones of their blocks, in order."""
        leaves: dict[int, list[int]] = {}
        nodes: list[Node] = []
        for number in numbers:
            fields = self.inodes[number]
            if stat.S_IFMT(fields[0]) not in WITH_ZONES:
                continue
            limit = -(-fields[SIZE] // self._layout.block_size)
            zones = self._claim(fields[ZONES:], self._spans(limit))
            if zones != fields[ZONES:]:
                fields[ZONES:] = zones
                self.changed.add(number)
            if stat.S_ISDIR(fields[0]):
                leaves[number] = zones[: min(limit, DIRECT)] + [0] * max(limit - DIRECT, 0)
            base = DIRECT
            for level in (1, 2, 3):
                if zones[DIRECT + level - 1]:
                    nodes.append(Node(zones[DIRECT + level - 1], level, base, number))
                base += self._width**level
        while nodes:
            nodes = self._claim_maps(nodes, leaves)
        return leaves

    def _claim_maps(self, nodes: list[Node], leaves: dict[int, list[int]]) -> list[Node]:
        """Claim what these indirect blocks point to; the indirect blocks among that."""
        contents = self._store.read_many((node.zone for node in nodes), BRIDGE)
        below: list[Node] = []
        for node in nodes:
            table = list(self._pointers.unpack(contents[node.zone]))
            span = self._width ** (node.level - 1)
            limit = -(-self.inodes[node.owner][SIZE] // self._layout.block_size) - node.base
            zones = self._claim(table, max(0, -(-limit // span)))
            if zones != table:
                self.blocks[node.zone] = self._pointers.pack(*zones)
            if node.level > 1:
                below += [Node(z, node.level - 1, node.base + i * span, node.owner) for i, z in enumerate(zones) if z]
            if node.owner in leaves:
                self._maps.setdefault(node.owner, []).append(node)
                if node.level == 1:
                    mine = leaves[node.owner]
                    mine[node.base : node.base + self._width] = zones[: len(mine) - node.base]
        return below

    def _spans(self, limit: int) -> int:
        """How many of an inode's ten pointers a file of `limit` blocks can use."""
        if limit <= DIRECT:
            return limit
        slots, limit, span = DIRECT, limit - DIRECT, self._width
        while limit > 0:
            slots, limit, span = slots + 1, limit - span, span * self._width
        return min(slots, DIRECT + 3)

    def _claim(self, pointers: list[int], limit: int) -> list[int]:
        """These pointers, those made 0 that lie beyond `limit`, point nowhere, or to a zone that is taken."""
        used = [zone for zone in pointers if zone]
        fresh = set(used)
        low, high = self._layout.first_zone, self._layout.zones
        if not used or (
            len(fresh) == len(used)
            and self.zones.isdisjoint(fresh)
            and low <= min(used)
            and max(used) < high
            and not any(pointers[limit:])
        ):
            self.zones |= fresh
            return pointers
        kept = []
        for index, zone in enumerate(pointers):
            good = zone and index < limit and low <= zone < high and zone not in self.zones
            kept.append(zone if good else 0)
            if good:
                self.zones.add(zone)
        return kept

    # --- links ------------------------------------------------------------------------------------

    def _drop_second_names(self) -> None:
        """Leave one name to each directory, and the tree a tree; then drop what names a lost directory."""
        self.wrong += self.names.pop(ROOT, [])
        home = {number: names[0].directory for number, names in self.names.items() if number in self._parents}
        for number in home:
            names = self.names[number]
            keep = names[0]
            for name in names[1:]:
                better = name.directory == self._parents[number] != keep.directory
                if better and not _above(home, number, name.directory):
                    keep = name
                    home[number] = name.directory
            self.wrong += [name for name in names if name is not keep]
            self.names[number] = [keep]
            self._fix_parent(number, keep.directory)
        self._fix_parent(ROOT, ROOT)

    def _fix_parent(self, number: int, parent: int) -> None:
        if self._parents[number] == parent:
            return
        zone = self.directory_zones[number][0]
        content = self.blocks.get(zone) or self._store.read(zone)
        size = ENTRY.size
        self.blocks[zone] = content[:size] + ENTRY.pack(parent, b"..") + content[2 * size :]
        self._parents[number] = parent

    def _count_links(self) -> None:
        counts = {number: len(self.names.get(number, ())) for number in self.inodes}
        for number in self._parents:
            counts[number] = 2
        for number, names in self.names.items():
            if number in self._parents:
                counts[names[0].directory] += 1
        for number, count in counts.items():
            if self.inodes[number][LINKS] != count:
                self.inodes[number][LINKS] = count
                self.changed.add(number)


def _begins_well(data: bytes, number: int) -> bool:
    """Does a directory begin with `.`, which is itself, and some `..`?"""
    (own, dot), (_, dots) = ENTRY.unpack_from(data), ENTRY.unpack_from(data, ENTRY.size)
    return bool((own, dot.split(b"\0", 1)[0], dots.split(b"\0", 1)[0]) == (number, b".", b".."))


def _above(home: dict[int, int], number: int, start: int) -> bool:
    """Is directory `number` `start` itself or somewhere above it?"""
    while start != ROOT:
        if start == number:
            return True
        start = home[start]
    return False
