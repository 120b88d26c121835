"""Peer links over ZeroMQ: a client's DEALER, connected to the ROUTER of its server's domain (hub.py).

ZeroMQ tells nobody that the other end is gone: the kernel does, on the control socket, at which a blocked client
looks from time to time.
"""

import contextlib
import socket
from functools import partial
from time import monotonic_ns
from typing import Any

import zmq
from zmq.backend import Socket as Plain  # without the conveniences, which cost microseconds

from microkernel.connection import LINGER_MS
from microkernel.granted import GrantedConnection
from microkernel.links.hub import HIGH_WATER, Hub, HubPeer
from microkernel.links.peer_link import EXPORTED, PASSED, MessageLink
from microlith.frame import wire
from microlith.frame.connection import Connection, Gone
from microlith.frame.frame import Frame
from microlith.interface.status import Busy, Status
from microlith.process.birth import Birth

TURN_MS = 50  # how often a blocked client looks at the control socket
TURN_NS = TURN_MS * 1_000_000
NEVER_MS = 1 << 30  # the option -1 lets the end of a context wait for ever, if a peer dies meanwhile (libzmq 4.3.5)


class DealerLink(MessageLink):
    """The client's end."""

    def __init__(self, granted: GrantedConnection, number: int, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
        Connection.__init__(self, granted.frame, granted.holders)
        self.belong(granted, number)
        self.socket: Any = None
        self._context = context
        self._watched = False  # the loop looks for answers to pass on
        self._told, self._sent = False, 0  # the last message was a notice; when it was sent

    @property
    def connected(self) -> bool:  # type: ignore[override]
        return self.socket is not None

    def reach(self, record: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.rcvtimeo = TURN_MS
        self.socket.sndhwm = HIGH_WATER
        self.socket.reconnect_ivl = NEVER_MS  # the kernel says where the next incarnation is
        self.socket.handshake_ivl = 0  # a server that starts answers when it is ready
        self.socket.maxmsgsize = wire.MAX_MESSAGE
        self.socket.connect(f"ipc://{record['endpoint']}")
        self._receive = partial(Plain.recv, self.socket)
        self._send = partial(Plain.send, self.socket)

    def drop(self) -> None:
        if self.socket is not None:
            if self._watched:
                self.frame.unwatch(self.socket.FD)
                self._watched = False
            self.socket.close(0)  # lingering, libzmq can wait for ever for a peer that dies meanwhile
            self.socket = None
            self.lose_relays()

    def finish(self) -> None:
        """What was told last has arrived when a question after it is answered."""
        if self.connected and self._told:
            with contextlib.suppress(Gone, Status):
                soon = monotonic_ns() + LINGER_MS * 1_000_000
                Connection._call_once(self, 0, EXPORTED, soon, wire.NO_CAPS, b"\x90", b"")
        self.drop()

    # --- messages ----------------------------------------------------------------------------------

    def transmit(self, raw: bytes) -> None:
        if self.socket is None:
            raise Gone("there is no other side now")
        self._told = raw[1] == wire.NOTIFY
        self._sent = monotonic_ns() if raw[1] == wire.CALL else 0
        try:
            self._send(raw, zmq.DONTWAIT)
        except zmq.Again:
            self._send_late(raw)

    def _send_late(self, raw: bytes) -> None:
        """There is no room, or nobody any more, of which the kernel tells.  Raises Busy or Gone."""
        mine = self.socket
        if raw[1] == wire.CALL and self.granted.wait(monotonic_ns() + TURN_NS):
            self.granted.attend()
        if self.socket is not mine:
            self.unsent = True
            raise Gone("the other side is gone")
        try:
            self._send(raw, zmq.DONTWAIT)
        except zmq.Again:
            raise Busy("the server takes no messages") from None

    def offer(self, raw: bytes) -> bool:
        try:
            self.send(raw)
        except (Gone, Busy):
            return False
        return True

    def receive(self, until: int) -> bytes | None:
        mine = self.socket
        while True:
            left = until - monotonic_ns() if until else TURN_NS
            if left < TURN_NS and not mine.poll(max(0, left) // 1_000_000):
                return None
            try:
                raw: bytes = self._receive()
                return raw
            except zmq.Again:
                self.granted.attend()
                if self.socket is not mine:
                    self.unsent = self._sent > self.down  # to the dead
                    raise Gone("the other side is gone") from None

    # --- calls handed on ---------------------------------------------------------------------------

    def listen(self) -> None:
        if self.socket is not None and not self._watched:
            self._watched = True
            self.frame.watch(self.socket.FD, self.pass_on)

    def pass_on(self) -> None:
        while self.socket is not None and int(self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            self.drop_late(self._receive(zmq.DONTWAIT))

    def lift(self, entry: wire.Cap, interface: Any) -> Any:
        if entry[0] == PASSED:
            return super().lift(entry, interface)
        return self.stub(interface, entry[2], entry[1], self.party)


class DealersConnection(GrantedConnection):
    """The connection of a domain whose peer links are ZeroMQ's."""

    ends = 0

    def __init__(self, frame: Frame, birth: Birth, descriptors: dict[str, int]) -> None:
        super().__init__(frame, birth, descriptors)
        self.hub: Hub | None = None
        if "door" in descriptors:
            self.hub = Hub(self, self._context, socket.socket(fileno=descriptors["door"]))

    def link(self, number: int) -> DealerLink:
        return DealerLink(self, number, self._context)

    def peer(self, client: dict[str, Any], pid: int, descriptors: tuple[int, ...]) -> HubPeer:
        assert self.hub is not None
        return HubPeer(self.hub, self.frame, self.holders, client["name"], client["quota"], pid)

    def turn(self) -> None:
        if self.hub is None:
            super().turn()
        else:
            found = self.pump()
            if not self.frame.stopping:
                self.hub.turn(block=not found)

    def hang_up(self, linger_ms: int) -> None:
        if self.hub is not None:
            self.hub.close()
        super().hang_up(linger_ms)


def connect(frame: Frame, birth: Birth, descriptors: dict[str, int]) -> DealersConnection:
    """The connection of a domain."""
    return DealersConnection(frame, birth, descriptors)
