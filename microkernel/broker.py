"""The process round the core: messages become events, effects become messages.

Every domain has a route to its one connection.  How messages come and go is a subclass: through a ZeroMQ
ROUTER (router.py), or over a line to each domain (carriers/).  Rules:
- A peer is heard only after HELLO, on one connection, and only while its incarnation lives.
- Delivery is mandatory and never blocks.  A call or notice that its server cannot take is Busy or lost;
  everything else is kept, in order, until its peer takes it, and who takes nothing for `KEPT` messages
  is ended.  So no flood of calls or notices costs a domain an answer.
- What cannot be read ends its sender.
"""

import struct
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from microkernel.core import Core, events
from microkernel.core.events import Effect, Event
from microkernel.translation import event_of
from microlith.frame import wire
from microlith.frame.codec import status_body
from microlith.frame.page import BYTES_IN, RECEIVED
from microlith.interface.status import SYSTEM_STATUSES

if TYPE_CHECKING:
    from microkernel.domains import Domains

HIGH_WATER = 1000  # messages queued to one peer
KEPT = 4096  # messages kept for a peer that takes none
LARGE = 256 * 1024  # bytes from which on a message must find room
QUEUED = 64 << 20  # bytes of large calls that wait for servers
Peer = tuple[int, int, int]  # task, incarnation, pid
Room = Callable[[int, int], bool]  # may a message of so many bytes be sent to this pid now?
Watch = Callable[[int, Callable[[], Any]], None]

_FLAGS, _LOST, _DEADLINE, _LONG = 5, 20, 24, struct.Struct("<q")  # where they are in a header
HELLO = bytes((wire.VERSION, wire.HELLO))
_FAILURES = {status.__name__: status_body(status()) for status in SYSTEM_STATUSES}


class Broker:
    """Moves messages between the domains and the core.  A subclass says how they come and go."""

    endpoint = ""  # where a domain connects, if it does
    poll: Any  # an epoll of what is not a message

    def __init__(self, core: Core, run: str, words: Any, shell: "Domains", room: Room) -> None:
        self.core, self.run, self.words, self.shell, self.room = core, run, words, shell, room
        self.peers: dict[Any, Peer] = {}  # by route
        self.routes: dict[int, Any] = {}  # by task
        self.kept: dict[int, deque[bytes | bytearray]] = {}  # by task: what it could not take yet
        self._untold: deque[Event] = deque()  # of the step in progress: what its peers could not take
        self.heard: set[int] = set()  # the pids that sent whole messages since somebody asked
        self.on: dict[type[Effect], Callable[[Any], Any]] = {
            events.Welcome: shell.expect,
            events.Up: shell.up,
            events.Unmask: shell.unmask,
            events.Deliver: self._deliver,
            events.Answer: self._answer,
            events.Fail: lambda e: self.post(e.task, wire.pack(wire.FAIL, call=e.id, body=_FAILURES[e.status])),
            events.Notice: self._notice,
            events.Offered: lambda e: self.post(e.task, wire.pack(wire.OFFERED, 0, e.id, e.giver, e.life, caps=e.caps)),
            events.Withdrawn: lambda e: self.post(e.task, wire.pack(wire.WITHDRAWN, call=e.call)),
            events.Confirm: lambda e: self.post(e.task, wire.pack(wire.CONFIRM, call=e.call, flags=e.accepted)),
            events.Death: lambda e: self.post(e.task, wire.pack(wire.DEATH, 0, 0, e.handle, e.incarnation)),
            events.Released: lambda e: self.post(e.task, wire.pack(wire.RELEASED, target=e.object, port=e.port)),
            events.Attend: lambda e: self.post(e.task, wire.pack(wire.INTERRUPT, target=e.line)),
        }

    def step(self, event: Event) -> None:
        """One step of the core, and all that follows from it; what could not be delivered is told afterwards."""
        self._step(event)
        while self._untold:
            self._step(self._untold.popleft())

    def _step(self, event: Event) -> None:
        for effect in self.core.step(event):
            self.on[type(effect)](effect)

    # --- what a carrier does -----------------------------------------------------------------------

    def attend(self, watch: Watch, accepted: Callable[[], None]) -> None:
        """Have what else the carrier needs attended to; `accepted` is called when strangers have connected."""

    def open(self, task: int) -> dict[str, int]:
        """A way to the kernel for the next incarnation of a task: the labelled descriptors of its end."""
        return {}

    def receive(self) -> list[int] | None:
        """Wait for a message and handle it; or the descriptors of `poll` that are ready, if it was none."""
        raise NotImplementedError

    def attended(self) -> None:
        """What was ready has been looked at."""

    def drain(self) -> None:
        """Handle what has arrived already."""
        raise NotImplementedError

    def accepted(self) -> int:
        """How many connections were accepted since the last time."""
        return 0

    def _pass(self, route: Any, raw: bytes | bytearray) -> bool:
        """Send without blocking; False: there is no room.  What is sent to the dead is sent."""
        raise NotImplementedError

    # --- messages in -------------------------------------------------------------------------------

    def hear(self, raw: bytes, peer: Peer) -> None:
        """One whole message of a peer."""
        words = self.words
        words[RECEIVED] += 1
        words[BYTES_IN] += len(raw)
        self.heard.add(peer[2])
        event = event_of(raw, peer[0], peer[1], len(raw) > LARGE and self._crowded(len(raw)))
        if event is not None:
            self.step(event)
        elif raw == wire.pack(wire.BYE):
            self.shell.detach(peer[0])
        else:
            self.shell.convict(peer[2], "sent bytes that are no message")

    def greet(self, route: Any, known: tuple[int, int], pid: int) -> None:
        """A peer has said HELLO: it is heard from now on."""
        self.peers[route] = (*known, pid)
        self.routes[known[0]] = route
        self.shell.welcome(known[0])

    def _crowded(self, size: int) -> bool:
        """Would one more large call be too much to keep for servers that are busy or starting?"""
        waiting = [len(message.payload) for message in self.core.messages.values()]
        return size + sum(length for length in waiting if length > LARGE) > QUEUED

    # --- messages out ------------------------------------------------------------------------------

    def offer(self, task: int, raw: bytes | bytearray) -> bool:
        """Send to a task, if it can take it now."""
        route = self.routes.get(task)
        return route is not None and task not in self.kept and self._pass(route, raw)

    def post(self, task: int, raw: bytes | bytearray) -> bool:
        """Send to a task as soon as it can take it.  False: it has no connection, or no room."""
        route = self.routes.get(task)
        if route is None:
            return False
        if task not in self.kept and self._pass(route, raw):
            return True
        kept = self.kept.setdefault(task, deque())
        full = len(raw) + sum(map(len, kept)) > QUEUED
        if full and len(raw) > LARGE:
            return False
        kept.append(raw)
        if full or len(kept) == KEPT:
            self.shell.convict(self.peers[route][2], "does not take its messages")
        return True

    def flush(self) -> None:
        """Try again to send what was kept."""
        for task, kept in tuple(self.kept.items()):
            while kept and self._pass(self.routes[task], kept[0]):
                kept.popleft()
            if not kept:
                del self.kept[task]

    def _deliver(self, effect: events.Deliver) -> None:
        raw = wire.rewrite(effect.payload, wire.CALL, effect.call, effect.object, effect.port, effect.caps)
        raw[_FLAGS] = effect.waits  # what the core knows, not what the sender wrote
        _LONG.pack_into(raw, _DEADLINE, effect.deadline)
        if not self.offer(effect.task, raw):
            self._untold.append(events.Undeliverable(effect.task, effect.call))

    def _answer(self, effect: events.Answer) -> None:
        kind = wire.STATUS if effect.status else wire.REPLY
        self.post(effect.task, wire.rewrite(effect.payload, kind, effect.id, 0, 0, effect.caps))

    def _notice(self, effect: events.Notice) -> None:
        raw = wire.rewrite(effect.payload, wire.NOTIFY, 0, effect.object, effect.port, ())
        raw[_LOST : _LOST + 4] = min(effect.lost, 0xFFFFFFFF).to_bytes(4, "little")
        if not self.offer(effect.task, raw):
            self._untold.append(events.Dropped(effect.port, effect.lost))

    # --- the end -----------------------------------------------------------------------------------

    def forget(self, task: int) -> None:
        """A task's process is gone: nobody is there to be reached, or heard, until the next HELLO."""
        route = self.routes.pop(task, None)
        self.kept.pop(task, None)
        if route is not None:
            del self.peers[route]
