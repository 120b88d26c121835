"""The channels that a domain serves: when it looks, and how it goes to sleep.

The domain's loop asks `Channels.attend` before it blocks: it serves what has come, looks on for a bounded
time, and when nothing comes has told every client to ring.  Where there is one core only it looks once, and
every client rings always.
"""

import select
from collections.abc import Callable
from typing import Any

from microkernel import fence
from microkernel.channel import ASLEEP, CALL, ENDS, STATE, make
from microkernel.channel_peer import ChannelPeer
from microkernel.end import End
from microlith.frame.connection import Gone
from microlith.frame.frame import Frame
from microlith.frame.holders import Holders

ROUND = range(16)  # looks at every slot for one at the streams
ROUNDS = 25  # of them before the domain sleeps: about what it takes to wake an idle core
MANY = 64  # requests served before the domain looks at its other sources


class Channels:
    """The server's ends of a domain's channels."""

    def __init__(self, frame: Frame, spins: bool) -> None:
        self.frame = frame
        self.spins, self._looks = spins, ROUND if spins else range(1)
        self.peers: tuple[ChannelPeer, ...] = ()
        self.forgotten: list[Any] = []  # rights of this domain's servers that go back before the next answer
        self.flush: Callable[[], None] = lambda: None
        self.again = True  # something else than the next ring needs a look
        self.before_sleep: Callable[[], bool] = lambda: False  # True: there is something else to do
        frame.channels, frame.spinning = self, self if spins else None
        if not fence.register():
            raise Gone("this host has no membarrier, which channels need")

    def add(self, peer: ChannelPeer) -> None:
        """Serve one more client."""
        self.peers, self.again = (*self.peers, peer), True  # what came before we said that we sleep has not rung
        if self.spins:
            self.frame.watch(peer.end.bell, peer.rung)
        else:  # every call rings: each is heard, and the bell is silenced now and then
            self.frame.watch(peer.end.bell, peer.rung, select.EPOLLIN | select.EPOLLET)
            self.frame.watch(peer.end.line, peer.hangs_up, 0)  # an error, when nobody is at its other end
            peer.end.sleep()

    def remove(self, peer: ChannelPeer) -> None:
        """And one less."""
        self.peers = tuple(one for one in self.peers if one is not peer)
        self.frame.unwatch(peer.end.bell)
        self.frame.unwatch(peer.end.line)

    def attend(self, block: bool) -> bool:
        """Serve what has come.  False: nothing has for a while, and whoever sends from now on rings."""
        frame, self.again = self.frame, False
        most = left = ROUNDS if block and self.spins else 1
        served = 0
        while left:
            left -= 1
            for _ in self._looks:
                for peer in self.peers:
                    if not peer.closed and peer.hears[CALL] != peer.seen:
                        peer.serve_slot()
                        left, served = most, served + 1
            if self._attend_streams():
                left, served = most, served + 1
            if served > MANY or frame.notices or frame.stopping:
                return True
            if not self.spins:  # they ring always, and we have looked since we heard the last of it
                return self.before_sleep() or self.again
        return served > 0 if not block else not self._asleep()

    def still(self) -> bool:
        """Has nothing but bells rung, and were they all attended to?  (Where domains do not spin.)"""
        frame = self.frame
        busy = self.spins or frame.notices or frame.stopping or self.forgotten or self.before_sleep()
        return not (busy or self.again)

    def _asleep(self) -> bool:
        """Have everybody ring from now on, and look once more: False if somebody was quicker."""
        for peer in self.peers:
            peer.end.says[ASLEEP] = 1
        fence.fence()
        if (
            any(peer.hears[CALL] != peer.seen for peer in self.peers)
            or self._attend_streams()
            or self.before_sleep()
            or self.again
        ):
            self.awake()
            return False
        return True

    def _attend_streams(self) -> bool:
        """Read what is in the streams, and write what found no room; was there anything?"""
        found = False
        for peer in self.peers:
            if not peer.closed and peer.attend_stream():
                found = True
        return found

    def awake(self) -> None:
        """The domain has slept, and looks for itself again, if it ever does."""
        for peer in self.peers:
            peer.end.says[ASLEEP] = 0

    def tell(self, state: int) -> None:
        """Tell every client what this domain does: RUNNING, or BLOCKED."""
        for peer in self.peers:
            peer.end.says[STATE] = state


def accept(
    frame: Frame, holders: Holders, name: str, quota: dict[str, Any], spins: bool
) -> tuple[ChannelPeer, dict[str, int]]:
    """A new channel to this domain: our end, served from now on, and the labelled descriptors of the client's."""
    client, server = make(name)
    channels = frame.channels or Channels(frame, spins)
    peer = ChannelPeer(channels, holders, End(server), name, quota)
    return peer, {f"link:{number}": client[number] for number in range(ENDS)}
