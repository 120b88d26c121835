"""The architectures of the microkernel."""

from dataclasses import replace

from microlith.interface.needs import needs_of
from microlith.plan.group import grouped
from microlith.plan.plan import KERNEL, Domain, Instance, Plan, Template, on_boot, own_domain, programs, wire
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
