"""The kernel's side of lines over Unix stream sockets."""

import select
import socket
from typing import Any

from microkernel.carriers.lines import Line, LineBroker
from microlith.frame.connection import Gone
from microlith.frame.stream import CHUNK
from microlith.process import parcel


class SocketLine(Line):
    """A line over a socket."""

    def __init__(self, task: int, endpoint: socket.socket) -> None:
        super().__init__(task)
        endpoint.setblocking(False)
        self.endpoint, self.descriptor = endpoint, endpoint.fileno()

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

    def put(self, data: Any) -> int:
        try:
            return self.endpoint.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise Gone(str(error)) from None

    def stuck(self, poll: Any) -> bool:
        poll.modify(self.descriptor, select.EPOLLIN | select.EPOLLOUT)
        return False

    def flowing(self, poll: Any) -> None:
        poll.modify(self.descriptor, select.EPOLLIN)

    def close(self) -> None:
        self.endpoint.close()


class SocketBroker(LineBroker):
    """A broker that reaches its domains over sockets."""

    def make(self, task: int) -> tuple[Line, dict[str, int]]:
        ours, theirs = parcel.pair(socket.SOCK_STREAM)
        return SocketLine(task, ours), {"link": theirs.detach()}
