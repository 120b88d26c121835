"""The architectures of the microkernel."""

from dataclasses import replace

from microlith.interface.needs import needs_of
from microlith.plan.group import grouped
from microlith.plan.plan import (
    DIRECT,
    KERNEL,
    PEER,
    Domain,
    Instance,
    Link,
    Plan,
    Template,
    on_boot,
    own_domain,
    programs,
    wire,
)
from microlith.system.system import Part, System


def mach(system: System) -> Plan:
    """First generation: every server a process of its own, every message through the kernel's ports.

    (Accetta et al., "Mach: A New Kernel Foundation for UNIX Development", USENIX Summer 1986.)
    """
    parts = (*system.servers.values(), *on_boot(system))
    links = tuple(link for part in parts for link in wire(part, KERNEL, "zmq"))
    domains = (Domain("kernel", "kernel"), *map(own_domain, parts))
    templates = tuple(Template(app.name, own_domain(app), wire(app, KERNEL, "zmq")) for app in programs(system))
    return Plan("mach", system.name, domains, links, templates)


def hybrid(system: System) -> Plan:
    """A hybrid, as macOS is one: Mach below, and what drives devices or relies on it back together in one domain.

    Calls into that domain are traps, everything else goes by Mach's messages.  (Singh, "Mac OS X Internals",
    2006, chapter 2.)
    """
    inside = _relying(system, {server.name for server in system.servers.values() if _drives(server)})
    plan = grouped(mach(system), [[name for name in system.servers if name in inside]] if inside else [])

    def traps(links: tuple[Link, ...]) -> tuple[Link, ...]:
        into = [link.server in inside and link.path != DIRECT for link in links]
        return tuple(replace(a, path=PEER, transport="shared") if b else a for a, b in zip(links, into, strict=True))

    templates = tuple(replace(template, links=traps(template.links)) for template in plan.templates)
    return replace(plan, architecture="hybrid", links=traps(plan.links), templates=templates)


def _relying(system: System, found: set[str]) -> set[str]:
    """These servers, and all that call one of them, directly or through others."""
    more = {name for name, server in system.servers.items() if found & set(server.capabilities.values())}
    return found if more <= found else _relying(system, found | more)


def l4(system: System) -> Plan:
    """Second generation: the same domains, each joined to the servers it may call by channels that the kernel grants.

    The kernel is on the path of no call.  (Liedtke, "On micro-kernel construction", SOSP 1995.)
    """
    parts = (*system.servers.values(), *on_boot(system))
    links = tuple(link for part in parts for link in wire(part, PEER, "shared"))
    domains = (Domain("kernel", "kernel"), *map(own_domain, parts))
    templates = tuple(Template(app.name, own_domain(app), wire(app, PEER, "shared")) for app in programs(system))
    return Plan("l4", system.name, domains, links, templates)


def mach25(system: System) -> Plan:
    """First generation as it was run: drivers in the kernel, one big Unix server outside, all through ports.

    A driver is a server that has a device of the host and no capability: it calls nobody, so the kernel never
    waits for a server.  (Golub, Dean, Forin, Rashid, "Unix as an Application Program", USENIX Summer 1990.)
    """
    drivers = [server.name for server in system.servers.values() if _drives(server)]
    others = [name for name in system.servers if name not in drivers]
    plan = grouped(mach(system), [others])
    kernel = Domain("kernel", "kernel", tuple(Instance(name, name) for name in drivers))
    outside = (domain for domain in plan.domains[1:] if domain.name not in drivers)
    return replace(plan, architecture="mach25", domains=(kernel, *outside))


def _drives(server: Part) -> bool:
    needs = needs_of(server.cls) if server.cls else {}
    devices = [name for name, need in needs.items() if need.kind == "device" and need.required]
    return bool(devices or server.devices) and not server.capabilities
