"""What the two ends of a peer link do, whatever carries it: capabilities that travel, renewal, adoption.

These are mixins.  The client's end goes over a `Connection`, the server's over a `Peer` (microlith/frame).
What is passed to third parties goes through the kernel; an incarnation of a server gets a new link, and what its
predecessor had handed out is in the ledger.
"""

from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import msgspec

from microkernel.ledger import Ledger
from microlith.frame import wire
from microlith.frame.codec import read_status
from microlith.frame.connection import DEFAULT_DEADLINE_NS, REPEATS, Connection, bad
from microlith.frame.facade import behind, check_arguments
from microlith.frame.methods import Method
from microlith.frame.peer import Peer
from microlith.frame.reply import Reply
from microlith.frame.server import Object, Server
from microlith.frame.stub import Stub
from microlith.interface.interface import Interface, interface_of
from microlith.interface.operation import Operation
from microlith.interface.status import BadMessage, DeadlineExceeded, ServerDied, Stale, Unavailable

if TYPE_CHECKING:
    from microkernel.granted import GrantedConnection

PASSED = 4  # a kind of capability on these links: what the kernel has passed, by the number of the offer
EXPORT = 0  # the operation of every object on these links: offer it to me through the kernel
Who = tuple[int, int]  # a task and its incarnation

STALE = object()  # in a table: what an earlier incarnation had handed out, and this one does not have


class Nothing(Interface):
    """What every object on a peer link can do besides its own operations."""

    def export(self) -> None: ...


EXPORTED = msgspec.structs.replace(Nothing.__operations__["export"], number=EXPORT)


class PeerLink(Connection):
    """The client's end: at any time connected to one incarnation, or to none while the server is down."""

    granted: "GrantedConnection"
    connected: bool

    def belong(self, granted: "GrantedConnection", number: int) -> None:
        """Be the link of that number of a domain."""
        self.granted, self.server = granted, granted.birth.peers[number].domain
        self.forgotten = granted.forgotten
        self.gone = False  # for good
        self.down = 0  # when the kernel noticed the last death, if it had to tell us
        self.who: Who = (0, 0)  # at the other end
        self._rights: dict[int, Stub] = {}  # what the kernel keeps for us of what we hold here, by handle

    def reach(self, record: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        """Connect to a new incarnation, as the kernel says."""
        raise NotImplementedError

    def drop(self) -> None:
        """The other side is gone, or we are."""
        raise NotImplementedError

    def finish(self) -> None:
        """The end of the program."""
        self.drop()

    def pass_on(self) -> None:
        """Pass on the answers that have come, of which no descriptor may tell."""

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

    def close_right(self, handle: int) -> None:
        if self.connected:
            super().close_right(handle)

    def renew(self, operation: Operation, deadline: int) -> None:
        """The server is gone: wait for a link to its next incarnation."""
        self.drop()
        self.granted.attend()
        while not self.connected:
            if self.gone:
                raise Unavailable(f"{operation.qualified}: its server was given up")
            if not self.granted.wait(deadline):
                raise DeadlineExceeded(f"{operation.qualified}: its server did not come back before the deadline")
            self.granted.attend()

    def notify(self, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> None:
        if not self.connected:
            self.granted.attend()
        super().notify(stub, operation, arguments)

    def forward(self, reply: Reply, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> None:
        if not self.connected:
            self.renew(operation, monotonic_ns() + DEFAULT_DEADLINE_NS)
        self.listen()
        super().forward(reply, stub, operation, arguments)

    def listen(self) -> None:
        """Have the domain's loop look for answers to what is handed on."""

    def lose_relays(self) -> None:
        """What had been handed on through this link gets no answer."""
        relays, self.relays = self.relays, {}
        for relay in relays.values():
            relay.lost(ServerDied("the server died over a call that had been handed on to it"))


class MessageLink(PeerLink):
    """The client's end where calls are messages: repeats are made here, since a death is the end of the transport."""

    unsent = False  # the last message found nobody there: it was not delivered
    _lost = 0  # notices that found no room

    def offer(self, raw: bytes) -> bool:
        """Send, if the transport takes all of it now.  Raises Gone."""
        raise NotImplementedError

    def call(self, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> Any:
        if not self.connected and stub._rank < stub._limit:
            self.renew(operation, self.frame.deadline_for(operation))
        return super().call(stub, operation, arguments)

    def _call_once(
        self, handle: int, operation: Operation, deadline: int, caps: tuple[wire.Cap, ...], body: bytes, bulk: bytes
    ) -> bytes:
        repeats = REPEATS if operation.idempotent and not caps else 0
        while True:
            self.unsent, before = False, self.who
            try:
                return super()._call_once(handle, operation, deadline, caps, body, bulk)
            except ServerDied:
                if self.who == before:  # else the kernel has connected us anew
                    self.drop()
                if not (repeats or (self.unsent and not caps)):
                    raise
                repeats -= not self.unsent
                if not self.connected:
                    self.renew(operation, deadline)

    def notify(self, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> None:
        if not self.connected:
            self.granted.attend()
        if self.frame.checked:
            check_arguments(operation, arguments)
        body, bulk, _ = self.codec.request(operation, arguments)
        raw = wire.pack(wire.NOTIFY, operation.number, 0, stub._handle, self._lost, body=body, bulk=bulk)
        self._lost = 0 if self.connected and self.offer(raw) else self._lost + 1


class GrantedPeer(Peer):
    """The server's end of a peer link.

    What a request names may still be on its way from the kernel.  Until it comes the request waits, alone.
    """

    granted: "GrantedConnection"
    who: Who = (0, 0)
    ledger: Ledger | None = None
    ready = False  # what the held message names has come

    def join(self, granted: "GrantedConnection", who: Who, ledger: Ledger, servers: list[Any]) -> None:
        """Serve this client: it holds these servers, and what is in the ledger."""
        self.granted, self.who = granted, who
        for server in servers:
            self.grant(server, self.holders.rank(server))
        for handle, port, badge in ledger.left:
            self._adopt(ledger, handle, port, badge)
        self._next = max(self._next, ledger.following)
        self.ledger = ledger

    def _adopt(self, ledger: Ledger, handle: int, port: int, badge: int) -> None:
        """What an earlier incarnation had handed out is made again, or stale."""
        server = self.granted.parts.get(port)
        made = server.adopt(badge) if badge and server is not None else None
        if made is None:
            ledger.enter(handle, port, 0)
            self.table[handle] = (STALE, 0)
        else:
            self.holders.hold(made)
            self.table[handle] = (made, self.holders.rank(made, server))
            self.badges[handle] = made, badge

    # --- the table, and its copy in the ledger -----------------------------------------------------

    def grant(self, target: Any, rank: int) -> int:
        handle = super().grant(target, rank)
        if self.ledger is not None:
            if isinstance(target, Object):
                self._enter(self.ledger, handle, target)
            self.ledger.enter_next(handle + 1)
        return handle

    def _enter(self, ledger: Ledger, handle: int, target: Object) -> None:
        ledger.enter(handle, self.granted.ports.get(id(self.holders.owner(target)), 0), target.badge)
        self.badges[handle] = target, target.badge

    def served(self, handle: int) -> None:
        target, badge = self.badges.get(handle, (None, 0))
        if target is not None and target.badge != badge:
            for peer in self.granted.clients:
                peer.enter_badge(target)

    def enter_badge(self, target: Object) -> None:
        """A call on an object has changed its badge: the ledger knows before the caller has the answer."""
        for handle, (held, badge) in list(self.badges.items()):
            if held is target and badge != target.badge and self.ledger is not None:
                self._enter(self.ledger, handle, target)

    def close_handle(self, handle: int) -> None:
        super().close_handle(handle)
        self.badges.pop(handle, None)
        if self.ledger is not None and not self.closed:
            self.ledger.strike(handle)

    def find(self, handle: int, operation: int, notify: bool) -> tuple[Any, Method]:
        if self.table.get(handle, (None, 0))[0] is STALE:
            raise Stale("its server died, and did not adopt it")
        return super().find(handle, operation, notify)

    # --- capabilities that travel ------------------------------------------------------------------

    def here(self, caps: tuple[wire.Cap, ...]) -> bool:
        """Has everything come that these name?"""
        return all(kind != PASSED or self.granted.offered(self.who, number) for kind, _, number, _ in caps)

    def offered(self) -> None:
        """The kernel has passed something for this client: look again at what waits, at the loop's next turn."""
        if self.held is not None and not self.ready and self.here(self.held.caps):
            self.ready = True
            self.resume()

    def hold(self) -> None:
        """A message is held: read no more until `resume`."""

    def resume(self) -> None:
        """Call `readable` at the loop's next turn."""

    def readable(self) -> None:
        message = self.held
        if message is None:
            super().readable()
        elif self.ready and not self.congested:
            self.held, self.ready = None, False
            self._call(message)
            self.serve_rest()

    def _call(self, message: wire.Message) -> None:
        if message.caps and not self.here(message.caps):
            self.held = message
            self.hold()
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
        if not self.closed:
            super().close()
            if self.ledger is not None:
                self.ledger.close()
            self.granted.left(self)
