"""The recorder of a walk: what a domain of a machine booted with `walked=True` notes while it runs, and when.

Every domain has a file of its own, opened by the root and mapped here; the launcher reads it afterwards.  Nobody
is told to begin or to end: all events are noted, the newest overwrite the oldest, and whoever reads picks those of
the call.  All processes of a host share CLOCK_MONOTONIC, so events of several files can be put in one order.

`install` wraps methods of the classes of this process.  It is called before any of their instances is made, in the
domains of such a machine and in no other process: an ordinary machine does not even import this file.
"""

import functools
import mmap
import resource
import struct
from collections.abc import Callable
from time import monotonic_ns
from typing import Any

from microlith.frame import facade, stub, wire
from microlith.frame.connection import Connection
from microlith.frame.frame import Frame
from microlith.frame.holders import Holders
from microlith.frame.peer import Peer
from microlith.interface.operation import Operation
from microlith.process.assembly import Assembly

# Kinds of events.  A message is SENT when its sender begins to send it, TAKEN when its receiver has it.
SENT, TAKEN = 0, 1
CALLS, ANSWERED = 2, 3  # a call through a stub
DIRECT, RETURNED = 4, 5  # a direct call
SERVES, SERVED = 6, 7  # a request
WOKE = 8  # this thread had blocked, and goes on

#: Time (ns); kind; link and name, as numbers of names; bytes of the message, and of it those that are not header.
EVENT = struct.Struct("<QBxHHxxII")
HEAD = struct.Struct("<QQ")  # events noted so far, bytes of names
NAMES_AT, EVENTS_AT, SIZE = 64, 64 * 1024, 1 << 20
CAPACITY = (SIZE - EVENTS_AT) // EVENT.size
PLAIN = "stream"  # the link of a socket, of which a domain has one

_KINDS = {
    getattr(wire, name.upper()): name
    for name in ("call", "notify", "reply", "status", "fail", "forward", "cancel", "close", "interrupt", "acknowledge",
                 "offer", "offered", "released", "withdrawn", "confirm")
}  # fmt: skip


class Recorder:
    """Writes the events of this process."""

    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(descriptor, SIZE)
        self._count = 0
        self._names: dict[str, int] = {}
        self._end = NAMES_AT
        self._holders: list[Holders] = []
        self._labels: dict[tuple[str, Operation], str] = {}
        self.parts: dict[int, str] = {}  # names of the servers of this domain, by their id
        self.served = 0  # when the last request had been served

    def note(self, kind: int, name: str = "", link: str = "", size: int = 0, payload: int = 0, at: int = 0) -> None:
        """Note an event, of now or of an earlier time."""
        names = self._names
        numbers = names.get(link) or self._name(link), names.get(name) or self._name(name)
        place = EVENTS_AT + self._count % CAPACITY * EVENT.size
        EVENT.pack_into(self._map, place, at or monotonic_ns(), kind, *numbers, size, payload)
        self._count += 1
        HEAD.pack_into(self._map, 0, self._count, self._end - NAMES_AT)

    def _name(self, text: str) -> int:
        """The number of a name, from 1, written into the file when it is new (0: there is no room)."""
        number = self._names.get(text)
        if number is None:
            data = text.encode()
            if self._end + len(data) + 2 > EVENTS_AT:
                return 0
            self._map[self._end : self._end + len(data) + 2] = len(data).to_bytes(2, "little") + data
            self._end += len(data) + 2
            number = self._names[text] = len(self._names) + 1
        return number

    def message(self, kind: int, raw: bytes | bytearray, link: str) -> None:
        """Note a message with a header of the wire."""
        self.note(kind, _KINDS.get(raw[1], "message"), link, len(raw), len(raw) - wire.HEADER.size)

    def label(self, target: Any, operation: Operation) -> str:
        """`files File.read`: the server that is asked, and for what."""
        owners = (holders.owner(target) for holders in self._holders)
        part = self.parts.get(id(next((owner for owner in owners if owner is not None), target)), "")
        label = self._labels.get((part, operation))
        if label is None:
            label = self._labels[part, operation] = f"{part} {operation.qualified}"
        return label

    def waking(self, wait: Callable[..., Any]) -> Callable[..., Any]:
        """The same, noting that this thread has slept in it (its voluntary context switches tell)."""

        @functools.wraps(wait)
        def waited(*arguments: Any) -> Any:
            before = _switches()
            result = wait(*arguments)
            if _switches() != before:
                self.note(WOKE)
            return result

        return waited

    def know(self, holders: Holders) -> None:
        """Objects of these servers may be called."""
        self._holders.append(holders)


def _switches() -> int:
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


class Waits:
    """An epoll whose waiting is noted."""

    def __init__(self, inner: Any, recorder: Recorder) -> None:
        self._inner = inner
        self.poll = recorder.waking(inner.poll)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def wrap(cls: type, name: str, around: Callable[..., Any]) -> None:
    """Replace a method by `around(inner, self, *arguments)`."""
    inner = vars(cls)[name]

    @functools.wraps(inner)
    def wrapped(self: Any, *arguments: Any, **keywords: Any) -> Any:
        return around(inner, self, *arguments, **keywords)

    setattr(cls, name, wrapped)


def install(recorder: Recorder, link_of: Callable[[Any], str] = lambda end: PLAIN) -> None:
    """Have everything of the ground noted.  `link_of` names the link of a connection or of a peer."""

    def make(inner: Any, assembly: Any, parts: Any) -> Any:
        made = inner(assembly, parts)
        recorder.parts |= {id(server): name for name, server in assembly.servers.items()}
        return made

    def know(inner: Any, holders: Any, *given: Any) -> None:
        inner(holders, *given)
        recorder.know(holders)

    wrap(Assembly, "make", make)
    wrap(Holders, "__init__", know)
    _install_frame(recorder)
    _install_calls(recorder)

    def send(inner: Any, end: Any, raw: bytes) -> None:
        recorder.message(SENT, raw, link_of(end))
        inner(end, raw)

    def take(inner: Any, end: Any, until: int) -> bytes | None:
        raw: bytes | None = inner(end, until)
        if raw is not None:
            recorder.message(TAKEN, raw, link_of(end))
        return raw

    def handle(inner: Any, peer: Any, message: wire.Message) -> None:
        recorder.message(TAKEN, message.raw, link_of(peer))
        inner(peer, message)

    wrap(Connection, "send", send)
    wrap(Connection, "take", take)
    wrap(Peer, "send", send)
    wrap(Peer, "handle", handle)


def _install_frame(recorder: Recorder) -> None:
    """Requests served, and the waiting of the loop."""

    def begin(inner: Any, frame: Any, *given: Any, **options: Any) -> None:
        inner(frame, *given, **options)
        frame._poll = Waits(frame._poll, recorder)

    def serve(inner: Any, frame: Any, target: Any, method: Any, *rest: Any) -> Any:
        label = recorder.label(target, method.operation)
        recorder.note(SERVES, label)
        try:
            return inner(frame, target, method, *rest)
        finally:
            recorder.served = monotonic_ns()
            recorder.note(SERVED, label, at=recorder.served)

    wrap(Frame, "__init__", begin)
    wrap(Frame, "serve", serve)


def _install_calls(recorder: Recorder) -> None:
    """Calls made, through stubs and directly."""
    bind: Any = facade.bind
    method_of: Any = stub._method

    def bound(made: Any, wraps: tuple[Any, ...] = ()) -> None:
        direct = () if isinstance(made.target, stub.Stub) else (functools.partial(_direct, recorder),)
        bind(made, (*wraps, *direct))

    def method(operation: Operation) -> Any:
        inner, name = method_of(operation), operation.qualified

        @functools.wraps(inner)
        def call(*arguments: Any, **keywords: Any) -> Any:
            recorder.note(CALLS, name)
            try:
                return inner(*arguments, **keywords)
            finally:
                recorder.note(ANSWERED, name)

        return call

    facade.bind = bound
    stub._method = method


def _direct(recorder: Recorder, operation: Operation, method: Callable[..., Any]) -> Callable[..., Any]:
    target = getattr(method, "__self__", None)

    def call(*arguments: Any, **keywords: Any) -> Any:
        label = recorder.label(target, operation)
        recorder.note(DIRECT, label)
        try:
            return method(*arguments, **keywords)
        finally:
            recorder.note(RETURNED, label)

    return facade.like(method, call)
