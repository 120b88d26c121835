"""Who speaks: ZeroMQ's authentication protocol (RFC 27) on the pid that the host's kernel vouches for.

libzmq asks us before a connection counts.  Its address field is `localhost:uid:gid:pid`, from
SO_PEERCRED.  A pid that is not one of ours is refused.  Enforcement is on: without an answer nobody
gets in.  (The identity field of the question is our own socket's: a peer's routing id is not known
here yet.  The broker looks at it with the first message.)
"""

from collections.abc import Callable

import zmq

ENDPOINT = "inproc://zeromq.zap.01"
DOMAIN = b"microlith"


class Gate:
    """The ZAP handler of a broker; `admits` says whether a pid may connect now."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", admits: Callable[[int], object]) -> None:
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind(ENDPOINT)
        self.admits = admits

    def answer(self) -> None:
        """Answer every question that has come."""
        while self.socket.poll(0):
            question = self.socket.recv_multipart()
            version, request = question[0], question[1]
            good = self._good(question)
            code, text = (b"200", b"OK") if good else (b"400", b"not a domain of this kernel")
            self.socket.send_multipart([version, request, code, text, b"", b""])

    def _good(self, question: list[bytes]) -> bool:
        if len(question) < 6:
            return False
        domain, address = question[2], question[3]
        pid = pid_of(address.decode("ascii", "replace"))
        return domain == DOMAIN and pid is not None and bool(self.admits(pid))


def pid_of(address: str) -> int | None:
    """The pid in a peer address, or None."""
    fields = address.split(":")
    return int(fields[3]) if len(fields) == 4 and fields[3].isdigit() else None
