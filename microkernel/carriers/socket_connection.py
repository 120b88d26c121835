"""A domain's connection to the kernel over a Unix stream socket (socket_broker.py is the other end)."""

import select
import socket
from time import monotonic_ns

from microkernel.connection import TURN_MS, KernelConnection
from microlith.frame.connection import Gone
from microlith.frame.frame import Frame
from microlith.frame.inflow import Inflow
from microlith.frame.stream import CHUNK, timeval
from microlith.interface.status import BadMessage
from microlith.process.birth import Birth


class SocketConnection(KernelConnection):
    """The domain's end of a socket pair."""

    def __init__(self, frame: Frame, endpoint: socket.socket, kernel_pid: int) -> None:
        super().__init__(frame, kernel_pid)
        endpoint.setblocking(True)
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval(TURN_MS / 1000))
        self.endpoint = endpoint
        self._inflow = Inflow()
        self._system_calls = 0

    def system_calls(self) -> int:
        return self._system_calls

    def transmit(self, raw: bytes) -> None:
        self._system_calls += 1
        try:
            self.endpoint.sendall(raw)  # the kernel always reads
        except OSError as error:
            raise Gone(str(error)) from None

    def receive(self, until: int) -> bytes | None:
        inflow = self._inflow
        while True:
            try:
                message = inflow.next()
                if message is not None:
                    return message
                self._system_calls += 1
                data = self.endpoint.recv(CHUNK)
                if not data:
                    raise Gone("the kernel closed the connection")
                message = inflow.feed(data)
                if message is not None:
                    return message
            except BlockingIOError:
                self.lost_kernel()
                if until and monotonic_ns() >= until:
                    return None
            except (OSError, BadMessage) as error:
                raise Gone(str(error)) from None

    def arrived(self) -> bool:
        return self._inflow.waiting or bool(select.select([self.endpoint], [], [], 0)[0])

    def hang_up(self, linger_ms: int) -> None:
        self.endpoint.close()


def connect(frame: Frame, birth: Birth, descriptors: dict[str, int]) -> SocketConnection:
    """The connection of a domain whose end is the descriptor `link`."""
    return SocketConnection(frame, socket.socket(fileno=descriptors["link"]), birth.parent)
