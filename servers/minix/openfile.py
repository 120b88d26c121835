"""An open file.

`badge` names the inode for ever (its number and its birth, see inode.py) in files opened for reading: the
next incarnation of the server makes them again.  A file opened for writing has none: what was not
synced may be lost, and its holder must learn that, so it turns Stale.  One that was closed has none
any more.
"""

from microlith.frame.server import Object
from microlith.interface.status import Status
from servers.filesystem import File, Kind, Stat
from servers.minix.inode import Inode
from servers.minix.volume import Volume
from servers.statuses import Invalid, IsADirectory, NoSpace, NotOpen, TooLarge

LIMIT = 16 * 1024 * 1024  # bytes a read can ask for


def badge_of(inode: Inode) -> int:
    """The number under which an inode can be found again; never 0, below 2**63."""
    return inode.number << 32 | inode.born


class OpenFile(Object, File):
    """One right to one inode; closed once."""

    def __init__(self, volume: Volume, inode: Inode, write: bool) -> None:
        self._volume = volume
        self._inode: Inode | None = inode
        self._write = write
        self.badge = 0 if write else badge_of(inode)
        inode.opens += 1

    def read(self, offset: int, count: int) -> bytes:
        """At most 16 MiB in one call; Invalid for more, or for a negative offset."""
        inode, volume = self._inode, self._volume
        if inode is None or not volume.mounted:
            raise NotOpen("the file was closed")
        if offset < 0 or not 0 <= count <= LIMIT:
            raise Invalid(f"{count} bytes from {offset}")
        if inode.kind is not Kind.FILE:
            raise IsADirectory("a directory is read by list")
        return volume.content.read(inode, offset, count)

    def write(self, offset: int, data: bytes) -> int:
        """Fewer than asked for when the disk or the format becomes full; the status of that if none."""
        inode = self._writable()
        if offset < 0:
            raise Invalid(f"offset {offset}")
        with self._volume.changing():
            return self._volume.content.write(inode, offset, data)

    def append(self, data: bytes) -> int:
        """All of it or nothing: the answer is the new size, which could not say how much of it was written."""
        inode = self._writable()
        content, size = self._volume.content, inode.size
        if size + len(data) > content.limit:
            raise TooLarge(f"a file can have {content.limit} bytes")
        with self._volume.changing():
            written = content.write(inode, size, data)
            if written < len(data):
                content.truncate(inode, size)
                raise NoSpace("no free block")
        return inode.size

    def truncate(self, size: int) -> None:
        """Blocks that are cut off are free at once."""
        inode = self._writable()
        if size < 0:
            raise Invalid(f"size {size}")
        with self._volume.changing():
            self._volume.content.truncate(inode, size)

    def stat(self) -> Stat:
        """The attributes, unsynced changes included."""
        return self._volume.attributes(self._open())

    def sync(self) -> None:
        """Data, then the inode, then the disk's own flush."""
        inode, volume = self._open(), self._volume
        if volume.writable:
            with self._volume.changing():
                volume.content.flush(inode)
                volume.store.flush()

    def close(self) -> None:
        """Write what is dirty and give the inode back.  The file is closed even if the disk refuses."""
        inode, self._inode, volume = self._inode, None, self._volume
        self.badge = 0  # it stays closed in the server's next life
        if inode is None or not volume.mounted:
            return
        inode.opens -= 1
        with self._volume.changing():
            if self._write and inode.links:
                volume.content.flush(inode)
            volume.closed(inode)

    def released(self) -> None:
        """Close.  There is nobody to tell that the disk refused; what is dirty is tried again at the next sync."""
        try:
            self.close()
        except Status:
            return

    def _open(self) -> Inode:
        if self._inode is None or not self._volume.mounted:
            raise NotOpen("the file was closed")
        return self._inode

    def _writable(self) -> Inode:
        if not self._write:
            raise NotOpen("the file was opened for reading")
        return self._open()
