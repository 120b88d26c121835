"""The logs of a machine as lines: what each domain wrote to its log file, and the records of log servers.

A line is (source, text); the source is a domain's name.  Log servers are known by their interface, which is
called Log and has the operations `read` and `follow` (servers/log.py).
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from microlith.interface.status import Status, UsageError

AGAIN_S = 0.5  # until a log server that could not be followed is asked again
PATIENCE_S = 2.0  # how long one `follow` waits; then we look whether anybody still listens
CHUNK = 1 << 20


class Line(NamedTuple):
    """One line of a log."""

    source: str
    text: str


class Tails:
    """The log files of a machine, read as they grow.  `domains`: only these; None: all."""

    def __init__(self, folder: Path, domains: frozenset[str] | None = None) -> None:
        self.folder, self.domains = folder, domains
        self._files: dict[Path, tuple[int, bytearray]] = {}

    def poll(self) -> Iterator[Line]:
        """What has been added since.  Files stay open, so that the last words of a machine are read too."""
        for path in sorted((*self.folder.glob("*.root"), *self.folder.glob("logs/*.log"))):
            if path not in self._files and (self.domains is None or path.stem in self.domains):
                try:
                    self._files[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC), bytearray()
                except OSError:
                    continue
        for path, (descriptor, partial) in self._files.items():
            while data := os.read(descriptor, CHUNK):
                *lines, rest = (partial + data).split(b"\n")
                partial[:] = rest
                yield from (Line(path.stem, line.decode(errors="replace")) for line in lines)

    def close(self) -> Iterator[Line]:
        """Close the files; the last lines, also those without an end."""
        yield from self.poll()
        for path, (descriptor, partial) in self._files.items():
            os.close(descriptor)
            if partial:
                yield Line(path.stem, partial.decode(errors="replace"))
        self._files.clear()


def log_servers(about: dict[str, Any]) -> list[str]:
    """The servers of a machine whose interface is a Log."""
    from microlith.launch.attach import interface_of_slot
    from microlith.plan.plan import OPERATOR

    found = []
    for name in about["slots"].get(OPERATOR, ()):
        interface = interface_of_slot(about, OPERATOR, name)
        if interface.__name__ == "Log" and {"read", "follow"} <= set(interface.__operations__):
            found.append(name)
    return found


def line_of(server: str, record: Any) -> Line:
    """A record of a log server as a line."""
    when = time.strftime("%H:%M:%S", time.localtime(record.time / 1e9))
    return Line(server, f"{when} {record.level.value:<7} {record.source}: {record.text}")


def recorded(log: Any, server: str) -> Iterator[Line]:
    """All records that a log server holds now."""
    after = 0
    while records := log.read(after, 1000):
        yield from (line_of(server, record) for record in records)
        after = records[-1].number


class Records(threading.Thread):
    """Follows log servers, and hands each line on.  `attach` gives the capabilities of the operator."""

    def __init__(self, server: str, attach: Callable[[], Any], hand_on: Callable[[Line], None]) -> None:
        super().__init__(daemon=True)
        self.server, self.attach, self.hand_on = server, attach, hand_on
        self.ended = threading.Event()

    def run(self) -> None:
        """Attach, follow, and again after whatever ended that."""
        from microlith.command.remote import Lost
        from microlith.frame.connection import Gone
        from microlith.launch.orders import MachineDied

        while not self.ended.is_set():
            try:
                attached = self.attach()
                try:
                    self._follow(getattr(attached, self.server))
                finally:
                    attached.close()
            except (Status, UsageError, Gone, Lost, MachineDied, TimeoutError):
                self.ended.wait(AGAIN_S)

    def _follow(self, log: Any) -> None:
        from microlith.frame.frame import within
        from microlith.interface.status import DeadlineExceeded

        after = 0
        while not self.ended.is_set():
            try:
                with within(PATIENCE_S):
                    records = log.follow(after)
            except DeadlineExceeded:
                continue
            for record in records:
                self.hand_on(line_of(self.server, record))
                after = record.number
