"""The architectures of the microkernel."""

from microlith.plan.plan import KERNEL, Domain, Instance, Plan, Template, programs, wire
from microlith.system.system import System


def mach(system: System) -> Plan:
    """First generation: every server a process of its own, every message through the kernel's ports.

    (Accetta et al., "Mach: A New Kernel Foundation for UNIX Development", USENIX Summer 1986.)
    """
    boot_apps = [app for app in system.apps.values() if app.on_boot]
    parts = (*system.servers.values(), *boot_apps)
    domains = tuple(Domain(part.name, "process", (Instance(part.name, part.name),)) for part in parts)
    links = [link for part in parts for link in wire(part, KERNEL, "zmq")]
    templates = tuple(
        Template(app.name, Domain(app.name, "process", (Instance(app.name, app.name),)), wire(app, KERNEL, "zmq"))
        for app in programs(system)
    )
    return Plan("mach", system.name, (Domain("kernel", "kernel"), *domains), tuple(links), templates)
