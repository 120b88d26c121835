"""The ZeroMQ process round the core: messages become events, effects become messages.

One ROUTER; every domain is one connection on it, known by the pid behind it.  Rules:
- A peer is heard only after HELLO, on one connection, and only while its incarnation lives.
- Delivery is mandatory and never blocks.  A call or notice that its server cannot take is Busy or lost;
  everything else is kept, in order, until its peer takes it, and who takes nothing for `KEPT` messages
  is ended.  So no flood of calls or notices costs a domain an answer.
- A message is one frame.  Anything else, and anything that cannot be read, ends its sender.
"""

import struct
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import zmq
from msgspec.structs import replace
from zmq.backend import Socket as Plain  # without the conveniences, which cost microseconds

from microkernel.bell import Bell
from microkernel.core import Core, events
from microkernel.core.events import Effect, Event
from microkernel.translation import event_of
from microkernel.zap import DOMAIN, Gate, pid_of
from microlith.frame import wire
from microlith.frame.codec import status_body
from microlith.frame.page import BYTES_IN, BYTES_OUT, RECEIVED, SENT
from microlith.interface.status import SYSTEM_STATUSES

if TYPE_CHECKING:
    from microkernel.domains import Domains

HIGH_WATER = 1000  # messages queued to one peer
INBOUND = 32  # messages of one peer that are read ahead; beyond it the peer blocks
KEPT = 4096  # messages kept for a peer that takes none
LARGE = 256 * 1024  # bytes from which on a message must find room
QUEUED = 64 << 20  # bytes of large calls that wait for servers
Peer = tuple[int, int, int]  # task, incarnation, pid
Room = Callable[[int, int], bool]  # may a message of so many bytes be sent to this pid now?

_FIRST, _LAST = int(zmq.SNDMORE | zmq.DONTWAIT), int(zmq.DONTWAIT)
_ROUTING_ID = 5  # bytes of an id that libzmq gave; the first is 0
_MONITOR = "inproc://accepted"
_FLAGS, _LOST, _DEADLINE, _LONG = 5, 20, 24, struct.Struct("<q")  # where they are in a header
_HELLO = bytes((wire.VERSION, wire.HELLO))
_FAILURES = {status.__name__: status_body(status()) for status in SYSTEM_STATUSES}


class Broker:
    """Moves messages between the ROUTER and the core."""

    def __init__(self, core: Core, endpoint: str, words: Any, shell: "Domains", room: Room) -> None:
        self.core, self.endpoint, self.words, self.shell, self.room = core, endpoint, words, shell, room
        self.context = zmq.Context()
        self.gate = Gate(self.context, lambda pid: shell.who(pid) is not None)
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
        self.router.bind(endpoint)
        self._recv: Callable[..., Any] = partial(Plain.recv, self.router)
        self._send = partial(Plain.send, self.router)
        self.peers: dict[bytes, Peer] = {}
        self.routes: dict[int, bytes] = {}
        self.kept: dict[int, deque[bytes | bytearray]] = {}  # by task: what it could not take yet
        self._untold: deque[Event] = deque()  # of the step in progress: what its peers could not take
        self.heard: set[int] | None = None  # where somebody wants to know: the pids that sent whole messages
        self.recorder: Callable[[Event, list[Effect]], None] | None = None
        self.on: dict[type[Effect], Callable[[Any], Any]] = {
            events.Deliver: self._deliver,
            events.Answer: self._answer,
            events.Fail: self._fail,
            events.Notice: self._notice,
            events.Offered: self._offered,
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
        effects = self.core.step(event)
        if self.recorder is not None:
            self.recorder(event, effects)
        for effect in effects:
            self.on[type(effect)](effect)

    # --- messages in -------------------------------------------------------------------------------

    def receive(self) -> bool:
        """Wait for a message and handle it.  True: it was the bell."""
        identity, frame = self._recv(), self._recv(0, False)
        peer = self.peers.get(identity)
        if peer is None:
            if identity == self.bell.identity:
                return True
            self._stranger(identity, frame)
            return False
        raw: bytes = frame.bytes
        words = self.words
        words[RECEIVED] += 1
        words[BYTES_IN] += len(raw)
        if self.heard is not None:
            self.heard.add(peer[2])
        event = None if frame.more else event_of(raw, peer[0], peer[1])
        if event is None:
            self._odd(raw, peer, frame.more)
        elif len(raw) > LARGE and isinstance(event, events.Call | events.Forward) and self._crowded(len(raw)):
            self.step(replace(event, crowded=True))
        else:
            self.step(event)
        return False

    def drain(self) -> None:
        """Handle what has arrived already (in the course of attending to the bell, which is silent then)."""
        for _ in range(HIGH_WATER):  # at most: a flood does not end
            if not int(self.router.EVENTS) & zmq.POLLIN:
                return
            self.receive()

    def _odd(self, raw: bytes, peer: Peer, several: bool) -> None:
        """A message that is no event."""
        self._discard()
        if several:
            self.shell.convict(peer[2], "sent a message of several frames")
        elif raw == wire.pack(wire.BYE):
            self.shell.detach(peer[0])
        else:
            self.shell.convict(peer[2], "sent bytes that are no message")

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
        elif len(identity) != _ROUTING_ID or identity[0]:
            self.shell.convict(pid, "chose its own routing id")
        elif several or len(raw) != wire.HEADER.size or raw[:2] != _HELLO:
            self.shell.convict(pid, "did not begin with HELLO")
        else:
            self.peers[identity] = (*known, pid)
            self.routes[known[0]] = identity
            self.shell.welcome(known[0])

    def _discard(self) -> None:
        while self.router.getsockopt(zmq.RCVMORE):
            self.router.recv(copy=False)

    def _crowded(self, size: int) -> bool:
        """Would one more large call be too much to keep for servers that are busy or starting?"""
        waiting = [len(message.payload) for message in self.core.messages.values()]
        return size + sum(length for length in waiting if length > LARGE) > QUEUED

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

    def offer(self, task: int, raw: bytes | bytearray) -> bool:
        """Send to a task, if it can take it now."""
        identity = self.routes.get(task)
        return identity is not None and task not in self.kept and self._pass(identity, raw)

    def post(self, task: int, raw: bytes | bytearray) -> bool:
        """Send to a task as soon as it can take it.  False: it has no connection, or no room."""
        identity = self.routes.get(task)
        if identity is None:
            return False
        if task not in self.kept and self._pass(identity, raw):
            return True
        kept = self.kept.setdefault(task, deque())
        full = len(raw) + sum(map(len, kept)) > QUEUED
        if full and len(raw) > LARGE:
            return False
        kept.append(raw)
        if full or len(kept) == KEPT:
            self.shell.convict(self.peers[identity][2], "does not take its messages")
        return True

    def flush(self) -> None:
        """Try again to send what was kept."""
        for task, kept in tuple(self.kept.items()):
            while kept and self._pass(self.routes[task], kept[0]):
                kept.popleft()
            if not kept:
                del self.kept[task]

    def _pass(self, identity: bytes, raw: bytes | bytearray) -> bool:
        size = len(raw)
        if size > LARGE and not self.room(self.peers[identity][2], size):
            return False
        try:
            self._send(identity, _FIRST)
            self._send(raw, _LAST)
        except zmq.ZMQError as error:  # EAGAIN: its queue is full
            return error.errno == zmq.EHOSTUNREACH  # it has gone, with what we sent it: its death is on the way
        words = self.words
        words[SENT] += 1
        words[BYTES_OUT] += size
        return True

    def _deliver(self, effect: events.Deliver) -> None:
        raw = wire.rewrite(effect.payload, wire.CALL, effect.call, effect.object, effect.port, effect.caps)
        raw[_FLAGS] = effect.waits  # what the core knows, not what the sender wrote
        _LONG.pack_into(raw, _DEADLINE, effect.deadline)
        if not self.offer(effect.task, raw):
            self._untold.append(events.Undeliverable(effect.task, effect.call))

    def _answer(self, effect: events.Answer) -> None:
        kind = wire.STATUS if effect.status else wire.REPLY
        self.post(effect.task, wire.rewrite(effect.payload, kind, effect.id, 0, 0, effect.caps))

    def _fail(self, effect: events.Fail) -> None:
        self.post(effect.task, wire.pack(wire.FAIL, call=effect.id, body=_FAILURES[effect.status]))

    def _offered(self, effect: events.Offered) -> None:
        self.post(effect.task, wire.pack(wire.OFFERED, 0, effect.id, effect.giver, effect.life, caps=effect.caps))

    def _notice(self, effect: events.Notice) -> None:
        raw = wire.rewrite(effect.payload, wire.NOTIFY, 0, effect.object, effect.port, ())
        raw[_LOST : _LOST + 4] = min(effect.lost, 0xFFFFFFFF).to_bytes(4, "little")
        if not self.offer(effect.task, raw):
            self._untold.append(events.Dropped(effect.port, effect.lost))

    # --- the end -----------------------------------------------------------------------------------

    def forget(self, task: int) -> None:
        """A task's process is gone: nobody is there to be reached, or heard, until the next HELLO."""
        identity = self.routes.pop(task, None)
        self.kept.pop(task, None)
        if identity is not None:
            del self.peers[identity]

    def close(self) -> None:
        """Close the sockets."""
        self.bell.close()
        self.accepted()
        self.router.disable_monitor()
        for socket in (self.door, self.router, self.gate.socket):
            socket.close()
        self.context.term()
