"""Walking a file system."""

from collections.abc import Callable, Iterator
from functools import partial

from microlith.interface.status import Status
from servers.apps.retry import patiently
from servers.filesystem import Entry, FileSystem, Kind

CHUNK = 65536
PAGE = 500  # entries a call

Failed = Callable[[bytes, Exception], None]


def walk(files: FileSystem, root: bytes, failed: Failed) -> Iterator[tuple[bytes, Entry]]:
    """Everything below a directory as (path relative to it, entry): a directory, what is in it, the next; sorted.

    A directory that cannot be listed is handed to `failed`.
    """
    stack = [(b"", _entries(files, root, b"", failed))]
    while stack:
        directory, entries = stack[-1]
        entry = next(entries, None)
        if entry is None:
            stack.pop()
            continue
        path = join(directory, entry.name)
        yield path, entry
        if entry.kind is Kind.DIRECTORY:
            stack.append((path, _entries(files, root, path, failed)))


def _entries(files: FileSystem, root: bytes, path: bytes, failed: Failed) -> Iterator[Entry]:
    try:
        return iter(patiently(partial(list_directory, files, join(root, path))))
    except Status as status:
        failed(path, status)
        return iter(())


def list_directory(files: FileSystem, path: bytes) -> list[Entry]:
    """All entries of a directory, sorted by name."""
    found: dict[bytes, Entry] = {}
    start = 0
    while page := files.list(path, start, PAGE):
        found |= {entry.name: entry for entry in page}
        start += len(page)
    return sorted(found.values(), key=lambda entry: entry.name)


def contents(files: FileSystem, path: bytes) -> Iterator[bytes]:
    """A file's bytes, chunk by chunk."""
    file = files.open(path)
    offset = 0
    while data := file.read(offset, CHUNK):
        offset += len(data)
        yield data
    file.close()


def join(directory: bytes, name: bytes) -> bytes:
    """A path below a directory; of an empty directory or name nothing is left."""
    if not directory or not name:
        return directory or name
    return directory + name if directory.endswith(b"/") else directory + b"/" + name


def absolute(argument: str) -> bytes:
    """A command-line argument as an absolute path of a file system."""
    path = argument.encode("utf-8", "surrogateescape")
    return path if path.startswith(b"/") else b"/" + path
