"""Classes that the broken system files name."""

from enum import Enum

from microlith.frame.server import App, Object, Server
from microlith.interface.devices import HostFile, Terminal, Timer
from microlith.interface.interface import Interface
from microlith.interface.operation import notify
from servers.blockdevice import BlockDevice


class Sync(Enum):
    ALWAYS = "always"
    NEVER = "never"


class Shelf(Interface):
    def fetch(self, name: bytes) -> bytes: ...


class Bell(Interface):
    @notify
    def ring(self, times: int) -> None: ...


class Files(Server):
    disk: BlockDevice
    cache_blocks: int = 1024
    sync: Sync = Sync.ALWAYS
    ratio: float = 0.5
    names: tuple[str, ...] = ()


class Strict(Server):
    limit: int


class Librarian(Server, Shelf):
    next: Shelf

    def fetch(self, name):
        return self.next.fetch(name)


class Ringer(Server, Bell):
    next: Bell

    def ring(self, times):
        self.next.ring(times)


class Keyboard(Server):
    terminal: Terminal


class Clock(Server):
    timer: Timer


class Drive(Server):
    image: HostFile


class Program(App):
    disk: BlockDevice


class Handle(Object):
    pass


class IllDefined(Server):
    table: dict


class Plain:
    pass


NUMBER = 5


class Attic(Server, Shelf):
    def fetch(self, name):
        return name
