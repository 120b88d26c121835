"""The system: what there is, and who may call whom.

A system is read from a TOML file (`systemfile.py`) or built in Python, and checked (`check.py`)
before anything starts.  It says nothing about processes: that is the plan's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from microlith.interface.interface import operations_of
from microlith.interface.needs import needs_of


@dataclass(frozen=True)
class Part:
    """A server as the system has it: its class, and what it was given, by attribute name.

    `confine`, `quota`, `restart` and `start` are the reserved sub-tables; `line` is where the entry
    stands in its file (0: not from a file).
    """

    name: str
    cls: type | None
    capabilities: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    confine: dict[str, Any] = field(default_factory=dict)
    quota: dict[str, Any] = field(default_factory=dict)
    restart: dict[str, Any] = field(default_factory=dict)
    start: dict[str, Any] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True)
class Program(Part):
    """An app: an App class, or the command line of a foreign program; started at boot or on demand."""

    command: tuple[str, ...] = ()
    on_boot: bool = True


@dataclass(frozen=True)
class HostDevice:
    """A device of the host: kind, path and mode (`r`, `rw`, `create`); `size` for a file it makes."""

    name: str
    kind: str
    path: str = ""
    mode: str = "rw"
    size: int = 0
    line: int = 0


@dataclass(frozen=True)
class System:
    """Servers, apps and devices by name; `domains` and `placement` are the file's own plan, if any.

    `source` is the file it was read from (empty: built in Python), `lines` where its elements stand there.
    """

    name: str
    servers: dict[str, Part] = field(default_factory=dict)
    apps: dict[str, Program] = field(default_factory=dict)
    devices: dict[str, HostDevice] = field(default_factory=dict)
    domains: tuple[tuple[str, ...], ...] | None = None
    placement: str | None = None
    source: str = ""
    lines: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

    def server(self, name: str, cls: type, /, **given: Any) -> "System":
        """This system with one more server; `given` are its capabilities, settings and devices."""
        return replace(self, servers={**self.servers, name: Part(name, cls, **_sort(cls, given))})

    def app(self, name: str, cls: type, /, on_boot: bool = True, **given: Any) -> "System":
        """This system with one more app."""
        return replace(self, apps={**self.apps, name: Program(name, cls, **_sort(cls, given), on_boot=on_boot)})

    def device(self, name: str, kind: str, path: str = "", mode: str = "rw", size: int = 0) -> "System":
        """This system with one more device, or with another one of the same name."""
        return replace(self, devices={**self.devices, name: HostDevice(name, kind, path, mode, size)})

    def ranks(self) -> dict[str, int]:
        """A rank for each server and app: one more than the highest rank it may call; apps highest.

        A capability with which nothing can be called synchronously does not count.  Raises ValueError
        with the cycle spelled out (`a -> b -> a`) when there is none.
        """
        below = {name: _called(part) for name, part in self.servers.items()}
        try:
            order = tuple(TopologicalSorter(below).static_order())
        except CycleError as error:
            raise ValueError(" -> ".join(_from_first(error.args[1][::-1], list(below)))) from None
        ranks: dict[str, int] = {}
        for name in order:
            ranks[name] = 1 + max((ranks[server] for server in below[name]), default=-1)
        top = max(ranks.values(), default=0) + 1
        return {**{name: ranks[name] for name in self.servers}, **dict.fromkeys(self.apps, top)}

    def domain_ranks(self, homes: Mapping[str, str]) -> dict[str, int]:
        """A rank for each domain, where `homes` names the domain of each server.

        A domain serves one request at a time, so calls between domains go down too: a domain ranks with its
        highest server, or above the domains that it calls if that is more.  Raises ValueError with the cycle
        spelled out when two domains call each other, however indirectly.
        """
        ranks = self.ranks()
        below: dict[str, list[str]] = {home: [] for home in homes.values()}
        for name, part in self.servers.items():
            called = [homes[server] for server in _called(part)]
            below[homes[name]] += [home for home in called if home not in (homes[name], *below[homes[name]])]
        try:
            order = tuple(TopologicalSorter(below).static_order())
        except CycleError as error:
            raise ValueError(" -> ".join(_from_first(error.args[1][::-1], list(below)))) from None
        found: dict[str, int] = {}
        for home in order:
            own = [ranks[name] for name in self.servers if homes[name] == home]
            found[home] = max(*own, *(1 + found[called] for called in below[home]), 0)
        return found


def _called(part: Part) -> tuple[str, ...]:
    """The servers that this one may call and wait for: holding and notifying are free."""
    needs = needs_of(part.cls) if part.cls else {}
    return tuple(
        server
        for slot, server in part.capabilities.items()
        if slot not in needs or any(not (o.notify or o.waits) for o in operations_of(needs[slot].type).values())
    )


def _from_first(cycle: list[str], order: list[str]) -> list[str]:
    """The same cycle, begun at the server that comes first in the system."""
    start = min(range(len(cycle) - 1), key=lambda i: order.index(cycle[i]))
    return [*cycle[start:-1], *cycle[:start], cycle[start]]


def _sort(cls: type, given: dict[str, Any]) -> dict[str, Any]:
    """Sort what a part is given into capabilities, settings, devices and the reserved sub-tables."""
    needs = needs_of(cls)
    kinds = {"capability": "capabilities", "setting": "settings", "device": "devices"}
    sorted_out: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        if name in ("confine", "quota", "restart", "start"):
            sorted_out[name] = value
        else:
            kind = kinds[needs[name].kind] if name in needs else "settings"
            sorted_out.setdefault(kind, {})[name] = value
    return sorted_out
