"""A domain's connection where the kernel grants channels: control through the kernel, calls past it.

One thread, one loop: it looks at the channels it serves, at the kernel's messages and at its control
socket, and blocks on all of them at once.  A channel to a server's next incarnation comes on the control
socket; whoever calls in between waits for it.
"""

import os
import select
import socket
from time import monotonic_ns
from typing import Any

import msgspec
import zmq

from microkernel.channel import ENDS, End
from microkernel.channel_connection import ChannelConnection
from microkernel.channel_peer import ChannelPeer
from microkernel.channels import Channels
from microkernel.connection import KernelConnection
from microkernel.ledger import Ledger
from microlith.frame import wire
from microlith.frame.codec import read_status
from microlith.frame.connection import DEFAULT_DEADLINE_NS, Gone, bad
from microlith.frame.facade import behind
from microlith.frame.frame import Frame
from microlith.frame.reply import Reply
from microlith.frame.server import Object, Server
from microlith.frame.stub import Stub
from microlith.interface.interface import Interface, interface_of
from microlith.interface.operation import Operation
from microlith.interface.status import BadMessage, Busy, DeadlineExceeded, Unavailable
from microlith.process import parcel
from microlith.process.birth import Birth, SlotBirth

PASSED = 4  # a kind of capability on these links: what the kernel has passed, by the number of the offer
EXPORT = 0  # the operation of every object on these links: offer it to me through the kernel
Who = tuple[int, int]  # a task and its incarnation
OFFER_NS = 1_000_000_000  # how long a client waits for what an answer names to come from the kernel
UNNAMED = 512  # what the kernel has passed from one process and no message has named: beyond it the oldest goes back
MAIL = 64  # messages of the kernel that are handled before the channels are looked at again
REFUSED: wire.Cap = (0, 0, 0, 0)


class Nothing(Interface):
    """What every object on a peer link can do besides its own operations."""

    def export(self) -> None: ...


EXPORTED = msgspec.structs.replace(Nothing.__operations__["export"], number=EXPORT)


class PeerLink(ChannelConnection):
    """The client's end of a peer link: at any time one channel, or none while the server is down."""

    def __init__(self, granted: "GrantedConnection", number: int) -> None:
        super().__init__(granted.frame, granted.spins, granted.holders)
        self.granted, self.number = granted, number
        self.forgotten = granted.forgotten
        self.gone = False  # for good
        self.who = (0, 0)  # the task and incarnation at the other end
        self._rights: dict[int, Stub] = {}  # what the kernel keeps for us of what we hold here, by handle

    def known(self, handle: int, right: Stub) -> None:
        """The same capability as the kernel's right."""
        self._rights[handle] = right

    def right(self, stub: Stub) -> Stub:
        """A capability of this link as a right of the kernel, which can be passed on."""
        if stub._handle not in self._rights:
            outer, self.tally = self.tally, None  # it belongs to no call of the link
            try:
                deadline = self.frame.deadline_for(EXPORTED)
                raw = self._call_once(stub._handle, EXPORTED, deadline, wire.NO_CAPS, b"\x90", b"")
            finally:
                self.tally = outer
            caps, body, _ = wire.content(raw)
            if raw[1] != wire.REPLY or not caps:
                raise read_status(EXPORTED, body)
            self.granted.await_offer(self.who, caps[0][2])
            self._rights[stub._handle] = self.granted.passed(
                self.who, caps[0][2], interface_of(type(stub)), stub._holder
            )
        return self._rights[stub._handle]

    def forget(self, handle: int) -> None:
        super().forget(handle)
        self._rights.pop(handle, None)

    def lower(self, capability: Any) -> wire.Cap:
        capability = behind(capability)
        if isinstance(capability, Stub) and capability._connection is self:
            return (0, 0, capability._handle, 0)
        return self.granted.pass_to(self.who[0], capability, self.party)

    def lift(self, entry: wire.Cap, interface: Any) -> Any:
        if entry[0] == PASSED:
            self.granted.await_offer(self.who, entry[2])
            return self.granted.passed(self.who, entry[2], interface, self.party)
        return super().lift(entry, interface)

    def forward(self, reply: Reply, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> None:
        if self.end is None:
            self.renew(operation, monotonic_ns() + DEFAULT_DEADLINE_NS)
        super().forward(reply, stub, operation, arguments)

    def notify(self, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> None:
        if self.end is None:
            self.granted.attend()
        super().notify(stub, operation, arguments)

    def renew(self, operation: Operation, deadline: int) -> None:
        self.drop()
        self.granted.attend()
        while self.end is None:
            if self.gone:
                raise Unavailable(f"{operation.qualified}: its server was given up")
            if not self.granted.wait(deadline):
                raise DeadlineExceeded(f"{operation.qualified}: its server did not come back before the deadline")
            self.granted.attend()


class GrantedPeer(ChannelPeer):
    """The server's end of a peer link: what is passed to third parties goes through the kernel."""

    def __init__(self, granted: "GrantedConnection", end: End, name: str, quota: dict[str, Any], who: Who) -> None:
        super().__init__(granted.channels, granted.holders, end, name, quota)
        self.granted, self.who = granted, who
        self._ready = False  # what the held message names has come

    # What a request names may still be on its way from the kernel.  Until it comes the request waits, alone.

    def here(self, caps: tuple[wire.Cap, ...]) -> bool:
        return all(kind != PASSED or self.granted.offered(self.who, number) for kind, _, number, _ in caps)

    def offered(self) -> None:
        """The kernel has passed something for this client: look again at what waits, at the loop's next turn."""
        if self.awaited and self.here(self.awaited):
            self.awaited, self.seen = wire.NO_CAPS, self.seen - 1
        self._ready = self.held is not None and self.here(self.held.caps)

    def attend_stream(self) -> bool:
        if self.held is None or self._unsent:
            return super().attend_stream()
        if self._ready:
            self.readable()
            return True
        return False

    def readable(self) -> None:
        message = self.held
        if message is None:
            super().readable()
        elif self._ready:
            self.held, self._ready = None, False
            self._call(message)
            self.serve_rest()

    def _call(self, message: wire.Message) -> None:
        if message.caps and not self.here(message.caps):
            self.held = message
            return
        if message.operation != EXPORT:
            super()._call(message)
            return
        target, _ = self.table.get(message.target, (None, 0))
        if not isinstance(target, Object | Server):
            self.send(bad(message.call, BadMessage(f"there is nothing at handle {message.target}")))
            return
        caps = (self.granted.pass_to(self.who[0], target, self.holders.owner(target)),)
        self.send(wire.pack(wire.REPLY, call=message.call, caps=caps, body=b"\x91\xc0"))

    def _lower(self, capability: Any) -> wire.Cap:
        capability = behind(capability)
        if isinstance(capability, Stub):
            return self.granted.pass_to(self.who[0], capability, self._server)
        return super()._lower(capability)

    def _lift(self, entry: wire.Cap, interface: Any) -> Any:
        if entry[0] == PASSED:
            return self.granted.passed(self.who, entry[2], interface, self._server)
        return super()._lift(entry, interface)

    def close(self) -> None:
        super().close()
        self.granted.drop_offers(self.who)


class GrantedConnection(KernelConnection):
    """The kernel's connection, and everything the kernel has granted beside it."""

    def __init__(self, frame: Frame, birth: Birth, control: socket.socket) -> None:
        self.spins = birth.spins
        super().__init__(frame)
        self.dial(birth.endpoint, birth.parent)
        self._control = control
        self._links = tuple(PeerLink(self, number) for number in range(len(birth.peers)))
        self.channels = Channels(frame, birth.spins)
        self.channels.forgotten, self.channels.flush = self.forgotten, self.close_forgotten
        self.channels.before_sleep = self._mail
        self._offers: dict[Who, dict[int, wire.Cap]] = {}  # what the kernel has passed and no message has named yet
        self._offered = 0
        self._by_name: dict[str, Any] = {}
        self._names = {part.port: part.name for part in birth.parts}
        self._stirred = True  # the kernel's socket was used since it was last found empty
        self._early: list[tuple[dict[str, Any], tuple[int, ...]]] | None = []  # clients, while there are no servers
        self._all = False  # those that were there at the start have all come

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
            self.drop_offers(link.who)
            link.gone = bool(record.get("gone"))
            if descriptors:
                link.who = (record["task"], record["life"])
                link.connect(End(descriptors))
        elif "left" in record:
            self._left((record["left"], record["life"]))
        elif "serve" in record and self._early is not None:
            self._early.append((record, descriptors))
        elif "serve" in record:
            self._serve_client(record, descriptors)
        else:
            self._all = True

    def _serve_client(self, record: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        client, who = record["serve"], (record["task"], record["life"])
        taken = take_ends(descriptors)
        if taken is None:
            return
        peer = GrantedPeer(self, taken[0], client["name"], client["quota"], who)
        for name in client["servers"]:
            server = self._by_name[name]
            peer.grant(server, self.holders.rank(server))
        peer.adopt(taken[1], self.parts)

    def _left(self, who: Who) -> None:
        """A client has gone, whoever may still hold its bells (those that hung up are served to the end)."""
        for peer in self._clients(who):
            if not peer.end.hung_up():
                peer.close()
        for record, descriptors in self._early or ():
            if (record["task"], record["life"]) == who:
                close_all(descriptors)
        self._early = self._early and [one for one in self._early if (one[0]["task"], one[0]["life"]) != who]

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
        for peer in self._clients(who):
            peer.offered()

    def _clients(self, who: Who) -> list[GrantedPeer]:
        return [peer for peer in self.channels.peers if isinstance(peer, GrantedPeer) and peer.who == who]

    def drop_offers(self, who: Who) -> None:
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
            self.frame.turn(block=not found)

    def _mail(self) -> bool:
        """Is there a message of the kernel, of which its descriptor need not tell any more?  What was dropped goes."""
        if self.forgotten:
            self.close_forgotten()
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
        while handled < MAIL and not self.frame.stopping and self._mail():
            raw = self.frame.inbox.popleft()[1] if self.frame.inbox else self.take(0)
            if raw is not None:
                self.handle(raw)
            handled += 1
        return handled > 0

    def close(self) -> None:
        for link in self._links:
            link.close()
        self._control.close()
        super().close()

    def leave(self) -> None:
        for link in self._links:
            link.close()
        super().leave()
        self._control.close()


def take_ends(descriptors: tuple[int, ...]) -> tuple[End, Ledger] | None:
    """A server's end and its ledger; None where we may open no more, and the client finds that nobody is there."""
    try:
        ledger = Ledger(descriptors[ENDS])
    except (IndexError, OSError):
        close_all(descriptors)
        return None
    try:
        return End(descriptors[:ENDS]), ledger
    except OSError:
        ledger.close()
        close_all(descriptors[:ENDS])
        return None


def close_all(descriptors: tuple[int, ...]) -> None:
    """Close what came with a record that is of no use."""
    for descriptor in descriptors:
        os.close(descriptor)


def connect(frame: Frame, birth: Birth, descriptors: dict[str, int]) -> GrantedConnection:
    """The connection of a domain whose control socket is the descriptor `grants`."""
    return GrantedConnection(frame, birth, socket.socket(fileno=descriptors["grants"]))
