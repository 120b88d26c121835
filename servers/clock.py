"""Time: the hour, a clock that never jumps, sleeping, and interval timers.

All times are nanoseconds: `time` since 1970 (it may be set back), `monotonic` since the host booted.

The server has one timerfd for everybody who waits: they stand in one heap, and the device is armed for
the earliest.  A timer that nobody waits for costs nothing, however short its period: its expirations
are counted when somebody asks.
"""

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from microlith.frame.reply import Reply
from microlith.frame.server import Object, Server
from microlith.interface.devices import Timer
from microlith.interface.interface import Interface
from microlith.interface.operation import idempotent, raises, waits
from servers.statuses import Invalid, NotOpen


class IntervalTimer(Interface):
    """A timer of one's own, once or periodic (setitimer(2), timerfd(2))."""

    @idempotent
    @raises(NotOpen, Invalid)
    def set(self, first: int, period: int = 0) -> None:
        """Expire at `first` (monotonic), then every `period` ns (0: never again); forgets what expired before."""
        ...

    @waits
    @raises(NotOpen)
    def wait(self) -> int:
        """How often it expired since the last answer, once that is at least 1.  One waiter gets it."""
        ...

    @idempotent
    def close(self) -> None:
        """Give the timer back; who waits for it is answered NotOpen."""
        ...


class Clock(Interface):
    """The time, and waiting for it."""

    @idempotent
    def time(self) -> int:
        """Nanoseconds since 1970."""
        ...

    @idempotent
    def monotonic(self) -> int:
        """Nanoseconds on a clock that never jumps; the same clock for every domain of a host."""
        ...

    @idempotent
    @waits
    def sleep_until(self, when: int) -> None:
        """Answer at `when` (monotonic) or soon after; at once if it has passed."""
        ...

    @waits
    def sleep(self, duration: int) -> None:
        """Answer after `duration` ns; at once if that is not positive."""
        ...

    def timer(self) -> IntervalTimer:
        """A new timer, not yet set.  It does not outlive the clock server: after a restart it is Stale."""
        ...


class HostClock(Server, Clock):
    """The host's clocks; waiting is driven by a timerfd."""

    alarm: Timer

    def start(self) -> None:
        """Nobody waits yet."""
        self._heap: list[tuple[int, int, object, Callable[[], Any]]] = []
        self._order = itertools.count()  # of two for the same time, who came first is answered first

    def time(self) -> int:
        return time.time_ns()

    def monotonic(self) -> int:
        return time.monotonic_ns()

    def sleep_until(self, when: int) -> Any:
        if when <= time.monotonic_ns():
            return None
        reply = self.later()
        self.at(when, reply, reply.answer)
        return reply

    def sleep(self, duration: int) -> Any:
        if duration <= 0:
            return None
        reply = self.later()
        self.at(time.monotonic_ns() + duration, reply, reply.answer)
        return reply

    def timer(self) -> IntervalTimer:
        return HostTimer(self)

    def interrupt(self, device: str) -> None:
        """The earliest time has come: run everything that is due."""
        self.alarm.expirations()
        while self._heap and self._heap[0][0] <= time.monotonic_ns():
            heapq.heappop(self._heap)[3]()
        self._arm()

    def withdrawn(self, reply: Reply) -> None:
        """A sleeper gave up."""
        self.forget(reply)

    def at(self, when: int, owner: object, action: Callable[[], Any]) -> None:
        """Run `action` at `when`, unless `owner` is forgotten before."""
        heapq.heappush(self._heap, (when, next(self._order), owner, action))
        self._arm()

    def forget(self, owner: object) -> None:
        """Run nothing more for this owner."""
        kept = [entry for entry in self._heap if entry[2] is not owner]
        if len(kept) != len(self._heap):
            heapq.heapify(kept)
            self._heap = kept
            self._arm()

    def _arm(self) -> None:
        self.alarm.arm(self._heap[0][0] if self._heap else None)


class HostTimer(Object, IntervalTimer):
    """An interval timer: when it expires next, and who waits for that."""

    def __init__(self, clock: HostClock) -> None:
        self._clock = clock
        self._next: int | None = None  # monotonic ns; None: not set, or all its expirations were answered
        self._period = 0
        self._waiters: deque[Reply] = deque()
        self._closed = False

    def set(self, first: int, period: int = 0) -> None:
        if self._closed:
            raise NotOpen("the timer was closed")
        if first < 0 or period < 0:
            raise Invalid(f"first {first} and period {period} must not be negative")
        self._next, self._period = first, period
        self._serve()

    def wait(self) -> Any:
        if self._closed:
            raise NotOpen("the timer was closed")
        reply = self._clock.later()
        self._waiters.append(reply)
        self._serve()
        return reply

    def close(self) -> None:
        self._closed = True
        self._clock.forget(self)
        while self._waiters:
            self._waiters.popleft().fail(NotOpen("the timer was closed"))

    def released(self) -> None:
        """Nobody can ask any more."""
        self.close()

    def withdrawn(self, reply: Reply) -> None:
        """A waiter gave up; what expires goes to the next."""
        if reply in self._waiters:
            self._waiters.remove(reply)
        if not self._waiters:
            self._clock.forget(self)

    def _serve(self) -> None:
        """Give what has expired to the first waiter who takes it; the others wait for more."""
        while self._waiters and (count := self._expired()):
            if self._waiters.popleft().answer(count):
                self._advance(count)
        self._clock.forget(self)
        if self._waiters and self._next is not None:
            self._clock.at(self._next, self, self._serve)

    def _advance(self, count: int) -> None:
        if self._next is not None:
            self._next = self._next + count * self._period if self._period else None

    def _expired(self) -> int:
        late = -1 if self._next is None else time.monotonic_ns() - self._next
        if late < 0:
            return 0
        return late // self._period + 1 if self._period else 1
