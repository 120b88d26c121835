"""Who holds what in one address space: an object is released when its last holder goes.

Holders are the handles in apps' tables and the facades that servers keep.
"""

import weakref
from typing import Any

from microlith.frame.server import Object, Server


class Holders:
    """Counts of holders by object; ranks by server."""

    def __init__(self) -> None:
        self._count: dict[int, int] = {}
        self._ranks: dict[int, int] = {}
        self._object_ranks: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def add_server(self, server: Server, rank: int) -> None:
        """Remember a server's rank."""
        self._ranks[id(server)] = rank

    def server(self, target: Any) -> bool:
        """Is this one of the servers here?"""
        return id(target) in self._ranks

    def rank(self, target: Any, otherwise: int) -> int:
        """The rank of a server, or of the server that first handed out an object."""
        if id(target) in self._ranks:
            return self._ranks[id(target)]
        return self._object_ranks.setdefault(target, otherwise)

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

    def follow(self, holder: Any, target: Any) -> None:
        """Count a facade as a holder for as long as it lives."""
        self.hold(target)
        weakref.finalize(holder, self.unhold, target)
