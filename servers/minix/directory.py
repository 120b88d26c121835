"""Directories: 64-byte entries, a 32-bit inode number and a name of up to 60 bytes, padded with NULs.

Slots 0 and 1 are `.` and `..`.  An entry with inode 0 is free.  Directories grow by whole blocks of free
entries, so that most names cost one write, and never shrink.  Everything here is written through: an
entry is on disk when the method returns, and has changed nowhere if the disk refused.
"""

from servers.filesystem import Kind
from servers.minix.cache import Cache
from servers.minix.content import Content
from servers.minix.inode import Inode, Inodes, now
from servers.minix.layout import ENTRY, NAME_MAX, Super
from servers.minix.zones import Zones
from servers.statuses import DeviceError, NameTooLong, NoSpace, NotADirectory

FREE = bytes(ENTRY.size)


class Directory:
    """A directory in memory.  `names` has `..` too; `slots` has the real names only."""

    __slots__ = ("_order", "free", "names", "slots")

    def __init__(self) -> None:
        self.names: dict[bytes, int] = {}
        self.slots: dict[bytes, int] = {}
        self.free: list[int] = []  # free slots, the lowest last
        self._order: list[bytes] | None = None

    @property
    def order(self) -> list[bytes]:
        """The names in disk order."""
        if self._order is None:
            self._order = sorted(self.slots, key=self.slots.__getitem__)
        return self._order

    def put(self, name: bytes, slot: int, number: int) -> None:
        """This name is there now."""
        if self._order is not None and name not in self.slots:
            self._order = None
        self.names[name] = number
        self.slots[name] = slot

    def drop(self, name: bytes) -> int:
        """This name is gone; its slot, which is not yet on the list of free ones."""
        self._order = None
        del self.names[name]
        return self.slots.pop(name)


class Directories:
    """The directories of one volume."""

    def __init__(self, layout: Super, cache: Cache, zones: Zones, inodes: Inodes, content: Content) -> None:
        self._layout, self._cache, self._zones = layout, cache, zones
        self._inodes, self._content = inodes, content
        self._per_block = layout.block_size // ENTRY.size

    def of(self, inode: Inode) -> Directory:
        """The directory that this inode is; NotADirectory if it is none, DeviceError if it is none that can be."""
        if inode.directory is not None:
            return inode.directory
        if inode.kind is not Kind.DIRECTORY:
            raise NotADirectory(f"inode {inode.number}")
        inode.directory = self._load(inode)
        return inode.directory

    def _load(self, inode: Inode) -> Directory:
        directory, count = Directory(), inode.size // ENTRY.size
        zones = self._zones.lookup(inode, 0, -(-inode.size // self._layout.block_size))
        if count < 2 or not all(zones):
            raise DeviceError(f"corrupt: directory {inode.number} has a hole or no entries")
        entries = ENTRY.iter_unpack(b"".join(self._cache.get_many(zones)))
        for slot, (number, padded) in zip(range(count), entries, strict=False):
            name = padded.split(b"\0", 1)[0]
            if slot < 2:
                if name != b".."[: slot + 1] or not 0 < number <= self._layout.inodes:
                    raise DeviceError(f"corrupt: directory {inode.number} does not begin with . and ..")
                if slot:
                    directory.names[name] = number
            elif not number:
                directory.free.append(slot)
            elif bad_name(name) or name in directory.names:
                raise DeviceError(f"corrupt: directory {inode.number} has the name {name!r}, or has it twice")
            else:
                directory.put(name, slot, number)
        directory.free.reverse()
        return directory

    def room(self, inode: Inode, zones: int = 0) -> None:
        """NoSpace unless one more name fits, and `zones` more zones besides."""
        if not self.of(inode).free and inode.size % self._layout.block_size == 0:
            zones += 1 + len(self._zones.steps(inode.size // self._layout.block_size))
        if zones > self._zones.bitmap.free:
            raise NoSpace("no free block")

    def add(self, inode: Inode, name: bytes, number: int) -> None:
        """A new name.  The inode it names is on the disk already."""
        directory = self.of(inode)
        if not directory.free:
            self._grow(inode, name, number)
            return
        slot = directory.free[-1]
        self._write(inode, {slot: ENTRY.pack(number, name)})
        directory.free.pop()
        directory.put(name, slot, number)

    def remove(self, inode: Inode, name: bytes) -> None:
        """Take a name away."""
        directory = self.of(inode)
        self._write(inode, {directory.slots[name]: FREE})
        directory.free.append(directory.drop(name))

    def replace(self, inode: Inode, name: bytes, number: int) -> None:
        """A name that is there names something else from now on, without a moment in between."""
        directory = self.of(inode)
        slot = directory.slots[name]
        self._write(inode, {slot: ENTRY.pack(number, name)})
        directory.put(name, slot, number)

    def set_parent(self, inode: Inode, parent: int) -> None:
        """Let `..` name another directory."""
        directory = self.of(inode)
        self._write(inode, {1: ENTRY.pack(parent, b"..")})
        directory.names[b".."] = parent

    def move_within(self, inode: Inode, old: bytes, new: bytes) -> bool:
        """Rename by a single write, if one block is enough; else False, and nothing has happened."""
        directory = self.of(inode)
        source, number = directory.slots[old], directory.names[old]
        target = directory.slots.get(new, source)
        if source // self._per_block != target // self._per_block:
            return False
        self._write(inode, {source: FREE, target: ENTRY.pack(number, new)})
        directory.drop(old)
        directory.put(new, target, number)
        if source != target:
            directory.free.append(source)
        return True

    def first_block(self, inode: Inode, parent: int) -> None:
        """Give a new directory its first block, on disk; the inode is the caller's to write."""
        zone, _ = self._zones.ensure(inode, 0)
        content = ENTRY.pack(inode.number, b".") + ENTRY.pack(parent, b"..")
        self._cache.write_through(zone, content.ljust(self._layout.block_size, b"\0"))
        inode.size = self._layout.block_size

    def _grow(self, inode: Inode, name: bytes, number: int) -> None:
        """One more block, or the rest of a block that was in use only in part; the entry is first in it."""
        directory, size = self.of(inode), self._layout.block_size
        block, at = divmod(inode.size, size)
        zone, fresh = self._zones.ensure(inode, block)
        old = b"" if fresh else self._cache.get(zone)[:at]
        self._cache.write_through(zone, (old + ENTRY.pack(number, name)).ljust(size, b"\0"))
        first, inode.size = inode.size // ENTRY.size, (block + 1) * size
        inode.mtime = inode.ctime = now()
        self._content.commit(inode)
        directory.free.extend(range(inode.size // ENTRY.size - 1, first, -1))
        directory.put(name, first, number)

    def _write(self, inode: Inode, entries: dict[int, bytes]) -> None:
        """Overwrite these entries, which lie in one block."""
        block = next(iter(entries)) // self._per_block
        zone = self._zones.lookup(inode, block, 1)[0]
        content = bytearray(self._cache.get(zone))
        for slot, entry in entries.items():
            at = slot % self._per_block * ENTRY.size
            content[at : at + ENTRY.size] = entry
        self._cache.write_through(zone, bytes(content))
        inode.mtime = inode.ctime = now()
        self._inodes.touch(inode)


def bad_name(name: bytes) -> bool:
    """Can this not be the name of anything?"""
    return not name or b"/" in name or name in {b".", b".."}


def check_name(name: bytes) -> None:
    """NameTooLong if no entry can hold it."""
    if len(name) > NAME_MAX:
        raise NameTooLong(f"{len(name)} bytes, the format has {NAME_MAX}")
