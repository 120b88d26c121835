"""The Interface class: methods with signatures and docstrings and no bodies.

Everything else is generated from it: the numbered operation table, the typed forms of requests and
replies, the client's stub, the server's dispatch, the schema text.  Operations are numbered from 1
in the order of their definition, those of a base interface first, so an interface that only appends
operations stays compatible with older clients.

A class that *implements* an interface (a server, an object, a stub) derives from `Implementation`
too, and is checked against the interface when it is defined.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from microlith.interface.operation import Operation, is_function, plain_parameters, read_operation


class Implementation:
    """The mark of a class that has bodies for an interface's operations."""

    __slots__ = ()

    #: names that the frame calls, and that an operation may therefore not have
    __hooks__: ClassVar[tuple[str, ...]] = ()

    #: set by the frame: wraps an operation's method when the class is defined (see frame/server.py)
    adapt: ClassVar[Callable[[Operation, Callable[..., Any]], Callable[..., Any]] | None] = None


class Interface:
    """Derive from this to declare an interface."""

    __operations__: ClassVar[dict[str, Operation]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if issubclass(cls, Implementation):
            check_implementation(cls)
        else:
            cls.__operations__ = _collect(cls)


def operations_of(cls: type) -> dict[str, Operation]:
    """The operation table of an interface, or of the interface that a class implements; by name."""
    return interface_of(cls).__operations__


def interface_of(cls: type) -> type[Interface]:
    """The one interface that this class exports (Interface itself: no operations at all)."""
    found = [c for c in cls.__mro__ if "__operations__" in vars(c)]
    return found[0] if found else Interface


def schema(interface: type[Interface]) -> str:
    """The interface as text, one operation a line; what two sides compare, and what people read."""
    lines = [f"interface {interface.__name__}"]
    lines += [f"  {operation}" for operation in interface.__operations__.values()]
    return "\n".join(lines) + "\n"


def compatible(wanted: type[Interface], offered: type[Interface]) -> bool:
    """Can a client of `wanted` be served by `offered`?  It may offer more operations, not other ones."""
    have = {str(operation) for operation in offered.__operations__.values()}
    return all(str(operation) in have for operation in wanted.__operations__.values())


def _collect(cls: type) -> dict[str, Operation]:
    bases = [base for base in cls.__bases__ if base is not Interface and issubclass(base, Interface)]
    if len(bases) > 1:
        raise TypeError(f"{cls.__name__} extends two interfaces; extend one and repeat the other's operations")
    table = dict(bases[0].__operations__) if bases else {}
    cls.__operations__ = {}  # type: ignore[attr-defined]  # from here on it is an interface, for its own signatures too
    for name, member in list(vars(cls).items()):
        if name.startswith("__"):
            continue
        if not is_function(member) or name.startswith("_"):
            raise TypeError(f"{cls.__name__}.{name} is not an operation; an interface holds nothing else")
        if name in table:
            raise TypeError(f"{cls.__name__}.{name} redefines an operation of its base interface")
        table[name] = read_operation(cls, len(table) + 1, member)
    return table


def check_implementation(cls: type) -> None:
    """Refuse a class whose methods do not fit the interface it exports, naming the operation."""
    interfaces = [c for c in cls.__mro__ if "__operations__" in vars(c)]
    for other in interfaces[1:]:
        if not issubclass(interfaces[0], other):
            raise TypeError(f"{cls.__name__} exports both {interfaces[0].__name__} and {other.__name__}; export one")
    if vars(cls).get("__generated__"):
        return
    for operation in operations_of(cls).values():
        if operation.name in cls.__hooks__:  # type: ignore[attr-defined]
            raise TypeError(
                f"{operation.qualified}: {cls.__name__} has a hook of that name; call the operation otherwise"
            )
        method = next((vars(c)[operation.name] for c in cls.__mro__ if operation.name in vars(c)), None)
        if method in [vars(c).get(operation.name) for c in interfaces]:
            raise TypeError(f"{cls.__name__} does not implement {operation.qualified}")
        own = vars(cls).get(operation.name)
        if own is None and operation.waits and not hasattr(method, "inner"):
            own = method  # of a mixin that knows nothing of the interface
        if not is_function(own):
            continue
        names = tuple(name for name, _ in plain_parameters(f"{cls.__name__}.{operation.name}", own))
        if names != operation.names:
            raise TypeError(
                f"{cls.__name__}.{operation.name} takes ({', '.join(names)}),"
                f" {operation.qualified} says ({', '.join(operation.names)})"
            )
        if cls.adapt is not None:  # type: ignore[attr-defined]
            setattr(cls, operation.name, cls.adapt(operation, own))  # type: ignore[attr-defined]
