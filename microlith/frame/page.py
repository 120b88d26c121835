"""A page of 64-bit words in which a domain publishes what it is doing, for others to read at any time.

It has one writer, the domain's serving loop, and any number of readers (`ps`, the watcher of
liveness, the counts of `compare`); reading it costs the domain nothing and works when it hangs.
Aligned native 8-byte words do not tear.
"""

import mmap
import os

SIZE = 4096

# Words.  STATE holds the state in its low byte and, while CALLING, the handle called above it.
STATE, SINCE, BEATS, SERVED = 0, 1, 2, 3
RECEIVED, SENT, BYTES_IN, BYTES_OUT = 4, 5, 6, 7

# States.
STARTING, IDLE, SERVING, CALLING, WAITING = 0, 1, 2, 3, 4
NAMES = ("starting", "idle", "serving", "calling", "waiting")


class Page:
    """The page behind a descriptor, or a private one without."""

    def __init__(self, fd: int = -1) -> None:
        self._map = mmap.mmap(fd, SIZE)
        self.words = memoryview(self._map).cast("Q")

    @staticmethod
    def make(name: str) -> int:
        """A new page as a memory file whose size is sealed; its descriptor."""
        import fcntl

        fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, SIZE)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        return fd

    def read(self) -> dict[str, int | str]:
        """Everything in it, by name."""
        names = ("since", "beats", "served", "received", "sent", "bytes_in", "bytes_out")
        peer, state = divmod(self.words[STATE], 256)
        values = {name: self.words[index + 1] for index, name in enumerate(names)}
        return {"state": NAMES[state] if state < len(NAMES) else "unknown", "peer": peer, **values}

    def close(self) -> None:
        """Unmap it."""
        self.words.release()
        self._map.close()
