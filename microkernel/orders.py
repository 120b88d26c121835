"""The launcher's orders to the microkernel: kill, run, attach, state."""

import os
import signal
from typing import Any

import msgspec

from microkernel.domains import Domain, Domains
from microlith.interface.status import UsageError
from microlith.process.root import Root


class Orders:
    """What a launcher may ask.  Each takes the record and its descriptors, and raises LookupError or UsageError."""

    def __init__(self, root: Root, domains: Domains) -> None:
        self.root, self.domains = root, domains
        root.handlers |= {"kill": self.kill, "run": self.run, "attach": self.attach, "state": self.state}

    def kill(self, record: dict[str, Any], _: list[int]) -> dict[str, Any]:
        """SIGKILL to a domain's process; or to the zygote."""
        name = record["name"]
        if name == "zygote":
            os.kill(self.domains.spawner.pid, signal.SIGKILL)
            return {"killed": name, "how": "SIGKILL"}
        domain = self.domains.by_name(name)
        if not domain.pid:
            raise LookupError(f"{domain.name} is not running")
        self.domains.end(domain)
        return {"killed": domain.name, "how": "SIGKILL", "pid": domain.pid, "servers": domain.servers}

    def run(self, record: dict[str, Any], stdio: list[int]) -> dict[str, Any]:
        """Start a demand app."""
        with self.root.lent(record, stdio):
            try:
                domain = self.domains.create(*self.root.program(record))
            except (LookupError, UsageError):
                self.root.spent(tuple(stdio))
                raise
            domain.stdio = tuple(stdio[:3])
            self.domains.start(domain)
        return {"name": domain.name, "pid": domain.pid}

    def attach(self, record: dict[str, Any], _: list[int]) -> None:
        """Admit a process of the host as an instance of a demand app."""
        pid = record["pid"]
        if (already := self.domains.named(pid)) is not None:
            raise LookupError(f"pid {pid} is attached already, as {already}")
        try:
            pidfd = os.pidfd_open(pid)
        except OSError as error:
            raise LookupError(f"pid {pid} cannot be attached: {error.strerror}") from None
        try:
            name, birth = self.root.program(record)
            if not record.get("channels"):
                birth = msgspec.structs.replace(birth, link="zmq", peers=())
            domain = self.domains.create(name, birth, child=False)
        except BaseException:
            os.close(pidfd)
            raise
        link = self.domains.grants.open(domain) if domain.birth.link == "granted" else {}
        self.domains.admit(domain, pid, pidfd)
        more = {"kernel": os.getpid(), "endpoint": self.domains.kernel.broker.endpoint}
        self.root.attached(record["id"], domain.name, domain.birth, link, **more)

    def state(self, record: dict[str, Any], _: list[int]) -> dict[str, Any]:
        """What every domain is doing."""
        inside = [part.name for part in self.root.boot.root.parts]
        kernel = self.root.row(self.root.boot.root.domain, "kernel", inside, os.getpid())
        rows = [kernel, *map(self._row, self.domains.table.values())]
        spawner = self.domains.spawner
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
