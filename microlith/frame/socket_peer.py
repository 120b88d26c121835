"""The server's end of a peer link over a Unix stream socket (see stream.py for the client's)."""

import select
import socket
from typing import Any

from microlith.frame.connection import Gone
from microlith.frame.frame import Frame
from microlith.frame.holders import Holders
from microlith.frame.peer import Peer
from microlith.frame.stream import CHUNK


class SocketPeer(Peer):
    """A client behind a socket."""

    def __init__(
        self, frame: Frame, holders: Holders, endpoint: socket.socket, name: str, quota: dict[str, Any]
    ) -> None:
        super().__init__(frame, holders, name, quota)
        endpoint.setblocking(False)
        self.endpoint = endpoint
        frame.watch(endpoint.fileno(), self.readable)

    def take(self) -> bytes:
        try:
            data = self.endpoint.recv(CHUNK)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise Gone(str(error)) from None
        if not data:
            raise Gone("closed")
        return data

    def put(self, data: bytes | bytearray) -> int:
        try:
            return self.endpoint.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise Gone(str(error)) from None

    def stuck(self) -> None:
        self.frame.rewatch(self.endpoint.fileno(), select.EPOLLOUT, self.writable)

    def flowing(self) -> None:
        self.frame.rewatch(self.endpoint.fileno(), select.EPOLLIN, self.readable)

    def disconnect(self) -> None:
        self.frame.unwatch(self.endpoint.fileno())
        self.endpoint.close()

    def hung_up(self) -> bool:
        try:
            return self.closed or not self.endpoint.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True


def accept(
    frame: Frame, holders: Holders, name: str, quota: dict[str, Any], spins: bool
) -> tuple[SocketPeer, dict[str, int]]:
    """A new link to this domain: our end, served from now on, and the labelled descriptor of the client's."""
    ours, theirs = socket.socketpair()
    return SocketPeer(frame, holders, ours, name, quota), {"link": theirs.detach()}
