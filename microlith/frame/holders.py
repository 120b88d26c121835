"""Who holds what in one address space, and what a receiver there gets.

Across a border, whoever is passed a capability gets a handle of its own.  Here it gets a facade of its
own: it obeys the rank of its holder, shows nothing but the interface, and counts as a holder for as long
as it lives.  An object is released when its last holder goes: the handles in apps' tables, the facades,
and, all together, the rights that other domains have to it.  What lives elsewhere is passed on as a stub
of the receiver's own.  Only operations that carry capabilities are wrapped; the others stay the bound
methods themselves.
"""

import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from microlith.frame.facade import Facade, Wrap, behind, checked, facade, like
from microlith.frame.guard import guarded
from microlith.frame.options import LinkOptions
from microlith.frame.server import Object, Server
from microlith.frame.stub import Stub
from microlith.interface.operation import Operation
from microlith.interface.values import exchanged

if TYPE_CHECKING:
    from microlith.frame.frame import Frame


class _Token:
    """What the methods of one facade have in common; it goes when the last of them goes."""

    __slots__ = ("__weakref__",)


class Holders:
    """Counts of holders by object, owners of objects, ranks and facades of servers."""

    def __init__(self, frame: "Frame") -> None:
        self._frame = frame
        self._count: dict[int, int] = {}
        self._ranks: dict[int, int] = {}  # by id of a server
        self._owners: weakref.WeakKeyDictionary[Any, Server] = weakref.WeakKeyDictionary()
        self._facades: dict[int, weakref.WeakSet[Facade]] = {}  # by id of the server that they lead to

    def add_server(self, server: Server, rank: int) -> None:
        """Remember a server's rank."""
        self._ranks[id(server)] = rank
        self._facades[id(server)] = weakref.WeakSet()

    def server(self, target: Any) -> bool:
        """Is this one of the servers here?"""
        return id(target) in self._ranks

    def owner(self, target: Any, giver: Server | None = None) -> Server | None:
        """A server itself; of an object, the server that first handed it out."""
        if id(target) in self._ranks:
            return target  # type: ignore[no-any-return]
        return self._owners.get(target) if giver is None else self._owners.setdefault(target, giver)

    def rank(self, target: Any, giver: Server | None = None) -> int:
        """The rank of a server, or of the owner of an object."""
        return self._ranks.get(id(self.owner(target, giver)), 0)

    def limit(self, holder: Server | None) -> int:
        """What this server (None: the program) calls must rank below this."""
        return self._frame.rank if holder is None else self._ranks[id(holder)]

    def facades(self, server: Server) -> list[Facade]:
        """Every facade that leads to this server now."""
        return list(self._facades[id(server)])

    # --- what a receiver gets ----------------------------------------------------------------------

    def receive(
        self,
        capability: Any,
        receiver: Server | None,
        giver: Server | None = None,
        link: LinkOptions | None = None,
        came_back: bool = False,
    ) -> Facade:
        """A facade of the receiver's own (None: an app), with the options of the link that it fills or came back by.

        TypeError if this is no capability.
        """
        target = behind(capability)
        if not isinstance(target, Object) and not self.server(target):
            raise TypeError(f"{capability!r} is not a capability")
        owner, rank = self.owner(target, giver), self.rank(target, giver)
        wraps: tuple[Wrap, ...] = (self._carrying(receiver, owner, link),)
        if self._frame.checked:
            wraps += (checked,)
        if receiver is not None and (receiver is not owner or self.server(target)):  # an object that came home is free
            wraps += guarded(rank, self._ranks[id(receiver)])
        if isinstance(target, Object):
            wraps += (self._holding(target),)
        if link is not None:
            wraps += link.wraps(came_back)
        made = facade(target, wraps)
        if self.server(target):
            self._facades[id(target)].add(made)
        return made

    def _holding(self, target: Object) -> Wrap:
        """Methods that count as a holder: `files.open(path).read(0, 9)` drops the facade before it reads."""
        token = _Token()
        self.hold(target)
        weakref.finalize(token, self.unhold, target).atexit = False

        def wrap(operation: Operation, method: Callable[..., Any]) -> Callable[..., Any]:
            held: Any = functools.partial(method)
            held.token = token
            return like(method, held)

        return wrap

    def _carrying(self, client: Server | None, server: Server | None, link: LinkOptions | None) -> Wrap:
        def wrap(operation: Operation, method: Callable[..., Any]) -> Callable[..., Any]:
            if not operation.carries:
                return method

            def admit(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
                return tuple([self._passed(value, server, client) for value in arguments])

            def call(*arguments: Any, **keywords: Any) -> Any:
                return self._passed(method(*admit(operation.bind(arguments, keywords))), client, server, link)

            call.admit = admit  # type: ignore[attr-defined]  # what a forwarded call needs of it
            return like(method, call)

        return wrap

    def _passed(
        self, value: Any, receiver: Server | None, giver: Server | None, link: LinkOptions | None = None
    ) -> Any:
        """The same value with every capability in it replaced by one of the receiver's own."""

        def pass_on(found: Any) -> Any:
            stub = behind(found)
            if not isinstance(stub, Stub):
                return self.receive(found, receiver, giver, link, came_back=True)
            twin = stub._twin(receiver, self.limit(receiver))
            return twin if link is None else facade(twin, link.wraps(came_back=True))

        return exchanged(value, (Facade, Object, Server, Stub), pass_on)

    # --- counting ----------------------------------------------------------------------------------

    def hold(self, target: Any) -> None:
        """One more holder."""
        if isinstance(target, Object):
            self._count[id(target)] = self._count.get(id(target), 0) + 1

    def unhold(self, target: Any) -> None:
        """One holder less; the last releases the object."""
        if not isinstance(target, Object):
            return
        self._count[id(target)] -= 1
        if not self._count[id(target)]:
            del self._count[id(target)]
            target.released()
