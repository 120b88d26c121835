"""Servers in the kernel's own process: a kernel that hosts the parts of its root domain.

Together they are one task of the core like any other, with ports and objects.  What the broker would send to
that task waits in a queue, which the kernel's loop drains after each turn; what they send is an event of the
core at once.  No step of the core runs server code, so no step happens inside another.

- They are called, they do not call: the kernel never waits for a server.
- Their interrupts are direct: the kernel polls their devices as any loop of a domain does.
- A fault in one is the kernel's own: it dies, and everything with it.

This file is loaded only for a plan whose root holds servers.
"""

import os
import time
from collections import deque
from typing import Any

from microkernel.connection import KernelConnection
from microkernel.core import Core, events
from microkernel.kernel import Kernel
from microkernel.router import Router
from microkernel.translation import event_of
from microlith.frame import wire
from microlith.frame.connection import Gone
from microlith.frame.frame import Frame
from microlith.frame.page import SENT
from microlith.process.assembly import Assembly
from microlith.process.root import Root
from microlith.process.spawner import Spawner

TASK, LIFE = 0, 1  # the kernel's own task: domains are numbered from 1


class HostingBroker(Router):
    """A broker for which one task is no peer but a queue."""

    def __init__(self, *given: Any) -> None:
        self.inside: deque[bytes] = deque()
        super().__init__(*given)

    def offer(self, task: int, raw: bytes | bytearray) -> bool:
        if task == TASK:
            return self.post(task, raw)
        return super().offer(task, raw)

    def post(self, task: int, raw: bytes | bytearray) -> bool:
        if task != TASK:
            return super().post(task, raw)
        self.inside.append(bytes(raw))
        return True


class Loopback(KernelConnection):
    """The connection of a task that lives where the broker lives."""

    def __init__(self, frame: Frame, broker: HostingBroker) -> None:
        super().__init__(frame)
        self.broker, self.queue = broker, broker.inside

    def transmit(self, raw: bytes) -> None:
        event = event_of(raw, TASK, LIFE)
        if event is None:
            raise Gone("the kernel does not send itself what is no message")
        now = time.monotonic_ns()
        if self.broker.core.earliest <= now:  # it may have taken long: deadlines that passed meanwhile come first
            self.broker.step(events.Tick(now))
        self.broker.step(event)

    def send(self, raw: bytes) -> None:
        if self.forgotten:
            self.close_forgotten()
        self.words[SENT] += 1
        self.transmit(raw)

    def receive(self, until: int) -> bytes | None:
        if not self.queue:
            raise Gone("the kernel does not wait for a server")
        return self.queue.popleft()

    take = receive

    def drain(self) -> None:
        """Serve what is queued, and what comes of it."""
        inbox, frame = self.frame.inbox, self.frame
        while inbox or self.queue or frame.notices or self.forgotten:
            frame.deliver_notices()
            if self.forgotten:
                self.close_forgotten()
            if inbox or self.queue:
                self.handle(inbox.popleft()[1] if inbox else self.queue.popleft())


class HostingKernel(Kernel):
    """The microkernel with the servers of its root domain in it."""

    broker: HostingBroker

    def __init__(self, root: Root, spawner: Spawner, core: Core) -> None:
        super().__init__(root, spawner, core, HostingBroker)
        self.birth = root.boot.root
        self.frame = Frame(rank=0, checked=self.birth.checked)
        Frame.current = self.frame
        self.loopback = Loopback(self.frame, self.broker)
        self.assembly = Assembly(self.frame, root.devices, self.loopback)
        self._turning = False  # a turn of the frame is due, and no descriptor says so
        self.broker.on |= {events.Welcome: self._expect, events.Up: self._up}
        root.handlers |= {"kill": self._kill, "state": self._state}

    def run(self) -> int:
        """Start the servers inside, then be a kernel."""
        servers = [part for part in self.birth.parts if not part.app]
        ports, ranks = tuple(part.port for part in servers), tuple(part.rank for part in servers)
        self.broker.step(events.Create(TASK, self.birth.domain, self.birth.rank, ports, (), ranks=ranks))
        self.broker.step(events.Started(TASK, LIFE))
        made = self.assembly.make(self.birth.parts)
        self.loopback.host(made)
        self.assembly.start(made)
        self.watch(self.frame.fileno(), self._attend)
        self.loopback.transmit(wire.pack(wire.READY, incarnation=LIFE))
        self._look_again()
        status = super().run()
        if self.stopped:  # the servers inside stop last
            self.assembly.stop(self.birth.parts)
        return status

    def turn(self) -> None:
        """A turn of the kernel, then what it has brought for the servers inside."""
        super().turn()
        self.loopback.drain()
        self._look_again()

    def _look_again(self) -> None:
        if self.frame.due and not self._turning:
            self._turning = True
            self.later(0, self._attend)

    def _attend(self) -> None:
        """Interrupts of the servers inside."""
        self._turning = False
        self.frame.turn(block=False)

    def _expect(self, effect: events.Welcome) -> None:
        if effect.task != TASK:
            self.domains.expect(effect)

    def _up(self, effect: events.Up) -> None:
        if effect.task != TASK:
            self.domains.up(effect)
        elif not any(not birth.parts[0].app for birth in self.root.boot.domains):
            self.root.event("ready", pid=os.getpid())

    def _state(self, record: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        """What every domain is doing; of the kernel's also how many messages its own servers have sent."""
        state = self.orders.state(record, descriptors)
        state["domains"][0]["own_sent"] = self.frame.page.words[SENT]
        return state

    def _kill(self, record: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        """Put a fault into a server inside, which has no process of its own; else as any kernel does."""
        if record["name"] not in self.assembly.servers:
            return self.orders.kill(record, descriptors)
        self.assembly.poison(record["name"])
        return {"killed": record["name"], "how": "fault"}
