"""A domain's connection to the microkernel: one DEALER, calls out, requests in.

The same socket carries what this domain asks of others and what others ask of it.  While a call of its
own is out, requests wait in the frame's inbox.  The socket sets no identity: the kernel knows who
speaks by the pid behind it (docs/wire.md).
"""

import os
from functools import partial
from time import monotonic_ns
from typing import Any

import msgspec
import zmq
from zmq.backend import Socket as Plain  # without the conveniences, which cost microseconds

from microlith.frame import wire
from microlith.frame.codec import status_body
from microlith.frame.connection import ANSWERS, Connection, Gone, bad
from microlith.frame.facade import behind
from microlith.frame.frame import NOTICES, Frame
from microlith.frame.methods import Method, methods_of
from microlith.frame.page import BEATS, BYTES_IN, BYTES_OUT, IDLE, RECEIVED, SENT, STATE
from microlith.frame.reply import CLOSED, Reply
from microlith.frame.server import Object
from microlith.frame.stub import Stub
from microlith.frame.wire import GRANTED, HELD, MINT
from microlith.interface.operation import Operation
from microlith.interface.status import BadMessage, Status
from microlith.process.birth import Birth

TURN_MS = 500  # how often a blocked domain beats and looks at the time
GRACE_NS = 200_000_000  # the kernel answers at the deadline; this much later we stop believing in it
HELLO_S = 20.0
CONNECTED = "inproc://connected"
LEAVE_NS = 2_000_000_000  # how long a detaching process waits for the kernel to agree
LINGER_MS = 500


class Welcome(msgspec.Struct, frozen=True, array_like=True):
    """The body of the kernel's first message."""

    name: str
    incarnation: int
    rank: int
    slots: tuple[tuple[str, int, int], ...]  # slot, handle, rank
    lines: tuple[tuple[int, int, str], ...]  # line, port, device attribute
    suspended: tuple[tuple[int, int, int], ...]  # port, object, badge


class KernelReply(Reply):
    """An open call that came through the kernel."""

    def __init__(self, connection: "KernelConnection", call: int, operation: Operation, target: Any) -> None:
        super().__init__()
        self.connection, self.call, self.operation, self.target = connection, call, operation, target

    def send(self, status: Status | None, value: Any) -> bool:
        return self.connection.answer_late(self, status, value)


class KernelConnection(Connection):
    """The connection of one domain."""

    grace_ns = GRACE_NS

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.parts: dict[int, Any] = {}
        self.open: dict[int, KernelReply] = {}
        self._objects: dict[tuple[int, int], Object] = {}
        self._numbers: dict[tuple[int, int], int] = {}  # by port and id of the object
        self._badges: dict[tuple[int, int], int] = {}  # by port and number: what the kernel was told
        self._next_object = 1
        self.ports: dict[int, int] = {}  # by id of a server
        self._lifted: set[int] = set()  # handles of the request being read that have stubs
        self._lost: dict[int, int] = {}  # port -> notices dropped here since the last one delivered
        self.welcome: Welcome

    def dial(self, endpoint: str, kernel: int) -> "KernelConnection":
        """Connect to the kernel, whose pid is `kernel`.  Raises Gone."""
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.immediate = 1
        self.socket.rcvtimeo = TURN_MS
        self.socket.sndtimeo = TURN_MS
        self.socket.maxmsgsize = wire.MAX_MESSAGE
        self._connect(endpoint)
        self._receive = partial(Plain.recv, self.socket)
        self._send = partial(Plain.send, self.socket)
        self._kernel = kernel
        return self

    def _connect(self, endpoint: str) -> None:
        """Connect, and wait until the system calls for it are done: seccomp may deny them from now on.

        The handshake and the kernel's gate go on while the domain builds its parts.
        """
        done = self._context.socket(zmq.PAIR)
        self.socket.monitor(CONNECTED, zmq.EVENT_CONNECTED)
        done.connect(CONNECTED)
        self.socket.connect(endpoint)
        connected = done.poll(int(HELLO_S * 1000))
        self.socket.disable_monitor()
        done.close(0)
        if not connected:
            raise Gone("the kernel does not listen")

    def begin(self) -> None:
        until = monotonic_ns() + int(HELLO_S * 1e9)  # for a kernel that is busy
        until = min(until, self.frame.limit or until)
        self.socket.sndtimeo = max(0, (until - monotonic_ns()) // 1_000_000)
        self.transmit(wire.pack(wire.HELLO))
        self.socket.sndtimeo = TURN_MS
        raw = self.receive(until)
        if raw is None or raw[1] != wire.WELCOME:
            raise Gone("the kernel did not welcome us")
        self.welcome = msgspec.msgpack.decode(wire.parse(raw).body, type=Welcome)

    # --- transport ---------------------------------------------------------------------------------

    def transmit(self, raw: bytes) -> None:
        try:
            self._send(raw)
        except zmq.Again:
            raise Gone("the kernel takes no messages") from None

    def send(self, raw: bytes) -> None:
        if self.forgotten:
            self.close_forgotten()
        words = self.words
        words[SENT] += 1
        words[BYTES_OUT] += len(raw)
        try:
            self._send(raw)
        except zmq.Again:
            raise Gone("the kernel takes no messages") from None

    def receive(self, until: int) -> bytes | None:
        while True:
            try:
                raw: bytes = self._receive()
                return raw
            except zmq.Again:
                self.words[BEATS] += 1
                if until and monotonic_ns() >= until:
                    return None
                if not os.path.exists(f"/proc/{self._kernel}"):
                    raise Gone("the kernel died") from None

    def take(self, until: int) -> bytes | None:
        try:
            raw: bytes = self._receive()
        except zmq.Again:
            if (late := self.receive(until)) is None:
                return None
            raw = late
        while raw[1] == wire.NOTIFY and len(self.frame.inbox) >= NOTICES:  # we are in a call: it cannot wait here
            notice = wire.parse(raw)
            self._lost[notice.port] = self._lost.get(notice.port, 0) + notice.incarnation + 1
            if (late := self.receive(until)) is None:
                return None
            raw = late
        words = self.words
        words[RECEIVED] += 1
        words[BYTES_IN] += len(raw)
        return raw

    def ready(self) -> None:
        self.transmit(wire.pack(wire.READY, incarnation=self.welcome.incarnation))

    def close(self) -> None:
        self.close_forgotten()
        self.socket.close(LINGER_MS)
        self._context.term()

    def leave(self) -> None:
        """Detach: the kernel forgets this process, which lives on."""
        try:
            self.transmit(wire.pack(wire.BYE))
            limit = monotonic_ns() + LEAVE_NS
            while (raw := self.receive(limit)) is not None and raw[1] != wire.CONFIRM:
                pass
        except Gone:
            pass
        self.socket.close(0)
        self._context.term()

    # --- serving -----------------------------------------------------------------------------------

    def host(self, parts: dict[int, Any]) -> None:
        """These servers are behind this connection, by port."""
        self.parts, self.ports = parts, {id(server): port for port, server in parts.items()}

    def serve(self, parts: dict[int, Any]) -> int:
        """Start the servers, adopt what an earlier incarnation left, say ready, serve until STOP."""
        self.host(parts)
        self._lines = {line: (parts[port], device) for line, port, device in self.welcome.lines}
        self.frame.kernel = self
        for part in parts.values():
            part.start()
        for port, number, badge in self.welcome.suspended:
            made = parts[port].adopt(badge)
            if made is not None:
                self.holders.owner(made, parts[port])
                new = self._number(made, port)
                self.transmit(wire.pack(wire.ADOPT, call=number, target=new, port=port))
                self._badges[(port, new)] = badge
                self._tell_badge(made, port)
        self.adopt_clients()
        self.ready()
        while not self.frame.stopping:
            if self.frame.notices:
                self.frame.deliver_notices()
            if self.forgotten:  # an idle server must not keep what it has dropped
                self.close_forgotten()
            self.words[STATE] = IDLE
            self.turn()
        self.close()
        return 0

    def adopt_clients(self) -> None:
        """Clients that reach this domain past the kernel: none."""

    def turn(self) -> None:
        """Handle the next message; wait for it, unless notices wait here."""
        inbox = self.frame.inbox
        if self.frame.notices and not inbox and not self.socket.poll(0):
            return  # a notice that led to another
        raw = inbox.popleft()[1] if inbox else self.take(0)
        if raw is not None:
            self.handle(raw)

    def handle(self, raw: bytes) -> None:
        """Serve one message of the kernel."""
        kind = raw[1]
        if kind == wire.CALL:
            self._call(raw)
        elif kind == wire.NOTIFY:
            self._notify(wire.parse(raw))
        elif kind == wire.INTERRUPT:
            self._interrupt(wire.parse(raw).target)
        elif kind == wire.WITHDRAWN:
            self._withdrawn(wire.parse(raw).call)
        elif kind == wire.RELEASED:
            self._released(wire.parse(raw))
        elif kind == wire.STOP:
            self._stop()
        elif kind in ANSWERS:
            self.drop_late(raw)

    def _call(self, raw: bytes) -> None:
        _, _, number, _, flags, port, call, target_number, _, deadline, _, _ = wire.HEADER.unpack_from(raw)
        try:
            target, method = self._find(port, target_number, number)
            if method.operation.notify:
                raise BadMessage(f"{method.operation.qualified} is a notify; nobody calls it")
            if method.operation.waits != bool(flags & wire.WAITS):  # it would take a place meant for short calls
                raise BadMessage(f"{method.operation.qualified} is not called with the flags {flags}")
            arguments = self._arguments(method.operation, port, raw)
        except BadMessage as status:
            if raw[4]:
                self._refuse(raw)
            self.send(bad(call, status))
            return
        operation = method.operation
        reply: Reply = CLOSED
        if operation.waits:
            self.open[call] = reply = KernelReply(self, call, operation, target)
        result = self.frame.serve(target, method, arguments, reply, deadline)
        del arguments  # capabilities that came with them, and were not kept, go back before the answer
        if target_number:
            self._tell_badge(target, port)
        if isinstance(result, Reply):
            return
        if operation.waits:
            reply.done = True
            self.open.pop(call, None)
        if isinstance(result, Status):
            self.send(wire.pack(wire.STATUS, 0, call, body=status_body(result)))
            return
        self.send(self._reply(call, 0, self.parts[port], operation, result))

    def _arguments(self, operation: Operation, port: int, raw: bytes) -> tuple[Any, ...]:
        """The arguments of a request.  Rights that came with it and that it does not use go back."""
        caps, body, bulk = wire.content(raw)
        self.party = self.parts.get(port)
        self._lifted.clear()
        arguments = self.codec.read_request(operation, body, bulk, caps)
        if caps:
            self.give_back(caps, but=self._lifted)
        return arguments

    def _refuse(self, raw: bytes) -> None:
        """A request that cannot be read: the rights that came with it go back, but those that have stubs (codec)."""
        caps = wire.CAP.iter_unpack(raw[wire.HEADER.size : wire.HEADER.size + raw[4] * wire.CAP.size])
        self.give_back(tuple(caps), but=self._lifted)

    def _reply(self, call: int, flags: int, giver: Any, operation: Operation, value: Any) -> bytes:
        """A result as a message, or the status that it is too large for one."""
        self.party = giver
        body, bulk, caps = self.codec.reply(operation, value)
        try:
            return wire.pack(wire.REPLY, 0, call, 0, 0, 0, flags, 0, caps, body, bulk)
        except BadMessage as status:
            return wire.pack(wire.STATUS, 0, call, flags=flags, body=status_body(status))

    def _find(self, port: int, number: int, operation: int) -> tuple[Any, Method]:
        target = self._objects.get((port, number)) if number else self.parts.get(port)
        if target is None:
            raise BadMessage(f"there is no object {number} here")
        method = methods_of(type(target)).get(operation)
        if method is None:
            raise BadMessage(f"{type(target).__name__} has no operation {operation}")
        return target, method

    def _notify(self, message: wire.Message) -> None:
        try:
            target, method = self._find(message.port, message.target, message.operation)
            arguments = self.codec.read_request(method.operation, message.body, message.bulk, message.caps)
        except BadMessage:
            return
        if method.operation.notify:
            lost = message.incarnation + self._lost.pop(message.port, 0)
            self.frame.notice(target, method.operation, arguments, lost)

    def _interrupt(self, line: int) -> None:
        server, device = self._lines[line]
        if server.interrupt(device) is not False:
            self.acknowledge(line)

    def acknowledge(self, line: int) -> None:
        """Have the kernel poll a line again."""
        self.send(wire.pack(wire.ACKNOWLEDGE, target=line))

    def acknowledge_device(self, server: Any, device: str) -> None:
        """The same, for a device that `interrupt` had left masked."""
        self.acknowledge(next(line for line, driven in self._lines.items() if driven == (server, device)))

    def _withdrawn(self, call: int) -> None:
        reply = self.open.pop(call, None)
        if reply is not None:
            reply.withdraw()

    def _released(self, message: wire.Message) -> None:
        gone = self._objects.pop((message.port, message.target), None)
        if gone is not None:
            self._numbers.pop((message.port, id(gone)), None)
            self._badges.pop((message.port, message.target), None)
            self.holders.unhold(gone)

    def _stop(self) -> None:
        self.frame.deliver_notices()
        for part in reversed(self.parts.values()):  # they were started from the lowest rank up
            part.stop()
        self.frame.stopping = True

    # --- answers that come later -------------------------------------------------------------------

    def answer_late(self, reply: KernelReply, status: Status | None, value: Any) -> bool:
        """Answer a call that was kept open, and learn from the kernel whether that counted."""
        if self.open.pop(reply.call, None) is None:
            return False
        giver = self.holders.owner(reply.target)
        if isinstance(reply.target, Object):
            self._tell_badge(reply.target, self.ports[id(giver)])
        if status is not None:
            self.send(wire.pack(wire.STATUS, call=reply.call, flags=wire.WANT_CONFIRM, body=status_body(status)))
        else:
            self.send(self._reply(reply.call, wire.WANT_CONFIRM, giver, reply.operation, value))
        while True:
            raw = self.take(0)
            if raw is None:
                continue
            if raw[1] != wire.CONFIRM:
                self.frame.inbox.append((self, raw))
                continue
            message = wire.parse(raw)
            if message.call == reply.call:
                return bool(message.flags)

    def forward(self, reply: Any, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> None:
        if not isinstance(reply, KernelReply):  # it came past the kernel, which knows nothing of it
            super().forward(reply, stub, operation, arguments)
            return
        self.party = stub._holder
        body, bulk, caps = self.codec.request(operation, arguments)
        raw = wire.pack(wire.FORWARD, operation.number, reply.call, stub._handle, caps=caps, body=body, bulk=bulk)
        self.open.pop(reply.call, None)
        reply.done = True
        self.send_counted(wire.FORWARD, raw)

    def wait_interrupt(self, server: Any, device: str, until: int) -> bool:
        """Block until a device's interrupt message comes; other messages wait in the inbox."""
        line = next(line for line, driven in self._lines.items() if driven == (server, device))
        inbox = self.frame.inbox
        for entry in inbox:
            if entry[1][1] == wire.INTERRUPT and wire.parse(entry[1]).target == line:
                inbox.remove(entry)
                self.acknowledge(line)
                return True
        while (raw := self.take(until)) is not None:
            if raw[1] == wire.INTERRUPT and wire.parse(raw).target == line:
                self.acknowledge(line)
                return True
            inbox.append((self, raw))
        return False

    # --- capabilities ------------------------------------------------------------------------------

    def lower(self, capability: Any) -> wire.Cap:
        target = behind(capability)
        if isinstance(target, Stub) and target._connection is self:
            return (HELD, 0, target._handle, 0)
        if isinstance(target, Object) or self.holders.server(target):
            owner = self.holders.owner(target, self.party)
            port = self.ports.get(id(owner))
            if port is not None:
                if target is owner:
                    return (MINT, port, 0, 0)
                number = self._number(target, port)
                self._tell_badge(target, port)
                return (MINT, port, number, target.badge)
        raise TypeError(f"{capability!r} is no capability that this domain can pass on")

    def lift(self, entry: wire.Cap, interface: Any) -> Any:
        kind, first, number, _ = entry
        if kind == GRANTED:
            self._lifted.add(number)
            return self.stub(interface, number, first, self.party)
        target = self._objects.get((first, number)) if number else self.parts.get(first)
        if target is None or not isinstance(target, interface):
            raise ValueError(f"the capability that came home is no {interface.__name__}")
        return self.holders.receive(target, self.party)

    def _number(self, made: Object, port: int) -> int:
        number = self._numbers.get((port, id(made)))
        if number is None:
            number, self._next_object = self._next_object, self._next_object + 1
            self._numbers[(port, id(made))] = number
            self._objects[(port, number)] = made
            self.holders.hold(made)  # until RELEASED: what other domains hold
        return number

    def _tell_badge(self, made: Object, port: int) -> None:
        """Tell the kernel if an object has another badge than it knows; its first is told by what mints it."""
        number, badge = self._numbers.get((port, id(made)), 0), made.badge
        known = self._badges.get((port, number))
        if number and badge != known:
            self._badges[(port, number)] = badge
            if known is not None:
                self.send(wire.pack(wire.REBADGE, call=badge, target=number, port=port))


def connect(frame: Frame, birth: Birth, descriptors: dict[str, int]) -> KernelConnection:
    """The connection of a domain; the kernel welcomes it when it begins."""
    return KernelConnection(frame).dial(birth.endpoint, birth.parent)
