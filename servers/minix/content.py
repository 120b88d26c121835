"""The bytes of files: reading, writing, truncating, and the order in which all this reaches the disk.

Data is written back: a write changes the cache and the inode in memory, and `flush` (at close, sync, or
when too much is dirty) brings it to the disk in an order that a crash may cut anywhere:

    bitmaps  ->  data and new indirect blocks  ->  changed indirect blocks  ->  inode

so nothing on disk ever points to a block that is not secured and filled.  Freeing goes the other way
round: the inode, the indirect blocks, and only then the bitmap.

What lies behind the end of a file within its last block is never trusted: it is made zero whenever the
file grows over it.
"""

from servers.filesystem import Kind
from servers.minix.cache import Cache
from servers.minix.inode import Inode, Inodes, now
from servers.minix.layout import Super
from servers.minix.store import Store
from servers.minix.zones import Zones
from servers.statuses import NoSpace, TooLarge

READ_AHEAD = 64  # blocks read in one call by a sequential reader


class Content:
    """What files hold, on one volume."""

    def __init__(self, layout: Super, store: Store, cache: Cache, zones: Zones, inodes: Inodes, dirty: int) -> None:
        self._store, self._cache, self._zones, self._inodes = store, cache, zones, inodes
        self._block = layout.block_size
        self._dirty_limit = dirty
        self.limit = min(layout.max_size, zones.capacity * layout.block_size)  # bytes a file can have

    def read(self, inode: Inode, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset` on; fewer only at the end of the file."""
        end = min(offset + count, inode.size)
        if offset >= end:
            return b""
        size = self._block
        first, behind = offset // size, -(-end // size)
        zones = self._zones.lookup(inode, first, behind - first)
        blocks = self._cache.hot(zones)
        if blocks is None:
            ahead: list[int] = []
            if first == inode.cursor:
                last = min(first + READ_AHEAD, -(-inode.size // size))
                ahead = self._zones.lookup(inode, behind, last - behind) if last > behind else []
            blocks = self._cache.get_many(zones, ahead)
        inode.cursor = end // size
        data = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        start = first * size
        if offset == start and end - start == len(data):
            return data
        return data[offset - start : end - start]

    def write(self, inode: Inode, offset: int, data: bytes) -> int:
        """The bytes written, fewer if the disk or the format is full; NoSpace or TooLarge if that is none."""
        if not data:
            return 0
        if offset >= self.limit:
            raise TooLarge(f"a file can have {self.limit} bytes")
        data = data[: self.limit - offset]
        if offset > inode.size:
            self._clear_tail(inode)
        done = 0
        try:
            while done < len(data):
                done += self._write_block(inode, offset + done, data, done)
                if len(self._cache.dirty) > self._dirty_limit:
                    self._written(inode, offset + done)
                    self.flush_all()
        except NoSpace:
            if not done:
                raise
        finally:
            if done:
                self._written(inode, offset + done)
            else:
                self._inodes.touch(inode)  # its map may have changed all the same
        return done

    def _written(self, inode: Inode, end: int) -> None:
        """Bytes up to `end` are in the cache."""
        inode.size = max(inode.size, end)
        inode.mtime = inode.ctime = now()
        self._inodes.touch(inode)

    def _write_block(self, inode: Inode, offset: int, data: bytes, done: int) -> int:
        size = self._block
        index, at = divmod(offset, size)
        piece = data[done : done + size - at]
        zone, fresh = self._zones.ensure(inode, index)
        length = len(piece)
        if length < size:
            valid = 0 if fresh else min(max(inode.size - index * size, 0), size)
            old = self._one(zone)[:valid] if valid else b""
            piece = old[:at].ljust(at, b"\0") + piece + old[at + length :]
            piece = piece.ljust(size, b"\0")
        self._cache.put(zone, piece)
        inode.dirty.add(zone)
        return length

    def _one(self, zone: int) -> bytes:
        return (self._cache.hot((zone,)) or self._cache.get_many((zone,)))[0]

    def _clear_tail(self, inode: Inode) -> None:
        """Make zero what lies behind the end of the file in its last block."""
        index, at = divmod(inode.size, self._block)
        zone = self._zones.lookup(inode, index, 1)[0] if at else 0
        if zone:
            self._cache.put(zone, self._one(zone)[:at].ljust(self._block, b"\0"))
            inode.dirty.add(zone)

    def truncate(self, inode: Inode, size: int) -> None:
        """Make the file `size` bytes long.  What it loses is free when this returns."""
        if size > self.limit:
            raise TooLarge(f"a file can have {self.limit} bytes")
        freed: list[int] = []
        if size >= inode.size:
            self._clear_tail(inode)
        else:
            keep = -(-size // self._block)
            if keep and (inode.new_maps or inode.changed_maps):
                self.flush(inode)
            freed = self._zones.cut(inode, keep)
        inode.cursor = 0
        shrunk, inode.size = size < inode.size, size
        if shrunk:
            self._clear_tail(inode)
        inode.mtime = inode.ctime = now()
        self._inodes.touch(inode)
        if freed:
            self._let_go(inode, freed)

    def free(self, inode: Inode, *others: Inode) -> None:
        """The inode has no name and nobody has it open: give everything back.  `others` are written with it."""
        freed = self._zones.cut(inode, 0) if inode.kind is not Kind.OTHER else []
        inode.mode = inode.links = inode.size = 0
        inode.zones = [0] * len(inode.zones)
        inode.ctime = now()
        self._inodes.write(inode, *others)
        self._zones.release(freed)
        self._inodes.discard(inode)

    def _let_go(self, inode: Inode, freed: list[int]) -> None:
        """The inode first, so that the shorter file is there at once; then the maps; then the zones are free."""
        self._zones.bitmap.secure()
        self._cache.write_back(inode.dirty)
        self._inodes.write(inode)
        self._write_maps(inode.changed_maps)
        self._zones.release(freed)

    def _write_maps(self, maps: set[int]) -> None:
        if maps:
            self._store.write_many(self._zones.contents(maps))
            self._zones.written(maps)
            maps.clear()

    # --- to the disk ------------------------------------------------------------------------------

    def flush(self, *inodes: Inode) -> None:
        """Bring these inodes and their data to the disk; inodes in one block of the table go in one call."""
        for inode in inodes:
            if inode.dirty or inode.new_maps or inode.changed_maps:
                self._zones.bitmap.secure()
                self._cache.write_back(inode.dirty, self._zones.contents(inode.new_maps))
                self._zones.written(inode.new_maps)
                inode.dirty.clear()
                inode.new_maps.clear()
                self._write_maps(inode.changed_maps)
        changed = [inode for inode in inodes if inode.changed]
        if changed:
            self._inodes.write(*changed)

    def commit(self, *inodes: Inode) -> None:
        """These inodes have changed: bring them to the disk now."""
        for inode in inodes:
            self._inodes.touch(inode)
        self.flush(*inodes)

    def flush_all(self) -> None:
        """Bring every changed inode and its data to the disk."""
        self.flush(*self._inodes.changed.values())
