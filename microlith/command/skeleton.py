"""The texts that `microlith new server` writes; @NAME@ and @CLASS@ are filled in."""

SERVER = '''"""@NAME@: a counter, to be replaced by what your server does."""

from microlith.frame.server import Server
from microlith.interface.interface import Interface
from microlith.interface.operation import idempotent, raises
from microlith.interface.status import Status


class TooMany(Status):
    """The count would pass the limit."""


class @CLASS@(Interface):
    """What clients may call.  An interface only declares; stubs and messages are made from it."""

    @raises(TooMany)  # the statuses that it may answer; anything else that escapes is a fault
    def add(self, amount: int) -> int:
        """Add to the count.  Answers the new count."""
        ...

    @idempotent  # repeating it is harmless, so a client may do so after a restart
    def count(self) -> int:
        """The count."""
        ...


class @CLASS@Server(Server, @CLASS@):
    """The server.  It runs unchanged in every architecture, one request at a time."""

    # What it needs is annotated here and given in the system file:
    #     disk: BlockDevice      a capability: the name of a server that exports this interface
    #     image: HostFile        a device: opened by the launcher, handed over open
    limit: int = 1000  # a setting with a default

    def start(self) -> None:
        """Runs before the server says that it is ready."""
        self._count = 0

    def add(self, amount: int) -> int:
        """Add to the count, up to the limit."""
        if self._count + amount > self.limit:
            raise TooMany(f"{self._count} + {amount} is more than {self.limit}")
        self._count += amount
        return self._count

    def count(self) -> int:
        """The count.  It is lost with the server: keep what must last in a file."""
        return self._count
'''

SYSTEM = """# One server; add what it needs, and what needs it.
#     microlith plan @NAME@.toml --as mach

[servers.@NAME@]
class = "@NAME@:@CLASS@Server"
limit = 100

# Reserved tables, each with what it may hold: `microlith schema`.
# [servers.@NAME@.restart]
# policy = "permanent"
"""

TEST = '''"""The server by itself: an object that is built, given its settings, and called."""

from pathlib import Path

import pytest
from @NAME@ import @CLASS@Server, TooMany

from microlith.system.check import check
from microlith.system.systemfile import load


@pytest.fixture
def server():
    server = @CLASS@Server()
    server.limit = 10
    server.start()
    return server


def test_add_within_the_limit(server):
    assert server.add(3) == 3
    assert server.add(4) == 7
    assert server.count() == 7


def test_add_beyond_the_limit_changes_nothing(server):
    with pytest.raises(TooMany):
        server.add(11)
    assert server.count() == 0


def test_system_file():
    system = load(Path(__file__).with_name("@NAME@.toml"))
    check(system)
    assert system.servers["@NAME@"].settings == {"limit": 100}
'''
