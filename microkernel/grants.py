"""The kernel's part in channels: it makes them, hands an end to each side, and stays out of the way.

A domain that may use channels has a control socket to the kernel.  On it come its ends: of a channel to a
server it may call {link: number of the peer in its birth}, of one from a client of its own {serve: ...}.
An incarnation gets fresh channels, since a mapping cannot be taken back.  The ledger of the link (ledger.py)
comes with each new end of a server, so that it can adopt what its predecessors had handed out.
"""

import os
import socket
from typing import TYPE_CHECKING, Any

from microkernel.channel import COUNTED, LEDGER, counts, make, sealed
from microlith.interface.status import UsageError
from microlith.process import parcel
from microlith.process.birth import Birth
from microlith.process.metering import Metering

if TYPE_CHECKING:
    from microkernel.domains import Domain, Domains


EACH = 5  # descriptors of a server for each client: two maps, two bells, a ledger
OWN = 24  # and of its own, at most


class Channel:
    """What the kernel keeps of a channel: both files to read, for its counts."""

    def __init__(self, metering: Metering, client: str, server: str, up: int, down: int) -> None:
        self.up, self.down, self._metering = up, down, metering
        self._meter = metering.open(client, server, self.counts)

    def counts(self) -> tuple[int, int, int, int]:
        """What has gone through its slot."""
        up, down = (memoryview(os.pread(file, COUNTED, 0)).cast("Q") for file in (self.up, self.down))
        return counts(up, down)

    def close(self) -> None:
        """Let it go; its counts stay."""
        self._metering.close(self._meter)
        os.close(self.up)
        os.close(self.down)


class Grants:
    """Every channel between two domains."""

    def __init__(self, domains: "Domains") -> None:
        self.domains = domains
        self._controls: dict[int, socket.socket] = {}  # by task, of those that live
        self._channels: dict[tuple[int, int], Channel] = {}  # by client's and server's task
        self._ledgers: dict[tuple[int, int], int] = {}  # a descriptor, by the same

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
        return {"grants": theirs.detach()}

    def connect(self, domain: "Domain") -> None:
        """A domain has started: join it with its servers and with its clients."""
        if domain.task not in self._controls:
            return
        for other in self.domains.table.values():
            self._join(domain, other)
            self._join(other, domain)
            if other.gone:
                self._tell_gone(domain, other)
        self._send(domain, {"all": True}, ())

    def _join(self, client: "Domain", server: "Domain") -> None:
        if client.task not in self._controls or server.task not in self._controls:
            return
        for number, peer in enumerate(client.birth.peers):
            if peer.domain == server.name:
                self._make(client, number, server)

    def _make(self, client: "Domain", number: int, server: "Domain") -> None:
        theirs, ours = make(f"{client.name}:{server.name}")
        key = client.task, server.task
        if key not in self._ledgers:
            self._ledgers[key] = sealed(f"{client.name}:{server.name}:ledger", LEDGER)
        given = {"name": client.name, "servers": client.birth.peers[number].servers, "quota": client.birth.quota}
        serve = {"serve": given, "task": client.task, "life": client.incarnation}
        self._send(server, serve, (*ours, self._ledgers[key]))
        self._forget(*key)
        kept = Channel(self.domains.root.metering, client.name, server.name, os.dup(ours[1]), os.dup(theirs[1]))
        self._channels[key] = kept
        self._send(client, {"link": number, "task": server.task, "life": server.incarnation}, theirs)
        for descriptor in (*ours, *theirs):
            os.close(descriptor)

    def _forget(self, client: int, server: int) -> None:
        old = self._channels.pop((client, server), None)
        if old is not None:
            old.close()

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
        for client, server in list(self._channels):
            if client == domain.task:
                self._forget(client, server)
                os.close(self._ledgers.pop((client, server)))
                if server in self._controls:
                    self._send(self.domains.table[server], {"left": domain.task, "life": domain.incarnation}, ())

    def gave_up(self, domain: "Domain") -> None:
        """A server's domain will not come back: tell its clients."""
        for client in self.domains.table.values():
            self._tell_gone(client, domain)
        for client_task, server in list(self._channels):
            if server == domain.task:
                self._forget(client_task, server)
                os.close(self._ledgers.pop((client_task, server)))

    def _tell_gone(self, client: "Domain", server: "Domain") -> None:
        for number, peer in enumerate(client.birth.peers):
            if peer.domain == server.name and client.task in self._controls:
                self._send(client, {"link": number, "gone": True}, ())
