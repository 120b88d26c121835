"""A connection: what carries messages between a domain and its kernel or its peer.

The rules, whatever the transport: one synchronous call in flight; an answer is matched by its call id
and a late one is dropped; anything else that arrives meanwhile waits in the frame's inbox.  A call has
a deadline unless its operation @waits.  An idempotent call is repeated at most twice when the server
died; any other is sent at most once, and a death leaves its outcome unknown.
"""

from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from microlith.frame import wire
from microlith.frame.codec import Codec, read_status
from microlith.frame.facade import Facade, check_arguments, check_result
from microlith.frame.page import BYTES_IN, BYTES_OUT, CALLING, RECEIVED, SENT, STATE
from microlith.frame.stub import Stub
from microlith.interface.operation import Operation
from microlith.interface.status import (
    BadMessage,
    Busy,
    DeadlineExceeded,
    RankViolation,
    ServerDied,
    Status,
    Unavailable,
)

if TYPE_CHECKING:
    from microlith.frame.frame import Frame

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
    #: How often a transport that knows it has entered the host's kernel for messages.
    system_calls = 0
    #: Where a link is counted: kind and size of each message of the call in progress.
    tally: list[tuple[int, int]] | None = None

    def __init__(self, frame: "Frame") -> None:
        self.frame = frame
        self.codec = Codec(self.lower, self.lift)
        self.words = frame.page.words
        self._last_call = 0
        self._forgotten: list[int] = []

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

    def lower(self, capability: Any) -> wire.Cap:
        """A capability as an entry in a message."""
        if isinstance(capability, Facade):
            capability = capability.target
        if isinstance(capability, Stub) and capability._connection is self:
            return (0, 0, capability._handle, 0)
        raise TypeError(f"{capability!r} cannot be passed on this connection")

    def lift(self, entry: wire.Cap, interface: Any) -> Any:
        """An entry of a message as a capability."""
        raise NotImplementedError

    # --- the client's side -------------------------------------------------------------------------

    def send(self, raw: bytes) -> None:
        """Send one message and count it."""
        if self._forgotten:
            self._close_forgotten()
        words = self.words
        words[SENT] += 1
        words[BYTES_OUT] += len(raw)
        self.transmit(raw)

    def send_counted(self, kind: int, raw: bytes) -> None:
        """Send one message, which belongs to a link."""
        self.send(raw)
        if self.tally is not None:
            self.tally.append((kind, len(raw)))

    def take(self, until: int) -> bytes | None:
        """Receive one message and count it."""
        raw = self.receive(until)
        if raw is not None:
            words = self.words
            words[RECEIVED] += 1
            words[BYTES_IN] += len(raw)
        return raw

    def call(self, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> Any:
        """Call, and give back the result or raise the status."""
        frame = self.frame
        if stub._rank >= frame.rank:
            raise RankViolation(f"rank {frame.rank} may not call {operation.qualified} at rank {stub._rank}")
        if operation.waits and frame.reply is not None:
            raise TypeError(f"a server never calls the @waits operation {operation.qualified}; it forwards to it")
        if frame.checked:
            check_arguments(operation, arguments)
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
            self.send(raw)
            if self.tally is not None:
                self.tally.append((wire.CALL, len(raw)))
            del raw  # it may be large
            until = deadline + self.grace_ns if deadline else 0
            answer = self._await(call, until) or self._give_up(call, operation)
            if self.tally is not None:
                self.tally.append((answer[1], len(answer)))
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
        """An answer that nobody waits for: the rights that came with it go back."""
        self._forgotten += [number for kind, _, number, _ in wire.content(raw)[0] if kind == wire.GRANTED]

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
        body, bulk, _ = self.codec.request(operation, arguments)
        try:
            raw = wire.pack(wire.NOTIFY, operation.number, 0, stub._handle, body=body, bulk=bulk)
            self.send_counted(wire.NOTIFY, raw)
        except (Gone, Busy):
            pass

    def forward(self, reply: Any, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> None:
        """Hand the right to reply to the server behind a stub."""
        raise Unavailable(f"{operation.qualified} cannot be forwarded over this link")

    def forget(self, handle: int) -> None:
        """A stub was dropped: its right is given back with the next message."""
        self._forgotten.append(handle)

    def _close_forgotten(self) -> None:
        handles, self._forgotten = self._forgotten, []
        for handle in handles:
            self.send(wire.pack(wire.CLOSE, target=handle))


def bad(call: int, why: BadMessage) -> bytes:
    """The answer to a message that does not follow the protocol."""
    from microlith.frame.codec import status_body

    return wire.pack(wire.STATUS, call=call, body=status_body(why))
