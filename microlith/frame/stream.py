"""Messages on a Unix stream socket: the client's connection, and the buffer both sides share.

This is the trap of a monolith in its plain form: an app's request goes to the kernel process and its
answer comes back, each one message on a socket pair.
"""

import socket
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from microlith.frame import wire
from microlith.frame.connection import Connection, Gone
from microlith.frame.stub import stub_class
from microlith.interface.status import BadMessage

if TYPE_CHECKING:
    from microlith.frame.frame import Frame

CHUNK = 256 * 1024
TURN_S = 0.05  # how often a blocked client looks at the time


class Inflow:
    """Bytes in, whole messages out."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> bytes | None:
        """Add bytes; when they are exactly one message (the usual case) give it back at once."""
        if not self._data and len(data) >= wire.HEADER.size and wire.size_of(data) == len(data):
            return data
        self._data += data
        return None

    def next(self) -> bytes | None:
        """The next whole message, if there is one.  Raises BadMessage when there can never be one."""
        if len(self._data) < wire.HEADER.size:
            return None
        size = wire.size_of(self._data)
        if len(self._data) < size:
            return None
        message = bytes(self._data[:size])
        del self._data[:size]
        return message


class StreamConnection(Connection):
    """The client's end of a socket pair to a peer domain."""

    def __init__(self, frame: "Frame", endpoint: socket.socket) -> None:
        super().__init__(frame)
        endpoint.setblocking(True)
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(TURN_S))
        self.endpoint = endpoint
        self._inflow = Inflow()

    def transmit(self, raw: bytes) -> None:
        self.system_calls += 1
        try:
            self.endpoint.sendall(raw)
        except OSError as error:
            raise Gone(str(error)) from None

    def receive(self, until: int) -> bytes | None:
        while True:
            message = self._inflow.next()
            if message is not None:
                return message
            self.system_calls += 1
            try:
                data = self.endpoint.recv(CHUNK)
                if not data:
                    raise Gone("closed")
                message = self._inflow.feed(data)
            except BlockingIOError:
                if until and monotonic_ns() >= until:
                    return None
                continue
            except (OSError, BadMessage) as error:
                raise Gone(str(error)) from None
            if message is not None:
                return message

    def close(self) -> None:
        """The end of the program."""
        self.endpoint.close()

    def lift(self, entry: wire.Cap, interface: Any) -> Any:
        _, rank, handle, _ = entry
        return stub_class(interface)(self, handle, rank)


def _timeval(seconds: float) -> bytes:
    import struct

    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))


def connect(frame: "Frame", birth: Any, descriptors: dict[str, int]) -> StreamConnection:
    """The connection of a domain whose end of the trap is the descriptor `link`."""
    return StreamConnection(frame, socket.socket(fileno=descriptors["link"]))
