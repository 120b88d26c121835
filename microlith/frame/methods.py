"""The dispatch table of a server's or an object's class: operation numbers to methods."""

from collections.abc import Callable
from typing import Any, NamedTuple

from microlith.interface.interface import operations_of
from microlith.interface.operation import Operation


class Method(NamedTuple):
    """An operation and the function that does it; for a @waits operation the one that may answer later."""

    operation: Operation
    function: Callable[..., Any]


_tables: dict[type, dict[int, Method]] = {}


def methods_of(cls: type) -> dict[int, Method]:
    """The methods of a class by operation number."""
    table = _tables.get(cls)
    if table is None:
        table = _tables[cls] = {
            operation.number: method_of(cls, operation) for operation in operations_of(cls).values()
        }
    return table


def method_of(cls: type, operation: Operation) -> Method:
    """The method of a class for one operation."""
    function = getattr(cls, operation.name)
    return Method(operation, getattr(function, "inner", function))
