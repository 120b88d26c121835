"""Peer links over Unix stream sockets."""

import select
import socket
from typing import Any

from microkernel.granted import GrantedConnection
from microkernel.links.peer_link import GrantedPeer, MessageLink
from microlith.frame.connection import Gone
from microlith.frame.frame import Frame
from microlith.frame.socket_peer import SocketPeer
from microlith.frame.stream import CHUNK, StreamConnection
from microlith.interface.status import BadMessage
from microlith.process.birth import Birth


class SocketLink(MessageLink, StreamConnection):
    """The client's end."""

    def __init__(self, granted: GrantedConnection, number: int) -> None:
        StreamConnection.__init__(self, granted.frame, granted.holders)
        self.belong(granted, number)
        self._watched = False  # the loop looks for answers to pass on

    @property
    def connected(self) -> bool:  # type: ignore[override]
        return self.endpoint is not None

    def reach(self, record: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        self.connect(socket.socket(fileno=descriptors[0]))

    def drop(self) -> None:
        if self.endpoint is not None:
            if self._watched:
                self.frame.unwatch(self.endpoint.fileno())
                self._watched = False
            self.endpoint.close()
            self.endpoint = None
            self.lose_relays()

    def offer(self, raw: bytes) -> bool:
        try:
            if self._rest:
                self._push()
            if self._rest:
                return False
            self.send(raw)  # of which a part may stay for the next message to push
        except Gone:
            return False
        return True

    def listen(self) -> None:
        if self.endpoint is not None and not self._watched:
            self._watched = True
            self.frame.watch(self.endpoint.fileno(), self._readable)

    def pass_on(self) -> None:
        while (message := self._inflow.next()) is not None:  # it came behind the answer to a call
            self.drop_late(message)

    def _readable(self) -> None:
        """In the loop: answers to pass on, or the end of the other side."""
        try:
            data = self.endpoint.recv(CHUNK, socket.MSG_DONTWAIT)
            message = self._inflow.feed(data) if data else None
            if message is not None:
                self.drop_late(message)
            self.pass_on()
        except BlockingIOError:
            return
        except (OSError, BadMessage):
            data = b""
        if not data:
            self.drop()


class GrantedSocketPeer(GrantedPeer, SocketPeer):
    """The server's end."""

    def flowing(self) -> None:
        if self.held is None:
            super().flowing()
        elif self.ready:
            self.resume()
        else:
            self.hold()

    def hold(self) -> None:
        if not self.congested:
            self.frame.rewatch(self.endpoint.fileno(), 0, self.close)  # unless it hangs up

    def resume(self) -> None:
        if not self.congested:
            self.frame.rewatch(self.endpoint.fileno(), select.EPOLLOUT, self.readable)

    def hung_up(self) -> bool:
        poller = select.poll()
        poller.register(self.endpoint, 0)
        return self.closed or bool(poller.poll(0))

    def readable(self) -> None:
        waited = self.held is not None
        super().readable()
        if waited and self.held is None and not self.closed and not self.congested:
            self.flowing()


class SocketsConnection(GrantedConnection):
    """The connection of a domain whose peer links are sockets."""

    ends = 1

    def link(self, number: int) -> SocketLink:
        return SocketLink(self, number)

    def peer(self, client: dict[str, Any], pid: int, descriptors: tuple[int, ...]) -> GrantedSocketPeer:
        endpoint = socket.socket(fileno=descriptors[0])
        return GrantedSocketPeer(self.frame, self.holders, endpoint, client["name"], client["quota"])


def connect(frame: Frame, birth: Birth, descriptors: dict[str, int]) -> SocketsConnection:
    """The connection of a domain."""
    return SocketsConnection(frame, birth, descriptors)
