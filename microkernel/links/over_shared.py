"""Peer links over shared memory: channels (channel.py)."""

from typing import Any

from microkernel.channel import ENDS
from microkernel.channel_connection import ChannelConnection
from microkernel.channel_peer import ChannelPeer
from microkernel.channels import Channels
from microkernel.end import End
from microkernel.granted import GrantedConnection
from microkernel.links.peer_link import GrantedPeer, PeerLink
from microlith.frame import wire
from microlith.frame.frame import Frame
from microlith.process.birth import Birth


class ChannelLink(PeerLink, ChannelConnection):
    """The client's end."""

    def __init__(self, granted: GrantedConnection, number: int, spins: bool) -> None:
        ChannelConnection.__init__(self, granted.frame, spins, granted.holders)
        self.belong(granted, number)

    @property
    def connected(self) -> bool:  # type: ignore[override]
        return self.end is not None

    def reach(self, record: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        self.connect(End(descriptors))

    def drop(self) -> None:
        ChannelConnection.drop(self)

    def pass_on(self) -> None:
        if self.end is not None and (self.end.pending or self._inflow.waiting):
            self._rung()

    def finish(self) -> None:
        self.close()


class GrantedChannelPeer(GrantedPeer, ChannelPeer):
    """The server's end."""

    def offered(self) -> None:
        if self.awaited and self.here(self.awaited):
            self.awaited, self.seen = wire.NO_CAPS, self.seen - 1
        super().offered()
        self.channels.again = True

    def attend_stream(self) -> bool:
        if self.held is None or self.congested:
            return super().attend_stream()
        if self.ready:
            self.readable()
            return True
        return False


class ChannelsConnection(GrantedConnection):
    """The connection of a domain whose peer links are channels."""

    ends = ENDS

    def __init__(self, frame: Frame, birth: Birth, descriptors: dict[str, int]) -> None:
        self.spins = birth.spins
        self.channels = Channels(frame, birth.spins)
        super().__init__(frame, birth, descriptors)
        self.channels.forgotten, self.channels.flush = self.forgotten, self.close_forgotten
        self.channels.before_sleep = self.mail

    def link(self, number: int) -> ChannelLink:
        return ChannelLink(self, number, self.spins)

    def peer(self, client: dict[str, Any], pid: int, descriptors: tuple[int, ...]) -> GrantedChannelPeer:
        return GrantedChannelPeer(self.channels, self.holders, End(descriptors), client["name"], client["quota"])


def connect(frame: Frame, birth: Birth, descriptors: dict[str, int]) -> ChannelsConnection:
    """The connection of a domain."""
    return ChannelsConnection(frame, birth, descriptors)
