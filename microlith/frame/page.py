"""A memory file in which a domain publishes what it is doing, for others to read at any time.

It has one writer, the domain's serving loop, and any number of readers (`ps`, the watcher of
liveness, the counts of `compare`); reading it costs the domain nothing and works when it hangs.
Aligned native 8-byte words do not tear.

The first page holds the words below.  After it come the rows of counted links: a name of 64 bytes (UTF-8,
cut, filled with zeros) and eight words.  A row is taken when it is first used, its name written before
anything is counted in it and the first byte of the name last; so the first empty name is the end.  When
all rows are taken, what has none is counted in one that is named `other`.
"""

import mmap

from microlith.frame.memory import sealed

SIZE = 64 * 1024  # sparse: what is never counted takes no memory
TABLE, NAME = 4096, 64
ROW = NAME + 8 * 8
ROWS = (SIZE - TABLE) // ROW
OTHER = "other"

# Words.  STATE holds the state in its low byte and, while CALLING, the handle called above it.
STATE, SINCE, BEATS, SERVED = 0, 1, 2, 3
RECEIVED, SENT, BYTES_IN, BYTES_OUT = 4, 5, 6, 7

# States.
STARTING, IDLE, SERVING, CALLING, WAITING = 0, 1, 2, 3, 4
NAMES = ("starting", "idle", "serving", "calling", "waiting")

#: The words of a row.  The last two depend on timing, the others never do.
COUNTS = ("calls", "statuses", "messages", "crossings", "kernel_visits", "bytes_copied", "wake_ups", "system_calls")


class Page:
    """The page behind a descriptor, or a private one without."""

    def __init__(self, fd: int = -1) -> None:
        self._map = mmap.mmap(fd, SIZE)
        self.words = memoryview(self._map).cast("Q")
        self._taken: dict[bytes, int] | None = None  # the writer's: row by name

    @staticmethod
    def make(name: str) -> int:
        """A new page as a memory file whose size is sealed; its descriptor."""
        return sealed(name, SIZE)

    def read(self) -> dict[str, int | str]:
        """The words, by name."""
        names = ("since", "beats", "served", "received", "sent", "bytes_in", "bytes_out")
        peer, state = divmod(self.words[STATE], 256)
        values = {name: self.words[index + 1] for index, name in enumerate(names)}
        return {"state": NAMES[state] if state < len(NAMES) else "unknown", "peer": peer, **values}

    # --- rows --------------------------------------------------------------------------------------

    def row(self, name: str) -> int:
        """Where in `words` the counts of this name begin; an earlier incarnation's go on."""
        if self._taken is None:
            self._taken = {key: number for number, key in enumerate(self._names())}
        key = name.encode(errors="replace")[:NAME]
        if key not in self._taken and len(self._taken) >= ROWS - 1:
            key = OTHER.encode()
        if key not in self._taken:
            self._taken[key] = number = len(self._taken)
            at = TABLE + number * ROW
            self._map[at + 1 : at + len(key)] = key[1:]
            self._map[at] = key[0]
        return (TABLE + self._taken[key] * ROW + NAME) // 8

    def rows(self) -> dict[str, dict[str, int]]:
        """The counts of every row, by its name and by theirs."""
        found = {}
        for number, key in enumerate(self._names()):
            first = (TABLE + number * ROW + NAME) // 8
            counts = dict(zip(COUNTS, self.words[first : first + len(COUNTS)], strict=True))
            found[key.decode(errors="ignore")] = counts
        return found

    def _names(self) -> list[bytes]:
        names: list[bytes] = []
        while len(names) < ROWS and self._map[(at := TABLE + len(names) * ROW)]:
            names.append(self._map[at : at + NAME].rstrip(b"\0"))
        return names

    def close(self) -> None:
        """Unmap it."""
        self.words.release()
        self._map.close()
