"""The log: records of what happened, bounded, readable while it grows.

Writing a record is a notice: it never blocks the writer, and when too many come at once some are lost.
The next one delivered says how many, and that becomes a record of its own.
"""

import enum
import json
import os
import time
from collections import deque
from itertools import islice
from typing import Any

from microlith.frame.reply import Reply
from microlith.frame.server import Server
from microlith.interface.devices import HostFile
from microlith.interface.interface import Interface
from microlith.interface.operation import idempotent, notify, raises, waits
from microlith.interface.values import Struct
from servers.statuses import Invalid

#: characters; a longer text is cut, so that what a writer sends and a reader gets is bounded
TEXT, SOURCE, BATCH = 4096, 64, 131072


class Level(enum.Enum):
    """How bad it is."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Record(Struct, frozen=True):
    """One record; they are numbered from 1 since the log started, `time` is ns since 1970."""

    number: int
    time: int
    level: Level
    source: str
    text: str


class Extent(Struct, frozen=True):
    """What the log holds: the numbers of its first and last record (last < first: none); records lost so far."""

    first: int
    last: int
    lost: int


class Log(Interface):
    """Records in the order of their arrival."""

    @notify
    def record(self, level: Level, source: str, text: str) -> None:
        """Add a record."""
        ...

    @idempotent
    @raises(Invalid)
    def read(self, after: int = 0, count: int = 1000) -> tuple[Record, ...]:
        """Up to `count` records with numbers above `after`, oldest first; fewer when they are long."""
        ...

    @idempotent
    @waits
    def follow(self, after: int = 0) -> tuple[Record, ...]:
        """The records with numbers above `after`, once there are any.

        An `after` that this log never reached is of an earlier incarnation: it counts as 0.
        """
        ...

    @idempotent
    def extent(self) -> Extent:
        """What it holds now."""
        ...


class RecordLog(Server, Log):
    """A ring of the newest `capacity` records; each is also a line of JSON in `output`.

    The output is bounded too: beyond `output_limit` bytes its older half is dropped.
    """

    output: HostFile | None = None
    capacity: int = 10_000
    output_limit: int = 16 * 1024 * 1024

    def start(self) -> None:
        """An empty ring; the output goes on where it ends."""
        self._ring: deque[Record] = deque(maxlen=max(1, self.capacity))
        self._followers: deque[tuple[Reply, int]] = deque()
        self._last = self._lost = 0
        self._failed = False
        self._end = os.fstat(self.output.fd).st_size if self.output else 0

    def record(self, level: Level, source: str, text: str) -> None:
        if self.lost:
            self._lost += self.lost
            self._add(Level.WARNING, "log", f"{self.lost} records were lost here")
        self._add(level, source, text)
        followers, self._followers = self._followers, deque()
        for reply, after in followers:
            reply.answer(self._above(after, len(self._ring)))

    def read(self, after: int = 0, count: int = 1000) -> tuple[Record, ...]:
        if after < 0 or count < 0:
            raise Invalid(f"after {after} and count {count} must not be negative")
        return self._above(after, count)

    def follow(self, after: int = 0) -> Any:
        after = max(after, 0) if after <= self._last else 0
        if after < self._last:
            return self._above(after, len(self._ring))
        reply = self.later()
        self._followers.append((reply, after))
        return reply

    def extent(self) -> Extent:
        return Extent(self._last - len(self._ring) + 1, self._last, self._lost)

    def withdrawn(self, reply: Reply) -> None:
        """A follower gave up."""
        self._followers = deque(follower for follower in self._followers if follower[0] is not reply)

    def _above(self, after: int, count: int) -> tuple[Record, ...]:
        skip = max(0, after - (self._last - len(self._ring)))
        found: list[Record] = []
        room = BATCH
        for record in islice(self._ring, skip, min(skip + count, len(self._ring))):
            room -= len(record.text) + len(record.source)
            if room < 0 and found:
                break
            found.append(record)
        return tuple(found)

    def _add(self, level: Level, source: str, text: str) -> None:
        self._last += 1
        record = Record(self._last, time.time_ns(), level, _cut(source, SOURCE), _cut(text, TEXT))
        self._ring.append(record)
        if self.output:
            self._write(self.output, line_of(record))

    def _write(self, output: HostFile, line: bytes) -> None:
        """Append to the output.  One that fails (a full disk) costs its lines, not the log."""
        try:
            if self._end + len(line) > self.output_limit:
                self._drop_half(output)
            self._end += os.pwrite(output.fd, line, self._end)
            self._failed = False
        except OSError as error:
            if not self._failed:
                self._failed = True
                self._add(Level.ERROR, "log", f"{output.name}: {error.strerror}; records are missing there")

    def _drop_half(self, output: HostFile) -> None:
        kept = os.pread(output.fd, self.output_limit // 2, max(0, self._end - self.output_limit // 2))
        kept = kept[kept.find(b"\n") + 1 :]
        self._end = os.pwrite(output.fd, kept, 0)
        os.ftruncate(output.fd, self._end)


def line_of(record: Record) -> bytes:
    """A record as one line of JSON."""
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    fields["level"] = record.level.value
    return json.dumps(fields).encode() + b"\n"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
