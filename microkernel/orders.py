"""The launcher's orders to the microkernel: kill, run, attach, state, stop."""

import os
import signal
from typing import TYPE_CHECKING, Any

import msgspec

from microkernel.domains import Domain
from microkernel.recorder import RecordedCore
from microlith.frame import wire
from microlith.interface.status import UsageError
from microlith.process.restart import Restart

if TYPE_CHECKING:
    from microkernel.kernel import Kernel

TEMPORARY = Restart({}, "temporary")  # a demand app ends for good
GRACE_S = 1.0  # for an app to end after SIGTERM
STOP_S = 3.0  # for a server to end after STOP


class Orders:
    """What a launcher may ask.  Each takes the record and its descriptors, and raises LookupError or UsageError."""

    def __init__(self, kernel: "Kernel") -> None:
        self.kernel, self.root, self.domains = kernel, kernel.root, kernel.domains
        self._stop_order = -1
        self._asked: set[int] = set()  # the tasks that were asked to end
        self.root.launcher_gone = lambda: self.stop({"id": -1}, [])
        self.root.handlers |= {
            "kill": self.kill, "run": self.run, "attach": self.attach, "state": self.state, "stop": self.stop,
        }  # fmt: skip

    def kill(self, record: dict[str, Any], _: list[int]) -> dict[str, Any]:
        """SIGKILL to a domain's process; or to the zygote."""
        name = record["name"]
        if name == "zygote":
            os.kill(self.kernel.spawner.pid, signal.SIGKILL)
            return {"killed": name, "how": "SIGKILL"}
        domain = self._named(name)
        if not domain.pid:
            raise LookupError(f"{domain.name} is not running")
        domain.end()
        return {
            "killed": domain.name,
            "how": "SIGKILL",
            "pid": domain.pid,
            "servers": [part.name for part in domain.birth.parts],
        }

    def run(self, record: dict[str, Any], stdio: list[int]) -> dict[str, Any]:
        """Start a demand app."""
        with self.root.lent(record, stdio):
            try:
                domain = self.domains.create(*self.root.program(record), TEMPORARY)
            except (LookupError, UsageError):
                self.root.spent(tuple(stdio))
                raise
            self.domains.start(domain, tuple(stdio[:3]))
        return {"name": domain.name, "pid": domain.pid}

    def attach(self, record: dict[str, Any], _: list[int]) -> None:
        """Admit a process of the host as an instance of a demand app."""
        pid = record["pid"]
        if (already := self.domains.by_pid.get(pid)) is not None:
            raise LookupError(f"pid {pid} is attached already, as {already.name}")
        try:
            pidfd = os.pidfd_open(pid)
        except OSError as error:
            raise LookupError(f"pid {pid} cannot be attached: {error.strerror}") from None
        try:
            name, birth = self.root.program(record)
            if birth.link == "kernel-shared" and not record.get("channels"):
                raise UsageError("this machine is reached over shared memory alone, which the client cannot use")
            if birth.link.startswith("peer-") and not record.get("channels"):
                birth = msgspec.structs.replace(birth, link="zmq", peers=())
            domain = self.domains.create(name, birth, TEMPORARY, child=False)
        except BaseException:
            os.close(pidfd)
            raise
        link = self.domains.links(domain)
        self.domains.admit(domain, pid, pidfd)
        more = {"kernel": os.getpid(), "endpoint": self.kernel.broker.endpoint}
        self.root.attached(record["id"], domain.name, domain.birth, link, **more)

    def state(self, record: dict[str, Any], _: list[int]) -> dict[str, Any]:
        """What every domain is doing."""
        inside = [part.name for part in self.root.boot.root.parts]
        kernel = self.root.row(self.root.boot.root.domain, "kernel", inside, os.getpid())
        rows = [kernel, *map(self._row, self.domains.table.values())]
        spawner = self.kernel.spawner
        helpers = {"zygote": spawner.pid, "spare": spawner.hear_of_spare()}
        return {"domains": rows, **helpers, "kernel_visits": kernel["received"]}

    def _row(self, domain: Domain) -> dict[str, Any]:
        names = [part.name for part in domain.birth.parts]
        row = self.root.row(domain.name, "process", names, domain.pid, domain.incarnation)
        if not domain.pid:
            row["state"] = "gone" if domain.gone else "down"
        elif domain.child and domain.server and not domain.ready:
            row["state"] = "starting"
        return row

    def _named(self, name: str) -> Domain:
        """The domain of that name, or in which a server of that name lives.  Raises LookupError."""
        domains = self.domains.table.values()
        for domain in domains:
            if domain.name == name or any(part.name == name for part in domain.birth.parts):
                return domain
        raise LookupError(f"nothing is called {name!r}; there are {', '.join(domain.name for domain in domains)}")

    # --- the end -----------------------------------------------------------------------------------

    def stop(self, record: dict[str, Any], _: list[int]) -> None:
        """An orderly stop: apps, then servers from the highest rank down, each served until it has ended."""
        if not self.kernel.stopping:
            self.kernel.stopping, self._stop_order = True, int(record["id"])
            self.stop_next()

    def stop_next(self) -> None:
        """Ask the domains of the highest rank that still live to end; when none is left, so do we."""
        alive = [domain for domain in self.domains.table.values() if domain.child and domain.pid]
        highest = max((domain.birth.rank for domain in alive), default=0)
        for domain in alive:
            if domain.birth.rank == highest and domain.task not in self._asked:
                self._ask_to_end(domain)
        if not alive:
            if isinstance(self.kernel.core, RecordedCore):  # what it has to tell comes before the answer
                self.kernel.core.recorder.flush()
            self.root.answer(self._stop_order, {"stopped": True})
            self.kernel.stopped = True

    def _ask_to_end(self, domain: Domain) -> None:
        self._asked.add(domain.task)
        if domain.server and self.kernel.broker.post(domain.task, wire.pack(wire.STOP)):
            patience = STOP_S
        else:
            os.kill(domain.pid, signal.SIGTERM)
            patience = GRACE_S
        self.kernel.later(patience, domain.end)
