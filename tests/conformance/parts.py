"""The assistant system of the conformance tests: servers of three ranks over every kind of value and message.

rank 0: Echoes (values), Makers (objects), Waiters (answers that come later); rank 1: Sinks (notices, kept
capabilities); rank 2: Fronts, which call, forward to and pass on all of these; rank 3: Tops.
"""

import enum

from microlith.frame.server import Object, Server
from microlith.interface.interface import Interface
from microlith.interface.operation import idempotent, notify, raises, waits
from microlith.interface.status import Status
from microlith.interface.values import Struct


class Refused(Status):
    """A status without a number."""


class Wrong(Status, ValueError):
    """A status that is a built-in too."""


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.Enum):
    LOW = 1
    HIGH = -7


class Point(Struct, frozen=True):
    x: int
    y: float


class Mixed(Struct, frozen=True):
    name: str
    data: bytes
    colour: Colour
    points: tuple[Point, ...]
    note: str | None
    flag: bool


class Thing(Interface):
    """An object that can be passed about."""

    @idempotent
    def value(self) -> int: ...

    def add(self, n: int) -> int: ...

    @raises(Refused)
    def refuse(self, why: str) -> None: ...

    @waits
    def changed(self) -> int: ...


class Pair(Struct, frozen=True):
    left: Thing
    right: Thing | None
    label: str


class Echo(Interface):
    @idempotent
    def nothing(self) -> None: ...

    @idempotent
    def boolean(self, v: bool) -> bool: ...

    @idempotent
    def integer(self, v: int) -> int: ...

    @idempotent
    def real(self, v: float) -> float: ...

    @idempotent
    def text(self, v: str) -> str: ...

    @idempotent
    def data(self, v: bytes) -> bytes: ...

    @idempotent
    def two_data(self, a: bytes, n: int, b: bytes) -> tuple[bytes, bytes]: ...

    @idempotent
    def optional(self, v: int | None) -> int | None: ...

    @idempotent
    def optional_data(self, v: bytes | None) -> bytes | None: ...

    @idempotent
    def integers(self, v: tuple[int, ...]) -> tuple[int, ...]: ...

    @idempotent
    def nested(self, v: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]: ...

    @idempotent
    def fixed(self, v: tuple[int, str, bool]) -> tuple[int, str, bool]: ...

    @idempotent
    def empty(self, v: tuple[()]) -> tuple[()]: ...

    @idempotent
    def colour(self, v: Colour) -> Colour: ...

    @idempotent
    def level(self, v: Level, other: Level = Level.LOW) -> Level: ...

    @idempotent
    def point(self, v: Point) -> Point: ...

    @idempotent
    def mixed(self, v: Mixed) -> Mixed: ...

    @idempotent
    @raises(Refused, Wrong)
    def refuse(self, which: int, detail: str = "") -> int: ...

    @idempotent
    def zeros(self, count: int) -> bytes: ...

    @idempotent
    def size(self, v: bytes) -> int: ...


class Echoes(Server, Echo):
    def nothing(self): ...

    def boolean(self, v):
        return v

    def integer(self, v):
        return v

    def real(self, v):
        return v

    def text(self, v):
        return v

    def data(self, v):
        return v

    def optional(self, v):
        return v

    def optional_data(self, v):
        return v

    def integers(self, v):
        return v

    def nested(self, v):
        return v

    def fixed(self, v):
        return v

    def empty(self, v):
        return v

    def colour(self, v):
        return v

    def point(self, v):
        return v

    def mixed(self, v):
        return v

    def two_data(self, a, n, b):
        return (b, a[:n])

    def level(self, v, other=Level.LOW):
        return other

    def refuse(self, which, detail=""):
        if which == 1:
            raise Refused(detail)
        if which == 2:
            raise Wrong(detail)
        return which

    def zeros(self, count):
        return bytes(count)

    def size(self, v):
        return len(v)


class Waiter(Interface):
    @waits
    @raises(Refused)
    def wait(self, tag: str) -> str: ...

    @waits
    def at_once(self, tag: str) -> str: ...

    def answer(self, text: str) -> bool: ...

    def refuse(self, text: str) -> bool: ...

    @idempotent
    def waiting(self) -> tuple[str, ...]: ...

    @idempotent
    def withdrawals(self) -> int: ...


class Waiters(Server, Waiter):
    def start(self):
        self._open = []
        self._withdrawn = 0

    def wait(self, tag):
        reply = self.later()
        self._open.append((reply, tag))
        return reply

    def at_once(self, tag):
        reply = self.later()
        reply.answer(tag)
        return reply

    def answer(self, text):
        reply, tag = self._open[0]
        if not reply.answer(f"{tag}:{text}"):
            return False
        self._open.pop(0)
        return True

    def refuse(self, text):
        return self._open.pop(0)[0].fail(Refused(text))

    def waiting(self):
        return tuple(tag for _, tag in self._open)

    def withdrawals(self):
        return self._withdrawn

    def withdrawn(self, reply):
        self._withdrawn += 1
        self._open = [one for one in self._open if one[0] is not reply]


class Maker(Interface):
    def make(self, n: int) -> Thing: ...

    def shared(self) -> Thing: ...

    def pair(self, a: int, b: int | None) -> Pair: ...

    def several(self, count: int) -> tuple[Thing, ...]: ...

    def maybe(self, n: int | None) -> Thing | None: ...

    @idempotent
    def home(self, thing: Thing) -> int: ...

    @idempotent
    def home_pair(self, pair: Pair) -> int: ...

    @idempotent
    def released(self) -> tuple[int, ...]: ...

    def change(self, n: int) -> int: ...


class Makers(Server, Maker):
    def start(self):
        self._released = []
        self._waiting = []
        self._shared = MadeThing(self, 1000)

    def make(self, n):
        return MadeThing(self, n)

    def shared(self):
        return self._shared

    def pair(self, a, b):
        return Pair(MadeThing(self, a), None if b is None else MadeThing(self, b), "pair")

    def several(self, count):
        return tuple(MadeThing(self, n) for n in range(count))

    def maybe(self, n):
        return None if n is None else MadeThing(self, n)

    def home(self, thing):
        return thing.value() * 2

    def home_pair(self, pair):
        return pair.left.value() + (pair.right.value() if pair.right is not None else 0)

    def released(self):
        found, self._released = tuple(sorted(self._released)), []
        return found

    def change(self, n):
        waiting, self._waiting = self._waiting, []
        return sum(reply.answer(n) for reply in waiting)

    def withdrawn(self, reply):
        self._waiting.remove(reply)


class MadeThing(Object, Thing):
    def __init__(self, maker, n):
        self._maker, self._n = maker, n

    def value(self):
        return self._n

    def add(self, n):
        self._n += n
        return self._n

    def refuse(self, why):
        raise Refused(why)

    def changed(self):
        reply = self._maker.later()
        self._maker._waiting.append(reply)
        return reply

    def withdrawn(self, reply):
        self._maker.withdrawn(reply)

    def released(self):
        self._maker._released.append(self._n)


class Sink(Interface):
    @notify
    def note(self, n: int) -> None: ...

    @idempotent
    def notes(self) -> tuple[int, ...]: ...

    @idempotent
    def counted(self) -> tuple[int, int]: ...

    def keep(self, thing: Thing) -> int: ...

    def keep_echo(self, echo: Echo) -> None: ...

    @idempotent
    def kept(self) -> tuple[int, ...]: ...

    def call_echo(self, v: int) -> int: ...

    def give_back(self) -> Thing | None: ...

    def drop(self) -> None: ...


class Sinks(Server, Sink):
    echo: Echo  # only for the rank: it may call what is at rank 0

    def start(self):
        self._notes = []
        self._lost = 0
        self._kept = []
        self._echo = None

    def note(self, n):
        self._notes.append(n)
        self._lost += self.lost

    def notes(self):
        return tuple(self._notes)

    def counted(self):
        return (len(self._notes), self._lost)

    def keep(self, thing):
        self._kept.append(thing)
        return len(self._kept)

    def keep_echo(self, echo):
        self._echo = echo

    def kept(self):
        return tuple(thing.value() for thing in self._kept)

    def call_echo(self, v):
        return self._echo.integer(v)

    def give_back(self):
        return self._kept[-1] if self._kept else None

    def drop(self):
        self._kept = []
        self._echo = None


class Front(Interface):
    @waits
    @raises(Refused)
    def wait(self, tag: str) -> str: ...

    @waits
    @raises(Refused)
    def wait_or_not(self, tag: str) -> str: ...

    @waits
    def at_once(self, tag: str) -> str: ...

    @idempotent
    @raises(Refused, Wrong)
    def refuse(self, which: int) -> int: ...

    @idempotent
    @raises(Refused)
    def caught(self, which: int) -> str: ...

    @idempotent
    def use(self, thing: Thing) -> int: ...

    def use_echo(self, echo: Echo, v: int) -> int: ...

    def use_front(self, front: "Front", which: int) -> int: ...

    def pass_on(self, thing: Thing) -> int: ...

    def pass_home(self, thing: Thing) -> int: ...

    def pass_back(self, thing: Thing) -> Thing: ...

    def make(self, n: int) -> Thing: ...

    def make_and_drop(self, n: int) -> int: ...

    def sum_pair(self, pair: Pair) -> int: ...

    def sum_all(self, things: tuple[Thing, ...]) -> int: ...

    def note(self, n: int) -> None: ...

    @idempotent
    def big(self, v: bytes) -> bytes: ...

    def lend_echo(self) -> Echo: ...

    def myself(self) -> "Front": ...

    def keep_below(self) -> int: ...


class Fronts(Server, Front):
    echo: Echo
    maker: Maker
    waiter: Waiter
    sink: Sink
    title: str = "front"

    def wait(self, tag):
        return self.forward(self.waiter.wait, f"{self.title}/{tag}")

    def wait_or_not(self, tag):
        if tag == "not":
            raise Refused("not at all")
        if tag == "now":
            return "now"
        return self.forward(self.waiter.wait, tag)

    def at_once(self, tag):
        return self.forward(self.waiter.at_once, tag + "!")

    def refuse(self, which):
        return self.echo.refuse(which, f"number {which}")

    def caught(self, which):
        try:
            return f"fine {self.echo.refuse(which, 'inner')}"
        except Wrong as status:
            return f"caught {type(status).__name__}: {status}"

    def use(self, thing):
        return thing.add(1)

    def use_echo(self, echo, v):
        return echo.integer(v)

    def use_front(self, front, which):
        return front.refuse(which)

    def pass_on(self, thing):
        return self.sink.keep(thing)

    def pass_home(self, thing):
        return self.maker.home(thing)

    def pass_back(self, thing):
        return thing

    def make(self, n):
        return self.maker.make(n)

    def make_and_drop(self, n):
        return self.maker.make(n).value()

    def sum_pair(self, pair):
        return self.maker.home_pair(pair)

    def sum_all(self, things):
        return sum(thing.value() for thing in things)

    def note(self, n):
        self.sink.note(n)

    def big(self, v):
        return self.echo.data(v)

    def lend_echo(self):
        return self.echo

    def myself(self):
        return self

    def keep_below(self):
        return self.sink.keep(self.maker.make(70))


class Tops(Server, Front):
    """The same interface one rank higher: what it gets may be passed down, and may not be called from there."""

    front: Front
    sink: Sink

    def wait(self, tag):
        return self.forward(self.front.wait, f"top/{tag}")

    def wait_or_not(self, tag):
        return self.forward(self.front.wait_or_not, tag)

    def at_once(self, tag):
        return self.forward(self.front.at_once, tag)

    def refuse(self, which):
        return self.front.refuse(which)

    def caught(self, which):
        return "top " + self.front.caught(which)

    def use(self, thing):
        return self.front.use(thing) * 10

    def use_echo(self, echo, v):
        return self.front.use_echo(echo, v)

    def use_front(self, front, which):
        return self.front.use_front(front, which)

    def pass_on(self, thing):
        return self.front.pass_on(thing)

    def pass_home(self, thing):
        return self.front.pass_home(thing)

    def pass_back(self, thing):
        return self.front.pass_back(thing)

    def make(self, n):
        return self.front.make(n)

    def make_and_drop(self, n):
        return self.front.make_and_drop(n)

    def sum_pair(self, pair):
        return self.front.sum_pair(pair)

    def sum_all(self, things):
        return self.front.sum_all(things)

    def note(self, n):
        self.front.note(n)

    def big(self, v):
        return self.front.big(v)

    def lend_echo(self):
        return self.front.lend_echo()

    def myself(self):
        return self

    def keep_below(self):
        return self.front.keep_below()
