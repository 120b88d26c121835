"""The file server: a FileSystem on a disk in the MINIX version 3 format.

Each operation looks its paths up, and hands over to the file that knows how: names.py and rename.py for
names, content.py for bytes, volume.py for the disk as a whole.  There is one user, who may do
everything: permission bits are kept and not enforced.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from microlith.frame.server import Server
from servers.blockdevice import BlockDevice
from servers.filesystem import Entry, FileSystem, Kind, Stat, Usage
from servers.minix import names
from servers.minix.inode import now
from servers.minix.layout import MODE_BITS
from servers.minix.openfile import OpenFile
from servers.minix.rename import rename
from servers.minix.volume import Volume
from servers.statuses import DeviceError, Invalid, IsADirectory


class MinixFiles(Server, FileSystem):
    """Files on `disk`, whose blocks must divide those of the format (1024 bytes when formatted here)."""

    disk: BlockDevice
    cache_blocks: int = 1024  # of file data; half of them may be newer than the disk
    format_blank: bool = True  # format a disk whose superblock is all zeros
    check: bool = False  # check at every start, even when the last stop was in order
    link_limit: int = 250  # links of an inode; fsck.minix counts in a byte, the format holds 65530

    _volume: Volume | None = None

    def start(self) -> None:
        """Mount: format what is blank, refuse what is something else, repair what was not left in order."""
        self._volume = Volume(self, self.cache_blocks, self.format_blank, self.check, min(self.link_limit, 65530))

    def stop(self) -> None:
        """Leave the disk as fsck.minix likes it.  Open files are closed by it."""
        if self._volume is not None:
            self._volume.unmount()
            self._volume = None

    def adopt(self, badge: int) -> OpenFile | None:
        """A file that an earlier incarnation had open for reading, unless it has gone since."""
        try:
            inode = self.volume.inodes.get(badge >> 32)
        except DeviceError:
            return None
        return OpenFile(self.volume, inode, False) if inode.born == badge & 0xFFFFFFFF and inode.links else None

    @property
    def volume(self) -> Volume:
        """The mounted disk; DeviceError after a stop."""
        if self._volume is None:
            raise DeviceError("the disk is not mounted")
        return self._volume

    @contextmanager
    def _changing(self) -> Iterator[Volume]:
        volume = self.volume
        volume.need_writable()
        with volume.changing():
            yield volume

    # --- looking ----------------------------------------------------------------------------------

    def stat(self, path: bytes, follow: bool = True) -> Stat:
        """Attributes as they are in memory: unsynced changes of open files included."""
        volume = self.volume
        return volume.attributes(volume.paths.walk(path, follow))

    def list(self, path: bytes, start: int = 0, count: int = 1000) -> tuple[Entry, ...]:
        """Names in the order of their slots; a name added or removed meanwhile shifts those after it."""
        if start < 0 or count < 0:
            raise Invalid(f"{count} entries from {start}")
        volume = self.volume
        directory = volume.directories.of(volume.paths.walk(path))
        wanted = directory.order[start : start + count]
        numbers = [directory.names[name] for name in wanted]
        volume.inodes.prefetch(numbers)
        return tuple(
            [Entry(name, n, volume.inodes.get(n).kind) for name, n in zip(wanted, numbers, strict=True)],
        )

    def readlink(self, path: bytes) -> bytes:
        """Invalid if the path names something else than a symbolic link."""
        volume = self.volume
        inode = volume.paths.walk(path, follow=False)
        if inode.kind is not Kind.SYMLINK:
            raise Invalid("not a symbolic link")
        return volume.paths.readlink(inode)

    def usage(self) -> Usage:
        """Blocks are those that files can have, without the tables."""
        volume = self.volume
        layout, zones, inodes = volume.layout, volume.zones.bitmap, volume.inodes.bitmap
        blocks = layout.data_zones
        return Usage(layout.block_size, blocks, zones.free, layout.inodes, inodes.free, not volume.writable)

    def ping(self) -> None:
        """Answer, touching nothing."""

    # --- opening ----------------------------------------------------------------------------------

    def open(self, path: bytes, write: bool = False) -> OpenFile:
        """A directory opens for stat and sync only; a device file (of another system) is Invalid."""
        volume = self.volume
        inode = volume.paths.walk(path)
        if inode.kind is Kind.OTHER:
            raise Invalid("a device or a pipe of another system")
        if write:
            if inode.kind is Kind.DIRECTORY:
                raise IsADirectory("a directory is changed by its names")
            volume.need_writable()
        return OpenFile(volume, inode, write)

    def create(self, path: bytes, mode: int = 0o644, exclusive: bool = False) -> OpenFile:
        """The name is on the disk when this answers; the mode counts only for a new file."""
        with self._changing() as volume:
            inode = names.create(volume, path, mode, exclusive)
        if inode.kind is not Kind.FILE:
            raise Invalid("a device or a pipe of another system")
        return OpenFile(volume, inode, True)

    # --- changing ---------------------------------------------------------------------------------

    def mkdir(self, path: bytes, mode: int = 0o755) -> None:
        """TooManyLinks when the parent has `link_limit` links, two of them its own."""
        with self._changing() as volume:
            names.mkdir(volume, path, mode)

    def rmdir(self, path: bytes) -> None:
        """NotPermitted for the root, Invalid for a last component of `.`, NotEmpty for `..`."""
        with self._changing() as volume:
            names.rmdir(volume, path)

    def unlink(self, path: bytes) -> None:
        """IsADirectory for a directory, as in Linux."""
        with self._changing() as volume:
            names.unlink(volume, path)

    def rename(self, old: bytes, new: bytes) -> None:
        """Invalid for the root, `.` and `..`, and for a directory that would go into itself."""
        with self._changing() as volume:
            rename(volume, old, new)

    def link(self, old: bytes, new: bytes) -> None:
        """A symbolic link at the end of `old` is not followed, as in Linux."""
        with self._changing() as volume:
            names.link(volume, old, new)

    def symlink(self, target: bytes, path: bytes) -> None:
        """The target is kept as it is given, up to a block less one byte."""
        with self._changing() as volume:
            names.symlink(volume, target, path)

    def chmod(self, path: bytes, mode: int) -> None:
        """A symbolic link is followed."""
        names.check_mode(mode)
        with self._changing() as volume:
            inode = volume.paths.walk(path)
            inode.mode = inode.mode & ~MODE_BITS | mode
            inode.ctime = now()
            volume.content.commit(inode)

    def utime(self, path: bytes, modified: int) -> None:
        """A symbolic link is followed; the format has 32 bits for a time."""
        if not 0 <= modified < 1 << 32:
            raise Invalid(f"time {modified}")
        with self._changing() as volume:
            inode = volume.paths.walk(path)
            inode.mtime, inode.ctime = modified, now()
            volume.content.commit(inode)

    def sync(self) -> None:
        """Open files are written too; only their own sync tells their holder of a failure, or of a loss before."""
        volume = self.volume
        with volume.changing():
            volume.sync()
