"""A server for the tests of walks."""

from microlith.frame.server import Server
from microlith.interface.interface import Interface
from microlith.interface.operation import notify


class Bell(Interface):
    @notify
    def ring(self) -> None: ...


class BellServer(Server, Bell):
    def ring(self):
        pass
