"""The kernel process: the broker's loop, and what is no message.

It waits for messages; everything else (interrupt lines, pidfds, timers, the gate, the control
channel) its broker wakes it for.
Which domain is started again, and when, is a policy kept outside the core (`restart.py`).
"""

import time

from microkernel.broker import Broker
from microkernel.core import Core, events
from microkernel.domains import Domains
from microkernel.flood import Flood
from microkernel.orders import Orders
from microlith.frame.loop import Loop
from microlith.frame.page import IDLE, STATE
from microlith.interface.devices import Timer
from microlith.process.root import Root
from microlith.process.spawner import Spawner

WATCH_NS = 50_000_000  # how often the kernel looks at its own size
RETRY_S = 0.002  # how often it tries again to send what a peer could not take
LOOK_AT = 16  # new connections, before a tick


class Kernel(Loop):
    """The microkernel."""

    def __init__(self, root: Root, spawner: Spawner, core: Core, broker: type[Broker]) -> None:
        self.root, self.spawner, self.core = root, spawner, core
        self.stopping = self.stopped = False
        self.domains = Domains(self, root)
        words = root.page(root.boot.root.domain).words
        words[STATE] = IDLE  # a kernel never says otherwise: it is at work or waits for work
        self.flood = Flood(f"{root.boot.run}/kernel", self.domains.who)
        self.broker = broker(core, root.boot.run, words, self.domains, self.flood.room)
        super().__init__(self.broker.poll)
        self._accepted = 0  # connections since the last look at them
        self._clock = Timer.make("kernel")
        self._armed = 0
        self._retrying = False
        self.orders = Orders(self)

    def run(self) -> int:
        """Boot the domains, then serve until stopped."""
        self.broker.attend(self.watch, lambda: self._look_at_connections(LOOK_AT))
        self.watch(self._clock.line, self._tick)
        self.watch(self.root.control.fileno(), self.root.attend)
        self.spawner.attend(self.watch, self.unwatch)
        self.domains.start_all()
        self._tick()
        while not self.stopped:
            self.turn()
        self.spawner.close()
        return 0

    # --- the loop ----------------------------------------------------------------------------------

    def turn(self) -> None:
        """Wait for a message, or what is none, and do what follows."""
        broker = self.broker
        ready = broker.receive()
        if ready is not None:
            self.attend(ready)
            broker.attended()
        if self.core.earliest < self._armed:  # a call came whose deadline is earlier than all others
            self._expire()
            self._arm(min(self._armed, self.core.earliest))
        if broker.kept and not self._retrying:
            self._retrying = True
            self.later(RETRY_S, self._retry)

    def _retry(self) -> None:
        self._retrying = False
        self.broker.flush()

    def _look_at_connections(self, least: int) -> None:
        """When so many were accepted, see who has too many."""
        self._accepted += self.broker.accepted()
        if self._accepted >= least:
            self._accepted = 0
            for pid in self.flood.crowd():
                self.domains.convict(pid, "holds too many connections")

    def _expire(self) -> None:
        """Tell the callers whose deadline has passed, now."""
        now = time.monotonic_ns()
        if self.core.earliest <= now:
            self.broker.step(events.Tick(now))

    def _arm(self, when: int) -> None:
        self._armed = when
        self._clock.arm(when)

    def _tick(self) -> None:
        """The kernel's timer: deadlines, the watch against floods."""
        self._clock.expirations()
        self._expire()
        self._look_at_connections(1)
        suspect = self.flood.suspect(self.broker.heard)
        self.broker.heard.clear()
        if suspect is not None:
            self.domains.convict(suspect, "sends a message without an end")
        self._arm(min(time.monotonic_ns() + WATCH_NS, self.core.earliest))
