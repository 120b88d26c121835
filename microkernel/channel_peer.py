"""The server's end of a channel (channel.py has the protocol), and all such ends of one domain.

The domain's loop asks `Channels.attend` before it blocks: it serves what has come, looks on for a bounded
time, and when nothing comes has told every client to ring.
"""

from collections.abc import Callable
from typing import Any

from microkernel import fence
from microkernel.channel import (
    ANSWER,
    ASLEEP,
    CALL,
    ENDS,
    REQUEST,
    SLOT,
    STATE,
    STREAMED,
    STUCK,
    TAKEN,
    Broken,
    End,
    make,
)
from microkernel.ledger import Ledger
from microlith.frame import wire
from microlith.frame.codec import status_body
from microlith.frame.connection import Gone
from microlith.frame.frame import Frame
from microlith.frame.holders import Holders
from microlith.frame.methods import Method
from microlith.frame.peer import Peer
from microlith.frame.reply import CLOSED
from microlith.frame.server import Object
from microlith.interface.status import BadMessage, Busy, NoRight, Stale, Status

ROUND = range(16)  # looks at every slot for one at the streams
ROUNDS = 25  # of them before the domain sleeps: about what it takes to wake an idle core
MANY = 64  # requests served before the domain looks at its other sources
LAST_CALL = 1 << 62
NOT_PLAIN = 0xFFFF0000  # in a request's first word: flags, and the number of capabilities

STALE = object()  # in a table: what an earlier incarnation had handed out, and this one does not have

_request, _answer = REQUEST.unpack_from, ANSWER.pack_into


class ChannelPeer(Peer):
    """One client, behind a channel."""

    def __init__(self, channels: "Channels", holders: Holders, end: End, name: str, quota: dict[str, Any]) -> None:
        super().__init__(channels.frame, holders, name, quota)
        self.end, self.channels, self.seen = end, channels, 0
        self.awaited = wire.NO_CAPS  # what the request in the slot names and the kernel has not passed yet
        self.hears = end.hears
        self.ledger: Ledger | None = None
        self._known: dict[int, tuple[Any, type, Method]] = {}  # by the first word of requests without arguments
        channels.add(self)

    # --- the slot ----------------------------------------------------------------------------------

    def serve_slot(self) -> None:
        """Serve the call that has come into the slot."""
        end, frame, number = self.end, self.frame, self.hears[CALL]
        if not self.seen < number < LAST_CALL:
            self.close()
            return
        self.seen = end.says[TAKEN] = number
        word, deadline, body, bulk = _request(end.into, SLOT)
        known = self._known.get(word)
        if known is None or body or bulk or known[0].__class__ is not known[1]:
            found = self._read_slot(number, word, body, bulk)
            if found is None:
                return
            target, method, arguments = found
            del found
        else:
            target, _, method = known
            arguments = ()
        if frame.notices:  # what was sent before a call is delivered before it
            frame.deliver_notices()
        self.serving = True
        result = frame.serve(target, method, arguments, CLOSED, deadline)
        self.serving = False
        del arguments  # capabilities that came with them, and were not kept, go back before the answer
        if self.channels.forgotten:
            self.channels.flush()
        if self.closed:  # what was done in between found its stream broken
            return
        if result is None:
            end.says[CALL] = number + number
            if self.hears[ASLEEP]:
                end.ring()
        elif isinstance(result, Status):
            self._answer_slot(number, wire.STATUS, (), status_body(result), b"")
        else:
            self._answer_value(number, method, target, result)

    def _read_slot(
        self, number: int, word: int, body_size: int, bulk_size: int
    ) -> tuple[Any, Method, tuple[Any, ...]] | None:
        """Target, method and arguments of a request, checked; None: it has been answered."""
        if word & STREAMED:
            self.readable()
            if self.closed:
                return None
        try:
            target, method = self.find(word >> 32, word & 0xFFFF, notify=False)
            operation = method.operation
            if operation.waits:
                raise BadMessage(f"{operation.qualified} waits: it is called through the stream")
            if not body_size and not operation.parameters:
                if not word & NOT_PLAIN:
                    self._known[word] = (target, type(target), method)
                return target, method, ()
            caps, body, bulk = self.end.get(word >> 16 & 0xFF, body_size, bulk_size)
            if caps and not self.here(caps):
                self.awaited = caps
                return None
            self._server = self.holders.owner(target)
            return target, method, self._codec.read_request(operation, body, bulk, caps)
        except (BadMessage, Busy, NoRight, Stale) as status:
            self._answer_slot(number, wire.STATUS, (), status_body(status), b"")
        except Broken:
            self.close()
        return None

    def here(self, caps: tuple[wire.Cap, ...]) -> bool:
        """Has everything come that these name?  If not, the request waits, and nobody else does."""
        return True

    def _answer_value(self, number: int, method: Method, target: Any, value: Any) -> None:
        self._server = self.holders.owner(target)
        status: Status | None = None
        caps = wire.NO_CAPS
        try:
            body, bulk, caps = self._codec.reply(method.operation, value)
            status = self.refuse_rights(caps) if caps else None
            if status is None:
                self._answer_slot(number, wire.REPLY, caps, body, bulk)
        except Status as why:  # too large, or a capability whose server cannot be asked
            self.take_back(caps)
            status = why
        if status is not None:
            self._answer_slot(number, wire.STATUS, (), status_body(status), b"")

    def _answer_slot(self, number: int, kind: int, caps: tuple[wire.Cap, ...], body: bytes, bulk: bytes) -> None:
        end = self.end
        end.put(caps, body, bulk)
        _answer(end.out, SLOT, kind, len(caps), len(body), len(bulk))
        end.says[CALL] = number + number + 1
        if end.hears[ASLEEP]:
            end.ring()

    # --- the table, and its copy in the ledger -----------------------------------------------------

    def grant(self, target: Any, rank: int) -> int:
        handle = super().grant(target, rank)
        if self.ledger is not None:
            if isinstance(target, Object):
                self.ledger.enter(handle, self.channels.port_of(self.holders.owner(target)), target.badge)
            self.ledger.enter_next(handle + 1)
        return handle

    def close_handle(self, handle: int) -> None:
        super().close_handle(handle)
        self._known.clear()
        if self.ledger is not None and not self.closed:
            self.ledger.strike(handle)

    def adopt(self, ledger: Ledger, parts: dict[int, Any]) -> None:
        """Take over what earlier incarnations had handed out: an object is made again, or stale."""
        for handle, port, badge in ledger.left:
            server = parts.get(port)
            made = server.adopt(badge) if badge and server is not None else None
            if made is None:
                ledger.enter(handle, port, 0)
                self.table[handle] = (STALE, 0)
            else:
                self.holders.hold(made)
                self.table[handle] = (made, self.holders.rank(made, server))
        self._next = max(self._next, ledger.following)
        self.ledger = ledger

    def find(self, handle: int, operation: int, notify: bool) -> tuple[Any, Method]:
        if self.table.get(handle, (None, 0))[0] is STALE:
            raise Stale("its server died, and did not adopt it")
        return super().find(handle, operation, notify)

    # --- the stream --------------------------------------------------------------------------------

    @property
    def due(self) -> bool:
        """Is there something in the stream, or room for what waits?"""
        return bool(self.end.room) if self._unsent else self.end.pending

    def rung(self) -> None:
        """The bell: whatever it is about is looked for by the loop, unless it is the client's end."""
        if not self.end.silence():
            self.readable()  # what it said before it went
            self.close()
        elif self._unsent:
            self.writable()

    def take(self) -> bytes:
        try:
            return self.end.read()
        except Broken as why:
            raise Gone(str(why)) from None

    def put(self, data: bytes | bytearray) -> int:
        try:
            return self.end.write(data)
        except Broken as why:
            raise Gone(str(why)) from None

    def stuck(self) -> None:
        self.end.says[STUCK] = 1  # and before the domain sleeps, `attend` looks once more

    def flowing(self) -> None:
        self.end.says[STUCK] = 0

    def disconnect(self) -> None:
        self.channels.remove(self)
        self.end.close()
        if self.ledger is not None:
            self.ledger.close()

    def hung_up(self) -> bool:
        return self.closed or self.end.hung_up()


class Channels:
    """The server's ends of a domain's channels."""

    def __init__(self, frame: Frame, spins: bool) -> None:
        self.frame = frame
        self._rounds = ROUNDS if spins else 1
        self.peers: tuple[ChannelPeer, ...] = ()
        self.forgotten: list[Any] = []  # rights of this domain's servers that go back before the next answer
        self.flush: Callable[[], None] = lambda: None
        self.before_sleep: Callable[[], bool] = lambda: False  # True: there is something else to do
        frame.channels = self
        if not fence.register():
            raise Gone("this host has no membarrier, which channels need")

    def port_of(self, server: Any) -> int:
        """The port of a server of this domain; 0 where there is no kernel to number it."""
        return int(getattr(self.frame.kernel, "ports", {}).get(id(server), 0))

    def add(self, peer: ChannelPeer) -> None:
        """Serve one more client."""
        self.peers = (*self.peers, peer)
        self.frame.watch(peer.end.bell, peer.rung)

    def remove(self, peer: ChannelPeer) -> None:
        """And one less."""
        self.peers = tuple(one for one in self.peers if one is not peer)
        self.frame.unwatch(peer.end.bell)

    def attend(self, block: bool) -> bool:
        """Serve what has come.  False: nothing has for a while, and whoever sends from now on rings."""
        frame = self.frame
        most = left = self._rounds if block else 1
        served = 0
        while left:
            left -= 1
            for _ in ROUND:
                for peer in self.peers:
                    if not peer.closed and peer.hears[CALL] != peer.seen:
                        peer.serve_slot()
                        left, served = most, served + 1
            if self._attend_streams():
                left, served = most, served + 1
            if served > MANY or frame.notices or frame.stopping:
                return True
        return served > 0 if not block else not self._asleep()

    def _asleep(self) -> bool:
        """Have everybody ring from now on, and look once more: False if somebody was quicker."""
        for peer in self.peers:
            peer.end.says[ASLEEP] = 1
        fence.fence()
        if any(peer.hears[CALL] != peer.seen for peer in self.peers) or self._attend_streams() or self.before_sleep():
            self.awake()
            return False
        return True

    def _attend_streams(self) -> bool:
        """Read what is in the streams, and write what found no room; was there anything?"""
        found = [peer for peer in self.peers if peer.due]
        for peer in found:
            if peer.closed:  # while another one was served
                continue
            if peer.congested:
                peer.writable()
            else:
                peer.readable()
        return bool(found)

    def awake(self) -> None:
        """The domain has slept, and looks for itself again."""
        for peer in self.peers:
            peer.end.says[ASLEEP] = 0

    def tell(self, state: int) -> None:
        """Tell every client what this domain does: RUNNING, or BLOCKED."""
        for peer in self.peers:
            peer.end.says[STATE] = state


def accept(
    frame: Frame, holders: Holders, name: str, quota: dict[str, Any], spins: bool
) -> tuple[ChannelPeer, dict[str, int]]:
    """A new channel to this domain: our end, served from now on, and the labelled descriptors of the client's."""
    client, server = make(name)
    channels = frame.channels or Channels(frame, spins)
    peer = ChannelPeer(channels, holders, End(server), name, quota)
    return peer, {f"link:{number}": client[number] for number in range(ENDS)}
