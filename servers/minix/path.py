"""From paths to inodes.

A path is absolute, at most 4096 bytes long, and holds no NUL.  A trailing slash means what `/.` means.
A symbolic link is followed anywhere but at the end, and at the end if asked; the 41st is a LinkLoop
(as in Linux, path_resolution(7)).
"""

from typing import NamedTuple

from servers.filesystem import Kind
from servers.minix.content import Content
from servers.minix.directory import Directories, check_name
from servers.minix.inode import Inode, Inodes
from servers.minix.layout import ROOT
from servers.statuses import DeviceError, Invalid, LinkLoop, NameTooLong, NotADirectory, NotFound

PATH_MAX = 4096
LINKS_MAX = 40


class Place(NamedTuple):
    """The last component of a path: a name in a directory, whether or not it is there."""

    parent: Inode
    name: bytes  # b"" for the root, else what was written: may be . or ..
    number: int  # the inode it names, 0 if it names none
    slash: bool  # was there a trailing slash

    @property
    def dots(self) -> bool:
        """Is it no name of its own: the root, `.` or `..`?"""
        return self.name in {b"", b".", b".."}


class Paths:
    """The paths of one volume."""

    def __init__(self, inodes: Inodes, directories: Directories, content: Content) -> None:
        self._inodes, self._directories, self._content = inodes, directories, content

    def walk(self, path: bytes, follow: bool = True) -> Inode:
        """What a path names."""
        check_path(path)
        return self._walk(self._inodes.get(ROOT), split(path), follow, [0])

    def last(self, path: bytes) -> Place:
        """Where the last component of a path is, or would be."""
        check_path(path)
        return self._last(self._inodes.get(ROOT), path, [0])

    def target(self, place: Place) -> Place:
        """Where a symbolic link at this place leads (nothing may be there yet); or else the place itself."""
        links = [0]
        while place.number and not place.dots:
            inode = self._inodes.get(place.number)
            if inode.kind is not Kind.SYMLINK:
                break
            target = self._follow(inode, links)
            slash = place.slash
            place = self._last(self._start(place.parent, target), target, links)
            place = place._replace(slash=place.slash or slash)
        return place

    def readlink(self, inode: Inode) -> bytes:
        """The text of a symbolic link."""
        text = self._content.read(inode, 0, PATH_MAX + 1).split(b"\0", 1)[0]
        if not text or len(text) != inode.size:
            raise DeviceError(f"corrupt: symbolic link {inode.number}")
        return text

    def inside(self, inode: Inode, above: int) -> bool:
        """Is this directory the one numbered `above`, or somewhere below it?"""
        seen = set()
        while inode.number != above:
            if inode.number == ROOT:
                return False
            seen.add(inode.number)
            inode = self._inodes.get(self._directories.of(inode).names[b".."])
            if inode.number in seen:
                raise DeviceError(f"corrupt: the directories above {inode.number} form a ring")
        return True

    def _last(self, start: Inode, path: bytes, links: list[int]) -> Place:
        bare = path.rstrip(b"/")
        head, _, name = bare.rpartition(b"/")
        parent = self._walk(start, split(head), True, links)
        directory = self._directories.of(parent)
        if name in {b"", b"."}:
            return Place(parent, name, parent.number, len(bare) < len(path))
        number = directory.names.get(name, 0)
        if not number:
            check_name(name)
        return Place(parent, name, number, len(bare) < len(path))

    def _walk(self, at: Inode, todo: list[bytes], follow: bool, links: list[int]) -> Inode:
        get = self._inodes.get
        while todo:
            name = todo.pop()
            directory = at.directory or self._directories.of(at)
            number = directory.names.get(name)
            if number is None:
                if name == b".":
                    continue
                check_name(name)
                raise NotFound(name.decode(errors="backslashreplace"))
            child = get(number)
            if child.kind is Kind.SYMLINK and (todo or follow):
                target = self._follow(child, links)
                at = self._start(at, target)
                todo += split(target)
            else:
                at = child
        return at

    def _follow(self, inode: Inode, links: list[int]) -> bytes:
        links[0] += 1
        if links[0] > LINKS_MAX:
            raise LinkLoop(f"more than {LINKS_MAX} symbolic links")
        return self.readlink(inode)

    def _start(self, at: Inode, target: bytes) -> Inode:
        return self._inodes.get(ROOT) if target.startswith(b"/") else at


def split(path: bytes) -> list[bytes]:
    """The components of a path, the first one last; a trailing slash is one more `.`."""
    parts = [part for part in path.split(b"/") if part]
    if path.endswith(b"/"):
        parts.append(b".")
    parts.reverse()
    return parts


def check_path(path: bytes) -> None:
    """Refuse what is no path at all."""
    if not path:
        raise NotFound("an empty path")
    if len(path) > PATH_MAX:
        raise NameTooLong(f"a path of {len(path)} bytes")
    if path[0] != 0x2F or b"\0" in path:
        raise Invalid("a path begins with a slash and has no NUL")


def need_directory(place: Place, inode: Inode) -> None:
    """NotADirectory if the path had a trailing slash and names something else than a directory."""
    if place.slash and inode.kind is not Kind.DIRECTORY:
        raise NotADirectory(place.name.decode(errors="backslashreplace"))
