"""The judge: its own copy of the truth, compared with bytes that came out of the system under test.

It reads what a fresh program copied out to a host directory, and hashes that itself; what the system
says about its own files is not asked.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from bench.tree import Tree


def wrong_files(tree: Tree, folder: Path, paths: Iterable[str]) -> list[str]:
    """Those of these files of the tree that are missing in `folder` or have another content."""
    return [path for path in paths if _hash(folder / path) != tree.files[path]]


def wrong_entries(tree: Tree, folder: Path) -> list[str]:
    """Everything that differs from the whole tree: files, links, directories, and what should not be there."""
    wrong = wrong_files(tree, folder, tree.files)
    wrong += [path for path, to in tree.links.items() if _link(folder / path) != to]
    wrong += [path for path in tree.directories if not (folder / path).is_dir()]
    known = {*tree.files, *tree.links, *tree.directories}
    for parent, directories, files in os.walk(folder):
        for name in (*directories, *files):
            path = os.path.relpath(os.path.join(parent, name), folder)
            if path not in known:
                wrong.append(path)
    return wrong


def _hash(path: Path) -> tuple[int, str] | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return len(data), hashlib.sha256(data).hexdigest()


def _link(path: Path) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None
