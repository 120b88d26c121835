"""Walking a file system."""

from collections.abc import Callable, Iterator

from microlith.interface.status import Status
from servers.apps.retry import patiently
from servers.filesystem import Entry, FileSystem, Kind

CHUNK = 65536
PAGE = 500  # entries a call

Failed = Callable[[bytes, Exception], None]


def walk(files: FileSystem, root: bytes, failed: Failed) -> Iterator[tuple[bytes, Entry]]:
    """Everything below a directory as (path relative to it, entry): a directory before what is in it, sorted.

    A directory that cannot be listed is handed to `failed`.
    """
    stack = [b""]
    while stack:
        directory = stack.pop()
        try:
            entries = patiently(lambda at=join(root, directory): list_directory(files, at))  # type: ignore[misc]
        except Status as status:
            failed(directory, status)
            continue
        below = []
        for entry in entries:
            path = join(directory, entry.name)
            yield path, entry
            if entry.kind is Kind.DIRECTORY:
                below.append(path)
        stack += reversed(below)


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
