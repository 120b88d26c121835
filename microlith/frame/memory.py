"""Memory files that processes share: their size is sealed, so that no holder can take pages from under another."""

import fcntl
import os


def sealed(name: str, size: int) -> int:
    """A new memory file: a descriptor to read and write it."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return descriptor


def reading(descriptor: int) -> int:
    """A descriptor of the same file that can only read it."""
    return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
