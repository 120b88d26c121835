"""A domain's connection to the microkernel over ZeroMQ: one DEALER.

The socket sets no identity: the kernel knows who speaks by the pid behind it (docs/wire.md).
"""

from functools import partial
from time import monotonic_ns

import zmq
from zmq.backend import Socket as Plain  # without the conveniences, which cost microseconds

from microkernel.connection import HELLO_S, TURN_MS, KernelConnection
from microlith.frame import wire
from microlith.frame.connection import Gone
from microlith.frame.frame import NOTICES, Frame
from microlith.frame.page import BYTES_IN, BYTES_OUT, RECEIVED, SENT
from microlith.process.birth import Birth

CONNECTED = "inproc://connected"


class DealerConnection(KernelConnection):
    """The connection of a domain over ZeroMQ."""

    def __init__(self, frame: Frame, endpoint: str, kernel_pid: int) -> None:
        super().__init__(frame, kernel_pid)
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.immediate = 1
        self.socket.rcvtimeo = TURN_MS
        self.socket.sndtimeo = TURN_MS
        self.socket.maxmsgsize = wire.MAX_MESSAGE
        self._connect(endpoint)
        self._receive = partial(Plain.recv, self.socket)
        self._send = partial(Plain.send, self.socket)

    def _connect(self, endpoint: str) -> None:
        """Connect, and wait until the system calls for it are done: seccomp may deny them from now on.

        The handshake and the kernel's gate go on while the domain builds its parts.
        """
        done = self._context.socket(zmq.PAIR)
        self.socket.monitor(CONNECTED, zmq.EVENT_CONNECTED)
        done.connect(CONNECTED)
        self.socket.connect(endpoint)
        connected = done.poll(int(HELLO_S * 1000))
        self.socket.disable_monitor()
        done.close(0)
        if not connected:
            raise Gone("the kernel does not listen")

    def greet(self, until: int) -> None:
        self.socket.sndtimeo = max(0, (until - monotonic_ns()) // 1_000_000)
        self.transmit(wire.pack(wire.HELLO))
        self.socket.sndtimeo = TURN_MS

    def transmit(self, raw: bytes) -> None:
        try:
            self._send(raw)
        except zmq.Again:
            raise Gone("the kernel takes no messages") from None

    def send(self, raw: bytes) -> None:
        if self.forgotten:
            self.close_forgotten()
        words = self.words
        words[SENT] += 1
        words[BYTES_OUT] += len(raw)
        try:
            self._send(raw)
        except zmq.Again:
            raise Gone("the kernel takes no messages") from None

    def receive(self, until: int) -> bytes | None:
        while True:
            try:
                raw: bytes = self._receive()
                return raw
            except zmq.Again:
                self.lost_kernel()
                if until and monotonic_ns() >= until:
                    return None

    def take(self, until: int) -> bytes | None:
        try:
            raw: bytes = self._receive()
        except zmq.Again:
            if (late := self.receive(until)) is None:
                return None
            raw = late
        while raw[1] == wire.NOTIFY and len(self.frame.inbox) >= NOTICES:  # we are in a call: it cannot wait here
            self.lose(raw)
            if (late := self.receive(until)) is None:
                return None
            raw = late
        words = self.words
        words[RECEIVED] += 1
        words[BYTES_IN] += len(raw)
        return raw

    def arrived(self) -> bool:
        return bool(self.socket.poll(0))

    def hang_up(self, linger_ms: int) -> None:
        self.socket.close(linger_ms)
        self._context.term()


def connect(frame: Frame, birth: Birth, descriptors: dict[str, int]) -> DealerConnection:
    """The connection of a domain; the kernel welcomes it when it begins."""
    return DealerConnection(frame, birth.endpoint, birth.parent)
