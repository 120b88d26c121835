"""Messages through a ZeroMQ ROUTER: every domain is one connection on it, known by the pid behind it.

A message is one frame.  Several frames end their sender; so do a routing id of its own choice and a second
connection.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import zmq
from zmq.backend import Socket as Plain  # without the conveniences, which cost microseconds

from microkernel.bell import Bell
from microkernel.broker import HELLO, HIGH_WATER, LARGE, Broker, Watch
from microkernel.zap import DOMAIN, Gate, pid_of
from microlith.frame import wire
from microlith.frame.page import BYTES_OUT, SENT

INBOUND = 32  # messages of one peer that are read ahead; beyond it the peer blocks

_FIRST, _LAST = int(zmq.SNDMORE | zmq.DONTWAIT), int(zmq.DONTWAIT)
ROUTING_ID = 5  # bytes of an id that libzmq gave; the first is 0
_MONITOR = "inproc://accepted"


class Router(Broker):
    """A broker whose domains are connections of one ROUTER."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.endpoint = f"ipc://{self.run}/kernel"
        self.context = zmq.Context()
        self.gate = Gate(self.context, self.shell.who)
        self.router = self.context.socket(zmq.ROUTER)
        self.router.linger, self.router.router_mandatory = 0, 1
        self.router.sndhwm, self.router.rcvhwm = HIGH_WATER, INBOUND
        self.router.maxmsgsize = wire.MAX_MESSAGE
        self.router.zap_domain = DOMAIN
        self.router.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        self.router.monitor(_MONITOR, zmq.EVENT_ACCEPTED)
        self.door = self.context.socket(zmq.PAIR)
        self.door.rcvhwm, self.door.linger = 1, 0
        self.door.connect(_MONITOR)
        self.bell = Bell(self.context, self.router)
        self.router.bind(self.endpoint)
        os.chmod(f"{self.run}/kernel", 0o666)  # the folder's name is the secret, the gate decides
        self.poll = self.bell.poll
        self._recv: Callable[..., Any] = partial(Plain.recv, self.router)
        self._send = partial(Plain.send, self.router)

    def attend(self, watch: Watch, accepted: Callable[[], None]) -> None:
        watch(self.door.FD, accepted)
        watch(self.gate.socket.FD, self.gate.answer)

    # --- messages in -------------------------------------------------------------------------------

    def receive(self) -> list[int] | None:
        identity, frame = self._recv(), self._recv(0, False)
        peer = self.peers.get(identity)
        if peer is None:
            if identity == self.bell.identity:
                return self.bell.ready()
            self._stranger(identity, frame)
        elif frame.more:
            self._discard()
            self.shell.convict(peer[2], "sent a message of several frames")
        else:
            self.hear(frame.bytes, peer)
        return None

    def attended(self) -> None:
        self.bell.attended()

    def drain(self) -> None:
        """Handle what has arrived already (in the course of attending to the bell, which is silent then)."""
        for _ in range(HIGH_WATER):  # at most: a flood does not end
            if not int(self.router.EVENTS) & zmq.POLLIN:
                return
            self.receive()

    def _stranger(self, identity: bytes, frame: Any) -> None:
        """The first message of a connection: HELLO from a pid that we know and that has no other."""
        pid = pid_of(str(frame.get("Peer-Address")))
        several, raw = frame.more, frame.bytes
        self._discard()
        known = self.shell.who(pid) if pid is not None else None
        if known is None or pid is None:
            return
        if known[0] in self.routes:
            self.shell.convict(pid, "spoke on a second connection")
        elif len(identity) != ROUTING_ID or identity[0]:
            self.shell.convict(pid, "chose its own routing id")
        elif several or len(raw) != wire.HEADER.size or raw[:2] != HELLO:
            self.shell.convict(pid, "did not begin with HELLO")
        else:
            self.greet(identity, known, pid)

    def _discard(self) -> None:
        while self.router.getsockopt(zmq.RCVMORE):
            self.router.recv(copy=False)

    def accepted(self) -> int:
        """How many connections were accepted since the last time.

        The listener waits when about a thousand of these events were not taken: between two looks at our
        descriptors no more than that can be opened (see flood.py).
        """
        count = 0
        while self.door.poll(0):
            self.door.recv_multipart()
            count += 1
        return count

    # --- messages out ------------------------------------------------------------------------------

    def _pass(self, route: bytes, raw: bytes | bytearray) -> bool:
        size = len(raw)
        if size > LARGE and not self.room(self.peers[route][2], size):
            return False
        try:
            self._send(route, _FIRST)
            self._send(raw, _LAST)
        except zmq.ZMQError as error:  # EAGAIN: its queue is full
            return error.errno == zmq.EHOSTUNREACH  # it has gone, with what we sent it: its death is on the way
        words = self.words
        words[SENT] += 1
        words[BYTES_OUT] += size
        return True
