"""The workload: a program that does one operation many times and says how long each took.

An architecture places it like any other program, so in a library OS its calls are bound methods.  The driver and the
judge are outside, in the process that booted the machine (commanded.py has the protocol).

    {"do": "prepare", "directory": "/x", "cold": 8}      make the files that the operations work on
    {"do": "open_cold", "directory": "/x", "cold": 8}    open files that an earlier workload made
    {"do": "measure", "operation": "stat", "n": 1000}    -> {"ns": [...]}, one number an operation
    {"do": "drop"}                                       give back what the operations opened
    {"do": "calls", "begin": ns, "duration": ns}         null calls from a time on, as fast as they go
                                                         -> {"calls": n, "ns": what they took together}
"""

from collections.abc import Callable
from functools import partial
from time import monotonic_ns, perf_counter_ns, sleep
from typing import Any

from bench.commanded import Commanded
from servers.filesystem import File, FileSystem
from servers.statuses import Exists

PAYLOAD = 4096
READY_CALLS = 10  # before calls are counted
BATCH_NS = 1_000_000  # of calls between two looks at the clock


class Workload(Commanded):
    """Works on `files` as it is told on `commands`."""

    files: FileSystem

    def begin(self) -> None:
        """What the commands share."""
        self._opened: list[File] = []
        self._cold: list[File] = []
        self._serial = 0
        self._data = bytes(range(256)) * (PAYLOAD // 256)

    # --- the commands ------------------------------------------------------------------------------

    def do_prepare(self, directory: str, cold: int) -> dict[str, Any]:
        """One file to work on, and `cold` files whose blocks something else will push out of the cache."""
        self._directory = directory.encode()
        try:
            self.files.mkdir(self._directory)
        except Exists:
            pass
        self._path = self._directory + b"/file"
        self._file = self._written(self._path)
        for number in range(cold):
            self._written(self._directory + b"/cold%d" % number).close()
        return {}

    def do_open_cold(self, directory: str, cold: int) -> dict[str, Any]:
        """Open the cold files, without reading them."""
        self._cold = [self.files.open(b"%s/cold%d" % (directory.encode(), number)) for number in range(cold)]
        return {}

    def _written(self, path: bytes) -> File:
        file = self.files.create(path)
        file.write(0, self._data)
        file.sync()
        return file

    def do_measure(self, operation: str, n: int) -> dict[str, Any]:
        """Do it n times; nanoseconds of each."""
        return {"ns": timed(self._action(operation), n)}

    def do_clock(self, n: int) -> dict[str, Any]:
        """What the measuring itself takes; nanoseconds of each."""
        return {"ns": clock_reads(n)}

    def do_calls(self, begin: int, duration: int) -> dict[str, Any]:
        """Several clients told the same `begin` (monotonic ns) call at the same time."""
        timed(self.files.ping, READY_CALLS)
        sleep(max(0, begin - monotonic_ns()) / 1e9)
        calls, took = repeated(self.files.ping, duration)
        return {"calls": calls, "ns": took}

    def do_drop(self) -> dict[str, Any]:
        """Give back the files that the operations opened, and have that noticed by everybody."""
        self._opened.clear()
        self.files.ping()
        return {}

    def do_answer(self) -> dict[str, Any]:
        """One answer that needs the disk; when it came (monotonic ns)."""
        file = self._written(b"/first-answer")
        at = monotonic_ns()
        file.close()
        return {"at": at}

    # --- the operations ----------------------------------------------------------------------------

    def _action(self, operation: str) -> Callable[[], Any]:
        if operation == "null_call":
            return self.files.ping
        if operation == "stat":
            return partial(self.files.stat, self._path)
        if operation == "read_4k":
            return partial(self._file.read, 0, PAYLOAD)
        if operation == "write_4k":
            return partial(self._file.write, 0, self._data)
        if operation == "sync":
            return self._file.sync
        return {"read_4k_uncached": self._read_cold, "create_write_sync": self._create_write_sync}[operation]

    def _read_cold(self) -> None:
        """Each of these files is read once only; it stays open until `drop`."""
        file = self._cold.pop()
        file.read(0, PAYLOAD)
        self._opened.append(file)

    def _create_write_sync(self) -> None:
        """The file stays open until `drop`: giving it back is another message."""
        self._serial += 1
        self._opened.append(self._written(self._directory + b"/new%d" % self._serial))


def timed(action: Callable[[], Any], n: int) -> list[int]:
    """Nanoseconds of each of n times."""
    clock, took = perf_counter_ns, []
    for _ in range(n):
        began = clock()
        action()
        took.append(clock() - began)
    return took


def clock_reads(n: int) -> list[int]:
    """What `timed` adds to each time, nanoseconds of n of them."""
    clock, took = perf_counter_ns, []
    for _ in range(n):
        began = clock()
        took.append(clock() - began)
    return took


def repeated(action: Callable[[], Any], duration: int) -> tuple[int, int]:
    """As often as it goes in `duration` ns: how often, and the nanoseconds that took.

    The clock is read between batches, which grow to a millisecond: where a call costs less than a look at
    the clock, the clock must not be what is measured.
    """
    count, batch, began = 0, 1, monotonic_ns()
    at = began
    while at - began < duration:
        for _ in range(batch):
            action()
        count += batch
        before, at = at, monotonic_ns()
        if at - before < BATCH_NS // 2:
            batch *= 2
    return count, at - began
