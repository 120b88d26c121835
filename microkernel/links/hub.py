"""The server's end of peer links over ZeroMQ: one ROUTER for all clients of a domain.

The rules are those of the kernel's own ROUTER (router.py): who speaks is known by pid, which the kernel has named
before it told the client where we are; one connection for each; no routing ids of their own; nothing is dropped
silently.  The domain waits in one place, the receive of the ROUTER; everything else rings its bell.

The kernel has bound the listening socket, since a confined domain may not.
"""

import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import zmq
from zmq.backend import Socket as Plain  # without the conveniences, which cost microseconds

from microkernel.bell import Bell
from microkernel.links.peer_link import GrantedPeer
from microkernel.zap import DOMAIN, Gate, pid_of
from microlith.frame import wire
from microlith.frame.connection import Gone
from microlith.frame.frame import Frame
from microlith.frame.holders import Holders
from microlith.frame.page import BEATS
from microlith.frame.peer import BACKLOG

if TYPE_CHECKING:
    from microkernel.granted import GrantedConnection

HIGH_WATER = 1000  # messages queued to one peer
INBOUND = 32  # messages of one peer that are read ahead
RETRY_MS = 2  # how often it is tried again to send what a client could not take
ROUTING_ID = 5  # bytes of an id that libzmq gave; the first is 0
_FIRST, _LAST = int(zmq.SNDMORE | zmq.DONTWAIT), int(zmq.DONTWAIT)


class HubPeer(GrantedPeer):
    """One client behind the ROUTER."""

    def __init__(self, hub: "Hub", frame: Frame, holders: Holders, name: str, quota: dict[str, Any], pid: int) -> None:
        super().__init__(frame, holders, name, quota)
        self.hub, self.pid = hub, pid
        self.identity = b""  # until it speaks
        self._come = b""
        hub.expected[pid] = self

    def feed(self, raw: bytes) -> None:
        """One frame of the client: it is served now, or when the client has taken its answers."""
        if not self.congested and self.held is None:
            self._come = raw
            self.readable()
        elif self._inflow.keep(raw) > BACKLOG:
            self.close()

    def take(self) -> bytes:
        data, self._come = self._come, b""
        return data

    def put(self, data: bytes | bytearray) -> int:
        """Whole messages, each a frame, as many as there is room for."""
        done = 0
        while done < len(data):
            size = len(data) if type(data) is bytes else wire.size_of(data[done : done + wire.HEADER.size])
            try:
                self.hub.send(self.identity, _FIRST)
                self.hub.send(data if size == len(data) else bytes(data[done : done + size]), _LAST)
            except zmq.Again:
                break
            except zmq.ZMQError as error:
                raise Gone(str(error)) from None
            done += size
        return done

    def stuck(self) -> None:
        self.hub.look_again(self, self.writable)

    def flowing(self) -> None:
        if self.held is not None and self.ready:
            self.resume()
        else:
            self.hub.no_longer(self)

    def resume(self) -> None:
        if not self.congested:
            self.hub.look_again(self, self._resumed)

    def _resumed(self) -> None:
        self.hub.no_longer(self)
        self.readable()

    def disconnect(self) -> None:
        self.hub.remove(self)

    def hung_up(self) -> bool:
        return self.closed


class Hub:
    """The ROUTER of a domain, its gate and its bell."""

    def __init__(
        self, granted: "GrantedConnection", context: "zmq.Context[zmq.Socket[bytes]]", door: socket.socket
    ) -> None:
        self.granted = granted
        self.expected: dict[int, HubPeer] = {}  # by pid
        self._peers: dict[bytes, HubPeer] = {}  # by identity
        self._again: dict[HubPeer, Callable[[], None]] = {}  # what is to be tried again
        self.gate = Gate(context, self._admits)
        self.router = context.socket(zmq.ROUTER)
        self.router.linger, self.router.router_mandatory = 0, 1
        self.router.sndhwm, self.router.rcvhwm = HIGH_WATER, INBOUND
        self.router.maxmsgsize = wire.MAX_MESSAGE
        self.router.handshake_ivl = 0
        self.router.zap_domain = DOMAIN
        self.router.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        self.bell = Bell(context, self.router)
        path = door.getsockname()
        self.router.setsockopt(zmq.USE_FD, door.detach())
        self.router.bind(f"ipc://{path}")
        self._recv: Callable[..., Any] = partial(Plain.recv, self.router)
        self.send: Callable[..., Any] = partial(Plain.send, self.router)
        granted.frame.watch(self.gate.socket.FD, self.gate.answer)
        self.bell.poll.register(granted.frame.fileno(), zmq.POLLIN)

    def turn(self, block: bool) -> None:
        """Wait for a message of a client, or for anything else, and attend to it."""
        for attend in tuple(self._again.values()):
            attend()
        try:
            identity, frame = self._recv(0 if block else zmq.DONTWAIT), self._recv(0, False)
        except zmq.Again:
            identity, frame = b"", None
        peer: HubPeer | None = self._peers.get(identity)
        if peer is not None and not frame.more:
            peer.feed(frame.bytes)
        elif identity == self.bell.identity:
            self.granted.frame.turn(block=False)
            self.bell.attended()
        elif identity:
            self._odd(identity, frame, peer)
        self.granted.words[BEATS] += 1

    def _odd(self, identity: bytes, frame: Any, peer: HubPeer | None) -> None:
        """The first message of a connection, or several frames."""
        several = frame.more
        while self.router.getsockopt(zmq.RCVMORE):
            self.router.recv(copy=False)
        if peer is not None:
            peer.close()
            return
        pid = pid_of(str(frame.get("Peer-Address")))
        peer = self.expected.get(pid or 0)
        if peer is None or peer.identity or several or len(identity) != ROUTING_ID or identity[0]:
            return  # a stranger, or a second connection: not heard
        peer.identity = identity
        self._peers[identity] = peer
        peer.feed(frame.bytes)

    def _admits(self, pid: int) -> bool:
        """May this pid connect?  The kernel has named it before it told it where we are."""
        self.granted.attend()
        return pid in self.expected and not self.expected[pid].identity

    def look_again(self, peer: HubPeer, attend: Callable[[], None]) -> None:
        """Call this soon, and until there is `no_longer` a reason to."""
        self._again[peer] = attend
        self.router.rcvtimeo = RETRY_MS

    def no_longer(self, peer: HubPeer) -> None:
        """The opposite."""
        self._again.pop(peer, None)
        if not self._again:
            self.router.rcvtimeo = -1

    def remove(self, peer: HubPeer) -> None:
        """This client is not heard any more."""
        self.no_longer(peer)
        self._peers.pop(peer.identity, None)
        if self.expected.get(peer.pid) is peer:
            del self.expected[peer.pid]

    def close(self) -> None:
        """Close the sockets."""
        self.bell.close()
        self.granted.frame.unwatch(self.gate.socket.FD)
        self.router.close()
        self.gate.socket.close()
