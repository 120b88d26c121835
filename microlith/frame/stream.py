"""A link over a Unix stream socket: the client's connection (see socket_peer.py for the server's end).

What the other side does not take at once is kept, and sent on while we wait for its answer: so neither a notice
nor a call past its deadline blocks on a server that does not read.
"""

import select
import socket
import struct
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from microlith.frame import wire
from microlith.frame.connection import Connection, Gone
from microlith.frame.holders import Holders
from microlith.frame.inflow import Inflow
from microlith.frame.reply import Reply
from microlith.frame.stub import Stub
from microlith.interface.operation import Operation
from microlith.interface.status import BadMessage, DeadlineExceeded

if TYPE_CHECKING:
    from microlith.frame.frame import Frame

CHUNK = 64 * 1024  # bytes read at once; from 128 KiB on every read costs the allocator a mapping
TURN_S = 0.05  # how often a blocked client looks at the time
TURN_NS = int(TURN_S * 1e9)
_NOW = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL


class StreamConnection(Connection):
    """The client's end of a socket pair to a peer domain."""

    #: The other side is gone, and has not read all of the last message (but a cancel): what that asks was not done.
    #: The host's kernel says so: it resets a connection of which one side goes with something unread.
    unsent = False
    _asks = False  # the last message is no cancel

    def __init__(self, frame: "Frame", holders: Holders | None = None) -> None:
        super().__init__(frame, holders)
        self.endpoint: Any = None  # a socket, or None while there is none
        self._inflow = Inflow()
        self._system_calls = 0
        self._rest = bytearray()  # what is sent already, for us, and not for the socket

    def connect(self, endpoint: socket.socket) -> None:
        """Use this socket from now on."""
        endpoint.setblocking(True)
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval(TURN_S))
        self.endpoint, self._inflow, self._rest = endpoint, Inflow(), bytearray()

    def system_calls(self) -> int:
        return self._system_calls

    def transmit(self, raw: bytes) -> None:
        if self.endpoint is None:
            raise Gone("there is no other side now")
        self._asks = raw[1] != wire.CANCEL
        if self._rest:
            self._rest += raw
            self._push()
            return
        self._system_calls += 1
        try:
            sent = self.endpoint.send(raw, _NOW)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.unsent = self._asks
            raise Gone(str(error)) from None
        if sent < len(raw):
            self._rest += memoryview(raw)[sent:]

    def _push(self) -> None:
        """Send of the rest what the socket takes."""
        self._system_calls += 1
        try:
            del self._rest[: self.endpoint.send(self._rest, _NOW)]
        except BlockingIOError:
            pass
        except OSError as error:
            self.unsent = self._asks
            raise Gone(str(error)) from None

    def _flush(self, until: int) -> bool:
        """Send all of the rest; False at `until`."""
        while self._rest:
            self._push()
            if self._rest and not self._wait(select.POLLOUT, until):
                return False
        return True

    def _wait(self, events: int, until: int) -> int:
        """Wait for one of these events; 0 at `until`."""
        self._system_calls += 1
        poller = select.poll()
        poller.register(self.endpoint, events)
        found = poller.poll(None if not until else max(0, (until - monotonic_ns()) // 1_000_000 + 1))
        return found[0][1] if found else 0

    def receive(self, until: int) -> bytes | None:
        inflow = self._inflow
        while True:
            message = inflow.next()
            if message is not None:
                return message
            if self._rest or (until and until - monotonic_ns() < TURN_NS):
                events = self._wait(select.POLLIN | (select.POLLOUT if self._rest else 0), until)
                if not events:
                    return None
                if events & select.POLLOUT:
                    self._push()
                if events == select.POLLOUT:
                    continue
            self._system_calls += 1
            try:
                data = self.endpoint.recv(CHUNK)
                if not data:
                    raise Gone("closed")
                message = inflow.feed(data)
            except BlockingIOError:
                continue
            except (OSError, BadMessage) as error:
                self.unsent = self._asks and isinstance(error, ConnectionResetError)
                raise Gone(str(error)) from None
            if message is not None:
                return message

    def _call_once(
        self, handle: int, operation: Operation, deadline: int, caps: tuple[wire.Cap, ...], body: bytes, bulk: bytes
    ) -> bytes:
        if self._rest and not self._flush(deadline):
            raise DeadlineExceeded(f"{operation.qualified}: the server does not read; it was not done")
        return super()._call_once(handle, operation, deadline, caps, body, bulk)

    def forward(self, reply: Reply, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> None:
        super().forward(reply, stub, operation, arguments)
        self._flush(self.frame.limit)

    def close(self) -> None:
        """The end of the program."""
        if self.endpoint is not None:
            self.endpoint.close()

    def lift(self, entry: wire.Cap, interface: Any) -> Any:
        _, rank, handle, _ = entry
        return self.stub(interface, handle, rank, self.party)


def timeval(seconds: float) -> bytes:
    """Seconds as setsockopt(2) takes them."""
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))


def connect(frame: "Frame", birth: Any, descriptors: dict[str, int]) -> StreamConnection:
    """The connection of a domain whose end of the trap is the descriptor `link`."""
    made = StreamConnection(frame)
    made.connect(socket.socket(fileno=descriptors["link"]))
    return made
