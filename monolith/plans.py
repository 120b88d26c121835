"""The architectures of one address space: library OS and monolith."""

from microlith.plan.plan import DIRECT, PEER, Domain, Instance, Plan, Template, programs, wire
from microlith.system.system import System


def library(system: System) -> Plan:
    """A library OS: the program and everything it needs in one address space, one program at a time.

    Every call is the bound method itself.  An error anywhere halts it all.  (Engler, Kaashoek, O'Toole,
    "Exokernel", SOSP 1995, section 2, for the idea; OSKit and unikernels for the form.)
    """
    boot_apps = [app for app in system.apps.values() if app.on_boot]
    everything = tuple(Instance(name, name) for name in (*system.servers, *(app.name for app in boot_apps)))
    root = Domain("library", "process", everything)
    links = [link for part in (*system.servers.values(), *boot_apps) for link in wire(part, DIRECT)]
    templates = tuple(Template(app.name, root, wire(app, DIRECT), inside="library") for app in programs(system))
    return Plan("library", system.name, (root,), tuple(links), templates)


def monolith(system: System) -> Plan:
    """Unix: all servers in one kernel, direct calls between them; each app a process that traps.

    (Bach, "The Design of the UNIX Operating System", 1986, chapter 2.)
    """
    kernel = Domain(
        "kernel", "kernel", tuple(Instance(name, name) for name in system.servers), options={"on_fault": "panic"}
    )
    boot_apps = [app for app in system.apps.values() if app.on_boot]
    links = [link for server in system.servers.values() for link in wire(server, DIRECT)]
    links += [link for app in boot_apps for link in wire(app, PEER, "socket")]
    domains = tuple(Domain(app.name, "process", (Instance(app.name, app.name),)) for app in boot_apps)
    templates = tuple(
        Template(app.name, Domain(app.name, "process", (Instance(app.name, app.name),)), wire(app, PEER, "socket"))
        for app in programs(system)
    )
    return Plan("monolith", system.name, (kernel, *domains), tuple(links), templates)
