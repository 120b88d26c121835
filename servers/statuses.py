"""The statuses of the file and device interfaces: POSIX's errors under their POSIX meanings.

Each also subclasses the built-in exception of its name where Python has one (IEEE Std 1003.1-2017,
System Interfaces, 2.3 Error Numbers).
"""

import errno

from microlith.interface.status import Status


class OutOfRange(Status, OSError):
    """A block or an offset beyond the end of the device."""

    number = errno.ENXIO


class DeviceError(Status, OSError):
    """The device failed to do it."""

    number = errno.EIO


class NotFound(Status, FileNotFoundError):
    """No such file, directory or name."""

    number = errno.ENOENT


class Exists(Status, FileExistsError):
    """That name is taken."""

    number = errno.EEXIST


class NotADirectory(Status, NotADirectoryError):
    """A component of the path is not a directory."""

    number = errno.ENOTDIR


class IsADirectory(Status, IsADirectoryError):
    """It is a directory."""

    number = errno.EISDIR


class NotEmpty(Status, OSError):
    """The directory still has entries."""

    number = errno.ENOTEMPTY


class NameTooLong(Status, OSError):
    """A component is longer than the format holds, or the path is longer than 4096 bytes."""

    number = errno.ENAMETOOLONG


class NoSpace(Status, OSError):
    """No free block or no free inode."""

    number = errno.ENOSPC


class ReadOnly(Status, OSError):
    """The disk, or this open file, cannot be written."""

    number = errno.EROFS


class NotPermitted(Status, PermissionError):
    """The operation is not allowed on this kind of file (a hard link to a directory)."""

    number = errno.EPERM


class NotOpen(Status, OSError):
    """The file was closed, or was not opened for this."""

    number = errno.EBADF


class Invalid(Status, OSError):
    """An argument that no state of the server could make right (a negative offset, rename into itself)."""

    number = errno.EINVAL


class TooManyLinks(Status, OSError):
    """The inode's link count, or a chain of symbolic links, is at its limit."""

    number = errno.EMLINK


class LinkLoop(Status, OSError):
    """Too many symbolic links on the way."""

    number = errno.ELOOP


class TooLarge(Status, OSError):
    """The file would be larger than the format holds."""

    number = errno.EFBIG


class EndOfInput(Status, EOFError):
    """The terminal or the pipe is closed."""


class WrongInterface(Status, OSError):
    """What has that name is of another interface than the one wanted."""

    number = errno.EPROTOTYPE
