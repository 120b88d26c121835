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
from typing import Any

import zmq
from zmq.backend import Socket as Plain  # without the conveniences, which cost microseconds

from microkernel.bell import Bell
from microkernel.core import Core, events
from microkernel.core.events import Effect, Event
from microkernel.zap import DOMAIN, Gate, pid_of
from microlith.frame import wire
from microlith.frame.codec import status_body
from microlith.frame.page import BYTES_IN, BYTES_OUT, RECEIVED, SENT
from microlith.interface.status import SYSTEM_STATUSES

HIGH_WATER = 1000  # messages queued to one peer
INBOUND = 32  # messages of one peer that are read ahead; beyond it the peer blocks
KEPT = 4096  # messages kept for a peer that takes none
LARGE = 256 * 1024  # bytes from which on a message must find room
QUEUED = 64 << 20  # bytes of large calls that wait for servers
Peer = tuple[int, int, int]  # task, incarnation, pid

_FIRST, _LAST = int(zmq.SNDMORE | zmq.DONTWAIT), int(zmq.DONTWAIT)
_HEADER, _CAP = wire.HEADER, wire.CAP
_ROUTING_ID = 5  # bytes of one that libzmq chose: 0 and a number
_MONITOR = "inproc://accepted"
_FLAGS, _DEADLINE, _LONG = 5, 24, struct.Struct("<q")  # where they are in a header
_FAILURES = {status.__name__: status_body(status()) for status in SYSTEM_STATUSES}


class Broker:
    """Moves messages between the ROUTER and the core."""

    def __init__(
        self,
        core: Core,
        endpoint: str,
        words: Any,
        who: Callable[[int], tuple[int, int] | None],
        convict: Callable[[int, str], None],
        room: Callable[[int, int], bool] = lambda pid, size: True,
    ) -> None:
        self.core, self.words, self.who, self.convict, self.room = core, words, who, convict, room
        self.context = zmq.Context()
        self.gate = Gate(self.context, lambda pid: who(pid) is not None)
        self.router = self.context.socket(zmq.ROUTER)
        self.router.linger = 0
        self.router.router_mandatory = 1
        self.router.sndhwm = HIGH_WATER
        self.router.rcvhwm = INBOUND
        self.router.maxmsgsize = wire.MAX_MESSAGE
        self.router.zap_domain = DOMAIN
        self.router.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        self.router.monitor(_MONITOR, zmq.EVENT_ACCEPTED)
        self.door = self.context.socket(zmq.PAIR)
        self.door.rcvhwm = 1
        self.door.linger = 0
        self.door.connect(_MONITOR)
        self.bell = Bell(self.context, self.router)
        self.router.bind(endpoint)
        self._recv: Callable[..., Any] = partial(Plain.recv, self.router)
        self._send = partial(Plain.send, self.router)
        self.endpoint = endpoint
        self.peers: dict[bytes, Peer] = {}
        self.routes: dict[int, bytes] = {}
        self.kept: dict[int, deque[bytes | bytearray]] = {}  # by task: what it could not take yet
        self.heard: set[int] | None = None  # where somebody wants to know: the pids that sent whole messages
        self.recorder: Callable[[Event, list[Effect]], None] | None = None
        self.on: dict[type[Effect], Callable[[Any], Any]] = {
            events.Deliver: self._deliver,
            events.Answer: self._answer,
            events.Fail: self._fail,
            events.Notice: self._notice,
            events.Withdrawn: lambda e: self.post(e.task, wire.pack(wire.WITHDRAWN, call=e.call)),
            events.Confirm: lambda e: self.post(e.task, wire.pack(wire.CONFIRM, call=e.call, flags=e.accepted)),
            events.Death: lambda e: self.post(e.task, wire.pack(wire.DEATH, 0, 0, e.handle, e.incarnation)),
            events.Released: lambda e: self.post(e.task, wire.pack(wire.RELEASED, target=e.object, port=e.port)),
            events.Attend: lambda e: self.post(e.task, wire.pack(wire.INTERRUPT, target=e.line)),
        }

    # --- the machine -------------------------------------------------------------------------------

    def step(self, event: Event) -> None:
        """One step of the core, and all that follows from it."""
        effects = self.core.step(event)
        if self.recorder is not None:
            self.recorder(event, effects)
        for effect in effects:
            self.on[type(effect)](effect)

    # --- messages in -------------------------------------------------------------------------------

    def receive(self) -> bool:
        """Wait for a message and handle it.  True: it was the bell."""
        identity, frame = self._recv(), self._recv(0, False)
        raw: bytes = frame.bytes
        peer = self.peers.get(identity)
        if peer is None:
            if identity == self.bell.identity:
                return True
            self._stranger(identity, frame)
        elif frame.more:
            self._discard()
            self.convict(peer[2], "sent a message of several frames")
        else:
            words = self.words
            words[RECEIVED] += 1
            words[BYTES_IN] += len(raw)
            if self.heard is not None:
                self.heard.add(peer[2])
            event = self.event(raw, peer)
            if event is not None:
                self.step(event)
        return False

    def drain(self) -> None:
        """Handle what has arrived already (in the course of attending to the bell, which is silent then)."""
        while int(self.router.EVENTS) & zmq.POLLIN:
            self.receive()

    def accepted(self) -> int:
        """How many connections were accepted since the last time.

        The listener waits when about a thousand of these events were not taken: between two looks at our
        descriptors no more than that can be opened (see flood.py).
        """
        count = 0
        while count < HIGH_WATER and self.door.poll(0):
            self.door.recv_multipart()
            count += 1
        return count

    def _stranger(self, identity: bytes, frame: Any) -> None:
        """The first message of a connection: HELLO from a pid that we know and that has no other."""
        pid = pid_of(str(frame.get("Peer-Address")))
        several, raw = frame.more, frame.bytes
        self._discard()
        known = self.who(pid) if pid is not None else None
        if known is None or pid is None:
            return
        if known[0] in self.routes:
            self.convict(pid, "spoke on a second connection")
            return
        if len(identity) != _ROUTING_ID or identity[0]:
            self.convict(pid, "chose its own routing id")
            return
        if several or len(raw) != _HEADER.size or raw[:2] != bytes((wire.VERSION, wire.HELLO)):
            self.convict(pid, "did not begin with HELLO")
            return
        self.peers[identity] = (*known, pid)
        self.routes[known[0]] = identity
        self.welcome(known[0])

    def welcome(self, task: int) -> None:
        """A task has connected (the kernel sets this)."""

    def detach(self, task: int) -> None:
        """A task leaves without ending (the kernel sets this)."""

    def _discard(self) -> None:
        while self.router.getsockopt(zmq.RCVMORE):
            self.router.recv(copy=False)

    def event(self, raw: bytes, peer: Peer) -> Event | None:
        """A message as an event; None (and its sender ended) if it does not follow the protocol."""
        task, incarnation, pid = peer
        if len(raw) >= _HEADER.size:
            fields = _HEADER.unpack_from(raw)
            version, kind, operation, count, flags, port, call, target, _, deadline, body, bulk = fields
            start = _HEADER.size + count * _CAP.size
            sized = len(raw) == start + body + bulk and body <= wire.MAX_BODY and bulk <= wire.MAX_BULK
            if version == wire.VERSION and sized:
                caps = tuple(_CAP.iter_unpack(raw[_HEADER.size : start])) if count else ()
                if kind == wire.CALL:
                    if len(raw) > LARGE and not count and self._crowded(len(raw)):
                        self._fail(events.Fail(task, call, "Busy"))
                        return None
                    return events.Call(
                        task, incarnation, call, target, operation, flags & 1 == 1, max(0, deadline), caps, raw
                    )
                if kind in (wire.REPLY, wire.STATUS):
                    status, confirm = kind == wire.STATUS, flags & wire.WANT_CONFIRM != 0
                    return events.Reply(task, incarnation, call, status, confirm, caps, raw)
                made = self._event(kind, task, incarnation, operation, call, target, port, caps, raw)
                if made is not None:
                    return made
                if kind == wire.BYE:
                    self.detach(task)
                    return None
        self.convict(pid, "sent bytes that are no message")
        return None

    def _crowded(self, size: int) -> bool:
        """Would one more large call be too much to keep for servers that are busy or starting?"""
        waiting = [len(message.payload) for message in self.core.messages.values()]
        return size + sum(length for length in waiting if length > LARGE) > QUEUED

    def _event(
        self, kind: int, task: int, incarnation: int, operation: int, call: int, target: int, port: int,
        caps: tuple[wire.Cap, ...], raw: bytes,
    ) -> Event | None:  # fmt: skip
        if kind == wire.NOTIFY and not caps:  # the core would not translate them
            return events.Notify(task, incarnation, target, operation, raw)
        if kind == wire.FORWARD:
            return events.Forward(task, incarnation, call, target, operation, caps, raw)
        if kind in _SIMPLE:
            return _SIMPLE[kind](task, incarnation, call, target, port)
        return None

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
        kept = self.kept.get(task)
        if kept is None and self._pass(identity, raw):
            return True
        kept = self.kept.setdefault(task, deque())
        if len(raw) > LARGE and len(raw) + sum(map(len, kept)) > QUEUED:
            return False
        kept.append(raw)
        if len(kept) == KEPT:
            self.convict(self.peers[identity][2], "does not take its messages")
        return True

    def flush(self) -> None:
        """Try again to send what was kept."""
        for task, kept in tuple(self.kept.items()):
            while kept and self._pass(self.routes[task], kept[0]):
                kept.popleft()
            if not kept:
                del self.kept[task]

    def _pass(self, identity: bytes, raw: bytes | bytearray) -> bool:
        if len(raw) > LARGE and not self.room(self.peers[identity][2], len(raw)):
            return False
        try:
            self._send(identity, _FIRST)
            self._send(raw, _LAST)
        except zmq.ZMQError as error:  # EAGAIN: its queue is full
            return error.errno == zmq.EHOSTUNREACH  # it has gone, with what we sent it: its death is on the way
        self.words[SENT] += 1
        self.words[BYTES_OUT] += len(raw)
        return True

    def _deliver(self, effect: events.Deliver) -> None:
        raw = wire.rewrite(effect.payload, wire.CALL, effect.call, effect.object, effect.port, effect.caps)
        raw[_FLAGS] = wire.WAITS if effect.waits else 0  # what the core knows, not what the sender wrote
        _LONG.pack_into(raw, _DEADLINE, effect.deadline)
        if not self.offer(effect.task, raw):
            self.step(events.Undeliverable(effect.task, effect.call))

    def _answer(self, effect: events.Answer) -> None:
        kind = wire.STATUS if effect.status else wire.REPLY
        self.post(effect.task, wire.rewrite(effect.payload, kind, effect.id, 0, 0, effect.caps))

    def _fail(self, effect: events.Fail) -> None:
        self.post(effect.task, wire.pack(wire.FAIL, call=effect.id, body=_FAILURES[effect.status]))

    def _notice(self, effect: events.Notice) -> None:
        raw = wire.rewrite(effect.payload, wire.NOTIFY, 0, effect.object, effect.port, ())
        raw[20:24] = min(effect.lost, 0xFFFFFFFF).to_bytes(4, "little")
        if not self.offer(effect.task, raw):
            self.step(events.Dropped(effect.port, effect.lost))

    # --- the end of a peer -------------------------------------------------------------------------

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
        self.door.close()
        self.router.close()
        self.gate.socket.close()
        self.context.term()


_SIMPLE: dict[int, Callable[[int, int, int, int, int], Event]] = {
    wire.CANCEL: lambda task, life, call, target, port: events.Cancel(task, life, call),
    wire.CLOSE: lambda task, life, call, target, port: events.Close(task, life, target),
    wire.REVOKE: lambda task, life, call, target, port: events.Revoke(task, life, target),
    wire.DESTROY: lambda task, life, call, target, port: events.Destroy(task, life, port, target),
    wire.WATCH: lambda task, life, call, target, port: events.Watch(task, life, target),
    wire.ADOPT: lambda task, life, call, target, port: events.Adopt(task, life, port, call, target),
    wire.READY: lambda task, life, call, target, port: events.Ready(task, life),
    wire.ACKNOWLEDGE: lambda task, life, call, target, port: events.Acknowledge(task, life, target),
}
