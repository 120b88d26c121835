"""The architectures of one address space: library OS and monolith."""

from microlith.plan.plan import DIRECT, PEER, Domain, Instance, Plan, Template, on_boot, own_domain, programs, wire
from microlith.system.system import System


def library(system: System) -> Plan:
    """A library OS: the program and everything it needs in one address space, one program at a time.

    Every call is the bound method itself.  An error anywhere halts it all.  (Engler, Kaashoek, O'Toole,
    "Exokernel", SOSP 1995, section 2, for the idea; OSKit and unikernels for the form.)
    """
    inside = [app for app in on_boot(system) if not app.command]
    foreign = [app for app in on_boot(system) if app.command]
    parts = (*system.servers.values(), *inside)
    root = Domain("library", "process", tuple(Instance(part.name, part.name) for part in parts))
    links = [link for part in parts for link in wire(part, DIRECT)]
    links += [link for app in foreign for link in wire(app, PEER, "socket")]
    templates = tuple(Template(app.name, root, wire(app, DIRECT), inside="library") for app in programs(system))
    return Plan("library", system.name, (root, *map(own_domain, foreign)), tuple(links), templates)


def monolith(system: System) -> Plan:
    """Unix: all servers in one kernel, direct calls between them; each app a process that traps.

    (Bach, "The Design of the UNIX Operating System", 1986, chapter 2.)
    """
    instances = tuple(Instance(name, name) for name in system.servers)
    kernel = Domain("kernel", "kernel", instances, options={"on_fault": "panic"})
    links = [link for server in system.servers.values() for link in wire(server, DIRECT)]
    links += [link for app in on_boot(system) for link in wire(app, PEER, "shared")]
    domains = (kernel, *map(own_domain, on_boot(system)))
    templates = tuple(Template(app.name, own_domain(app), wire(app, PEER, "shared")) for app in programs(system))
    return Plan("monolith", system.name, domains, tuple(links), templates)
