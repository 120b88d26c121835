"""Names for capabilities, at run time.

A service is bound with the text of its interface (`schema`), and whoever looks it up says which
interface is wanted.  So a wrong type is a status at the look-up, the same in every architecture, and
not a message that the service misunderstands later.  Callers use `publish` and `find`.
"""

from typing import TypeVar

from microlith.frame.narrow import narrow
from microlith.frame.server import Server
from microlith.interface.interface import Interface, interface_of, schema
from microlith.interface.operation import idempotent, raises
from servers.statuses import Exists, Invalid, NoSpace, NotFound, WrongInterface

LONGEST = 255  # characters of a name
SCHEMA = 65536  # characters of an interface's text

I = TypeVar("I", bound=Interface)  # noqa: E741


class Names(Interface):
    """Names to capabilities."""

    @raises(Exists, Invalid, NoSpace)
    def bind(self, name: str, service: Interface, schema: str) -> None:
        """Give a service of that interface a name that is free."""
        ...

    @idempotent
    @raises(Invalid, NoSpace)
    def rebind(self, name: str, service: Interface, schema: str) -> None:
        """Give a service a name, whatever it named before."""
        ...

    @idempotent
    @raises(NotFound, WrongInterface)
    def lookup(self, name: str, schema: str = "") -> Interface:
        """The service of that name, if it has all operations of the interface that is wanted."""
        ...

    @raises(NotFound)
    def unbind(self, name: str) -> None:
        """Free a name.  Who looked it up keeps the capability."""
        ...

    @idempotent
    @raises(Invalid)
    def list(self, prefix: str = "", after: str = "", count: int = 1000) -> tuple[str, ...]:
        """Up to `count` names that begin with `prefix` and come after `after`, sorted."""
        ...


def publish(names: Names, name: str, service: Interface) -> None:
    """Bind a capability under the interface that its holder knows it by."""
    names.bind(name, service, schema(interface_of(type(service))))


def find(names: Names, name: str, interface: type[I]) -> I:
    """The service of that name as a capability of that interface."""
    return narrow(names.lookup(name, schema(interface)), interface)


class NameTable(Server, Names):
    """Names in memory, at most `capacity`; after a restart they are bound anew by whoever offers them."""

    capacity: int = 1024

    def start(self) -> None:
        """No names."""
        self._bound: dict[str, tuple[Interface, str]] = {}

    def bind(self, name: str, service: Interface, schema: str) -> None:
        if name in self._bound:
            raise Exists(name)
        self.rebind(name, service, schema)

    def rebind(self, name: str, service: Interface, schema: str) -> None:
        if not 0 < len(name) <= LONGEST or not name.isprintable():
            raise Invalid(f"{name!r:.300} is no name: 1 to {LONGEST} printable characters")
        if len(schema) > SCHEMA:
            raise Invalid(f"{len(schema)} characters are more than an interface's text may have ({SCHEMA})")
        if name not in self._bound and len(self._bound) >= self.capacity:
            raise NoSpace(f"there are {self.capacity} names already")
        self._bound[name] = (service, schema)

    def lookup(self, name: str, schema: str = "") -> Interface:
        service, offered = self._find(name)
        missing = _operations(schema) - _operations(offered)
        if missing:
            raise WrongInterface(f"{name} has no operation {min(missing)}")
        return service

    def unbind(self, name: str) -> None:
        self._find(name)
        del self._bound[name]

    def list(self, prefix: str = "", after: str = "", count: int = 1000) -> tuple[str, ...]:
        if count < 0:
            raise Invalid(f"count {count} must not be negative")
        found = sorted(name for name in self._bound if name.startswith(prefix) and name > after)
        return tuple(found[: min(count, 1000)])

    def _find(self, name: str) -> tuple[Interface, str]:
        if name not in self._bound:
            raise NotFound(name[:LONGEST])
        return self._bound[name]


def _operations(schema: str) -> set[str]:
    """The operations in an interface's text; its first line is the name of the interface."""
    return {line.strip() for line in schema.splitlines()[1:]}
