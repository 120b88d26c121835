"""The architectures of the microkernel."""

from microlith.plan.plan import KERNEL, Domain, Plan, Template, on_boot, own_domain, programs, wire
from microlith.system.system import System


def mach(system: System) -> Plan:
    """First generation: every server a process of its own, every message through the kernel's ports.

    (Accetta et al., "Mach: A New Kernel Foundation for UNIX Development", USENIX Summer 1986.)
    """
    parts = (*system.servers.values(), *on_boot(system))
    links = tuple(link for part in parts for link in wire(part, KERNEL, "zmq"))
    domains = (Domain("kernel", "kernel"), *map(own_domain, parts))
    templates = tuple(Template(app.name, own_domain(app), wire(app, KERNEL, "zmq")) for app in programs(system))
    return Plan("mach", system.name, domains, links, templates)
