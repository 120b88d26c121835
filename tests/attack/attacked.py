"""The server that the attacks are aimed at, besides the ordinary ones."""

import os
import socket
import time

from microlith.frame.server import Object, Server
from microlith.interface.interface import Interface
from microlith.interface.operation import idempotent, notify, waits
from microlith.interface.values import Struct


class Inner(Struct, frozen=True):
    number: int
    names: tuple[str, ...]


class Thing(Interface):
    @idempotent
    def name(self) -> int: ...


class Pot(Interface):
    @notify
    def drop(self, data: bytes) -> None: ...

    @idempotent
    def count(self) -> tuple[int, int]:
        """Notices received, and lost."""
        ...

    @waits
    def hold(self) -> int: ...

    def release(self) -> tuple[bool, ...]:
        """Answer every held call."""
        ...

    def swap(self, thing: Thing, inner: Inner, maybe: Thing | None) -> int: ...

    def make(self) -> Thing: ...

    @idempotent
    def made(self) -> int:
        """Objects that somebody holds."""
        ...

    def spin(self) -> None: ...

    def misbehave(self, run: str) -> tuple[str, ...]:
        """What became of each attempt to get at the run directory's sockets."""
        ...

    @idempotent
    def echo(self, data: bytes) -> bytes: ...

    @idempotent
    def give(self, size: int) -> bytes: ...


class Sink(Interface):
    def take(self) -> None: ...

    @waits
    def keep(self, thing: Thing, data: bytes) -> int: ...


class Drain(Server, Sink):
    def take(self):
        pass

    def keep(self, thing, data):
        return len(data)


class Made(Object, Thing):
    def __init__(self, pot):
        self.pot = pot
        pot.objects += 1

    def name(self):
        return 7

    def released(self):
        self.pot.objects -= 1


class Mover(Interface):
    @waits
    def hand_on(self, size: int) -> int:
        """Forwarded to the sink, with so many bytes and an object of ours."""
        ...

    @idempotent
    def made(self) -> int: ...


class Hander(Server, Mover):
    sink: Sink

    def start(self):
        self.objects = 0

    def hand_on(self, size):
        return self.forward(self.sink.keep, Made(self), bytes(size))

    def made(self):
        return self.objects


class Target(Server, Pot):
    def start(self):
        self.seen = self.missed = self.objects = 0
        self.held = []

    def drop(self, data):
        self.seen += 1
        self.missed += self.lost

    def count(self):
        return (self.seen, self.missed)

    def hold(self):
        self.held.append(self.later())
        return self.held[-1]

    def withdrawn(self, reply):
        self.held.remove(reply)

    def release(self):
        held, self.held = self.held, []
        return tuple(reply.answer(number) for number, reply in enumerate(held))

    def swap(self, thing, inner, maybe):
        return thing.name() + inner.number

    def make(self):
        return Made(self)

    def made(self):
        return self.objects

    def spin(self):
        while True:
            time.monotonic()

    def echo(self, data):
        return data

    def give(self, size):
        return bytes(max(0, min(size, 64 << 20)))  # beyond 16 MiB: more than a message holds

    def misbehave(self, run):
        def bind():
            with socket.socket(socket.AF_UNIX) as end:
                end.bind(f"{run}/mine")

        def connect():
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as end:
                end.connect(f"{run}/control")

        answers = []
        for attempt in (bind, connect, lambda: os.unlink(f"{run}/kernel"), lambda: os.rename(f"{run}/kernel", "x")):
            try:
                attempt()
                answers.append("done")
            except OSError as error:
                answers.append(type(error).__name__)
        return tuple(answers)
