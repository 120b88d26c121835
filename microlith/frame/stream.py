"""A peer link over a Unix stream socket: the client's connection (see socket_peer.py for the server's end)."""

import socket
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from microlith.frame import wire
from microlith.frame.connection import Connection, Gone
from microlith.frame.inflow import Inflow
from microlith.interface.status import BadMessage

if TYPE_CHECKING:
    from microlith.frame.frame import Frame

CHUNK = 256 * 1024
TURN_S = 0.05  # how often a blocked client looks at the time


class StreamConnection(Connection):
    """The client's end of a socket pair to a peer domain."""

    def __init__(self, frame: "Frame", endpoint: socket.socket) -> None:
        super().__init__(frame)
        endpoint.setblocking(True)
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(TURN_S))
        self.endpoint = endpoint
        self._inflow = Inflow()
        self._system_calls = 0

    def system_calls(self) -> int:
        return self._system_calls

    def transmit(self, raw: bytes) -> None:
        self._system_calls += 1
        try:
            self.endpoint.sendall(raw)
        except OSError as error:
            raise Gone(str(error)) from None

    def receive(self, until: int) -> bytes | None:
        while True:
            message = self._inflow.next()
            if message is not None:
                return message
            self._system_calls += 1
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
        return self.stub(interface, handle, rank)


def _timeval(seconds: float) -> bytes:
    import struct

    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))


def connect(frame: "Frame", birth: Any, descriptors: dict[str, int]) -> StreamConnection:
    """The connection of a domain whose end of the trap is the descriptor `link`."""
    return StreamConnection(frame, socket.socket(fileno=descriptors["link"]))
