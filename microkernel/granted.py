"""A domain's connection where the kernel grants links to peers: control through the kernel, calls past it.

One thread, one loop: it looks at the links it serves, at the kernel's messages and at its control socket, and
blocks on all of them at once.  A link to a server's next incarnation comes on the control socket; whoever calls
in between waits for it.  What carries the links is a subclass (links/).
"""

import select
import socket
from time import monotonic_ns
from typing import Any

import zmq

from microkernel.dealer import DealerConnection
from microkernel.ledger import Ledger
from microkernel.links.peer_link import PASSED, GrantedPeer, PeerLink, Who
from microlith.frame import wire
from microlith.frame.connection import Gone
from microlith.frame.facade import behind
from microlith.frame.frame import Frame
from microlith.frame.stub import Stub
from microlith.interface.status import Busy
from microlith.process import parcel
from microlith.process.birth import Birth, SlotBirth

OFFER_NS = 1_000_000_000  # how long what a message names may take to come from the kernel
REFUSED: wire.Cap = (0, 0, 0, 0)


class GrantedConnection(DealerConnection):
    """The kernel's connection, and everything the kernel has granted beside it."""

    def __init__(self, frame: Frame, birth: Birth, descriptors: dict[str, int]) -> None:
        super().__init__(frame, birth.endpoint, birth.parent)
        self._control = socket.socket(fileno=descriptors["grants"])
        self._links = tuple(self.link(number) for number in range(len(birth.peers)))
        self._clients: dict[Who, GrantedPeer] = {}
        self._offers: dict[tuple[Who, int], wire.Cap] = {}  # what the kernel has passed, and no message has named yet
        self._offered = 0
        self._by_name: dict[str, Any] = {}
        self._names = {part.port: part.name for part in birth.parts}
        self._stirred = True  # the kernel's socket was used since it was last found empty
        self._early: list[tuple[dict[str, Any], tuple[int, ...]]] | None = []  # clients, while there are no servers
        self._all = False  # those that were there at the start have all come

    # --- what a transport does ---------------------------------------------------------------------

    def link(self, number: int) -> PeerLink:
        """Our end of the link to a peer, not yet connected."""
        raise NotImplementedError

    def peer(self, client: dict[str, Any], pid: int, descriptors: tuple[int, ...]) -> GrantedPeer:
        """Our end of a client's link."""
        raise NotImplementedError

    def slot(self, interface: Any, slot: SlotBirth, holder: Any = None) -> Stub:
        if not slot.peer:
            return super().slot(interface, slot, holder)
        link = self._links[slot.peer - 1]
        link.known(slot.at, super().slot(interface, slot, holder))
        return link.stub(interface, slot.at, slot.rank, holder)

    # --- what the kernel grants --------------------------------------------------------------------

    def attend(self) -> None:
        """Take what has come on the control socket."""
        try:
            while True:
                record, descriptors = parcel.receive(self._control, wait=False)
                self._take(record, tuple(descriptors))
        except BlockingIOError:
            pass
        except parcel.Closed:
            raise Gone("the kernel is gone") from None

    def wait(self, until: int) -> bool:
        """Block until something comes on the control socket; False at `until`."""
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        return bool(poller.poll(None if not until else max(0, (until - monotonic_ns()) // 1_000_000 + 1)))

    def _take(self, record: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        if "link" in record:
            link = self._links[record["link"]]
            link.drop()
            link.down = record.get("down", link.down)
            link.gone = bool(record.get("gone"))
            if "task" in record:
                link.who = (record["task"], record["life"])
                link.reach(record, descriptors)
        elif "all" in record:
            self._all = True
        elif self._early is not None:
            self._early.append((record, descriptors))
        else:
            self._serve_client(record, descriptors)

    def _serve_client(self, record: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        who = (record["task"], record["life"])
        if "serve" not in record:
            left = self._clients.get(who)
            if left is not None:
                left.close()
            return
        client, (*ends, ledger) = record["serve"], descriptors
        peer = self.peer(client, record["pid"], tuple(ends))
        self._clients[who] = peer
        peer.join(self, who, Ledger(ledger), [self._by_name[name] for name in client["servers"]])

    # --- capabilities that travel ------------------------------------------------------------------

    def lower(self, capability: Any) -> wire.Cap:
        capability = behind(capability)
        if isinstance(capability, Stub) and isinstance(capability._connection, PeerLink):
            capability = capability._connection.right(capability)
        return super().lower(capability)

    def pass_to(self, task: int, capability: Any, giver: Any) -> wire.Cap:
        """Have the kernel pass a capability to a linked task; how a message to it names that."""
        self.party = giver
        self._offered += 1
        self.send(wire.pack(wire.OFFER, 0, self._offered, task, caps=(self.lower(capability),)))
        return (PASSED, 0, self._offered, 0)

    def passed(self, who: Who, number: int, interface: Any, holder: Any) -> Any:
        """What the kernel has passed from a linked task.  Raises Busy, and ValueError if there is no such thing."""
        limit = monotonic_ns() + OFFER_NS
        while (who, number) not in self._offers:
            raw = self.take(limit)
            if raw is None:
                raise ValueError(f"the kernel has passed no capability {number}")
            if raw[1] == wire.OFFERED:
                self._keep(raw)
            else:
                self.frame.inbox.append((self, raw))
        entry = self._offers.pop((who, number))
        if entry == REFUSED:
            raise Busy("the capability could not be passed")
        self.party = holder
        return self.lift(entry, interface)

    def _keep(self, raw: bytes) -> None:
        message = wire.parse(raw)
        entry = message.caps[0] if message.caps else REFUSED
        self._offers[((message.target, message.incarnation), message.call)] = entry

    def drop_offers(self, who: Who) -> None:
        """A linked process has gone: what it had passed, and never named, goes back."""
        self._clients.pop(who, None)
        for key in [key for key in self._offers if key[0] == who]:
            kind, _, handle, _ = self._offers.pop(key)
            if kind == wire.GRANTED:
                self.forget(handle)

    def handle(self, raw: bytes) -> None:
        if raw[1] == wire.OFFERED:
            self._keep(raw)
        else:
            super().handle(raw)

    # --- serving -----------------------------------------------------------------------------------

    def adopt_clients(self) -> None:
        """Take the clients that were there at the start, with what an earlier incarnation had handed out."""
        while not self._all:
            self.wait(0)
            self.attend()
        self._by_name = {self._names[port]: part for port, part in self.parts.items()}
        early, self._early = self._early or [], None
        for client, descriptors in early:
            self._serve_client(client, descriptors)

    def serve(self, parts: dict[int, Any]) -> int:
        self.frame.watch(self._control.fileno(), self.attend)
        self.frame.watch(self.socket.FD, self._knocked)
        return super().serve(parts)

    def turn(self) -> None:
        """What the kernel has said, or what clients ask; or block until there is something."""
        if not self.pump():
            self.frame.turn()

    def mail(self) -> bool:
        """Is there a message of the kernel, of which its descriptor need not tell any more?  What was dropped goes."""
        if self.forgotten:
            self.close_forgotten()
        for link in self._links:
            if link.relays:
                link.pass_on()
        if self._stirred and not int(self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            self._stirred = False
        return self._stirred or bool(self.frame.inbox)

    def _knocked(self) -> None:
        self._stirred = True
        self.pump()

    def send(self, raw: bytes) -> None:
        self._stirred = True
        super().send(raw)

    def transmit(self, raw: bytes) -> None:
        self._stirred = True
        super().transmit(raw)

    def take(self, until: int) -> bytes | None:
        self._stirred = True
        return super().take(until)

    def pump(self) -> bool:
        """Handle the kernel's messages that are here; were there any?"""
        found = False
        while not self.frame.stopping and self.mail():
            raw = self.frame.inbox.popleft()[1] if self.frame.inbox else self.take(0)
            if raw is not None:
                self.handle(raw)
            found = True
        return found

    def close(self) -> None:
        for link in self._links:
            link.finish()
        self._control.close()
        super().close()

    def leave(self) -> None:
        for link in self._links:
            link.drop()
        super().leave()
        self._control.close()
