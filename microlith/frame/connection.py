"""A connection: what carries messages between a domain and its kernel or its peer.

The rules, whatever the transport: one synchronous call in flight; an answer is matched by its call id
and a late one is dropped; anything else that arrives meanwhile waits in the frame's inbox.  A call has
a deadline unless its operation @waits.  An idempotent call is repeated at most twice when the server
died; any other is sent at most once, and a death leaves its outcome unknown.
"""

from collections.abc import Callable, Container
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from microlith.frame import wire
from microlith.frame.codec import Codec, read_status
from microlith.frame.facade import behind, check_arguments, check_result
from microlith.frame.holders import Holders
from microlith.frame.page import BYTES_IN, BYTES_OUT, CALLING, RECEIVED, SENT, STATE
from microlith.frame.relay import Relay
from microlith.frame.reply import Reply
from microlith.frame.stub import Stub, stub_class
from microlith.interface.operation import Operation
from microlith.interface.status import (
    BadMessage,
    Busy,
    DeadlineExceeded,
    RankViolation,
    ServerDied,
    Status,
)

if TYPE_CHECKING:
    from microlith.frame.frame import Frame
    from microlith.process.birth import SlotBirth

DEFAULT_DEADLINE_NS = 5_000_000_000
REPEATS = 2  # of an idempotent call, after a death
CANCEL_GRACE_NS = 1_000_000_000

ANSWERS = frozenset((wire.REPLY, wire.STATUS, wire.FAIL))


class Gone(Exception):
    """The other end of the connection is not there any more."""


class Connection:
    """The side of a client.  A subclass is a transport: `transmit`, `receive`, and `lower` and `lift`."""

    #: How long after a deadline the client itself gives up; the kernel, where there is one, is earlier.
    grace_ns = 0

    def __init__(self, frame: "Frame", holders: Holders | None = None) -> None:
        self.frame = frame
        self.codec = Codec(self.lower, self.lift)
        self.holders = holders or Holders(frame)
        #: who of this domain speaks or is spoken to in the message being coded; None: the program
        self.party: Any = None
        self.words = frame.page.words
        self._last_call = 0
        #: rights to give back with the next message; connections of one domain share the list
        self.forgotten: list[tuple[Connection, int]] = []
        self.relays: dict[int, Relay] = {}  # by call id: calls handed on through this connection
        #: what counts the messages of the call in progress, by kind and size, if its link is counted
        self.tally: Callable[[int, int], None] | None = None

    # --- what a transport does ---------------------------------------------------------------------

    def transmit(self, raw: bytes) -> None:
        """Send one message.  Raises Gone."""
        raise NotImplementedError

    def receive(self, until: int) -> bytes | None:
        """The next message, or None at `until` (monotonic ns; 0: for ever).  Raises Gone."""
        raise NotImplementedError

    def begin(self) -> None:
        """Complete the connection; nothing is sent or received before.  Raises Gone."""

    def ready(self) -> None:
        """The program or the servers behind this connection begin."""

    def close(self) -> None:
        """The end of the connection."""

    def serve(self, parts: dict[int, Any]) -> int:
        """Serve requests to these parts (by port) until told to stop; the exit status."""
        raise NotImplementedError

    def system_calls(self) -> int:
        """How often it has entered the host's kernel for messages, where our own code does that."""
        return 0

    def lower(self, capability: Any) -> wire.Cap:
        """A capability as an entry in a message."""
        capability = behind(capability)
        if isinstance(capability, Stub) and capability._connection is self:
            return (0, 0, capability._handle, 0)
        raise TypeError(f"{capability!r} cannot be passed on this connection")

    def lift(self, entry: wire.Cap, interface: Any) -> Any:
        """An entry of a message as a capability."""
        raise NotImplementedError

    def stub(self, interface: Any, handle: int, rank: int, holder: Any = None) -> Stub:
        """A stub for a right of a server of this domain (None: of the program)."""
        return stub_class(interface)(self, handle, rank, holder, self.holders.limit(holder))

    def slot(self, interface: Any, slot: "SlotBirth", holder: Any = None) -> Stub:
        """A stub for a capability of a server of this domain (None: of the program)."""
        return self.stub(interface, slot.handle, slot.rank, holder)

    # --- the client's side -------------------------------------------------------------------------

    def send(self, raw: bytes) -> None:
        """Send one message and count it."""
        if self.forgotten:
            self.close_forgotten()
        words = self.words
        words[SENT] += 1
        words[BYTES_OUT] += len(raw)
        self.transmit(raw)

    def send_counted(self, kind: int, raw: bytes) -> None:
        """Send one message, which belongs to a link."""
        self.send(raw)
        if self.tally is not None:
            self.tally(kind, len(raw))

    def take(self, until: int) -> bytes | None:
        """Receive one message and count it."""
        raw = self.receive(until)
        if raw is not None:
            self.count_in(raw)
        return raw

    def count_in(self, raw: bytes) -> None:
        """Count a message that was received."""
        words = self.words
        words[RECEIVED] += 1
        words[BYTES_IN] += len(raw)

    def call(self, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> Any:
        """Call, and give back the result or raise the status."""
        frame = self.frame
        if stub._rank >= stub._limit:
            raise RankViolation(f"rank {stub._limit} may not call {operation.qualified} at rank {stub._rank}")
        if operation.waits and frame.reply is not None:
            raise TypeError(f"a server never calls the @waits operation {operation.qualified}; it forwards to it")
        if frame.checked:
            check_arguments(operation, arguments)
        self.party = stub._holder
        body, bulk, caps = self.codec.request(operation, arguments)
        deadline = frame.deadline_for(operation)
        for attempt in range(REPEATS + 1):
            raw = self._call_once(stub._handle, operation, deadline, caps, body, bulk)
            caps_back, body_back, bulk_back = wire.content(raw)
            if raw[1] == wire.REPLY:
                break
            died = raw[1] == wire.FAIL and type(read_status(operation, body_back)) is ServerDied
            if not (died and operation.idempotent and attempt < REPEATS):
                raise read_status(operation, body_back)  # in no variable: its traceback would hold this frame
        self.party = stub._holder
        result = self.codec.read_reply(operation, body_back, bulk_back, caps_back)
        if frame.checked:
            check_result(operation, result)
        return result

    def _call_once(
        self, handle: int, operation: Operation, deadline: int, caps: tuple[wire.Cap, ...], body: bytes, bulk: bytes
    ) -> bytes:
        """One request and its answer; what else arrives meanwhile goes to the inbox."""
        self._last_call = call = self._last_call + 1
        flags = wire.WAITS if operation.waits else 0
        words = self.words
        outer = words[STATE]
        words[STATE] = CALLING | handle << 8
        try:
            raw = wire.pack(wire.CALL, operation.number, call, handle, 0, deadline, flags, 0, caps, body, bulk)
            self.send_counted(wire.CALL, raw)
            del raw  # it may be large
            until = deadline + self.grace_ns if deadline else 0
            answer = self._await(call, until) or self._give_up(call, operation)
            if self.tally is not None:
                self.tally(answer[1], len(answer))
            return answer
        except Gone:
            raise ServerDied(f"{operation.qualified}: the other side is gone") from None
        except BaseException:
            self._abandon(call)
            raise
        finally:
            words[STATE] = outer

    def _await(self, call: int, until: int) -> bytes | None:
        while True:
            raw = self.take(until)
            if raw is None:
                return None
            kind, answered = wire.answer(raw)
            if kind not in ANSWERS:
                self.frame.inbox.append((self, raw))
            elif answered == call:
                return raw
            else:
                self.drop_late(raw)

    def drop_late(self, raw: bytes) -> None:
        """An answer that nobody waits for, unless it is to be passed on: the rights that came with it go back."""
        relay = self.relays.pop(wire.answer(raw)[1], None)
        if relay is not None:
            relay.finish(raw)
            return
        self.give_back(wire.content(raw)[0])

    def give_back(self, caps: tuple[wire.Cap, ...], but: Container[int] = ()) -> None:
        """The rights that came with a message and that nobody took."""
        for kind, _, number, _ in caps:
            if kind == wire.GRANTED and number not in but:
                self.forget(number)

    def _give_up(self, call: int, operation: Operation) -> bytes:
        """The deadline passed: cancel.  If it @waits, an answer on its way has consumed something, and counts."""
        self.send_counted(wire.CANCEL, wire.pack(wire.CANCEL, call=call))
        if not operation.waits:
            raise DeadlineExceeded("no answer before the deadline; it may or may not have been done")
        raw = self._await(call, monotonic_ns() + min(self.grace_ns or CANCEL_GRACE_NS, CANCEL_GRACE_NS))
        if raw is None or raw[1] == wire.FAIL:
            raise DeadlineExceeded("no answer before the deadline; it may or may not have been done")
        return raw

    def _abandon(self, call: int) -> None:
        try:
            self.send_counted(wire.CANCEL, wire.pack(wire.CANCEL, call=call))
        except (Gone, Status):
            pass

    def notify(self, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> None:
        """Send a one-way message; it never blocks, and it may be dropped."""
        if self.frame.checked:
            check_arguments(operation, arguments)
        self.party = stub._holder
        body, bulk, _ = self.codec.request(operation, arguments)
        try:
            raw = wire.pack(wire.NOTIFY, operation.number, 0, stub._handle, body=body, bulk=bulk)
            self.send_counted(wire.NOTIFY, raw)
        except (Gone, Busy):
            pass

    def forward(self, reply: Reply, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> None:
        """Hand the right to reply to the server behind a stub."""
        self.party = stub._holder
        body, bulk, caps = self.codec.request(operation, arguments)
        self._last_call = call = self._last_call + 1
        raw = wire.pack(wire.CALL, operation.number, call, stub._handle, 0, 0, wire.WAITS, 0, caps, body, bulk)
        relay = self.relays[call] = Relay(self, call, reply, operation, stub._holder, self.tally)
        try:
            self.send_counted(wire.CALL, raw)
        except Gone:
            del self.relays[call]
            relay.lost(ServerDied(f"{operation.qualified}: the other side is gone"))
        except Busy as busy:
            del self.relays[call]
            relay.lost(busy)

    def forget(self, handle: int) -> None:
        """A stub was dropped: its right is given back with the next message."""
        self.forgotten.append((self, handle))

    def close_forgotten(self) -> None:
        """Give back what was dropped."""
        rights = self.forgotten[:]
        self.forgotten.clear()
        for connection, handle in rights:
            connection.close_right(handle)

    def close_right(self, handle: int) -> None:
        """Give one right back."""
        self.send(wire.pack(wire.CLOSE, target=handle))


def bad(call: int, why: BadMessage) -> bytes:
    """The answer to a message that does not follow the protocol."""
    from microlith.frame.codec import status_body

    return wire.pack(wire.STATUS, call=call, body=status_body(why))
