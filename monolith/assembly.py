"""Putting servers together in one address space: direct links, starts in rank order, injected faults."""

import functools
import threading
from collections.abc import Callable
from typing import Any

from microlith.frame.facade import bind, like
from microlith.frame.frame import Frame
from microlith.frame.options import LinkOptions
from microlith.interface.interface import operations_of
from microlith.interface.operation import Operation
from microlith.process.birth import PartBirth, SlotBirth
from microlith.process.parts import interrupting, make
from monolith.holders import Holders


class InjectedFault(Exception):
    """The fault that `microlith kill` puts into a server that is not a process of its own."""


class Assembly:
    """The servers of one address space, by name, and every facade that leads to them."""

    def __init__(self, frame: Frame, devices: dict[str, int]) -> None:
        self.frame, self.devices = frame, devices
        self.holders = Holders(frame)
        self.servers: dict[str, Any] = {}
        self._locks: dict[str, Any] = {}  # by server, of links with `lock`

    def build(self, parts: tuple[PartBirth, ...]) -> None:
        """Make, join and start all servers, lowest rank first."""
        for part in sorted(parts, key=lambda p: p.rank):
            if part.app:
                continue
            server = self.servers[part.name] = make(part, self.devices)
            self.holders.add_server(server, part.rank)
            self.join(server, part, server)
            server.start()
            for device in interrupting(server):
                self.frame.add_device(server, device)

    def join(self, made: Any, part: PartBirth, holder: Any = None) -> Any:
        """Fill an instance's slots with facades of the servers (`holder` None: it is an app)."""
        for slot in part.slots:
            link = self._options(part, slot) if slot.options else None
            setattr(made, slot.slot, self.holders.receive(self.servers[slot.server], holder, link=link))
        return made

    def _options(self, part: PartBirth, slot: SlotBirth) -> LinkOptions:
        lock = self._locks.setdefault(slot.server, threading.RLock()) if "lock" in slot.options else None
        return LinkOptions(f"{part.name}.{slot.slot}", slot.options, slot.path, slot.in_kernel, lock)

    def poison(self, name: str) -> None:
        """From now on every operation of this server is a fault.  KeyError if there is no such server."""
        server = self.servers[name]
        cls = type(server)
        operations = {operation: _broken(name, getattr(cls, operation)) for operation in operations_of(cls)}
        server.__class__ = type(cls.__name__, (cls,), operations)
        for link in self.holders.facades(server):
            bind(link, (_poisoned(name),))

    def stop(self, parts: tuple[PartBirth, ...]) -> None:
        """Stop in order, highest rank first."""
        self.frame.deliver_notices()
        for part in sorted(parts, key=lambda p: -p.rank):
            if part.name in self.servers:
                self.servers[part.name].stop()


def _broken(server: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(getattr(method, "inner", method))
    def fail(self: Any, *arguments: Any) -> Any:
        raise InjectedFault(f"{server}.{method.__name__}")

    return fail


def _poisoned(server: str) -> Callable[[Operation, Any], Any]:
    def wrap(operation: Operation, method: Callable[..., Any]) -> Callable[..., Any]:
        def fail(*arguments: Any, **keywords: Any) -> Any:
            raise InjectedFault(f"{server}.{operation.name}")

        return like(method, fail)

    return wrap
