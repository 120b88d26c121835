"""Giving names and taking them away, in the order that a crash may cut anywhere.

Giving: the bitmap, the inode (with its link count already raised), then the entry.  Taking: the entry,
the link count, the inode, then the bitmap.  A crash leaves lost inodes or link counts that are too
high, never a name for something that is not there.
"""

import stat

from servers.filesystem import Kind
from servers.minix.directory import check_name
from servers.minix.inode import Inode
from servers.minix.layout import MODE_BITS
from servers.minix.path import Place, need_directory
from servers.minix.volume import Volume
from servers.statuses import (
    Exists,
    Invalid,
    IsADirectory,
    NameTooLong,
    NotADirectory,
    NotEmpty,
    NotFound,
    NotPermitted,
    TooManyLinks,
)


def check_mode(mode: int) -> int:
    """Invalid unless these are permission bits."""
    if not 0 <= mode <= MODE_BITS:
        raise Invalid(f"mode {mode:o}")
    return mode


def create(volume: Volume, path: bytes, mode: int, exclusive: bool) -> Inode:
    """The file of this name, made if it is not there."""
    check_mode(mode)
    place = volume.paths.last(path)
    if place.slash and not place.dots:
        raise IsADirectory(_text(place))
    if place.number and exclusive:
        raise Exists(_text(place))
    place = volume.paths.target(place)
    if place.number:
        inode = volume.inodes.get(place.number)
        need_directory(place, inode)
        if inode.kind is Kind.DIRECTORY:
            raise IsADirectory(_text(place))
        return inode
    if place.slash:
        raise IsADirectory(_text(place))
    return _make(volume, place, stat.S_IFREG | mode)


def mkdir(volume: Volume, path: bytes, mode: int) -> None:
    """A directory with . and .. only."""
    check_mode(mode)
    place = _free_place(volume, path, slash=True)
    parent = place.parent
    if parent.links >= volume.link_limit:
        raise TooManyLinks(f"{parent.links} links")
    volume.directories.room(parent, 1)
    inode = volume.inodes.allocate(stat.S_IFDIR | mode, 2)
    volume.directories.first_block(inode, parent.number)
    parent.links += 1
    volume.inodes.bitmap.secure()
    volume.content.commit(inode, parent)
    volume.directories.add(parent, place.name, inode.number)


def symlink(volume: Volume, target: bytes, path: bytes) -> None:
    """A symbolic link; its text fills one block at most, with a NUL behind it (as Linux writes it)."""
    if not target:
        raise NotFound("an empty target")
    if b"\0" in target:
        raise Invalid("a target has no NUL")
    if len(target) >= min(volume.layout.block_size, 4096):
        raise NameTooLong(f"a target of {len(target)} bytes")
    place = _free_place(volume, path, slash=False)
    volume.directories.room(place.parent, 1)
    inode = volume.inodes.allocate(stat.S_IFLNK | 0o777, 1)
    volume.content.write(inode, 0, target)
    volume.inodes.bitmap.secure()
    volume.content.commit(inode)
    volume.directories.add(place.parent, place.name, inode.number)


def link(volume: Volume, old: bytes, new: bytes) -> None:
    """One more name.  A symbolic link at the end of `old` is not followed (as in Linux)."""
    inode = volume.paths.walk(old, follow=False)
    place = _free_place(volume, new, slash=False)
    if inode.kind is Kind.DIRECTORY:
        raise NotPermitted("a directory has one name")
    if inode.links >= volume.link_limit:
        raise TooManyLinks(f"{inode.links} links")
    volume.directories.room(place.parent)
    inode.links += 1
    volume.content.commit(inode)
    volume.directories.add(place.parent, place.name, inode.number)


def unlink(volume: Volume, path: bytes) -> None:
    """Take a name away; the file goes with its last name, or with its last open file after that."""
    place = volume.paths.last(path)
    if place.dots:
        raise IsADirectory(_text(place))
    inode = existing(volume, place)
    need_directory(place, inode)
    if inode.kind is Kind.DIRECTORY:
        raise IsADirectory(_text(place))
    volume.directories.remove(place.parent, place.name)
    inode.links -= 1
    volume.unnamed(inode)


def rmdir(volume: Volume, path: bytes) -> None:
    """Take an empty directory away."""
    place = volume.paths.last(path)
    if place.name == b"":
        raise NotPermitted("the root stays")
    if place.name == b".":
        raise Invalid("a directory is not removed by the name of .")
    if place.name == b"..":
        raise NotEmpty("..")
    inode = existing(volume, place)
    if inode.kind is not Kind.DIRECTORY:
        raise NotADirectory(_text(place))
    if volume.directories.of(inode).slots:
        raise NotEmpty(_text(place))
    volume.directories.remove(place.parent, place.name)
    place.parent.links -= 1
    inode.links = 0
    volume.inodes.touch(place.parent)
    volume.unnamed(inode, place.parent)


def existing(volume: Volume, place: Place) -> Inode:
    """What this place names; NotFound if nothing."""
    if not place.number:
        raise NotFound(_text(place))
    return volume.inodes.get(place.number)


def _free_place(volume: Volume, path: bytes, slash: bool) -> Place:
    """A place where nothing is yet; a trailing slash only where a directory will be."""
    place = volume.paths.last(path)
    if place.number:
        raise Exists(_text(place))
    if place.slash and not slash:
        raise NotFound(_text(place))
    return place


def _make(volume: Volume, place: Place, mode: int) -> Inode:
    """A new file without content: two writes, and one of the inode bitmap from time to time."""
    check_name(place.name)
    volume.directories.room(place.parent)
    inode = volume.inodes.allocate(mode, 1)
    volume.inodes.bitmap.secure()
    volume.content.commit(inode)
    volume.directories.add(place.parent, place.name, inode.number)
    return inode


def _text(place: Place) -> str:
    return place.name.decode(errors="backslashreplace")
