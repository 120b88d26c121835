"""Remote links: what a client's slot holds when the server lives elsewhere.

A stub class is generated from the interface.  Its methods bind the arguments and give the call to the
stub's connection, which knows the path and the transport.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from microlith.interface.interface import Implementation
from microlith.interface.operation import Operation

if TYPE_CHECKING:
    from microlith.frame.connection import Connection

TOP = 1 << 16  # above every rank


class Stub(Implementation):
    """A capability held through a connection: `_handle` is its index in the domain's table.

    `_holder` is the server of this domain whose it is (None: the program), which may call what ranks below
    `_limit`.  Its own names begin with an underscore, which those of operations never do.
    """

    __slots__ = ("__weakref__", "_connection", "_handle", "_holder", "_limit", "_origin", "_rank")
    _connection: "Connection"
    _handle: int
    _rank: int
    adapt = None

    def __init__(self, connection: "Connection", handle: int, rank: int, holder: Any = None, limit: int = TOP) -> None:
        self._connection, self._handle, self._rank = connection, handle, rank
        self._holder, self._limit = holder, limit
        self._origin: Stub | None = None

    def _twin(self, holder: Any, limit: int) -> "Stub":
        """The same right for another server of the domain; it is given back when the last twin goes."""
        twin = type(self)(self._connection, self._handle, self._rank, holder, limit)
        twin._origin = self._origin or self
        return twin

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)
        if connection is not None and self._origin is None:
            connection.forget(self._handle)


@functools.cache
def stub_class(interface: Any) -> type[Stub]:
    """The stub class of an interface."""
    methods = {name: _method(operation) for name, operation in interface.__operations__.items()}
    made: type[Stub] = type(
        f"{interface.__name__}Stub", (Stub, interface), {"__slots__": (), "__generated__": True, **methods}
    )
    return made


def _method(operation: Operation) -> Callable[..., Any]:
    count, bind, missing = len(operation.parameters), operation.bind, operation.defaults
    if operation.notify:

        def method(self: Stub, *arguments: Any, **keywords: Any) -> Any:
            if keywords or len(arguments) != count:
                arguments = bind(arguments, keywords)
            self._connection.notify(self, operation, arguments)

    elif not count:

        def method(self: Stub) -> Any:  # type: ignore[misc]
            return self._connection.call(self, operation, ())

    else:

        def method(self: Stub, *arguments: Any, **keywords: Any) -> Any:
            if keywords or len(arguments) != count:
                rest = None if keywords else missing.get(len(arguments))
                arguments = bind(arguments, keywords) if rest is None else arguments + rest
            return self._connection.call(self, operation, arguments)

    method.__name__, method.__qualname__ = operation.name, f"{operation.interface}Stub.{operation.name}"
    return method
