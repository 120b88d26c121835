"""The kernel's part in peer links: it makes them, hands an end to each side, and stays out of the way.

A domain that has such links has a control socket to the kernel.  On it come its ends: of a link to a server it
may call {link: number of the peer in its birth}, of one from a client of its own {serve: ...}.  An incarnation
gets fresh links, since a mapping cannot be taken back.  The client's ledger (ledger.py) comes with each end of a
server, which adopts what its predecessor had handed out.
"""

import os
import socket
import time
from typing import TYPE_CHECKING, Any

from microlith.frame.memory import sealed
from microlith.interface.status import UsageError
from microlith.process import parcel
from microlith.process.birth import Birth

if TYPE_CHECKING:
    from microkernel.domains import Domain, Domains

EACH = 5  # descriptors of a server for each client, at most: two maps, two bells, a ledger
OWN = 24  # and of its own
LEDGER = 68 * 1024  # bytes of a ledger: 16 for each object of the default quota, and of one message more


class Grants:
    """Every link between two domains that goes past the kernel."""

    def __init__(self, domains: "Domains") -> None:
        self.domains, self.metering = domains, domains.root.metering
        self._controls: dict[int, socket.socket] = {}  # by task, of those that live
        self._doors: dict[int, str] = {}  # by task: where its ROUTER listens
        self._ledgers: dict[tuple[int, int], int] = {}  # by client's and server's task

    def admit(self, birth: Birth, name: str) -> None:
        """Raises UsageError if a server that this domain is to be joined with can serve no more."""
        for peer in birth.peers:
            server = next((d for d in self.domains.table.values() if d.name == peer.domain), None)
            clients = sum(any(p.domain == peer.domain for p in d.birth.peers) for d in self.domains.table.values())
            if server is not None and clients >= (server.descriptors - OWN) // EACH:
                raise UsageError(f"{name}: {server.name} has {clients} clients; raise its quota.descriptors for more")

    def open(self, domain: "Domain") -> dict[str, int]:
        """A control socket for a domain about to start; the label and descriptor of its end."""
        ours, theirs = parcel.pair()
        self._controls[domain.task] = ours
        link = {"grants": theirs.detach()}
        if domain.server and domain.birth.link == "peer-zmq":
            from microkernel.door import door

            self._doors[domain.task] = f"{self.domains.boot.run}/p{domain.task}.{domain.incarnation + 1}"
            link["door"] = door(self._doors[domain.task])
        return link

    def connect(self, domain: "Domain") -> None:
        """A domain has started: join it with its servers and with its clients."""
        if domain.task not in self._controls:
            return
        for other in self.domains.table.values():
            self._join(domain, other)
            self._join(other, domain)
            if other.gone:
                self._tell_one(domain, other, {"gone": True})
        self._send(domain, {"all": True}, ())

    def _join(self, client: "Domain", server: "Domain") -> None:
        if client.task not in self._controls or server.task not in self._controls:
            return
        for number, peer in enumerate(client.birth.peers):
            if peer.domain == server.name:
                self._make(client, number, server)

    def _make(self, client: "Domain", number: int, server: "Domain") -> None:
        peer, key, name = client.birth.peers[number], (client.task, server.task), f"{client.name}:{server.name}"
        theirs, ours = _ends(peer.transport, name)
        if key not in self._ledgers:
            self._ledgers[key] = sealed(f"{name}:ledger", LEDGER)
        given = {"name": client.name, "servers": peer.servers, "quota": client.birth.quota}
        who = {"task": client.task, "life": client.incarnation}
        self._send(server, {"serve": given, "pid": client.pid, **who}, (*ours, self._ledgers[key]))
        if peer.transport == "shared":
            from microkernel.meter import measure

            self.metering.part(client.name, server.name)
            measure(self.metering, client.name, server.name, os.dup(ours[1]), os.dup(theirs[1]))
        where = {"endpoint": self._doors[server.task]} if server.task in self._doors else {}
        self._send(client, {"link": number, "task": server.task, "life": server.incarnation, **where}, theirs)
        for descriptor in (*ours, *theirs):
            os.close(descriptor)

    def _forget(self, client: int, server: int) -> None:
        """One of the two will never come back."""
        os.close(self._ledgers.pop((client, server)))
        self.metering.part(*(self.domains.table[task].name for task in (client, server)))

    def _send(self, domain: "Domain", record: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        try:
            parcel.send(self._controls[domain.task], record, descriptors, wait=False)
        except parcel.Closed:
            pass  # its death is on the way
        except OSError:  # its queue is full, or holds more descriptors than may be on their way
            self.domains.convict(domain.pid, "does not take its channels")

    def left(self, domain: "Domain") -> None:
        """A domain's process is gone: what it held is void, what its clients hold waits for the next one."""
        control = self._controls.pop(domain.task, None)
        if control is not None:
            control.close()
        for client, server in list(self._ledgers):
            if client == domain.task:
                self._forget(client, server)
                if server in self._controls:
                    self._send(self.domains.table[server], {"left": client, "life": domain.incarnation}, ())
        door = self._doors.pop(domain.task, None)
        if door is not None:
            os.unlink(door)
            self._tell(domain, {"down": time.monotonic_ns()})

    def gave_up(self, domain: "Domain") -> None:
        """A server's domain will not come back: tell its clients."""
        self._tell(domain, {"gone": True})
        for client_task, server in list(self._ledgers):
            if server == domain.task:
                self._forget(client_task, server)

    def _tell(self, server: "Domain", what: dict[str, int]) -> None:
        """Tell the clients of a server's domain since when it is down, where no hang-up does, or that it is gone."""
        for client in self.domains.table.values():
            self._tell_one(client, server, what)

    def _tell_one(self, client: "Domain", server: "Domain", what: dict[str, int]) -> None:
        for number, peer in enumerate(client.birth.peers):
            if peer.domain == server.name and client.task in self._controls:
                self._send(client, {"link": number, **what}, ())


def _ends(transport: str, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A new link: the descriptors of the client's end and of the server's."""
    if transport == "shared":
        from microkernel.channel import make

        return make(name)
    if transport == "zmq":
        return (), ()  # the client connects to its server's door
    one, other = parcel.pair(socket.SOCK_STREAM)  # widened: what is small still takes most of a kilobyte there
    return (one.detach(),), (other.detach(),)
