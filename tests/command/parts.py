"""Servers and programs for the tests of the commands."""

import enum
import sys
import time

from microlith.frame.server import App, Server
from microlith.interface.devices import HostFile
from microlith.interface.interface import Interface
from microlith.interface.operation import idempotent, raises, waits
from microlith.interface.status import Status
from microlith.interface.values import Struct


class Colour(enum.Enum):
    RED = "red"
    DARK_BLUE = "blue"


class Point(Struct, frozen=True):
    x: int
    name: bytes
    colour: Colour = Colour.RED


class Odd(Status):
    """Declared."""


class Cell(Interface):
    def size(self) -> int: ...


class Menu(Interface):
    @idempotent
    def echo(self, data: bytes, times: int = 1) -> bytes: ...

    def points(self, several: tuple[Point, ...], half: float = 0.5, maybe: str | None = None) -> tuple[Point, ...]: ...

    @raises(Odd)
    def odd(self, colour: Colour, yes: bool = False) -> str: ...

    @waits
    def never(self) -> None: ...

    def say(self, text: str) -> None: ...

    def other(self, menu: Cell) -> int: ...


class MenuServer(Server, Menu):
    """Prints what it is told to say."""

    def echo(self, data, times=1):
        return data * times

    def points(self, several, half=0.5, maybe=None):
        return several

    def odd(self, colour, yes=False):
        if not yes:
            raise Odd(f"it is {colour.value}")
        return "even"

    def never(self):
        return self.later()

    def say(self, text):
        print(text, flush=True)

    def other(self, menu):
        return menu.size()


class CellServer(Server, Cell):
    def size(self):
        return 7


class Failing(Server, Cell):
    def start(self):
        raise ValueError("no start for me")

    def size(self):
        return 7


class Slow(Server, Cell):
    """Never ready."""

    def start(self):
        print("slow begins", flush=True)
        time.sleep(60)

    def size(self):
        return 7


class Cat(App):
    """Copies its input in upper case; the exit status is its first argument."""

    menu: Menu
    note: HostFile | None = None

    def main(self, *arguments: str) -> int:
        sys.stdout.write(sys.stdin.read().upper())
        sys.stdout.write(" ".join(arguments[1:]))
        sys.stderr.write("done\n")
        return int(arguments[0])


class Stuck(App):
    """Waits for ever."""

    menu: Menu

    def main(self, *arguments: str) -> int:
        sys.stdout.write("stuck\n")
        sys.stdout.flush()
        self.menu.never()
        return 0


class Reader(App):
    """Prints the first bytes of its device."""

    file: HostFile
    menu: Menu

    def main(self, *arguments: str) -> int:
        import os

        sys.stdout.buffer.write(os.pread(self.file.fd, 5, 0))
        sys.stdout.flush()
        return 0
