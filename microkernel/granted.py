"""A domain's connection where the kernel grants links to peers: control through the kernel, calls past it.

One thread, one loop: it looks at the links it serves, at the kernel's messages and at its control socket, and
blocks on all of them at once.  A link to a server's next incarnation comes on the control socket; whoever calls
in between waits for it.  What carries the links is a subclass (links/).
"""

import os
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

OFFER_NS = 1_000_000_000  # how long a client waits for what an answer names to come from the kernel
UNNAMED = 512  # what the kernel has passed from one process and no message has named: beyond it the oldest goes back
MAIL = 64  # messages of the kernel that are handled before the channels are looked at again
REFUSED: wire.Cap = (0, 0, 0, 0)


class GrantedConnection(DealerConnection):
    """The kernel's connection, and everything the kernel has granted beside it."""

    def __init__(self, frame: Frame, birth: Birth, descriptors: dict[str, int]) -> None:
        super().__init__(frame, birth.endpoint, birth.parent)
        self.birth = birth
        self._control = socket.socket(fileno=descriptors["grants"])
        self._links = tuple(self.link(number) for number in range(len(birth.peers)))
        self._clients: dict[Who, GrantedPeer] = {}
        self._offers: dict[Who, dict[int, wire.Cap]] = {}  # what the kernel has passed and no message has named yet
        self._offered = 0
        self._by_name: dict[str, Any] = {}
        self._names = {part.port: part.name for part in birth.parts}
        self._stirred = True  # the kernel's socket was used since it was last found empty
        self._early: list[tuple[dict[str, Any], tuple[int, ...]]] | None = []  # clients, while there are no servers
        self._all = False  # those that were there at the start have all come

    # --- what a transport does ---------------------------------------------------------------------

    ends: int  # descriptors of an end of a link

    def link(self, number: int) -> PeerLink:
        """Our end of the link to a peer, not yet connected."""
        raise NotImplementedError

    def peer(self, client: dict[str, Any], pid: int, descriptors: tuple[int, ...]) -> GrantedPeer:
        """Our end of a client's link.  Raises OSError where we may open no more."""
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
            self._drop_offers(link.who)
            link.down = record.get("down", link.down)
            link.gone = bool(record.get("gone"))
            if "task" in record and len(descriptors) == self.ends:
                link.who = (record["task"], record["life"])
                link.reach(record, descriptors)
        elif "left" in record:
            self._forget_client((record["left"], record["life"]))
        elif "serve" in record and self._early is not None:
            self._early.append((record, descriptors))
        elif "serve" in record:
            self._serve_client(record, descriptors)
        else:
            self._all = True

    def _serve_client(self, record: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        """Where we may open no more, the client finds that nobody is there."""
        client, who = record["serve"], (record["task"], record["life"])
        if len(descriptors) != self.ends + 1:
            close_all(descriptors)
            return
        try:
            ledger = Ledger(descriptors[-1])
        except OSError:
            close_all(descriptors)
            return
        try:
            peer = self.peer(client, record["pid"], descriptors[:-1])
        except OSError:
            ledger.close()
            close_all(descriptors[:-1])
            return
        self._clients[who] = peer
        peer.join(self, who, ledger, [self._by_name[name] for name in client["servers"]])

    def _forget_client(self, who: Who) -> None:
        """A client has gone, whoever may still hold its end (those that hung up are served to the end)."""
        peer = self._clients.get(who)
        if peer is not None and not peer.hung_up():
            peer.close()
        for record, descriptors in self._early or ():
            if (record["task"], record["life"]) == who:
                close_all(descriptors)
        self._early = self._early and [one for one in self._early if (one[0]["task"], one[0]["life"]) != who]

    def left(self, peer: GrantedPeer) -> None:
        """A client's link was closed."""
        if self._clients.get(peer.who) is peer:
            del self._clients[peer.who]
        self._drop_offers(peer.who)

    @property
    def clients(self) -> tuple[GrantedPeer, ...]:
        """Those whose links we serve."""
        return tuple(self._clients.values())

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

    def offered(self, who: Who, number: int) -> bool:
        """Has the kernel passed this?"""
        return number in self._offers.get(who, ())

    def await_offer(self, who: Who, number: int) -> None:
        """Wait for what an answer names.  Raises ValueError if the kernel does not pass it."""
        limit = monotonic_ns() + OFFER_NS
        while not self.offered(who, number):
            raw = self.take(limit)
            if raw is None:
                raise ValueError(f"the kernel has passed no capability {number}")
            if raw[1] == wire.OFFERED:
                self._keep(raw)
            else:
                self.frame.inbox.append((self, raw))

    def passed(self, who: Who, number: int, interface: Any, holder: Any) -> Any:
        """What the kernel has passed from a linked task.  Raises Busy, and ValueError if there is no such thing."""
        if not self.offered(who, number):
            raise ValueError(f"the kernel has passed no capability {number}")
        entry = self._offers[who].pop(number)
        if entry == REFUSED:
            raise Busy("the capability could not be passed")
        self.party = holder
        return self.lift(entry, interface)

    def _keep(self, raw: bytes) -> None:
        message = wire.parse(raw)
        who = message.target, message.incarnation
        offers = self._offers.setdefault(who, {})
        offers[message.call] = message.caps[0] if message.caps else REFUSED
        if len(offers) > UNNAMED:
            self._return(offers.pop(next(iter(offers))))
        if who in self._clients:
            self._clients[who].offered()

    def _drop_offers(self, who: Who) -> None:
        """A linked process has gone: what it had passed, and never named, goes back."""
        for entry in self._offers.pop(who, {}).values():
            self._return(entry)

    def _return(self, entry: wire.Cap) -> None:
        kind, _, handle, _ = entry
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
        found = self.pump()
        if not self.frame.stopping:
            self.frame.serve_on(block=not found)

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
        handled = 0
        while handled < MAIL and not self.frame.stopping and self.mail():
            raw = self.frame.inbox.popleft()[1] if self.frame.inbox else self.take(0)
            if raw is not None:
                self.handle(raw)
            handled += 1
        return handled > 0

    def close(self) -> None:
        for link in self._links:
            link.finish()
        self._control.close()
        super().close()

    def leave(self) -> None:
        for link in self._links:
            link.finish()
        super().leave()
        self._control.close()


def close_all(descriptors: tuple[int, ...]) -> None:
    """Close what came with a record that is of no use."""
    for descriptor in descriptors:
        os.close(descriptor)
