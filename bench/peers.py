"""A peer to compare the microkernel with: a bare pyzmq loop of three processes, DEALER - ROUTER - DEALER.

It does what nobody can do without when a message goes to a server through a third process, and nothing
else: no header, no rights, no deadlines, no decoding.  Two styles: `multipart` is the loop as it is
written with pyzmq, an address frame and a payload sent and received as one multipart message; `lean`
leaves the address out and handles each frame by itself, which saves what pyzmq's multipart calls cost.
`python -m bench.peers ROLE ENDPOINT` is one of the processes; `Bare` runs all three.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import zmq

from bench.group import Group, serve

PAYLOAD = b"x" * 64


def broker(endpoint: str) -> None:
    """Pass every message of one peer on to the other; the first message of each says hello."""
    router = zmq.Context().socket(zmq.ROUTER)
    router.router_mandatory = 1
    router.bind(endpoint)
    known: dict[bytes, bytes] = {}
    while True:
        identity, payload = router.recv(), router.recv()
        if payload in (b"server", b"client"):
            known[payload] = identity
            if len(known) == 2:
                other = {known[b"client"]: known[b"server"], known[b"server"]: known[b"client"]}
                router.send_multipart([known[b"client"], b"go"])
            continue
        router.send(other[identity], zmq.SNDMORE)
        router.send(payload)


def multipart_broker(endpoint: str) -> None:
    """Pass every message on to the peer that its first frame names."""
    router = zmq.Context().socket(zmq.ROUTER)
    router.router_mandatory = 1
    router.bind(endpoint)
    known: dict[bytes, bytes] = {}
    while len(known) < 2:
        identity, name = router.recv_multipart()
        known[name] = identity
    names = {identity: name for name, identity in known.items()}
    router.send_multipart([known[b"client"], b"kernel", b"go"])
    while True:
        identity, to, payload = router.recv_multipart()
        router.send_multipart([known[to], names[identity], payload])


def multipart_server(endpoint: str) -> None:
    """Answer every message with itself."""
    dealer = _dealer(endpoint, b"server")
    while True:
        sender, payload = dealer.recv_multipart()
        dealer.send_multipart([sender, payload])


def multipart_client(endpoint: str) -> None:
    """For each number on standard input, that many round trips; their nanoseconds on standard output."""
    dealer = _dealer(endpoint, b"client")
    dealer.recv_multipart()

    def call() -> None:
        dealer.send_multipart([b"server", PAYLOAD])
        dealer.recv_multipart()

    serve(call)


def server(endpoint: str) -> None:
    """Answer every message with itself."""
    dealer = _dealer(endpoint, b"server")
    while True:
        dealer.send(dealer.recv())


def client(endpoint: str) -> None:
    """For each number on standard input, that many round trips; their nanoseconds on standard output."""
    dealer = _dealer(endpoint, b"client")
    dealer.recv()

    def call() -> None:
        dealer.send(PAYLOAD)
        dealer.recv()

    serve(call)


def _dealer(endpoint: str, hello: bytes) -> "zmq.Socket[bytes]":
    dealer = zmq.Context().socket(zmq.DEALER)
    dealer.connect(endpoint)
    dealer.send(hello)
    return dealer


class Bare(Group):
    """The three processes; a context manager.  They inherit the affinity of who makes them."""

    def __init__(self, style: str = "multipart") -> None:
        prefix = "multipart_" if style == "multipart" else ""
        self._folder = tempfile.TemporaryDirectory(prefix="microlith-peers-")
        endpoint = f"ipc://{Path(self._folder.name) / 'broker'}"
        roles = (prefix + role for role in ("broker", "server", "client"))
        super().__init__([[sys.executable, "-m", "bench.peers", role, endpoint] for role in roles])

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._folder.cleanup()


ROLES = {r.__name__: r for r in (broker, server, client, multipart_broker, multipart_server, multipart_client)}

if __name__ == "__main__":
    try:
        ROLES[sys.argv[1]](sys.argv[2])
    except KeyboardInterrupt:
        pass
