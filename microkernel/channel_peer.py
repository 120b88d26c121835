"""The server's end of a channel (channel.py has the protocol; channels.py looks when to serve it)."""

from typing import TYPE_CHECKING, Any

from microkernel import fence
from microkernel.channel import ANSWER, ASLEEP, CALL, REQUEST, SLOT, STREAMED, STUCK, TAIL, TAKEN, Broken, counts
from microkernel.end import UNHEARD, End
from microlith.frame import wire
from microlith.frame.codec import status_body
from microlith.frame.connection import Gone
from microlith.frame.holders import Holders
from microlith.frame.methods import Method
from microlith.frame.peer import Peer
from microlith.frame.reply import CLOSED
from microlith.interface.status import BadMessage, Busy, NoRight, Stale, Status

if TYPE_CHECKING:
    from microkernel.channels import Channels

LAST_CALL = 1 << 62

Known = tuple[Any, type, Method, bool]  # a target, its class, the method called, whether that has no parameters

_request, _answer = REQUEST.unpack_from, ANSWER.pack_into


class ChannelPeer(Peer):
    """One client, behind a channel."""

    def __init__(self, channels: "Channels", holders: Holders, end: End, name: str, quota: dict[str, Any]) -> None:
        super().__init__(channels.frame, holders, name, quota)
        self.end, self.channels, self.seen = end, channels, 0
        self.hears = end.hears
        self._silenced = 0  # how much had come when the bell was silenced last
        self._counts: tuple[int, int, int, int] | None = None  # when it was closed
        self.awaited = wire.NO_CAPS  # what the request in the slot names and the kernel has not passed yet
        self._known: dict[int, Known] = {}  # what requests without capabilities have asked for, by their first word
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
        if known is None or not known[3] or body or bulk or known[0].__class__ is not known[1]:
            found = self._read_slot(number, word, known, body, bulk)
            if found is None:
                return
            target, method, arguments = found
            del found
        else:
            target, _, method, _ = known
            arguments = ()
        if frame.notices:  # what was sent before a call is delivered before it
            frame.deliver_notices()
        self.serving = True
        result = frame.serve(target, method, arguments, CLOSED, deadline)
        self.serving = False
        if self.badges:
            self.served(word >> 32)
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
        self, number: int, word: int, known: Known | None, body_size: int, bulk_size: int
    ) -> tuple[Any, Method, tuple[Any, ...]] | None:
        """Target, method and arguments of a request, checked; None: it has been answered."""
        if word & STREAMED:
            self.readable()
            if self.closed:
                return None
        try:
            if known is None or known[0].__class__ is not known[1]:
                known = self._look_up(word)
            target, _, method, bare = known
            if bare and not body_size:
                return target, method, ()
            operation = method.operation
            caps, body, bulk = self.end.get(number, word >> 16 & 0xFF, body_size, bulk_size)
            if caps and not self.here(caps):
                self.awaited = caps
                return None
            if operation.carries:
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

    def _look_up(self, word: int) -> Known:
        """What a request is for, remembered if its first word says nothing else.  Raises what `find` does."""
        handle, number = word >> 32, word & 0xFFFF
        target, method = self.find(handle, number, notify=False)
        operation = method.operation
        if operation.waits:
            raise BadMessage(f"{operation.qualified} waits: it is called through the stream")
        known = (target, type(target), method, not operation.parameters)
        if word == handle << 32 | number:  # so that there is one for each operation of what the client holds, at most
            self._known[word] = known
        return known

    def _answer_value(self, number: int, method: Method, target: Any, value: Any) -> None:
        operation = method.operation
        if operation.carries:
            self._server = self.holders.owner(target)
        status: Status | None = None
        caps = wire.NO_CAPS
        try:
            body, bulk, caps = self._codec.reply(operation, value)
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
        end.put(number, caps, body, bulk)
        _answer(end.out, SLOT, kind, len(caps), len(body), len(bulk))
        end.says[CALL] = number + number + 1
        if self.hears[ASLEEP]:
            end.ring()

    # --- the table ---------------------------------------------------------------------------------

    def close_handle(self, handle: int) -> None:
        super().close_handle(handle)
        self._known.clear()

    # --- the stream --------------------------------------------------------------------------------

    def rung(self) -> None:
        """The bell: a call, mostly, or the end of the client; what else it is about is looked for by the loop."""
        hears, end, number = self.hears, self.end, self.hears[CALL]
        come = number + end.taken
        if self.channels.spins or number == self.seen or self._unsent or come - self._silenced > UNHEARD:
            self._silenced = come
            if not end.silence():
                self.hangs_up()
                return
        if hears[CALL] != self.seen:
            self.serve_slot()
        elif self._unsent:
            self.writable()
        if not self.closed and (self._unsent or hears[TAIL] != end.taken):
            self.channels.again = True

    def hangs_up(self) -> None:
        """The client has gone."""
        self.readable()  # what it said before
        self.close()

    def attend_stream(self) -> bool:
        """Read what is in the stream, or write what found no room; was there anything?"""
        if self._unsent:
            if not self.end.room:
                return False
            self.writable()
        elif self.end.pending:
            self.readable()
        else:
            return False
        return True

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
        self.end.says[STUCK], self.channels.again = 1, True
        fence.fence()  # and before the domain sleeps, `attend` looks once more

    def flowing(self) -> None:
        self.end.says[STUCK], self.channels.again = 0, True  # what was held may be ready

    def counts(self) -> tuple[int, int, int, int]:
        return self._counts or counts(self.hears, self.end.says)

    def disconnect(self) -> None:
        self._counts = self.counts()
        self.channels.remove(self)
        self.end.close()

    def hung_up(self) -> bool:
        return self.closed or self.end.hung_up()
