"""A real tree of files for the copy: chosen, staged, and known to the judge by what its bytes hash to.

The tree is copied once into a folder of the comparison, so that it cannot change meanwhile; what is
measured is copied from there.  What the disk's format or its reader cannot take is left out and said:
names over 60 bytes, unreadable files, anything that is neither file, directory nor symbolic link.
"""

import hashlib
import os
import stat
import sysconfig
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from microlith.interface.status import UsageError

NAME_MAX, TARGET_MAX, PATH_MAX = 60, 1000, 3000
LARGEST, MOST = 512 << 20, 50_000  # bytes and entries of a tree; a comparison copies it dozens of times
LEAST_FILES, LEAST_BYTES = 300, 5 << 20  # of the default
MOST_BYTES = 256 << 10  # a single file of the default, so that no file is most of it
BLOCK = 1024

READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass
class Tree:
    """What was staged: files by path (size, SHA-256), symbolic links by path, directories; and what was not."""

    source: str
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    directories: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def bytes(self) -> int:
        """The sizes of all files."""
        return sum(size for size, _ in self.files.values())

    @property
    def blocks(self) -> int:
        """About how many blocks of a kibibyte it takes on a disk, with what leads to them."""
        data = sum(-(-size // BLOCK) + size // (BLOCK * 200) + 3 for size, _ in self.files.values())
        return data + 3 * len(self.directories) + 2 * len(self.links) + self.inodes // 8

    @property
    def inodes(self) -> int:
        """Files, links and directories."""
        return len(self.files) + len(self.links) + len(self.directories)


def stage(source: str | None, folder: Path, part: float = 1.0) -> Tree:
    """Copy a tree into `folder`.  UsageError if there is nothing to copy.

    None is the default, modules of the standard library; of that, `part` is how much.
    """
    if source is None:
        return _stage_library(folder, int(part * LEAST_FILES), int(part * LEAST_BYTES))
    root = Path(source)
    if not root.is_dir():
        what = "is not a directory" if root.exists() else "does not exist"
        raise UsageError(f"--tree {source}: {what}; give a directory with the files to copy")
    tree = Tree(str(root.resolve()))
    try:
        os.listdir(root)
    except OSError as error:
        raise UsageError(f"--tree {source}: cannot be read: {(error.strerror or '').lower()}") from None
    for path, attributes in _measured(root, source, tree.left_out):
        _take(root, path, attributes, folder, tree)
    if not tree.files:
        raise UsageError(f"--tree {source}: holds no file that can be copied{said(tree.left_out)}")
    return tree


def _measured(root: Path, source: str, left_out: Counter[str]) -> list[tuple[str, os.stat_result]]:
    """Everything below, if it is not too much to copy."""
    found, total = [], 0
    for path, attributes in _walk(root, "", left_out):
        found.append((path, attributes))
        total += attributes.st_size if stat.S_ISREG(attributes.st_mode) else 0
        if total > LARGEST or len(found) > MOST:
            raise UsageError(
                f"--tree {source}: holds more than {LARGEST >> 20} MiB or {MOST} entries; choose a smaller tree"
            )
    return found


def _stage_library(folder: Path, least_files: int, least_bytes: int) -> Tree:
    """Modules of the running Python's standard library, in sorted order, until there are enough."""
    root = Path(sysconfig.get_paths()["stdlib"])
    tree = Tree(str(root))
    skipped: Counter[str] = Counter()
    if root.is_dir():
        for path, attributes in _walk(root, "", skipped):
            if len(tree.files) >= least_files and tree.bytes >= least_bytes:
                break
            directory = stat.S_ISDIR(attributes.st_mode)
            if directory or (path.endswith(".py") and attributes.st_size <= MOST_BYTES):
                _take(root, path, attributes, folder, tree)
    if len(tree.files) < least_files or tree.bytes < least_bytes:
        raise UsageError(f"{root} holds too few files of the standard library; give a tree with --tree DIR")
    return tree


_ELSEWHERE = frozenset(("site-packages", "dist-packages", "__pycache__", "test", "tests", "idlelib", "lib2to3"))


def _walk(root: Path, prefix: str, left_out: Counter[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Everything below, sorted, a directory before what is in it."""
    library = str(root) == sysconfig.get_paths()["stdlib"]
    try:
        names = sorted(os.listdir(root / prefix))
    except OSError:
        left_out["unreadable"] += 1
        return
    for name in names:
        path = f"{prefix}/{name}" if prefix else name
        if library and name in _ELSEWHERE:
            continue
        if len(os.fsencode(name)) > NAME_MAX:
            left_out[f"with a name over {NAME_MAX} bytes"] += 1
            continue
        if len(os.fsencode(path)) > PATH_MAX:
            left_out["too deep"] += 1
            continue
        try:
            attributes = os.stat(root / path, follow_symlinks=False)
        except OSError:
            left_out["unreadable"] += 1
            continue
        yield path, attributes
        if stat.S_ISDIR(attributes.st_mode):
            yield from _walk(root, path, left_out)


def _take(root: Path, path: str, attributes: os.stat_result, folder: Path, tree: Tree) -> None:
    """Stage one entry."""
    target, mode = folder / path, attributes.st_mode
    if stat.S_ISDIR(mode):
        target.mkdir()
        tree.directories.append(path)
    elif stat.S_ISLNK(mode):
        to = os.readlink(root / path)
        if len(os.fsencode(to)) > TARGET_MAX:
            tree.left_out["with a long link"] += 1
            return
        os.symlink(to, target)
        tree.links[path] = to
    elif stat.S_ISREG(mode):
        try:
            descriptor = os.open(root / path, READ)
        except OSError:
            tree.left_out["unreadable"] += 1
            return
        with os.fdopen(descriptor, "rb") as file:
            data = file.read()
        target.write_bytes(data)
        tree.files[path] = (len(data), hashlib.sha256(data).hexdigest())
    else:
        tree.left_out["neither file nor directory"] += 1


def said(left_out: Counter[str]) -> str:
    """What was left out, as the end of a sentence; empty if nothing was."""
    parts = [f"{count} {what}" for what, count in sorted(left_out.items())]
    return f" ({', '.join(parts)} left out)" if parts else ""
