"""A driver that measures how late its own interrupts come.

Its device is a timer armed at a time T of the monotonic clock; the first line of its handler reads that
clock, and the difference is the latency.  It arms the next one from the handler, at a random distance, so
that neither its client nor the host's ticks keep step with it.  Which way the interrupt takes is the
architecture's business: a server does not know it.
"""

import random
from time import monotonic_ns
from typing import Any

from microlith.frame.reply import Reply
from microlith.frame.server import Server
from microlith.interface.devices import Timer
from microlith.interface.interface import Interface
from microlith.interface.operation import waits

#: Between a handler's run and the next interrupt: enough for any architecture to have unmasked the line.
SHORTEST_NS, LONGEST_NS = 1_000_000, 3_000_000


class InterruptMeter(Interface):
    """Latencies of interrupts, in nanoseconds."""

    def begin(self, n: int, seed: int) -> None:
        """Take n interrupts, from now on; the distances between them follow from `seed`."""
        ...

    def left(self) -> int:
        """How many of them are still to come."""
        ...

    @waits
    def finish(self) -> tuple[int, ...]:
        """The latency of each, when all have come."""
        ...


class TimerMeter(Server, InterruptMeter):
    """InterruptMeter on a timerfd."""

    timer: Timer

    def start(self) -> None:
        """Nothing is measured yet."""
        self._late: list[int] = []
        self._wanted = self._due = 0
        self._waiting: Reply | None = None

    def interrupt(self, device: str) -> None:
        """The time is noted first; everything else comes after it."""
        now = monotonic_ns()
        if not self.timer.expirations():
            return
        self._late.append(now - self._due)
        if self.left():
            self._arm()
        elif self._waiting is not None:
            reply, self._waiting = self._waiting, None
            reply.answer(tuple(self._late))

    def begin(self, n: int, seed: int) -> None:
        self._late, self._wanted, self._chance = [], n, random.Random(seed)
        self._arm()

    def left(self) -> int:
        return self._wanted - len(self._late)

    def finish(self) -> Any:
        if not self.left():
            return tuple(self._late)
        self._waiting = self.later()
        return self._waiting

    def withdrawn(self, reply: Reply) -> None:
        """Who waited gave up."""
        self._waiting = None

    def _arm(self) -> None:
        self._due = monotonic_ns() + self._chance.randint(SHORTEST_NS, LONGEST_NS)
        self.timer.arm(self._due)
