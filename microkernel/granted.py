"""A domain's connection where the kernel grants channels: control through the kernel, calls past it.

One thread, one loop: it looks at the channels it serves, at the kernel's messages and at its control
socket, and blocks on all of them at once.  A channel to a server's next incarnation comes on the control
socket; whoever calls in between waits for it.
"""

import select
import socket
from time import monotonic_ns
from typing import Any

import zmq

from microkernel.channel import ENDS, End, Ledger
from microkernel.channel_connection import ChannelConnection
from microkernel.channel_peer import ChannelPeer, Channels
from microkernel.connection import KernelConnection
from microlith.frame.connection import Gone
from microlith.frame.frame import Frame
from microlith.frame.stub import Stub
from microlith.interface.operation import Operation
from microlith.interface.status import DeadlineExceeded, Unavailable
from microlith.process import parcel
from microlith.process.birth import Birth, SlotBirth


class PeerLink(ChannelConnection):
    """The client's end of a peer link: at any time one channel, or none while the server is down."""

    def __init__(self, granted: "GrantedConnection", number: int) -> None:
        super().__init__(granted.frame, granted.spins, granted.holders)
        self.granted, self.number = granted, number
        self.gone = False  # for good

    def renew(self, operation: Operation, deadline: int) -> None:
        self.drop()
        self.granted.attend()
        while self.end is None:
            if self.gone:
                raise Unavailable(f"{operation.qualified}: its server was given up")
            if not self.granted.wait(deadline):
                raise DeadlineExceeded(f"{operation.qualified}: its server did not come back before the deadline")
            self.granted.attend()


class GrantedConnection(KernelConnection):
    """The kernel's connection, and everything the kernel has granted beside it."""

    def __init__(self, frame: Frame, birth: Birth, control: socket.socket) -> None:
        self.spins = birth.spins
        super().__init__(frame, birth.endpoint, birth.parent)
        self._control = control
        self._links = tuple(PeerLink(self, number) for number in range(len(birth.peers)))
        self._channels = Channels(frame, birth.spins)
        self._by_name: dict[str, Any] = {}
        self._names = {part.port: part.name for part in birth.parts}
        self._early: list[tuple[dict[str, Any], tuple[int, ...]]] | None = []  # clients that came before the servers
        self._all = False  # those that were there at the start have all come

    def slot(self, interface: Any, slot: SlotBirth, holder: Any = None) -> Stub:
        if not slot.peer:
            return super().slot(interface, slot, holder)
        return self._links[slot.peer - 1].stub(interface, slot.at, slot.rank, holder)

    # --- what the kernel grants --------------------------------------------------------------------

    def attend(self) -> None:
        """Take what has come on the control socket."""
        try:
            while True:
                record, descriptors = parcel.receive(self._control, wait=False)
                self._take(record, tuple(descriptors))
        except BlockingIOError:
            pass
        except parcel.Closed:
            raise Gone("the kernel is gone") from None

    def wait(self, until: int) -> bool:
        """Block until something comes on the control socket; False at `until`."""
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        return bool(poller.poll(None if not until else max(0, (until - monotonic_ns()) // 1_000_000 + 1)))

    def _take(self, record: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        if "link" in record:
            link = self._links[record["link"]]
            link.drop()
            link.gone = bool(record.get("gone"))
            if descriptors:
                link.connect(End(descriptors))
        elif "serve" in record and self._early is not None:
            self._early.append((record["serve"], descriptors))
        elif "serve" in record:
            self._serve_client(record["serve"], descriptors)
        else:
            self._all = True

    def _serve_client(self, client: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        peer = ChannelPeer(self._channels, self.holders, End(descriptors[:ENDS]), client["name"], client["quota"])
        for name in client["servers"]:
            server = self._by_name[name]
            peer.grant(server, self.holders.rank(server))
        for descriptor in descriptors[ENDS:]:
            peer.adopt(Ledger(descriptor), self.parts)

    # --- serving -----------------------------------------------------------------------------------

    def adopt_clients(self) -> None:
        """Take the clients that were there at the start, with what an earlier incarnation had handed out."""
        while not self._all:
            self.wait(0)
            self.attend()
        self._by_name = {self._names[port]: part for port, part in self.parts.items()}
        early, self._early = self._early or [], None
        for client, descriptors in early:
            self._serve_client(client, descriptors)

    def serve(self, parts: dict[int, Any]) -> int:
        self.frame.watch(self._control.fileno(), self.attend)
        self.frame.watch(self.socket.FD, self.pump)
        return super().serve(parts)

    def turn(self) -> None:
        """What the kernel has said, or what clients ask; or block until there is something."""
        if not self.pump():
            self.frame.turn()

    def pump(self) -> bool:
        """Handle the kernel's messages that are here; were there any?"""
        found = False
        while not self.frame.stopping and (self.frame.inbox or int(self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN):
            raw = self.frame.inbox.popleft()[1] if self.frame.inbox else self.take(0)
            if raw is not None:
                self.handle(raw)
            found = True
        return found

    def close(self) -> None:
        for link in self._links:
            link.drop()
        self._control.close()
        super().close()

    def leave(self) -> None:
        for link in self._links:
            link.drop()
        super().leave()
        self._control.close()


def connect(frame: Frame, birth: Birth, descriptors: dict[str, int]) -> GrantedConnection:
    """The connection of a domain whose control socket is the descriptor `grants`."""
    return GrantedConnection(frame, birth, socket.socket(fileno=descriptors["grants"]))
