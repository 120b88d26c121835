"""The server's end of a peer link: handles, dispatch into the servers of this domain, answers.

A peer has a table of handles, a client can name nothing else.  Handles and open calls are bounded by the
client's quota; beyond it the answer is Busy.  What the client does not read is kept up to a limit, and
while something is kept nothing more of the client is read; a server never blocks on a client.  When the
client goes, its open calls are withdrawn and the objects that only it held are released.

A subclass is a transport: it says how bytes come and go.  The link of an app into a kernel with servers
in it is a trap.
"""

from collections.abc import Callable
from typing import Any

from microlith.frame import wire
from microlith.frame.codec import Codec, status_body
from microlith.frame.connection import Gone, bad
from microlith.frame.facade import behind
from microlith.frame.frame import Frame
from microlith.frame.holders import Holders
from microlith.frame.inflow import Inflow
from microlith.frame.methods import Method, methods_of
from microlith.frame.page import BYTES_IN, BYTES_OUT, RECEIVED, SENT
from microlith.frame.reply import CLOSED, Reply
from microlith.frame.server import Object
from microlith.interface.operation import Operation
from microlith.interface.status import BadMessage, Busy, Cancelled, NoRight, Stale, Status

CALLS, RIGHTS = 64, 4096  # open calls and handles of a client, where its quota says nothing
BACKLOG = 2 * wire.MAX_MESSAGE  # bytes a client may leave unread before its link is closed


class PeerReply(Reply):
    """An open call of a client."""

    def __init__(self, peer: "Peer", call: int, operation: Operation, target: Any) -> None:
        super().__init__()
        self.peer, self.call, self.operation, self.target = peer, call, operation, target

    def send(self, status: Status | None, value: Any) -> bool:
        if self.peer.open.pop(self.call, None) is None:
            return False
        self.peer.answer(self.call, self.operation, self.target, status, value)
        return True

    def break_off(self, status: Status) -> None:
        if self.peer.open.pop(self.call, None) is not None:
            self.done = True
            self.peer.send(wire.pack(wire.FAIL, call=self.call, body=status_body(status)))


class Peer:
    """One client, as the domain of its servers sees it."""

    def __init__(self, frame: Frame, holders: Holders, name: str, quota: dict[str, Any]) -> None:
        self._calls, self._rights = int(quota.get("calls", CALLS)), int(quota.get("rights", RIGHTS))
        self.frame, self.holders, self.name = frame, holders, name
        self.open: dict[int, PeerReply] = {}
        self.table: dict[int, tuple[Any, int]] = {}
        self.badges: dict[int, tuple[Object, int]] = {}  # of the objects in its ledger, where it has one, by handle
        self.closed = False
        self.serving = False  # a request of this client is in the servers now
        self.held: wire.Message | None = None  # it waits for what it names; nothing more is read of this client
        self._next = 1
        self._server: Any = None  # whose request is being read, or whose answer is being written
        self._codec = Codec(self._lower, self._lift)
        self._inflow = Inflow()
        self.gone: Callable[[], None] = lambda: None  # what else is to be done when it is closed
        self._unsent = bytearray()

    # --- what a transport does ---------------------------------------------------------------------

    def take(self) -> bytes:
        """The bytes that have come; nothing: b"".  Raises Gone."""
        raise NotImplementedError

    def put(self, data: bytes | bytearray) -> int:
        """Send without blocking; how many bytes were taken.  Raises Gone."""
        raise NotImplementedError

    def stuck(self) -> None:
        """From now on call `writable` when there is room, and nothing when there is something to read."""
        raise NotImplementedError

    def flowing(self) -> None:
        """The opposite."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """Let the transport go."""
        raise NotImplementedError

    def hung_up(self) -> bool:
        """Has the other end been closed?  (Nothing is read.)"""
        raise NotImplementedError

    def counts(self) -> tuple[int, int, int, int]:
        """Requests and their bytes, answers and their bytes that passed outside of messages (none)."""
        return (0, 0, 0, 0)

    # --- the table ---------------------------------------------------------------------------------

    @property
    def congested(self) -> bool:
        """Does something wait that the client has not taken?"""
        return bool(self._unsent)

    def grant(self, target: Any, rank: int) -> int:
        """Put a server or an object into the client's table; its handle."""
        handle, self._next = self._next, self._next + 1
        self.table[handle] = (target, rank)
        self.holders.hold(target)
        return handle

    # --- messages in -------------------------------------------------------------------------------

    def readable(self) -> None:
        """Read what there is and serve every whole message."""
        try:
            data = self.take()
            if data:
                self.serve(self._inflow.feed(data) or self._inflow.next())
        except (Gone, BadMessage):
            self.close()

    def serve(self, message: bytes | None) -> None:
        """Serve this and every whole message that is here, until an answer is stuck."""
        while message is not None and not self.closed:
            self.handle(wire.parse(message))
            message = None if self._unsent or self.held else self._inflow.next()

    def handle(self, message: wire.Message) -> None:
        """Serve one message."""
        words = self.frame.page.words
        words[RECEIVED] += 1
        words[BYTES_IN] += len(message.raw)
        if message.kind == wire.CALL:
            self._call(message)
        elif message.kind == wire.NOTIFY:
            self._notify(message)
        elif message.kind == wire.CANCEL:
            self._cancel(message.call)
        elif message.kind == wire.CLOSE:
            self.close_handle(message.target)
        else:
            self.send(bad(message.call, BadMessage(f"kind {message.kind} is not for a peer")))

    def _call(self, message: wire.Message) -> None:
        try:
            target, method, arguments = self._read(message)
        except (BadMessage, Busy, NoRight, Stale) as status:
            self.send(wire.pack(wire.STATUS, call=message.call, body=status_body(status)))
            return
        if self.frame.notices:  # what was sent before a call is delivered before it
            self.frame.deliver_notices()
        operation = method.operation
        reply: Reply = CLOSED
        if operation.waits:
            reply = self.open[message.call] = PeerReply(self, message.call, operation, target)
        self.serving = True
        result = self.frame.serve(target, method, arguments, reply, message.deadline)
        self.serving = False
        self.served(message.target)
        if isinstance(result, Reply):
            return
        if operation.waits:
            reply.done = True
            self.open.pop(message.call, None)
        if isinstance(result, Status):
            self.answer(message.call, operation, target, result, None)
        else:
            self.answer(message.call, operation, target, None, result)

    def served(self, handle: int) -> None:
        """A call on what is behind this handle is done, and not yet answered."""

    def _notify(self, message: wire.Message) -> None:
        try:
            target, method, arguments = self._read(message)
        except (BadMessage, NoRight, Stale):
            return
        self.frame.post(target, method.operation, arguments, message.incarnation)

    def _read(self, message: wire.Message) -> tuple[Any, Method, tuple[Any, ...]]:
        target, method = self.find(message.target, message.operation, message.kind == wire.NOTIFY)
        if message.call in self.open:
            raise BadMessage(f"call {message.call} is open already")
        if message.kind == wire.CALL and len(self.open) >= self._calls:
            raise Busy(f"{self._calls} calls are open")
        self._server = self.holders.owner(target)
        arguments = self._codec.read_request(method.operation, message.body, message.bulk, message.caps)
        return target, method, arguments

    def find(self, handle: int, operation: int, notify: bool) -> tuple[Any, Method]:
        """What is behind a handle, and its method.  Raises NoRight or BadMessage."""
        target, _ = self.table.get(handle, (None, 0))
        if target is None:
            raise NoRight(f"there is nothing at handle {handle}")
        method = methods_of(type(target)).get(operation)
        if method is None or method.operation.notify != notify:
            raise BadMessage(f"operation {operation} of handle {handle} is not one for this kind of message")
        return target, method

    def _cancel(self, call: int) -> None:
        reply = self.open.get(call)
        if reply is None:
            return
        if reply.relay is not None:
            reply.relay.cancel()
            return
        del self.open[call]
        reply.withdraw()
        self.send(wire.pack(wire.FAIL, call=call, body=status_body(Cancelled())))

    def close_handle(self, handle: int) -> None:
        """The client gives a right back."""
        target, _ = self.table.pop(handle, (None, 0))
        self.holders.unhold(target)

    # --- messages out ------------------------------------------------------------------------------

    def answer(self, call: int, operation: Operation, target: Any, status: Status | None, value: Any) -> None:
        """Send the answer to a call that this server or object worked on last."""
        if self.closed:
            return
        self._server = self.holders.owner(target)
        raw, caps = b"", wire.NO_CAPS
        if status is None:
            try:
                body, bulk, caps = self._codec.reply(operation, value)
                raw = wire.pack(wire.REPLY, call=call, caps=caps, body=body, bulk=bulk)
                status = self.refuse_rights(caps)
            except Status as why:  # too large, or a capability whose server cannot be asked
                self.take_back(caps)
                status = why
        self.send(raw if status is None else wire.pack(wire.STATUS, call=call, body=status_body(status)))

    def refuse_rights(self, caps: tuple[wire.Cap, ...]) -> Busy | None:
        """Take new rights back if they are more than the client may hold, and say so."""
        if len(self.table) <= self._rights:
            return None
        self.take_back(caps)
        return Busy(f"{self._rights} rights are held")

    def take_back(self, caps: tuple[wire.Cap, ...]) -> None:
        """What an answer that is not sent would have given."""
        for kind, _, handle, _ in caps:
            if kind == wire.GRANTED:
                self.close_handle(handle)

    def send(self, raw: bytes) -> None:
        """Send without blocking; what the client does not take now is kept, up to a limit."""
        if self.closed:
            return
        words = self.frame.page.words
        words[SENT] += 1
        words[BYTES_OUT] += len(raw)
        if self._unsent:
            self._unsent += raw
        else:
            sent = self._try(raw)
            if sent < len(raw) and not self.closed:
                self._unsent += raw[sent:]
                self.stuck()
        if len(self._unsent) > BACKLOG:
            self.close()

    def writable(self) -> None:
        """The client read something: send on; when all is sent, back to reading."""
        del self._unsent[: self._try(self._unsent)]
        if self._unsent or self.closed:
            return
        self.flowing()
        if self.held is None:
            self.serve_rest()

    def serve_rest(self) -> None:
        """Serve the whole messages that have come already."""
        try:
            self.serve(self._inflow.next())
        except BadMessage:
            self.close()

    def _try(self, raw: bytes | bytearray) -> int:
        try:
            return self.put(raw)
        except Gone:
            self.close()
            return 0

    def close(self) -> None:
        """The client is gone: withdraw its calls, release what it held."""
        if self.closed:
            return
        self.closed = True
        self.disconnect()
        calls, self.open = list(self.open.values()), {}
        for reply in calls:
            reply.withdraw()
        for handle in list(self.table):
            self.close_handle(handle)
        self.gone()

    # --- capabilities ------------------------------------------------------------------------------

    def _lower(self, capability: Any) -> wire.Cap:
        target = behind(capability)
        if not isinstance(target, Object) and not self.holders.server(target):
            raise TypeError(f"{capability!r} is not a capability")
        rank = self.holders.rank(target, self._server)
        return (wire.GRANTED, rank, self.grant(target, rank), 0)

    def _lift(self, entry: wire.Cap, interface: Any) -> Any:
        target, _ = self.table.get(entry[2], (None, 0))
        if target is None or entry[0] != 0:
            raise ValueError(f"there is nothing at handle {entry[2]}")
        if not isinstance(target, interface):
            raise ValueError(f"handle {entry[2]} is no {interface.__name__}")
        return self.holders.receive(target, self._server)
