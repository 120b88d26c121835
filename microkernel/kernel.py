"""The kernel process: the broker's loop, the life of its domains, the launcher's orders.

It waits for messages; everything else (interrupt lines, pidfds, the timer, the gate, the control
channel) rings the bell, which is a message too.
Which domain is started again, and when, is a policy kept outside the core (`restart.py`).
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any

from microkernel.broker import Broker
from microkernel.core import Core, events
from microkernel.domains import Domain, Domains
from microkernel.flood import Flood
from microkernel.orders import Orders
from microkernel.recorder import Recorder
from microlith.frame import wire
from microlith.frame.page import IDLE, STATE
from microlith.interface.devices import Timer
from microlith.interface.status import UsageError
from microlith.process.root import Root
from microlith.process.spawner import Spawner

GRACE_S = 1.0  # for an app to end after SIGTERM
STOP_S = 3.0  # for a server to end after STOP
WATCH_NS = 50_000_000  # how often the kernel looks at its own size
REFUSED = 2  # exit status: this host cannot run that system
RETRY_S = 0.002  # how often it tries again to send what a peer could not take
LOOK_AT = 16  # new connections, before a tick


class Kernel:
    """The microkernel."""

    broker_class: type[Broker] = Broker

    def __init__(self, root: Root, spawner: Spawner) -> None:
        self.root = root
        self.stopping = self.stopped = False
        self._stop_order = -1
        self._sources: dict[int, Callable[[], Any]] = {}
        self.domains = Domains(self, root, spawner)
        self.core = Core()
        words = root.page(root.boot.root.domain).words
        words[STATE] = IDLE  # a kernel never says otherwise: it is at work or waits for work
        endpoint = f"ipc://{root.boot.run}/kernel"
        self.flood = Flood(f"{root.boot.run}/kernel", lambda pid: self.domains.who(pid) is not None)
        self.broker = self.broker_class(self.core, endpoint, words, self.domains, self.flood.room)
        os.chmod(f"{root.boot.run}/kernel", 0o666)  # the folder's name is the secret, the gate decides
        self.broker.on |= {
            events.Welcome: self.domains.expect,
            events.Up: self.domains.up,
            events.Unmask: self._unmask,
        }
        if root.boot.record:
            limits = {"window": self.core.window, "queue_limit": self.core.queue_limit}
            self.broker.recorder = Recorder(root.boot.record, limits, lambda why: root.event("unrecorded", text=why))
        self._accepted = 0  # connections since the last look at them
        self._clock = Timer.make("kernel")
        self._armed = 0
        self._retrying = False
        self.lines: dict[int, int] = {}
        self._delayed: list[tuple[int, Callable[[], Any]]] = []
        root.launcher_gone = lambda: self.stop({"id": -1}, [])
        root.handlers["stop"] = self.stop
        self.orders = Orders(root, self.domains)

    def run(self) -> int:
        """Boot the domains, then serve until stopped."""
        self.watch(self.broker.door.FD, self._accept)
        self.watch(self._clock.line, self._tick)
        self.watch(self.broker.gate.socket.FD, self.broker.gate.answer)
        self.watch(self.root.control.fileno(), self.root.attend)
        self.domains.spawner.attend(self.watch, self.unwatch)
        try:
            self.domains.boot()
        except UsageError as error:
            self.root.event("refused", text=str(error))
            return REFUSED
        self._tick()
        while not self.stopped:
            self.turn()
        self.domains.spawner.close()
        self.broker.close()
        if isinstance(self.broker.recorder, Recorder):
            self.broker.recorder.close()
        return 0

    # --- the loop ----------------------------------------------------------------------------------

    def turn(self) -> None:
        """Wait for a message, or the bell, and do what follows."""
        broker, core = self.broker, self.core
        if broker.receive():
            ready = [(descriptor, self._sources.get(descriptor)) for descriptor in broker.bell.ready()]
            for descriptor, source in ready:
                if source is not None and self._sources.get(descriptor) is source:  # not closed, and given anew, since
                    source()
            broker.bell.attended()
        if core.earliest < self._armed:
            self._hurry()
        if broker.kept and not self._retrying:
            self._retrying = True
            self.later(RETRY_S, self._retry)

    def _hurry(self) -> None:
        """A call came whose deadline is earlier than all others; if it has passed, the caller is told now."""
        now = time.monotonic_ns()
        if self.core.earliest <= now:
            self.broker.step(events.Tick(now))
        if self.core.earliest < self._armed:
            self._arm(self.core.earliest)

    def _retry(self) -> None:
        self.broker.flush()
        self._retrying = bool(self.broker.kept)
        if self._retrying:
            self.later(RETRY_S, self._retry)

    def _accept(self) -> None:
        self._accepted += self.broker.accepted()
        if self._accepted >= LOOK_AT:
            self._look_at_connections()

    def _look_at_connections(self) -> None:
        self._accepted = 0
        for pid in self.flood.crowd():
            self.domains.convict(pid, "holds too many connections")

    def _arm(self, when: int) -> None:
        self._armed = when
        self._clock.arm(when)

    def _tick(self) -> None:
        """The kernel's timer: deadlines, delayed restarts, the watch against floods."""
        self._clock.expirations()
        now = time.monotonic_ns()
        if self.core.earliest <= now:
            self.broker.step(events.Tick(now))
        due = [action for when, action in self._delayed if when <= now]
        self._delayed = [(when, action) for when, action in self._delayed if when > now]
        for action in due:
            action()
        self._accepted += self.broker.accepted()
        if self._accepted:
            self._look_at_connections()
        suspect = self.flood.suspect(self.broker.heard or set())
        self.broker.heard = set() if self.flood.watching else None
        if suspect is not None:
            self.domains.convict(suspect, "sends a message without an end")
            self.flood.ended()
        self._arm(min([now + WATCH_NS, self.core.earliest, *(when for when, _ in self._delayed)]))

    def later(self, delay_s: float, action: Callable[[], Any]) -> None:
        """Do something after a delay."""
        self._delayed.append((time.monotonic_ns() + int(delay_s * 1e9), action))
        self._arm(min(self._armed, self._delayed[-1][0]))

    def watch(self, descriptor: int, ready: Callable[[], Any]) -> None:
        """Call `ready` when the descriptor is readable."""
        self._sources[descriptor] = ready
        self.broker.bell.poll.register(descriptor, select.EPOLLIN)

    def unwatch(self, descriptor: int) -> None:
        """Stop polling a descriptor."""
        if self._sources.pop(descriptor, None) is not None:
            with contextlib.suppress(FileNotFoundError, PermissionError):
                self.broker.bell.poll.unregister(descriptor)

    # --- interrupts --------------------------------------------------------------------------------

    def _unmask(self, effect: events.Unmask) -> None:
        descriptor = self.lines[effect.line]
        if descriptor in self._sources:
            return

        def ready() -> None:
            self.unwatch(descriptor)
            self.broker.step(events.Interrupt(effect.line))

        try:
            self.watch(descriptor, ready)
        except PermissionError:  # a plain file or /dev/null: always readable
            self.unwatch(descriptor)
            self.later(0, ready)

    # --- the end -----------------------------------------------------------------------------------

    def stop(self, record: dict[str, Any], _: list[int]) -> None:
        """An orderly stop: apps, then servers from the highest rank down, each served until it has ended."""
        if not self.stopping:
            self.stopping, self._stop_order = True, int(record["id"])
            self.end_next()

    def end_next(self) -> None:
        """Ask the domains of the highest rank that still live to end; when none is left, so do we."""
        alive = [domain for domain in self.domains.by_rank() if domain.child and domain.pid]
        for domain in alive:
            if domain.birth.rank == alive[0].birth.rank and not domain.asked:
                self._ask_to_end(domain)
        if not alive:
            if isinstance(self.broker.recorder, Recorder):  # what it has to tell comes before the answer
                self.broker.recorder.flush()
            self.root.answer(self._stop_order, {"stopped": True})
            self.stopped = True

    def _ask_to_end(self, domain: Domain) -> None:
        domain.asked = True
        if domain.server and self.broker.post(domain.task, wire.pack(wire.STOP)):
            patience = STOP_S
        else:
            os.kill(domain.pid, signal.SIGTERM)
            patience = GRACE_S
        self.later(patience, lambda: self.domains.end(domain))
