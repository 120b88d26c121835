"""The kernel's domains: tasks of the core with processes behind them, their births and deaths."""

import contextlib
import os
import resource
import signal
import time
from typing import TYPE_CHECKING

import msgspec

from microkernel.core import events
from microkernel.flood import CONNECTIONS, OUTSIDE
from microkernel.grants import Grants
from microlith.frame import wire
from microlith.interface.devices import Timer
from microlith.interface.status import UsageError
from microlith.process.birth import DIRECT, Birth
from microlith.process.restart import Restart
from microlith.process.root import Root
from microlith.process.spawner import Spawner

if TYPE_CHECKING:
    from microkernel.kernel import Kernel

DESCRIPTORS = 256  # of a domain, where its quota says nothing
RESERVE = 256  # the kernel's own


class Domain:
    """One domain: its task number, its birth record, its present process (pid 0: none)."""

    def __init__(self, task: int, name: str, birth: Birth, restart: Restart | None, child: bool) -> None:
        self.task, self.name, self.birth, self.restart, self.child = task, name, birth, restart, child
        self.server = not birth.parts[0].app
        self.servers = [part.name for part in birth.parts]
        self.incarnation = 0
        self.pid = self.pidfd = 0
        self.ready = False
        self.gone = self.asked = False  # given up; asked to end
        self.reason = ""
        self.suspended: tuple[tuple[int, int, int], ...] = ()
        self.lines: tuple[tuple[int, int, str], ...] = ()
        self.stdio: tuple[int, ...] = ()
        self.descriptors = 0  # what it may open, counted against the kernel's own limit


class Domains:
    """All domains of the kernel, by task number."""

    def __init__(self, kernel: "Kernel", root: Root, spawner: Spawner) -> None:
        self.kernel, self.root, self.boot_record = kernel, root, root.boot
        self.spawner = spawner
        self.table: dict[int, Domain] = {}
        self.grants = Grants(self)
        self._pids: dict[int, Domain] = {}
        self._next_task = 1
        self._next_line = 1
        self._announced = False
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.limit = hard
        self.budget = hard - RESERVE - OUTSIDE

    def boot(self) -> None:
        """Create every domain of the plan, then start them all; calls queue until a server is ready."""
        created = []
        for birth in sorted(self.boot_record.domains, key=lambda b: b.rank):
            restart = Restart(self.boot_record.restart.get(birth.domain, {}))
            created.append(self.create(birth.domain, birth, restart))
        for domain in created:
            self.start(domain)

    # --- births ------------------------------------------------------------------------------------

    def create(self, name: str, birth: Birth, restart: Restart | None = None, child: bool = True) -> Domain:
        """Make a domain known to the core.  Raises UsageError if it has no room below our limits."""
        self.grants.admit(birth, name)
        descriptors = int(birth.quota.get("descriptors", DESCRIPTORS)) if child else CONNECTIONS
        self._take_budget(descriptors, name)
        task, self._next_task = self._next_task, self._next_task + 1
        domain = self.table[task] = Domain(task, name, birth, restart, child)
        domain.descriptors = descriptors
        domain.lines = self._lines(birth)
        births = (self.boot_record.root, *self.boot_record.domains)
        ports = {p.name: p.port for b in births for p in b.parts if not p.app}
        grants = tuple(ports[slot.server] for part in birth.parts for slot in part.slots if slot.path != DIRECT)
        servers = [part for part in birth.parts if not part.app]
        own, ranks = tuple(part.port for part in servers), tuple(part.rank for part in servers)
        lines = tuple(line for line, _, _ in domain.lines)
        calls, rights, queue = (int(birth.quota.get(key, 0)) for key in ("calls", "rights", "queue"))
        self.kernel.broker.step(
            events.Create(task, name, birth.rank, own, grants, lines, (calls, rights, queue), ranks)
        )
        return domain

    def _lines(self, birth: Birth) -> tuple[tuple[int, int, str], ...]:
        """Give every interrupting device of a domain's servers a line, and timers a descriptor."""
        found = []
        for part in birth.parts:
            for attribute in part.interrupts:
                label = f"device:{part.devices[attribute]}:0"
                if attribute in part.timers and label not in self.root.devices:
                    self.root.devices[label] = Timer.make(attribute).line
                line, self._next_line = self._next_line, self._next_line + 1
                self.kernel.lines[line] = self.root.devices[label]
                found.append((line, part.port, attribute))
        return tuple(found)

    def start(self, domain: Domain) -> None:
        """Spawn the next incarnation of a domain."""
        birth = msgspec.structs.replace(
            domain.birth,
            domain=domain.name,
            incarnation=domain.incarnation + 1,
            endpoint=self.kernel.broker.endpoint,
            quota={**domain.birth.quota, "descriptors": domain.descriptors},
        )
        link = self.links(domain)
        birth, descriptors = self.root.endow(birth, domain.stdio, link)
        pid = self.spawner.spawn(birth, descriptors)
        self.admit(domain, pid, os.pidfd_open(pid))
        self.root.spent(descriptors)
        self.root.drop(link)
        domain.stdio = ()

    def links(self, domain: Domain) -> dict[str, int]:
        """What the next incarnation of a domain is handed to reach the kernel and its peers, by label."""
        granted = self.grants.open(domain) if domain.birth.link.startswith("peer-") else {}
        return granted | self.kernel.broker.open(domain.task)

    def admit(self, domain: Domain, pid: int, pidfd: int) -> None:
        """Take a process for the next incarnation of a domain."""
        domain.incarnation += 1
        domain.pid, domain.pidfd, domain.ready = pid, pidfd, False
        self._pids[pid] = domain
        self.kernel.watch(domain.pidfd, lambda: self.ended(domain))
        self.kernel.broker.step(events.Started(domain.task, domain.incarnation))
        self.grants.connect(domain)
        self.root.event("started", name=domain.name, pid=pid, incarnation=domain.incarnation)

    def _take_budget(self, wanted: int, name: str) -> None:
        """Count a domain's descriptors against ours, for as long as it may come back."""
        if wanted > self.budget:
            need = self.limit + wanted - self.budget
            raise UsageError(
                f"{name}: its {wanted} descriptors and those of the other domains need a limit of {need} open files,"
                f" and it is {self.limit} here; raise it (ulimit -Hn) or lower quota.descriptors"
            )
        self.budget -= wanted

    # --- what the broker asks and tells ------------------------------------------------------------

    def who(self, pid: int) -> tuple[int, int] | None:
        """The task and incarnation behind a pid that lives."""
        domain = self._pids.get(pid)
        return None if domain is None else (domain.task, domain.incarnation)

    def named(self, pid: int) -> str | None:
        """The name of the domain behind a pid."""
        domain = self._pids.get(pid)
        return domain.name if domain else None

    def convict(self, pid: int, reason: str) -> None:
        """A peer broke the protocol or floods us: end it."""
        domain = self._pids.get(pid)
        if domain is None or domain.reason:
            return
        domain.reason = reason
        self.root.event("convicted", name=domain.name, pid=pid, text=reason)
        self.end(domain)

    @staticmethod
    def end(domain: Domain) -> None:
        """End a domain's process, if it has one."""
        if domain.pid:
            with contextlib.suppress(ProcessLookupError):  # gone already, and reaped by a parent that is not us
                signal.pidfd_send_signal(domain.pidfd, signal.SIGKILL)

    def detach(self, task: int) -> None:
        """An attached process says that it is done; it lives on, and may attach again."""
        domain = self.table[task]
        if domain.child:
            return
        self.kernel.broker.post(task, wire.pack(wire.CONFIRM, flags=1))
        self._left(domain)
        self.kernel.broker.step(events.Exited(task, domain.incarnation, False))
        self.root.event("detached", name=domain.name)
        self._bury(domain)

    def expect(self, effect: events.Welcome) -> None:
        """The core has started an incarnation: what it will be told when it connects."""
        self.table[effect.task].suspended = effect.suspended

    def welcome(self, task: int) -> None:
        """A task said HELLO."""
        domain = self.table[task]
        slots = [(s.slot, s.handle, s.rank) for part in domain.birth.parts for s in part.slots if s.handle]
        body = (domain.name, domain.incarnation, domain.birth.rank, slots, domain.lines, domain.suspended)
        self.kernel.broker.post(task, wire.pack(wire.WELCOME, body=msgspec.msgpack.encode(body)))

    def up(self, effect: events.Up) -> None:
        """A task is ready."""
        domain = self.table[effect.task]
        domain.ready = True
        self.root.event("up", name=domain.name, incarnation=domain.incarnation)
        if not self._announced and all(d.ready for d in self.table.values() if d.server):
            self._announced = True
            self.root.event("ready", pid=os.getpid())

    # --- deaths ------------------------------------------------------------------------------------

    def ended(self, domain: Domain) -> None:
        """A domain's process is gone: tell the core, start it again or give it up."""
        kernel, pid = self.kernel, domain.pid
        kernel.broker.drain()  # what it said before it died still counts
        if self._pids.get(pid) is not domain:
            return  # the last thing it said was BYE
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if domain.child else 0
        self._left(domain)
        for line, _, _ in domain.lines:
            kernel.unwatch(kernel.lines[line])
        delay = None
        if domain.restart is not None and not kernel.stopping:
            delay = domain.restart.delay(time.monotonic(), status != 0)
        kernel.broker.step(events.Exited(domain.task, domain.incarnation, delay is not None))
        self.root.event(
            "ended" if not domain.server else "died",
            name=domain.name, pid=pid, status=status, incarnation=domain.incarnation, text=domain.reason,
        )  # fmt: skip
        domain.reason = ""
        if kernel.stopping:
            kernel.end_next()
        elif delay is None:
            self._bury(domain)
        elif delay == 0:
            self.start(domain)
        else:
            kernel.later(delay, lambda: None if kernel.stopping else self.start(domain))

    def _left(self, domain: Domain) -> None:
        """Its process is no longer one of ours."""
        self.kernel.unwatch(domain.pidfd)
        os.close(domain.pidfd)
        del self._pids[domain.pid]
        self.kernel.flood.forget(domain.pid)
        self.kernel.broker.forget(domain.task)
        self.grants.left(domain)
        domain.pid, domain.ready = 0, False

    def _bury(self, domain: Domain) -> None:
        if domain.server:
            domain.gone = True
            self.grants.gave_up(domain)
            self.budget += domain.descriptors
            if not self.kernel.stopping:
                self.root.event("gave up", name=domain.name)
            return
        del self.table[domain.task]
        self.budget += domain.descriptors
        self.root.forget(domain.name)

    def by_name(self, name: str) -> Domain:
        """The domain of that name, or in which a server of that name lives.  Raises LookupError."""
        for domain in self.table.values():
            if domain.name == name or any(part.name == name for part in domain.birth.parts):
                return domain
        raise LookupError(f"nothing is called {name!r}; there are {', '.join(d.name for d in self.table.values())}")

    def by_rank(self) -> list[Domain]:
        """The domains, highest rank first."""
        return sorted(self.table.values(), key=lambda domain: -domain.birth.rank)
