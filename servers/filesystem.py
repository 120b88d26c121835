"""Files and directories, as POSIX has them.  Names and paths are bytes; paths are absolute."""

import enum

from microlith.interface.interface import Interface
from microlith.interface.operation import idempotent, raises
from microlith.interface.values import Struct
from servers.statuses import (
    DeviceError,
    Exists,
    Invalid,
    IsADirectory,
    LinkLoop,
    NameTooLong,
    NoSpace,
    NotADirectory,
    NotEmpty,
    NotFound,
    NotOpen,
    NotPermitted,
    ReadOnly,
    TooLarge,
    TooManyLinks,
)

PATH = (NotFound, NotADirectory, NameTooLong, LinkLoop, Invalid, DeviceError)
CHANGE = (*PATH, NoSpace, ReadOnly)


class Kind(enum.Enum):
    """What an inode is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    OTHER = "other"


class Stat(Struct, frozen=True):
    """An inode's attributes; times are seconds since 1970, sizes bytes."""

    inode: int
    kind: Kind
    mode: int  # permission bits, 0 to 0o7777
    links: int
    uid: int
    gid: int
    size: int
    modified: int
    blocks: int  # data and indirect blocks in use


class Entry(Struct, frozen=True):
    """A name in a directory."""

    name: bytes
    inode: int
    kind: Kind


class Usage(Struct, frozen=True):
    """How full the file system is."""

    block_size: int
    blocks: int
    free_blocks: int
    inodes: int
    free_inodes: int
    read_only: bool


class File(Interface):
    """An open file.  Offsets and sizes are bytes."""

    @idempotent
    @raises(NotOpen, Invalid, DeviceError, IsADirectory)
    def read(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset`; fewer only at the end of the file."""
        ...

    @idempotent
    @raises(NotOpen, Invalid, NoSpace, ReadOnly, TooLarge, DeviceError)
    def write(self, offset: int, data: bytes) -> int:
        """Write at `offset`, a gap before it reading as zeros.  Answers the bytes written."""
        ...

    @raises(NotOpen, NoSpace, ReadOnly, TooLarge, DeviceError)
    def append(self, data: bytes) -> int:
        """Write at the end, wherever that is by then.  Answers the new size."""
        ...

    @idempotent
    @raises(NotOpen, Invalid, NoSpace, ReadOnly, TooLarge, DeviceError)
    def truncate(self, size: int) -> None:
        """Make the file exactly `size` bytes long."""
        ...

    @idempotent
    @raises(NotOpen, DeviceError)
    def stat(self) -> Stat:
        """The file's attributes."""
        ...

    @idempotent
    @raises(NotOpen, ReadOnly, DeviceError)
    def sync(self) -> None:
        """The file's data and everything needed to find it are on stable storage when this answers."""
        ...

    @idempotent
    @raises(DeviceError)
    def close(self) -> None:
        """Give the file back; every later operation answers NotOpen."""
        ...


class FileSystem(Interface):
    """A tree of files.  Flags and bits mean what POSIX says; there is one user."""

    @idempotent
    @raises(*PATH)
    def stat(self, path: bytes, follow: bool = True) -> Stat:
        """The attributes of what the path names (of the symbolic link itself if not `follow`)."""
        ...

    @idempotent
    @raises(*PATH, IsADirectory, ReadOnly)
    def open(self, path: bytes, write: bool = False) -> File:
        """Open an existing file."""
        ...

    @raises(*CHANGE, IsADirectory, Exists)
    def create(self, path: bytes, mode: int = 0o644, exclusive: bool = False) -> File:
        """Open for writing; made if it is not there, and refused if it is and `exclusive`."""
        ...

    @idempotent
    @raises(*PATH)
    def list(self, path: bytes, start: int = 0, count: int = 1000) -> tuple[Entry, ...]:
        """Entries `start` to `start + count` of a directory, without . and .., in disk order."""
        ...

    @raises(*CHANGE, Exists, TooManyLinks)
    def mkdir(self, path: bytes, mode: int = 0o755) -> None:
        """Make a directory."""
        ...

    @raises(*CHANGE, NotEmpty, NotPermitted)
    def rmdir(self, path: bytes) -> None:
        """Remove an empty directory."""
        ...

    @raises(*CHANGE, IsADirectory)
    def unlink(self, path: bytes) -> None:
        """Remove a name; the file goes when its last name and its last open file are gone."""
        ...

    @raises(*CHANGE, Exists, NotEmpty, IsADirectory, TooManyLinks)
    def rename(self, old: bytes, new: bytes) -> None:
        """Give it another name, atomically replacing what `new` named, as POSIX rename does."""
        ...

    @raises(*CHANGE, Exists, NotPermitted, TooManyLinks)
    def link(self, old: bytes, new: bytes) -> None:
        """Give a file one more name."""
        ...

    @raises(*CHANGE, Exists)
    def symlink(self, target: bytes, path: bytes) -> None:
        """Make a symbolic link."""
        ...

    @idempotent
    @raises(*PATH)
    def readlink(self, path: bytes) -> bytes:
        """Where a symbolic link points."""
        ...

    @idempotent
    @raises(*CHANGE)
    def chmod(self, path: bytes, mode: int) -> None:
        """Set the permission bits."""
        ...

    @idempotent
    @raises(*CHANGE)
    def utime(self, path: bytes, modified: int) -> None:
        """Set the time of last modification (seconds since 1970)."""
        ...

    @idempotent
    @raises(ReadOnly, DeviceError)
    def sync(self) -> None:
        """All names, and the data of all closed files, are on stable storage when this answers.

        An open file has its own sync: only the holder of its right can learn that a crash lost data.
        """
        ...

    @idempotent
    @raises(DeviceError)
    def usage(self) -> Usage:
        """How full it is."""
        ...

    @idempotent
    def ping(self) -> None:
        """Answer.  The null call of the benchmarks."""
        ...
