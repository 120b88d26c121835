"""The plan: domains, the instances in them, and the links between them.

An architecture is a pure function from a `System` to a `Plan`; `boot` makes a plan run.  A plan can be
printed, drawn, compared and tested without starting a process.  A domain is one address space and the
unit of death.  The first domain of a plan is its *root*: the process that the launcher starts, and
with which everything dies.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from microlith.system.system import Part, Program, System

#: A link's path: the bound method itself, straight to the peer, or through the kernel.
DIRECT, PEER, KERNEL = "direct", "peer", "kernel"


@dataclass(frozen=True)
class Instance:
    """A server or an app of the system, running somewhere; names are stable across plans."""

    name: str
    of: str


@dataclass(frozen=True)
class Domain:
    """One address space.  kind: process, kernel, guest (with a plan of its own inside) or outside."""

    name: str
    kind: str
    instances: tuple[Instance, ...] = ()
    plan: "Plan | None" = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """Joins one client's slot to one server.  `transport` is empty on a direct link."""

    client: str
    slot: str
    server: str
    path: str
    transport: str = ""
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Template:
    """Where a program that starts later goes: into a new domain, or into the one named `inside`."""

    app: str
    domain: Domain
    links: tuple[Link, ...]
    inside: str | None = None


@dataclass(frozen=True)
class Plan:
    """What runs where."""

    architecture: str
    system: str
    domains: tuple[Domain, ...]
    links: tuple[Link, ...]
    templates: tuple[Template, ...] = ()

    @property
    def root(self) -> Domain:
        """The domain that the launcher starts."""
        return self.domains[0]

    def domain_of(self, instance: str) -> Domain:
        """The domain that an instance lives in.  KeyError if there is no such instance."""
        for domain in self.domains:
            if any(i.name == instance for i in domain.instances):
                return domain
        raise KeyError(instance)

    def instance(self, name: str) -> Instance:
        """The instance of that name.  KeyError if there is none."""
        return next(i for i in self.domain_of(name).instances if i.name == name)

    def links_of(self, client: str) -> tuple[Link, ...]:
        """The links of one client instance, in the order of its slots."""
        return tuple(link for link in self.links if link.client == client)

    def template(self, app: str) -> Template:
        """The template of a program.  KeyError if there is none."""
        return next((t for t in self.templates if t.app == app), None) or _missing(app)


def _missing(app: str) -> Template:
    raise KeyError(app)


#: The program that `connect`, `call` and the benchmarks are: a capability to every server.
OPERATOR = "operator"


def operator(system: System) -> Program:
    """The operator: whoever started the machine may call every server of it."""
    return Program(name=OPERATOR, cls=None, capabilities={name: name for name in system.servers}, on_boot=False)


def programs(system: System) -> Iterator[Program]:
    """Every app of the system, the operator last."""
    yield from system.apps.values()
    yield operator(system)


def on_boot(system: System) -> tuple[Program, ...]:
    """The apps that start with the machine."""
    return tuple(app for app in system.apps.values() if app.on_boot)


def own_domain(part: Part) -> Domain:
    """A domain for one part alone: a process, or, for a foreign program, whatever runs outside."""
    foreign = isinstance(part, Program) and bool(part.command)
    return Domain(part.name, "outside" if foreign else "process", (Instance(part.name, part.name),))


def wire(part: Part, path: str, transport: str = "", options: dict[str, Any] | None = None) -> tuple[Link, ...]:
    """One link for each capability of a part, all of one kind."""
    return tuple(
        Link(part.name, slot, server, path, transport, options or {}) for slot, server in part.capabilities.items()
    )
