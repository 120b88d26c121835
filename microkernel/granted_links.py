"""The two ends of a channel that the kernel has granted: the client's and the server's.

What is passed to third parties goes through the kernel, and a message on the channel names it by the number
of the offer.  A request that names what is still on its way waits until it is here, and nobody else does.
"""

import os
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import msgspec

from microkernel.channel import ENDS, End
from microkernel.channel_connection import ChannelConnection
from microkernel.channel_peer import ChannelPeer
from microkernel.ledger import Ledger
from microlith.frame import wire
from microlith.frame.codec import read_status
from microlith.frame.connection import DEFAULT_DEADLINE_NS, bad
from microlith.frame.facade import behind
from microlith.frame.reply import Reply
from microlith.frame.server import Object, Server
from microlith.frame.stub import Stub
from microlith.interface.interface import Interface, interface_of
from microlith.interface.operation import Operation
from microlith.interface.status import BadMessage, DeadlineExceeded, Unavailable

if TYPE_CHECKING:
    from microkernel.granted import GrantedConnection

PASSED = 4  # a kind of capability on these links: what the kernel has passed, by the number of the offer
EXPORT = 0  # the operation of every object on these links: offer it to me through the kernel
Who = tuple[int, int]  # a task and its incarnation


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
