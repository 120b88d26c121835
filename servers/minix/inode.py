"""Inodes in memory, and the table of them on disk.

Rule: of one inode there is one `Inode` object as long as anybody holds it (open files, dirty ones, a
running operation), so everybody sees the same truth; the recently used are kept on top of that.

i_atime is not maintained (as with noatime).  It holds the time when the inode was allocated, made
larger than that of the slot's previous owner: number and `born` name one file for ever, which is what
the badge of an open file needs.
"""

import stat
import time
from collections import OrderedDict
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from servers.filesystem import Kind
from servers.minix.bitmap import Bitmap
from servers.minix.cache import Cache
from servers.minix.layout import DIRECT, INODE, TYPES, WITH_ZONES, Super
from servers.statuses import DeviceError, NoSpace

if TYPE_CHECKING:
    from servers.minix.directory import Directory

KEPT = 4096  # inodes in memory that nobody holds: some 2 MB
TABLE_AHEAD = 16  # blocks of the inode table read in one call: 256 inodes of 1 KiB blocks
KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIRECTORY, stat.S_IFLNK: Kind.SYMLINK}
UNKNOWN = -1


def now() -> int:
    """The time that goes into inodes: seconds since 1970, 32 bits."""
    return int(time.time()) & 0xFFFFFFFF


class Inode:
    """One inode in memory.  `zones`: 7 direct, then single, double and triple indirect."""

    __slots__ = (
        "__weakref__",
        "blocks",
        "born",
        "changed",
        "changed_maps",
        "ctime",
        "cursor",
        "directory",
        "dirty",
        "gid",
        "kind",
        "links",
        "mode",
        "mtime",
        "new_maps",
        "number",
        "opens",
        "size",
        "uid",
        "zones",
    )

    def __init__(self, number: int, fields: tuple[int, ...]) -> None:
        self.number = number
        self.mode, self.links, self.uid, self.gid, self.size, self.born, self.mtime, self.ctime = fields[:8]
        self.kind = KINDS.get(stat.S_IFMT(self.mode), Kind.OTHER)
        self.zones = list(fields[8:])
        self.blocks = UNKNOWN  # data and indirect blocks in use; counted when first asked for
        self.opens = 0
        self.cursor = 0  # the block after the last one read: a read that begins there is sequential
        self.directory: Directory | None = None
        self.changed = False  # newer than the table on disk
        self.dirty: set[int] = set()  # zones with data that may be newer than the disk
        self.new_maps: set[int] = set()  # indirect blocks that nothing on disk points to yet
        self.changed_maps: set[int] = set()  # indirect blocks that are on disk in an older form

    def pack(self) -> bytes:
        """The inode as it stands in the table."""
        head = (self.mode, self.links, self.uid, self.gid, self.size, self.born, self.mtime, self.ctime)
        return INODE.pack(*head, *self.zones)


class Inodes:
    """The inode table of one volume."""

    def __init__(self, layout: Super, cache: Cache, bitmap: Bitmap) -> None:
        self._layout, self._cache, self.bitmap = layout, cache, bitmap
        self._per_block = layout.block_size // INODE.size
        self._live: WeakValueDictionary[int, Inode] = WeakValueDictionary()
        self._recent: OrderedDict[int, Inode] = OrderedDict()
        self.changed: dict[int, Inode] = {}  # what `flush` must write, kept alive here

    def get(self, number: int) -> Inode:
        """The inode of this number.  DeviceError if a directory entry should not have named it."""
        inode = self._recent.get(number)
        if inode is not None:
            self._recent.move_to_end(number)
            return inode
        inode = self._live.get(number) or self._load(number)
        self._keep(inode)
        return inode

    def prefetch(self, numbers: list[int]) -> None:
        """Read the table blocks of all these inodes now, in few calls."""
        per, start = self._per_block, self._layout.table_start
        wanted = {start + (n - 1) // per for n in numbers if 0 < n <= self._layout.inodes and n not in self._recent}
        self._cache.get_many(sorted(wanted))

    def touch(self, inode: Inode) -> None:
        """It is newer than the disk now, and a later flush will write it."""
        inode.changed = True
        self.changed[inode.number] = inode

    def write(self, *inodes: Inode) -> None:
        """Write these inodes to the table now; those in one block of it in one call."""
        per, start = self._per_block, self._layout.table_start
        blocks: dict[int, list[Inode]] = {}
        for inode in inodes:
            blocks.setdefault(start + (inode.number - 1) // per, []).append(inode)
        for block, group in blocks.items():
            data = bytearray(self._cache.get(block, TABLE_AHEAD))
            for inode in group:
                at = (inode.number - 1) % per * INODE.size
                data[at : at + INODE.size] = inode.pack()
            self._cache.write_through(block, bytes(data))
            for inode in group:
                inode.changed = False
                self.changed.pop(inode.number, None)

    def allocate(self, mode: int, links: int) -> Inode:
        """A fresh inode, secured in the bitmap but not written; NoSpace if there is none."""
        number = self.bitmap.allocate()
        if not number:
            raise NoSpace("no free inode")
        old = self._fields(number)
        time_ = now()
        born = max(time_, old[5] + 1 & 0xFFFFFFFF)
        inode = Inode(number, (mode, links, 0, 0, 0, born, time_, time_, *(0,) * (DIRECT + 3)))
        inode.blocks = 0
        self._recent.pop(number, None)
        self._keep(inode)
        return inode

    def discard(self, inode: Inode) -> None:
        """Give a number back.  Nothing on disk names it any more (or nothing ever did)."""
        self.changed.pop(inode.number, None)
        self._recent.pop(inode.number, None)
        self._live.pop(inode.number, None)
        self.bitmap.release(inode.number)

    def _keep(self, inode: Inode) -> None:
        self._live[inode.number] = inode
        self._recent[inode.number] = inode
        if len(self._recent) > KEPT:
            self._recent.popitem(last=False)

    def _load(self, number: int) -> Inode:
        if not 0 < number <= self._layout.inodes:
            raise DeviceError(f"corrupt: inode {number} of {self._layout.inodes}")
        fields = self._fields(number)
        if problem := why_not(fields, self._layout):
            raise DeviceError(f"corrupt: inode {number} has {problem}")
        return Inode(number, fields)

    def _fields(self, number: int) -> tuple[int, ...]:
        block, at = divmod(number - 1, self._per_block)
        data = self._cache.get(self._layout.table_start + block, TABLE_AHEAD)
        return INODE.unpack_from(data, at * INODE.size)


def why_not(fields: tuple[int, ...], layout: Super) -> str | None:
    """What makes these fields no inode in use, or None: type, size, pointers."""
    kind = stat.S_IFMT(fields[0])
    if kind not in TYPES:
        return f"mode {fields[0]:o}"
    if fields[1] == 0:
        return "no links"
    if kind not in WITH_ZONES:
        return None
    size, low, high = fields[4], layout.first_zone, layout.zones
    if size > layout.max_size or (kind != stat.S_IFREG and size > layout.data_zones * layout.block_size):
        return f"size {size}"
    bad = [zone for zone in fields[8:] if zone and not low <= zone < high]
    return f"zone {bad[0]}" if bad else None
