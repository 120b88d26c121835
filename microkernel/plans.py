"""The architectures of the microkernel."""

from microlith.plan.plan import KERNEL, PEER, Domain, Plan, Template, on_boot, own_domain, programs, wire
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


def l4(system: System) -> Plan:
    """Second generation: the same domains, each joined to the servers it may call by channels that the kernel grants.

    The kernel is on the path of no call.  (Liedtke, "On micro-kernel construction", SOSP 1995.)
    """
    parts = (*system.servers.values(), *on_boot(system))
    links = tuple(link for part in parts for link in wire(part, PEER, "shared"))
    domains = (Domain("kernel", "kernel"), *map(own_domain, parts))
    templates = tuple(Template(app.name, own_domain(app), wire(app, PEER, "shared")) for app in programs(system))
    return Plan("l4", system.name, domains, links, templates)
