"""Checks a system before anything of it starts: what `check` accepts, an architecture can plan.

The checks run from names over parts and devices to the whole, and the first thing wrong is said in one
sentence.  They hold for systems from files and from Python alike.
"""

import re

from microlith.frame.server import App, Server
from microlith.system.check_devices import check_devices
from microlith.system.check_parts import check_part
from microlith.system.place import Place, did_you_mean, listed, place_of, shown
from microlith.system.system import System
from microlith.system.tables import PLACEMENTS

LONGEST_NAME = 64  # it names files, processes and memory files
NAME = re.compile(r"[a-z][a-z0-9_]*")

#: Names with a meaning of their own in plans and at the command line.
RESERVED_NAMES = {"operator": "whoever started the machine", "kernel": "the kernel's domain"}


def check(system: System) -> None:
    """Refuse a system that cannot run, with a UsageError of one sentence."""
    place = place_of(system)
    _check_names(system, place)
    for server in system.servers.values():
        check_part(system, place, f"servers.{server.name}", server, Server)
    for app in system.apps.values():
        check_part(system, place, f"apps.{app.name}", app, App)
    check_devices(system, place)
    _check_cycles(system, place)
    _check_plan(system, place)


def _check_names(system: System, place: Place) -> None:
    for kind, table in (("servers", system.servers), ("apps", system.apps), ("devices", system.devices)):
        for name, entry in table.items():
            element = f"{kind}.{name}"
            if not NAME.fullmatch(name):
                hint = "names are made of a-z, 0-9 and _, a letter first"
                raise place.refuse(element, f"{kind[:-1]} name {shown(name)} cannot be used; {hint}")
            if len(name) > LONGEST_NAME:
                raise place.refuse(element, f"{kind[:-1]} name {shown(name)} has more than {LONGEST_NAME} characters")
            if entry.name != name:
                raise place.refuse(element, f"{element} says that it is called {entry.name!r}; the two must agree")
            if name in RESERVED_NAMES and kind != "devices":
                raise place.refuse(
                    element, f"{element} has a reserved name: {name} is {RESERVED_NAMES[name]}, so take another one"
                )
    for name in system.apps:
        if name in system.servers:
            raise place.refuse(f"apps.{name}", f"apps.{name} and servers.{name} have one name; rename one of them")
    if not system.servers:
        raise place.refuse_line(0, "has no servers; a system needs at least one [servers.NAME]")


def _check_cycles(system: System, place: Place) -> None:
    try:
        system.ranks()
    except ValueError as error:
        cycle = str(error)
        first, second = cycle.split(" -> ")[:2]
        slot = next(s for s, server in system.servers[first].capabilities.items() if server == second)
        raise place.refuse(
            f"servers.{first}.{slot}",
            f"servers.{first}.{slot} closes a cycle of synchronous calls, {cycle};"
            " take one of these capabilities away, or make it an interface of @notify operations",
        ) from None


def _check_plan(system: System, place: Place) -> None:
    if system.placement is not None and system.placement not in PLACEMENTS:
        hint = did_you_mean(str(system.placement), PLACEMENTS, f"; there are {listed(PLACEMENTS)}")
        raise place.refuse("plan.placement", f"plan.placement is {shown(system.placement)}{hint}")
    seen: set[str] = set()
    for domain in system.domains or ():
        if not domain:
            raise place.refuse("plan.domains", "plan.domains has an empty domain; leave it out or name its servers")
        for name in domain:
            if name in system.apps:
                raise place.refuse("plan.domains", f"plan.domains names the app {name!r}; it groups servers only")
            if name not in system.servers:
                hint = did_you_mean(name, system.servers, f"; there are {listed(system.servers)}")
                raise place.refuse("plan.domains", f"plan.domains names an unknown server {shown(name)}{hint}")
            if name in seen:
                raise place.refuse("plan.domains", f"plan.domains names {name!r} twice; a server runs in one domain")
            seen.add(name)
    homes = {name: name for name in system.servers}
    homes |= {name: "+".join(domain) for domain in system.domains or () for name in domain}
    try:
        system.domain_ranks(homes)
    except ValueError as error:
        raise place.refuse(
            "plan.domains",
            f"plan.domains makes domains call each other in a circle, {error};"
            " a domain serves one request at a time, so group otherwise",
        ) from None
