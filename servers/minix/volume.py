"""A mounted disk: its tables together, how it is mounted, and how it is left.

Mounting reads the head of the disk in one call, refuses what is neither blank nor MINIX version 3,
formats what is blank, and checks (repair.py) what does not carry the clean mark (mark.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from microlith.frame.server import finishing
from servers.filesystem import Stat
from servers.minix import mark
from servers.minix.bitmap import Bitmap
from servers.minix.cache import Cache
from servers.minix.content import Content
from servers.minix.directory import Directories
from servers.minix.format import write_blank
from servers.minix.inode import Inode, Inodes
from servers.minix.layout import MODE_BITS, SUPER_AT, Super, blank, read_super
from servers.minix.path import Paths
from servers.minix.repair import Repair
from servers.minix.store import Holder, Store
from servers.minix.survey import Survey
from servers.minix.zones import Zones
from servers.statuses import DeviceError, ReadOnly

HEAD = 64 * 1024  # bytes read by the first call: of a small disk both bitmaps and the first inodes too
KIB = 1024
META_BLOCKS = 512  # blocks of directories, inode tables and indirect blocks kept; half a MB and more
INODE_RESERVE = 8  # bytes of the inode bitmap: 64 inodes made for one write of it
ZONE_RESERVE = 64  # bytes of the zone bitmap: 512 zones


class Volume:
    """One disk in use.  Every method may raise DeviceError."""

    def __init__(self, holder: Holder, cache_blocks: int, format_blank: bool, check: bool, link_limit: int) -> None:
        self.store = Store(holder)
        self.writable = self.store.geometry.writable
        self.link_limit = link_limit
        self.mounted = True  # False after `unmount`: what was open is closed
        self._orphans: dict[int, Inode] = {}
        self._check = check
        self.layout = self._find(format_blank)
        self._load(cache_blocks)

    def _find(self, format_blank: bool) -> Super:
        """The superblock, after formatting if the disk is blank."""
        region = self._read_head()
        if blank(region):
            if not format_blank or not self.writable:
                raise DeviceError("the disk is blank, and this server may not format it")
            write_blank(self.store)
            region = self._read_head()
        layout = read_super(region, self.store.size)
        self.store.set_block_size(layout.block_size)
        return layout

    def _read_head(self) -> bytes:
        size = self.store.block_size
        if self.store.size < SUPER_AT + KIB or size > KIB:
            shape = self.store.geometry
            raise DeviceError(f"a disk of {shape.blocks} blocks of {shape.block_size} bytes cannot hold this format")
        self._head = self.store.read(0, min(self.store.blocks, HEAD // size))
        return self._head[SUPER_AT : SUPER_AT + KIB]

    def _load(self, cache_blocks: int) -> None:
        layout, size = self.layout, self.layout.block_size
        self._region = self._head[SUPER_AT : SUPER_AT + KIB]
        meta, data = Cache(self.store, META_BLOCKS), Cache(self.store, cache_blocks)
        maps = layout.imap_blocks + layout.zmap_blocks
        bits = self._head[2 * size : (2 + maps) * size]
        if len(bits) < maps * size:
            bits = self.store.read(2, maps)
        for block in range(layout.table_start, len(self._head) // size):
            if block < layout.first_zone:
                meta.prime(block, self._head[block * size : (block + 1) * size])
        middle = layout.imap_blocks * size
        imap = Bitmap(self.store, layout.imap_start, bits[:middle], layout.inodes, INODE_RESERVE)
        zmap = Bitmap(self.store, layout.zmap_start, bits[middle:], layout.data_zones, ZONE_RESERVE)
        self._imap, self._zmap = imap, zmap
        if self._check or not mark.clean(self._region, self._crc()):
            self._repair()
        elif self.writable:
            self.store.before_write = self._mark_in_use
        self.inodes = Inodes(layout, meta, imap)
        self.zones = Zones(layout, meta, data, zmap)
        self.content = Content(layout, self.store, data, self.zones, self.inodes, max(cache_blocks // 2, 4))
        self.directories = Directories(layout, meta, self.zones, self.inodes, self.content)
        self.paths = Paths(self.inodes, self.directories, self.content)
        del self._head

    # --- the clean mark ---------------------------------------------------------------------------

    def _crc(self) -> int:
        return mark.checksum(self._region[: mark.MARK_AT], self._imap.on_disk + self._zmap.on_disk)

    def _mark_in_use(self) -> None:
        self._stamp(mark.IN_USE, 0)

    def _stamp(self, state: int, crc: int) -> None:
        size = self.layout.block_size
        region = mark.stamp(self._region, state, crc)
        block, at = divmod(SUPER_AT, size)
        content = self.store.read(block) if size > KIB else bytes(size)
        self.store.write(block, content[:at] + region + content[at + KIB :])
        self._region = region

    def _repair(self, everything: bool = False) -> None:
        """Bring the tables and the disk to what can be reached from the root."""
        survey = Survey(self.store, self.layout)
        survey.run()
        if not self.writable:
            return
        self.store.before_write = None
        self._mark_in_use()
        Repair(self.store, self.layout, survey).run()
        self._imap.replace(survey.inodes)
        self._zmap.replace(survey.zones, self.layout.first_zone - 1)
        self._imap.settle(everything)
        self._zmap.settle(everything)

    # --- what operations need ---------------------------------------------------------------------

    def need_writable(self) -> None:
        """ReadOnly if the disk is."""
        if not self.writable:
            raise ReadOnly("the disk cannot be written")

    @contextmanager
    def changing(self) -> Iterator[None]:
        """A change, brought to its end whatever the deadline of the request.

        If the disk fails within it, memory and disk may differ, and the unmount checks all.
        """
        try:
            with finishing():
                yield
        except DeviceError:
            self.store.tainted = True
            raise

    def attributes(self, inode: Inode) -> Stat:
        """An inode's attributes, as they are in memory."""
        return Stat(
            inode.number,
            inode.kind,
            inode.mode & MODE_BITS,
            inode.links,
            inode.uid,
            inode.gid,
            inode.size,
            inode.mtime,
            inode.blocks if inode.blocks >= 0 else self.zones.count(inode),
        )

    def unnamed(self, inode: Inode, *others: Inode) -> None:
        """An inode has lost a name (`links` says how many are left); write it, or free it when it can go."""
        if inode.links == 0 and not inode.opens:
            self.content.free(inode, *others)
            return
        if inode.links == 0:
            self._orphans[inode.number] = inode
        self.content.commit(inode, *others)

    def closed(self, inode: Inode) -> None:
        """An open file has gone: free what nobody can reach any more."""
        if inode.number in self._orphans and not inode.opens:
            self.content.free(inode)
            del self._orphans[inode.number]

    def sync(self) -> None:
        """Everything is on stable storage, and the bitmaps are exact, when this returns."""
        if self.writable:
            self.content.flush_all()
            self._imap.settle()
            self._zmap.settle()
            self.store.flush()

    def unmount(self) -> None:
        """Leave the disk clean: no orphans, exact bitmaps, the mark.  After a failed write all is checked first."""
        if not self.writable:
            self.mounted = False
            return
        for inode in list(self._orphans.values()):
            inode.opens = 0
            self.closed(inode)
        self.sync()
        if self.store.tainted:
            self.store.tainted = False
            self._repair(everything=True)
        if self.store.before_write is None:
            self._stamp(mark.CLEAN, self._crc())
            self.store.flush()
        self.mounted = False
