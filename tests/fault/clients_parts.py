"""What is called while its callers are killed: a desk that counts what is held, and a client that never ends."""

import os
import random

from microlith.frame.server import App, Object, Server
from microlith.interface.interface import Interface
from microlith.interface.operation import idempotent, waits
from servers.filesystem import FileSystem


class Slip(Interface):
    @idempotent
    def number(self) -> int: ...


class Desk(Interface):
    @idempotent
    def echo(self, data: bytes) -> bytes: ...

    def slip(self) -> Slip: ...

    @waits
    def wait(self) -> int: ...

    @idempotent
    def held(self) -> tuple[int, int]:
        """Slips that somebody holds, calls that somebody waits for."""
        ...


class ASlip(Object, Slip):
    def __init__(self, desks):
        self._desks = desks
        desks.slips += 1

    def number(self):
        return 7

    def released(self):
        self._desks.slips -= 1


class Desks(Server, Desk):
    def start(self):
        self.slips, self.waiting = 0, []

    def echo(self, data):
        return data

    def slip(self):
        return ASlip(self)

    def wait(self):
        self.waiting.append(self.later())
        return self.waiting[-1]

    def withdrawn(self, reply):
        self.waiting.remove(reply)

    def held(self):
        return (self.slips, len(self.waiting))


def work(desk, files, seed):
    """Call for ever, with small and large payloads; slips are kept, and files without a name are open."""
    chosen, kept = random.Random(seed), []
    path = b"/c%d" % os.getpid()
    file = files.create(path)
    files.unlink(path)
    waits = chosen.randrange(8) == 0
    while True:
        data = os.urandom(8) * chosen.choice((1, 100, 20_000, 400_000))
        assert desk.echo(data) == data
        piece = data[:30_000]
        file.write(0, piece)
        assert file.read(0, len(piece)) == piece
        if len(kept) < 20:
            kept.append(desk.slip())
        assert kept[-1].number() == 7
        if waits and len(kept) == 5:
            desk.wait()


class Client(App):
    """A program that works until it is killed."""

    desk: Desk
    files: FileSystem

    def main(self, seed):
        os.write(1, b"!")
        work(self.desk, self.files, int(seed))
