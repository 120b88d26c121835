"""The kernel's domains: tasks of the core with processes behind them, their births and deaths."""

import contextlib
import os
import resource
import signal
import time
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from microkernel.core import events
from microkernel.flood import CONNECTIONS, OUTSIDE
from microkernel.grants import Grants
from microlith.frame import wire
from microlith.interface.devices import Timer
from microlith.interface.status import UsageError
from microlith.process.birth import DIRECT, Birth
from microlith.process.restart import Restart
from microlith.process.root import Root

if TYPE_CHECKING:
    from microkernel.kernel import Kernel

DESCRIPTORS = 256  # of a domain, where its quota says nothing
RESERVE = 256  # the kernel's own


class Domain:
    """One domain: its task number, its birth record, its present process (pid 0: none)."""

    def __init__(self, task: int, name: str, birth: Birth, restart: Restart, child: bool) -> None:
        self.task, self.name, self.birth, self.restart, self.child = task, name, birth, restart, child
        self.server = not birth.parts[0].app
        self.incarnation = 0
        self.pid = self.pidfd = 0
        self.ready = self.gone = False  # gone: given up
        self.reason = ""
        self.suspended: tuple[tuple[int, int, int], ...] = ()
        self.lines: tuple[tuple[int, int, str], ...] = ()
        self.descriptors = int(birth.quota["descriptors"])  # what it may open, counted against the kernel's own limit

    def end(self) -> None:
        """End its process, if it has one."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):  # gone already, and reaped by a parent that is not us
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)


class Domains:
    """All domains of the kernel, by task number."""

    def __init__(self, kernel: "Kernel", root: Root) -> None:
        self.kernel, self.root, self.boot = kernel, root, root.boot
        self.table: dict[int, Domain] = {}
        self.grants = Grants(self)
        self.by_pid: dict[int, Domain] = {}  # of the processes that live
        self.lines: dict[int, int] = {}  # the descriptors of the interrupt lines
        self._next_task = 1
        self._announced = False
        _, self.limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.limit, self.limit))

    def start_all(self) -> None:
        """Create every domain of the plan, then start them all; calls queue until a server is ready."""
        births, settings = sorted(self.boot.domains, key=lambda birth: birth.rank), self.boot.restart
        created = [self.create(one.domain, one, Restart(settings.get(one.domain, {}))) for one in births]
        for domain in created:
            self.start(domain)

    # --- births ------------------------------------------------------------------------------------

    def create(self, name: str, birth: Birth, restart: Restart, child: bool = True) -> Domain:
        """Make a domain known to the core.  Raises UsageError if it has no room below our limits."""
        self.grants.admit(birth, name)
        descriptors = int(birth.quota.get("descriptors", DESCRIPTORS)) if child else CONNECTIONS
        self._admit_descriptors(descriptors, name)
        task, self._next_task = self._next_task, self._next_task + 1
        quota = {**birth.quota, "descriptors": descriptors}
        birth = replace(birth, domain=name, endpoint=self.kernel.broker.endpoint, quota=quota)
        domain = self.table[task] = Domain(task, name, birth, restart, child)
        domain.lines = self._lines(birth)
        grants = tuple(slot.port for part in birth.parts for slot in part.slots if slot.path != DIRECT)
        servers = [part for part in birth.parts if not part.app]
        own, ranks = tuple(part.port for part in servers), tuple(part.rank for part in servers)
        lines = tuple(line for line, _, _ in domain.lines)
        calls, rights, queue = (int(birth.quota.get(key, 0)) for key in ("calls", "rights", "queue"))
        created = events.Create(task, name, birth.rank, own, grants, lines, (calls, rights, queue), ranks)
        self.kernel.broker.step(created)
        return domain

    def _lines(self, birth: Birth) -> tuple[tuple[int, int, str], ...]:
        """Give every interrupting device of a domain's servers a line, and timers a descriptor."""
        found = []
        for part in birth.parts:
            for attribute in part.interrupts:
                label = f"device:{part.devices[attribute]}:0"
                if attribute in part.timers and label not in self.root.devices:
                    self.root.devices[label] = Timer.make(attribute).line
                line = len(self.lines) + 1
                self.lines[line] = self.root.devices[label]
                found.append((line, part.port, attribute))
        return tuple(found)

    def start(self, domain: Domain, stdio: tuple[int, ...] = ()) -> None:
        """Spawn the next incarnation of a domain."""
        birth = replace(domain.birth, incarnation=domain.incarnation + 1)
        pid = self.root.spawn(self.kernel.spawner, birth, stdio, self.links(domain))
        self.admit(domain, pid, os.pidfd_open(pid))

    def links(self, domain: Domain) -> dict[str, int]:
        """What the next incarnation of a domain is handed to reach the kernel and its peers, by label."""
        granted = self.grants.open(domain) if domain.birth.link.startswith("peer-") else {}
        return granted | self.kernel.broker.open(domain.task)

    def admit(self, domain: Domain, pid: int, pidfd: int) -> None:
        """Take a process for the next incarnation of a domain."""
        domain.incarnation += 1
        domain.pid, domain.pidfd, domain.ready = pid, pidfd, False
        self.by_pid[pid] = domain
        self.kernel.watch(domain.pidfd, lambda: self.ended(domain))
        self.kernel.broker.step(events.Started(domain.task, domain.incarnation))
        self.grants.connect(domain)
        self.root.event("started", name=domain.name, pid=pid, incarnation=domain.incarnation)

    def _admit_descriptors(self, wanted: int, name: str) -> None:
        """Raises UsageError if a domain's descriptors, and those of all that may come back, are too many for us."""
        need = RESERVE + OUTSIDE + wanted + sum(d.descriptors for d in self.table.values() if not d.gone)
        if need > self.limit:
            raise UsageError(
                f"{name}: its {wanted} descriptors and those of the other domains need a limit of {need} open files,"
                f" and it is {self.limit} here; raise it (ulimit -Hn) or lower quota.descriptors"
            )

    # --- what the broker asks and tells ------------------------------------------------------------

    def who(self, pid: int) -> tuple[int, int] | None:
        """The task and incarnation behind a pid that lives, if it is one of ours."""
        domain = self.by_pid.get(pid)
        return None if domain is None else (domain.task, domain.incarnation)

    def convict(self, pid: int, reason: str) -> None:
        """A peer broke the protocol or floods us: end it."""
        domain = self.by_pid.get(pid)
        if domain is None or domain.reason:
            return
        domain.reason = reason
        self.root.event("convicted", name=domain.name, pid=pid, text=reason)
        domain.end()

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

    def unmask(self, effect: events.Unmask) -> None:
        """A driver wants the next interrupt of a line; it is told once."""
        descriptor = self.lines[effect.line]

        def ready() -> None:
            self.kernel.unwatch(descriptor)
            self.kernel.broker.step(events.Interrupt(effect.line))

        if not self.kernel.watched(descriptor):
            self.kernel.watch(descriptor, ready)

    # --- deaths ------------------------------------------------------------------------------------

    def ended(self, domain: Domain) -> None:
        """A domain's process is gone: tell the core, start it again or give it up."""
        kernel, pid = self.kernel, domain.pid
        kernel.broker.drain()  # what it said before it died still counts
        if self.by_pid.get(pid) is not domain:
            return  # the last thing it said was BYE
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if domain.child else 0
        self._left(domain)
        for line, _, _ in domain.lines:
            kernel.unwatch(self.lines[line])
        delay = None if kernel.stopping else domain.restart.delay(time.monotonic(), status != 0)
        kernel.broker.step(events.Exited(domain.task, domain.incarnation, delay is not None))
        who = {"name": domain.name, "pid": pid, "incarnation": domain.incarnation}
        self.root.event("died" if domain.server else "ended", **who, status=status, text=domain.reason)
        domain.reason = ""
        if kernel.stopping:
            kernel.orders.stop_next()
        elif delay is None:
            self._bury(domain)
        else:
            kernel.later(delay, lambda: None if kernel.stopping else self.start(domain))

    def _left(self, domain: Domain) -> None:
        """Its process is no longer one of ours."""
        self.kernel.unwatch(domain.pidfd)
        os.close(domain.pidfd)
        del self.by_pid[domain.pid]
        self.kernel.flood.forget(domain.pid)
        self.kernel.broker.forget(domain.task)
        self.grants.left(domain)
        domain.pid, domain.ready = 0, False

    def _bury(self, domain: Domain) -> None:
        if domain.server:
            domain.gone = True
            self.grants.gave_up(domain)
            if not self.kernel.stopping:
                self.root.event("gave up", name=domain.name)
            return
        del self.table[domain.task]
        self.root.forget(domain.name)
