"""From a system and a plan to the birth records of its domains: pure, and the same for every root."""

import os
import sys
from typing import Any

import msgspec

from microlith.interface.devices import Timer
from microlith.interface.needs import needs_of
from microlith.interface.status import UsageError
from microlith.launch.placement import Placement
from microlith.plan.group import homes, levels
from microlith.plan.plan import DIRECT, KERNEL, PEER, Domain, Link, Plan, Template, operator
from microlith.process.birth import Birth, Boot, PartBirth, PeerBirth, SlotBirth, name_class
from microlith.system.place import listed
from microlith.system.system import Part, Program, System


def births(
    system: System, plan: Plan, run: str, program: str, labels: tuple[str, ...], placement: Placement, **options: Any
) -> Boot:
    """Everything a root needs, from what there is and what runs where."""
    known = _Known(system, plan, program, placement, bool(options.get("checked")), bool(options.get("walked")))
    templates = {t.app: known.template(t) for t in plan.templates}
    return Boot(
        system=system.name,
        architecture=plan.architecture,
        program=program,
        run=run,
        root=known.domain(plan.root, ()),
        domains=tuple(known.domain(d, plan.links) for d in plan.domains[1:] if d.kind != "outside"),
        templates=templates,
        commands={app.name: app.command for app in system.apps.values() if app.command},
        restart={d.name: known.restart(d) for d in plan.domains[1:] if d.kind != "outside"},
        classes=tuple(sorted({p.cls for b in known.made for p in b.parts if p.cls})),
        labels=labels,
        options=dict(plan.root.options),
        placement=placement.name,
        record=str(options.get("record", "")),
        autostart=tuple(i.name for i in plan.root.instances if i.of in system.apps),
        outside=tuple(i.of for d in plan.domains[1:] if d.kind == "outside" for i in d.instances),
    )


class _Known:
    """Names, ports and ranks, which every birth refers to."""

    def __init__(
        self, system: System, plan: Plan, program: str, placement: Placement, checked: bool, walked: bool
    ) -> None:
        self.system, self.plan, self.program = system, plan, program
        self.checked, self.walked = checked, walked
        self.ranks = system.ranks()
        self.homes = homes(system, plan)
        self.levels = levels(system, plan)
        self.top = max((*self.ranks.values(), *self.levels.values()), default=0) + 1
        self.ports = {name: number for number, name in enumerate(system.servers, 1)}
        self.placement = placement
        self.made: list[Birth] = []

    def part_of(self, name: str) -> Part:
        if name in self.system.servers:
            return self.system.servers[name]
        return self.system.apps.get(name) or operator(self.system)

    def domain(self, domain: Domain, links: tuple[Link, ...]) -> Birth:
        """The birth of a domain; handles are given to its links that are not direct, in order, instance by instance."""
        parts = []
        handle = 0
        peers: dict[str, list[Link]] = {}
        for instance in domain.instances:
            slots = []
            for link in self.plan.links_of(instance.name) or [x for x in links if x.client == instance.name]:
                direct = link.path == DIRECT
                handle += not direct
                slots.append(self._slot(link, 0 if direct else handle, *self._place(link, peers)))
            parts.append(self._part(self.part_of(instance.of), tuple(slots)))
        later = (link for template in self.plan.templates for link in template.links)
        crossing = [link for link in (*self.plan.links, *links, *later) if link.path != DIRECT]
        members = [self.part_of(instance.of) for instance in domain.instances]
        reached = self._connection(crossing) if domain is not self.plan.root else ""
        local = {"local": True} if reached == "peer-zmq" else {}  # it connects to its servers while it runs
        birth = Birth(
            domain=domain.name,
            parts=tuple(parts),
            labels=(),
            rank=max(
                (self.levels[self.homes[p.name]] if p.name in self.homes else p.rank for p in parts), default=self.top
            ),
            link=reached,
            peers=tuple(
                PeerBirth(home, links[0].transport, tuple(link.server for link in links))
                for home, links in peers.items()
            ),
            checked=self.checked,
            walked=self.walked,
            cores=self._cores(domain),
            spins=self.placement.spins,
            path=_search_path(self.system),
            confine=_confine(members) | local,
            quota=_quota(members),
            fresh=any(part.start.get("fresh") for part in members),
        )
        self.made.append(birth)
        return birth

    def _place(self, link: Link, peers: dict[str, list[Link]]) -> tuple[int, int]:
        """Where a link between two domains of a microkernel leads: the peer's number, and the place in its table."""
        if link.path != PEER or self.program != "broker":
            return 0, 0
        home = self.homes[link.server]
        peers.setdefault(home, []).append(link)
        return list(peers).index(home) + 1, len(peers[home])

    def _cores(self, domain: Domain) -> tuple[int, ...]:
        if domain in self.plan.domains and any(i.of in self.system.servers for i in domain.instances or ()):
            return self.placement.server(self.plan.domains.index(domain))
        return self.placement.server(0) if domain is self.plan.root else self.placement.program()

    def _connection(self, crossing: list[Link]) -> str:
        """How a domain reaches its kernel, and its peers: a key of kinds.TRANSPORTS.  Raises UsageError."""
        kinds = {link.path: {x.transport for x in crossing if x.path == link.path} for link in crossing}
        for path, transports in kinds.items():
            if len(transports) > 1:
                raise UsageError(f"the plan's {path} links are over {listed(sorted(transports))}; one transport is all")
        kernel, peer = kinds.get(KERNEL, set()), kinds.get(PEER, set())
        if self.program != "broker":
            return next(iter(kernel | peer), "")
        if peer and kernel - {"zmq"}:
            raise UsageError(f"with peer links, kernel links are over zmq; the plan has them over {listed(kernel)}")
        if self.plan.root.instances and kernel - {"zmq"}:
            raise UsageError(f"servers in the kernel's domain are reached over zmq; the plan says {listed(kernel)}")
        return f"peer-{peer.pop()}" if peer else f"kernel-{kernel.pop()}" if kernel - {"zmq"} else "zmq"

    def template(self, template: Template) -> Birth:
        """The birth of a program that starts later."""
        if template.inside is None:
            return self.domain(template.domain, template.links)
        program = self.part_of(template.app)
        slots = tuple(self._slot(link, number) for number, link in enumerate(template.links, 1))
        part = self._part(program, slots)
        birth = Birth(domain=template.app, parts=(part,), labels=(), rank=self.top, checked=self.checked)
        self.made.append(birth)
        return birth

    def _slot(self, link: Link, handle: int, peer: int = 0, at: int = 0) -> SlotBirth:
        in_kernel = self.plan.domain_of(link.server).kind == "kernel"
        rank = self.ranks[link.server]
        port = self.ports[link.server]
        return SlotBirth(link.slot, link.server, handle, rank, link.path, port, peer, at, in_kernel, link.options)

    def _part(self, part: Part, slots: tuple[SlotBirth, ...]) -> PartBirth:
        app = isinstance(part, Program)
        needs = needs_of(part.cls).values() if part.cls else ()
        timers = tuple(n.name for n in needs if n.type is Timer and n.name not in part.devices)
        devices = {**part.devices, **{name: f"{part.name}.{name}" for name in timers}}
        lines = tuple(n.name for n in needs if n.name in devices and n.type.interrupts)
        return PartBirth(
            name=part.name,
            cls=name_class(part.cls) if part.cls else "",
            rank=self.top if app else self.ranks[part.name],
            port=self.ports.get(part.name, 0),
            settings={name: _plain(part.cls, name, value) for name, value in part.settings.items()},
            slots=slots,
            devices=devices,
            timers=timers,
            interrupts=() if app else lines,
            app=app,
        )

    def restart(self, domain: Domain) -> dict[str, Any]:
        """The restart settings of a domain: of its first instance that has any; apps are temporary unless told."""
        parts = [self.part_of(instance.of) for instance in domain.instances]
        settings = next((part.restart for part in parts if part.restart), {})
        return {"policy": "temporary" if isinstance(parts[0], Program) else "permanent", **settings}


def _confine(members: list[Part]) -> dict[str, Any]:
    """What a domain may reach: what one of its parts may."""
    found: dict[str, Any] = {}
    for part in members:
        for key, value in part.confine.items():
            found[key] = (*found.get(key, ()), *value) if isinstance(value, list | tuple) else found.get(key) or value
    return found


def _quota(members: list[Part]) -> dict[str, int]:
    """What a domain may hold: the sum, if all of its parts have a limit of memory; of the rest, the most."""
    found: dict[str, int] = {}
    for part in members:
        for key, value in part.quota.items():
            found[key] = max(found.get(key, 0), value)
    memory = [part.quota["memory_mib"] for part in members if "memory_mib" in part.quota]
    if memory:
        found.pop("memory_mib")
    return found | ({"memory_mib": sum(memory)} if memory and len(memory) == len(members) else {})


def _plain(cls: type | None, name: str, value: Any) -> Any:
    needs = needs_of(cls) if cls else {}
    return msgspec.to_builtins(value) if name in needs else value


def _search_path(system: System) -> tuple[str, ...]:
    """Where a domain finds the modules of its parts: where we find them, and then beside the system file."""
    folders = [p for p in sys.path if p and os.path.isdir(p)]
    for part in (*system.servers.values(), *system.apps.values()):
        module = sys.modules.get(part.cls.__module__) if part.cls else None
        file = getattr(module, "__file__", None)
        if file and module is not None:
            depth = module.__name__.count(".") + (1 if hasattr(module, "__path__") else 0)
            folder = os.path.dirname(os.path.abspath(file))
            for _ in range(depth):
                folder = os.path.dirname(folder)
            folders.append(folder)
    if system.source:
        folders.append(os.path.dirname(os.path.abspath(system.source)))
    return tuple(dict.fromkeys(folders))
