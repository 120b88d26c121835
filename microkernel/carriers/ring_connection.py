"""A domain's connection to the kernel over shared memory (ring_broker.py is the other end).

The streams and bells of a channel are used, without its slot.  Where it pays to look at memory for a while, a
caller does so for its answer; otherwise the domain says once that it sleeps, and the kernel rings for every message.
"""

import select
from collections.abc import Callable
from itertools import repeat
from time import monotonic_ns
from typing import Any

from microkernel import fence
from microkernel.channel import ASLEEP, ENDS, STUCK, TAIL, Broken
from microkernel.connection import TURN_MS, KernelConnection
from microkernel.end import End
from microlith.frame.connection import Gone
from microlith.frame.frame import Frame
from microlith.frame.inflow import Inflow
from microlith.interface.status import BadMessage
from microlith.process.birth import Birth

ROUNDS = 2000  # looks for an answer before we block: about 100 microseconds


class RingConnection(KernelConnection):
    """The domain's end of a pair of rings."""

    def __init__(self, frame: Frame, end: End, kernel_pid: int, spins: bool) -> None:
        super().__init__(frame, kernel_pid)
        self.end = end
        self._inflow = Inflow()
        self._bell = select.poll()
        self._bell.register(end.bell, select.POLLIN)
        if not fence.register():
            raise Gone("this host has no membarrier, which channels need")
        end.says[ASLEEP] = 1
        self._rounds = ROUNDS if spins else 0
        self._awake = False  # we have said that nobody needs to ring

    def system_calls(self) -> int:
        return int(self.end.system_calls)

    def transmit(self, raw: bytes) -> None:
        end = self.end
        try:
            sent = end.write(raw)
            if sent < len(raw):
                self._transmit_rest(memoryview(raw)[sent:])
        except Broken as why:
            raise Gone(str(why)) from None

    def _transmit_rest(self, rest: memoryview) -> None:
        end = self.end
        end.says[STUCK] = 1
        fence.fence()
        while rest:
            sent = end.write(rest)
            rest = rest[sent:]
            if not sent:
                self._sleep(lambda: end.room)
        end.says[STUCK] = 0

    def receive(self, until: int) -> bytes | None:
        end, inflow = self.end, self._inflow
        try:
            while True:
                message = inflow.next() if inflow.waiting else None
                if message is not None:
                    return message
                data = end.read()
                if data:
                    message = inflow.feed(data)
                    if message is not None:
                        return message
                elif until and self._rounds and self._look():
                    continue
                elif not self._sleep(lambda: end.pending) and until and monotonic_ns() >= until:
                    return None
        except (Broken, BadMessage) as why:
            raise Gone(str(why)) from None

    def _look(self) -> bool:
        """Look for an answer for a while."""
        if not self._awake:
            self.end.says[ASLEEP], self._awake = 0, True
        hears, head = self.end.hears, self.end.taken
        for _ in repeat(None, self._rounds):  # noqa: SIM110 - a generator takes twice as long
            if hears[TAIL] != head:
                return True
        return False

    def _sleep(self, ready: Callable[[], Any]) -> bool:
        """Block until the bell rings; False: it has not for a while.  Raises Gone."""
        if self._awake:
            self.end.says[ASLEEP], self._awake = 1, False
            fence.fence()
            self.end.system_calls += 1
            if ready():
                return True
        self.end.system_calls += 1
        for _, event in self._bell.poll(TURN_MS):
            if event & select.POLLIN:
                self.end.silence()
            elif not ready():
                raise Gone("the kernel is gone")
            return True
        self.lost_kernel()
        return False

    def arrived(self) -> bool:
        return self._inflow.waiting or self.end.pending

    def hang_up(self, linger_ms: int) -> None:
        self.end.close()


def connect(frame: Frame, birth: Birth, descriptors: dict[str, int]) -> RingConnection:
    """The connection of a domain whose end are the descriptors `link:0` to `link:3`."""
    end = End(tuple(descriptors[f"link:{number}"] for number in range(ENDS)))
    return RingConnection(frame, end, birth.parent, birth.spins)
