"""Putting servers together in one address space: direct links, starts in rank order, injected faults.

A slot is filled by the path of its link: a direct one with a facade of the server beside it, any other with a
stub of the domain's connection, and both with the options of the link.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any

from microlith.frame.connection import Connection
from microlith.frame.facade import bind, like
from microlith.frame.frame import Frame
from microlith.frame.holders import Holders
from microlith.frame.options import LinkOptions
from microlith.interface.interface import operations_of
from microlith.interface.needs import needs_of
from microlith.interface.operation import Operation
from microlith.process.birth import DIRECT, PartBirth, SlotBirth
from microlith.process.parts import interrupting, make


class InjectedFault(Exception):
    """The fault that `microlith kill` puts into a server that is not a process of its own."""


class Assembly:
    """The servers of one address space, by name, and every facade that leads to them."""

    def __init__(self, frame: Frame, devices: dict[str, int], connection: Connection | None = None) -> None:
        self.frame, self.devices, self.connection = frame, devices, connection
        self.holders = connection.holders if connection else Holders(frame)
        self.servers: dict[str, Any] = {}
        self._locks: dict[str, Any] = {}  # by server, of links with `lock`

    def make(self, parts: tuple[PartBirth, ...]) -> dict[int, Any]:
        """Make all servers, then join them (what only notifies may lead up); by port, lowest rank first."""
        servers = [part for part in sorted(parts, key=lambda p: p.rank) if not part.app]
        for part in servers:
            self.servers[part.name] = make(part, self.devices)
            self.holders.add_server(self.servers[part.name], part.rank)
        return {part.port: self.join(self.servers[part.name], part, self.servers[part.name]) for part in servers}

    def build(self, parts: tuple[PartBirth, ...]) -> None:
        """Make, join and start all servers, lowest rank first, and poll their devices."""
        self.start(self.make(parts))

    def start(self, made: dict[int, Any]) -> None:
        """Start servers in this order, and poll their devices."""
        for server in made.values():
            server.start()
            for device in interrupting(server):
                self.frame.add_device(server, device)

    def join(self, made: Any, part: PartBirth, holder: Any = None) -> Any:
        """Fill an instance's slots (`holder` None: it is an app)."""
        needs = needs_of(type(made))
        for slot in part.slots:
            if slot.path == DIRECT or self.connection is None:
                link = self._options(part.name, slot) if slot.options else None
                capability: Any = self.holders.receive(self.servers[slot.server], holder, link=link)
            else:
                capability = reach(self.connection, part.name, slot, needs[slot.slot].type, holder)
            setattr(made, slot.slot, capability)
        return made

    def _options(self, client: str, slot: SlotBirth) -> LinkOptions:
        lock = self._locks.setdefault(slot.server, threading.RLock()) if "lock" in slot.options else None
        return options_of(client, slot, lock)

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


def reach(connection: Connection, client: str, slot: SlotBirth, interface: Any, holder: Any = None) -> Any:
    """What a slot holds whose link leaves the domain: a stub, or a facade over it with the options of the link."""
    stub = connection.slot(interface, slot, holder)
    return options_of(client, slot).over(stub) if slot.options else stub


def options_of(client: str, slot: SlotBirth, lock: Any = None) -> LinkOptions:
    """The options of the link behind a client's slot."""
    return LinkOptions(f"{client}.{slot.slot}", slot.options, slot.path, slot.in_kernel, lock)


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
