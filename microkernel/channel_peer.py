"""The server's end of a channel (channel.py has the protocol), and all such ends of one domain.

The domain's loop asks `Channels.attend` before it blocks: it serves what has come, looks on for a bounded
time, and when nothing comes has told every client to ring.
"""

from typing import Any

from microkernel import fence
from microkernel.channel import ANSWER, ASLEEP, CALL, ENDS, REQUEST, SLOT, STATE, STREAMED, STUCK, Broken, End, make
from microlith.frame import wire
from microlith.frame.codec import status_body
from microlith.frame.connection import Gone
from microlith.frame.frame import Frame
from microlith.frame.holders import Holders
from microlith.frame.methods import Method
from microlith.frame.peer import Peer
from microlith.frame.reply import CLOSED
from microlith.interface.status import BadMessage, NoRight, Status

LOOKS = 400  # at every channel, before the domain sleeps: about what it takes to wake an idle core
EACH = 16  # looks at a slot for one at a stream
MANY = 64  # requests served before the domain looks at its other sources
LAST_CALL = 1 << 62

_request, _answer = REQUEST.unpack_from, ANSWER.pack_into


class ChannelPeer(Peer):
    """One client, behind a channel."""

    def __init__(self, channels: "Channels", holders: Holders, end: End, name: str, quota: dict[str, Any]) -> None:
        super().__init__(channels.frame, holders, name, quota)
        self.end, self.channels, self.seen = end, channels, 0
        self._known: dict[int, tuple[Any, type, Method]] = {}
        channels.add(self)

    # --- the slot ----------------------------------------------------------------------------------

    def serve_slot(self) -> None:
        """Serve the call that has come into the slot."""
        end = self.end
        number = end.hears[CALL]
        if not self.seen < number < LAST_CALL:
            self.close()
            return
        self.seen = number
        word, deadline, body, bulk = _request(end.into, SLOT)
        if word & STREAMED:  # what was sent before a call is delivered before it
            word ^= STREAMED
            self.readable()
        try:
            target, method, arguments = self._read_slot(word, body, bulk)
        except (BadMessage, NoRight) as status:
            self._answer_slot(number, wire.STATUS, (), status_body(status), b"")
            return
        except Broken:
            self.close()
            return
        frame = self.frame
        if frame.notices:
            frame.deliver_notices()
        self.serving = True
        result = frame.serve(target, method, arguments, CLOSED, deadline)
        self.serving = False
        if self.closed:
            return
        if result is None:
            end.says[CALL] = number + number
            if end.hears[ASLEEP]:
                end.ring()
        elif isinstance(result, Status):
            self._answer_slot(number, wire.STATUS, (), status_body(result), b"")
        else:
            self._answer_value(number, method, target, result)

    def _read_slot(self, word: int, body_size: int, bulk_size: int) -> tuple[Any, Method, tuple[Any, ...]]:
        """Target, method and arguments of a request, checked."""
        known = self._known.get(word)
        if known is None or known[0].__class__ is not known[1]:
            target, method = self.find(word >> 32, word & 0xFFFF, notify=False)
            if method.operation.waits:
                raise BadMessage(f"{method.operation.qualified} waits: it is called through the stream")
            self._known[word] = (target, type(target), method)
        else:
            target, _, method = known
        operation = method.operation
        if not body_size and not operation.parameters:
            return target, method, ()
        caps, body, bulk = self.end.get(word >> 16 & 0xFF, body_size, bulk_size)
        self._server = self.holders.owner(target)
        return target, method, self._codec.read_request(operation, body, bulk, caps)

    def _answer_value(self, number: int, method: Method, target: Any, value: Any) -> None:
        self._server = self.holders.owner(target)
        body, bulk, caps = self._codec.reply(method.operation, value)
        status: Status | None = self.refuse_rights(caps) if caps else None
        if len(body) > wire.MAX_BODY or len(bulk) > wire.MAX_BULK:
            status = BadMessage(f"{len(body)} + {len(bulk)} bytes are more than one message holds")
        if status is not None:
            self._answer_slot(number, wire.STATUS, (), status_body(status), b"")
        else:
            self._answer_slot(number, wire.REPLY, caps, body, bulk)

    def _answer_slot(self, number: int, kind: int, caps: tuple[wire.Cap, ...], body: bytes, bulk: bytes) -> None:
        end = self.end
        end.put(caps, body, bulk)
        _answer(end.out, SLOT, kind, len(caps), len(body), len(bulk))
        end.says[CALL] = number + number + 1
        if end.hears[ASLEEP]:
            end.ring()

    def close_handle(self, handle: int) -> None:
        super().close_handle(handle)
        self._known.clear()

    # --- the stream --------------------------------------------------------------------------------

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

    def hung_up(self) -> bool:
        return self.closed or self.end.hung_up()


class Channels:
    """The server's ends of a domain's channels."""

    def __init__(self, frame: Frame, spins: bool) -> None:
        self.frame = frame
        self._looks = LOOKS if spins else 1
        self._peers: tuple[ChannelPeer, ...] = ()
        frame.channels = self
        if not fence.register():
            raise Gone("this host has no membarrier, which channels need")

    def add(self, peer: ChannelPeer) -> None:
        """Serve one more client."""
        self._peers = (*self._peers, peer)
        self.frame.watch(peer.end.bell, peer.rung)

    def remove(self, peer: ChannelPeer) -> None:
        """And one less."""
        self._peers = tuple(one for one in self._peers if one is not peer)
        self.frame.unwatch(peer.end.bell)

    def attend(self, block: bool) -> bool:
        """Serve what has come.  False: nothing has for a while, and whoever sends from now on rings."""
        frame, most = self.frame, self._looks if block else 1
        looks, served = most, 0
        while looks and served < MANY and not frame.notices:
            looks -= 1
            for peer in self._peers:
                if not peer.closed and peer.end.hears[CALL] != peer.seen:
                    peer.serve_slot()
                    looks, served = most, served + 1
            if not looks % EACH and self._attend_streams():
                looks, served = most, served + 1
        if looks or not block or frame.stopping:
            return served > 0 or frame.stopping
        for peer in self._peers:
            peer.end.says[ASLEEP] = 1
        fence.fence()
        if any(peer.end.hears[CALL] != peer.seen for peer in self._peers) or self._attend_streams():
            self.awake()
            return True
        return False

    def _attend_streams(self) -> bool:
        """Read what is in the streams, and write what found no room; was there anything?"""
        found = [peer for peer in self._peers if (peer.end.room if peer.congested else peer.end.pending)]
        for peer in found:
            if peer.congested:
                peer.writable()
            else:
                peer.readable()
        return bool(found)

    def awake(self) -> None:
        """The domain has slept, and looks for itself again."""
        for peer in self._peers:
            peer.end.says[ASLEEP] = 0

    def tell(self, state: int) -> None:
        """Tell every client what this domain does: RUNNING, or BLOCKED."""
        for peer in self._peers:
            peer.end.says[STATE] = state


def accept(
    frame: Frame, holders: Holders, name: str, quota: dict[str, Any], spins: bool
) -> tuple[ChannelPeer, dict[str, int]]:
    """A new channel to this domain: our end, served from now on, and the labelled descriptors of the client's."""
    client, server = make(name)
    channels = frame.channels or Channels(frame, spins)
    peer = ChannelPeer(channels, holders, End(server), name, quota)
    return peer, {f"link:{number}": client[number] for number in range(ENDS)}
