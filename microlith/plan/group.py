"""Any grouping: from a plan that gives each server a domain, one in which some servers share a domain.

It works on whatever architecture made the plan, as long as that did not put servers together itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from microlith.interface.status import UsageError
from microlith.plan.plan import DIRECT, Domain, Instance, Link, Plan
from microlith.system.place import did_you_mean, listed
from microlith.system.system import System

Groups = Sequence[Sequence[str]]


def grouped(plan: Plan, groups: Groups) -> Plan:
    """The same plan with the servers of each group in one domain, joined by direct links inside.

    A group's domain is called by its servers, joined by `+`, and stands where the first of them stood.  Raises
    UsageError for groups that this plan cannot have.
    """
    _refuse(plan, groups)
    group_of = {name: tuple(group) for group in groups for name in group}
    domains: list[Domain] = []
    for domain in plan.domains:
        group = next((group_of[i.name] for i in domain.instances if i.name in group_of), (domain.name,))
        name = "+".join(group)
        if len(group) == 1:
            domains.append(domain)
        elif all(one.name != name for one in domains):
            instances = tuple(Instance(member, plan.instance(member).of) for member in group)
            domains.append(replace(domain, name=name, instances=instances))

    def inside(link: Link) -> Link:
        together = link.client in group_of and link.server in group_of[link.client]
        return replace(link, path=DIRECT, transport="") if together else link

    return replace(plan, domains=tuple(domains), links=tuple(map(inside, plan.links)))


def groupable(plan: Plan) -> bool:
    """Does each part of this plan have a domain of its own?"""
    return not plan.root.instances and all(len(domain.instances) <= 1 for domain in plan.domains)


def _refuse(plan: Plan, groups: Groups) -> None:
    if not groupable(plan):
        raise UsageError(
            f"{plan.architecture} puts servers together itself; domains are for architectures that give each server"
            " one of its own, such as mach"
        )
    parts = [instance.name for domain in plan.domains for instance in domain.instances]
    later = (link for template in plan.templates for link in template.links)
    called = {link.server for link in (*plan.links, *later)}
    servers = [name for name in parts if name in called]
    seen: set[str] = set()
    for name in (name for group in groups for name in group):
        if name in parts and name not in servers:
            raise UsageError(f"the domains name the app {name!r}; they group servers only")
        if name not in servers:
            hint = did_you_mean(name, servers, f"; there are {listed(servers)}")
            raise UsageError(f"the domains name an unknown server {name!r}{hint}")
        if name in seen:
            raise UsageError(f"the domains name {name!r} twice; a server runs in one domain")
        seen.add(name)


def planned(system: System, architecture: Callable[[System], Plan], domains: Groups | None = None) -> Plan:
    """The plan of a system: an architecture's, with these domains, or the system's own where they can be had."""
    plan = architecture(system)
    if domains is not None:
        plan = grouped(plan, domains)
    elif system.domains is not None and groupable(plan):
        plan = grouped(plan, system.domains)
    levels(system, plan)
    return plan


def levels(system: System, plan: Plan) -> dict[str, int]:
    """The rank of each server's domain in a plan, by the domain's name (see `homes`).  Raises UsageError."""
    try:
        return system.domain_ranks(homes(system, plan))
    except ValueError as error:
        raise UsageError(
            f"the domains call each other in a circle, {error};"
            " a domain serves one request at a time, so group otherwise"
        ) from None


def homes(system: System, plan: Plan) -> dict[str, str]:
    """The domain of each server, by name; in a root, which is more than their domain, each counts for itself."""
    return {
        i.name: i.name if domain is plan.root else domain.name
        for domain in plan.domains
        for i in domain.instances
        if i.of in system.servers
    }
