"""Rename, as POSIX has it (IEEE Std 1003.1-2017, rename()).

Within one block of one directory it is a single write.  Otherwise the new name is there before the old
one goes: a crash in between leaves a file under both names with the right link count, and a directory
under both, of which the next mount keeps the one in the directory that `..` names.
"""

from servers.filesystem import Kind
from servers.minix.inode import Inode, now
from servers.minix.names import existing
from servers.minix.path import Place, need_directory
from servers.minix.volume import Volume
from servers.statuses import Invalid, IsADirectory, NotADirectory, NotEmpty, TooManyLinks


def rename(volume: Volume, old: bytes, new: bytes) -> None:
    """Give what `old` names the name `new`, replacing what that named."""
    source_at, target_at = volume.paths.last(old), volume.paths.last(new)
    if source_at.dots or target_at.dots:
        raise Invalid("the root, . and .. keep their names")
    source = existing(volume, source_at)
    need_directory(source_at, source)
    need_directory(target_at, source)
    if source.kind is Kind.DIRECTORY and volume.paths.inside(target_at.parent, source.number):
        raise Invalid("a directory does not fit into itself")
    target = volume.inodes.get(target_at.number) if target_at.number else None
    if target is source:
        return
    if target is not None:
        _check_target(volume, source, target, source_at)
    becomes_child = source.kind is Kind.DIRECTORY and source_at.parent is not target_at.parent and target is None
    if becomes_child and target_at.parent.links >= volume.link_limit:
        raise TooManyLinks(f"{target_at.parent.links} links")
    if source_at.parent is target_at.parent and _in_one_write(volume, source, target, source_at, target_at):
        return
    if target is None:
        volume.directories.room(target_at.parent)
    if source.kind is Kind.DIRECTORY:
        _move_directory(volume, source, target, source_at, target_at)
    else:
        _move_file(volume, source, target, source_at, target_at)


def _check_target(volume: Volume, source: Inode, target: Inode, source_at: Place) -> None:
    if target.kind is Kind.DIRECTORY and volume.paths.inside(source_at.parent, target.number):
        raise NotEmpty("the new name is a directory above the old one")
    if source.kind is Kind.DIRECTORY:
        if target.kind is not Kind.DIRECTORY:
            raise NotADirectory("a directory does not replace a file")
        if volume.directories.of(target).slots:
            raise NotEmpty("the directory to be replaced has entries")
    elif target.kind is Kind.DIRECTORY:
        raise IsADirectory("a file does not replace a directory")


def _in_one_write(volume: Volume, source: Inode, target: Inode | None, source_at: Place, target_at: Place) -> bool:
    parent = source_at.parent
    if not volume.directories.move_within(parent, source_at.name, target_at.name):
        return False
    source.ctime = now()
    volume.inodes.touch(source)
    if target is not None:
        _lost_name(volume, target, parent)
    return True


def _move_file(volume: Volume, source: Inode, target: Inode | None, source_at: Place, target_at: Place) -> None:
    source.links += 1
    source.ctime = now()
    volume.content.commit(source)
    _put(volume, source, target, target_at)
    volume.directories.remove(source_at.parent, source_at.name)
    source.links -= 1
    volume.content.commit(source)
    if target is not None:
        _lost_name(volume, target, target_at.parent)


def _move_directory(volume: Volume, source: Inode, target: Inode | None, source_at: Place, target_at: Place) -> None:
    """The parents' link counts are raised before and lowered after; `..` is right before the new name is there."""
    old, new = source_at.parent, target_at.parent
    if old is not new:
        if target is None:
            new.links += 1
            volume.content.commit(new)
        volume.directories.set_parent(source, new.number)
    _put(volume, source, target, target_at)
    volume.directories.remove(old, source_at.name)
    source.ctime = now()
    volume.inodes.touch(source)
    if old is not new:
        old.links -= 1
    if target is None:
        volume.content.commit(old)
    else:
        if old is not new:
            new.links += 1  # _lost_name takes it away again: the one directory went, the other came
        _lost_name(volume, target, new)
        volume.content.commit(old)


def _put(volume: Volume, source: Inode, target: Inode | None, target_at: Place) -> None:
    if target is None:
        volume.directories.add(target_at.parent, target_at.name, source.number)
    else:
        volume.directories.replace(target_at.parent, target_at.name, source.number)


def _lost_name(volume: Volume, target: Inode, parent: Inode) -> None:
    """What was replaced has one name less; a directory took a link of its parent with it."""
    if target.kind is Kind.DIRECTORY:
        target.links = 0
        parent.links -= 1
        volume.inodes.touch(parent)
        volume.unnamed(target, parent)
    else:
        target.links -= 1
        target.ctime = now()
        volume.unnamed(target)
