"""Direct links: what a client's slot holds when the server lives in the same address space.

A facade has the operations of the interface as attributes and nothing else; with no options each *is*
the server's own bound method.  The options of the link wrap it (`options.py`); a remote link that has
options is a facade too, over its stub.
A facade for an object counts as a holder of it: when the last one goes, the object is released.
"""

import functools
from collections.abc import Callable
from typing import Any

from microlith.frame.server import here
from microlith.frame.stub import Stub
from microlith.interface.interface import Implementation, interface_of, operations_of
from microlith.interface.operation import Operation
from microlith.interface.status import Status, SystemStatus
from microlith.interface.values import matches, name_of

Wrap = Callable[[Operation, Callable[..., Any]], Callable[..., Any]]


class Facade(Implementation):
    """The base of the generated classes; `target` is the server, object or stub behind it."""

    __slots__ = ("__weakref__", "_wraps", "target")
    target: Any
    _wraps: tuple[Wrap, ...]  # with which it was made


def behind(capability: Any) -> Any:
    """The server, object or stub that a capability leads to."""
    return capability.target if isinstance(capability, Facade) else capability


@functools.cache
def facade_class(interface: Any) -> Any:
    """The facade class of an interface: one slot an operation, and the interface as its base."""
    names = tuple(interface.__operations__)
    made: Any = type(f"{interface.__name__}Facade", (Facade, interface), {"__slots__": names})
    return made


def facade(target: Any, wraps: tuple[Wrap, ...] = ()) -> Facade:
    """A facade for a server, an object or a stub, its operations wrapped by `wraps`, innermost first."""
    cls: Any = interface_of(type(target))
    made: Facade = facade_class(cls)()
    made.target, made._wraps = target, wraps
    bind(made, wraps)
    return made


def bind(made: Facade, wraps: tuple[Wrap, ...] = ()) -> None:
    """Fill (or, between requests, re-fill) the operations of a facade."""
    for operation in operations_of(type(made)).values():
        method: Any = getattr(made.target, operation.name)
        if operation.notify and not isinstance(made.target, Stub):
            method = functools.partial(_post, made.target, operation)
            method.__name__ = operation.name
        for wrap in wraps:
            method = wrap(operation, method)
        object.__setattr__(made, operation.name, method)


def _post(target: Any, operation: Operation, *arguments: Any, **keywords: Any) -> None:
    """A notify is queued, also on a direct link."""
    here().post(target, operation, operation.bind(arguments, keywords))


def checked(operation: Operation, method: Callable[..., Any]) -> Callable[..., Any]:
    """The `check` option: every argument, result and status is exactly what the signature says."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        bound = operation.bind(arguments, keywords)
        check_arguments(operation, bound)
        try:
            result = method(*bound)
        except Status as status:
            if not isinstance(status, (*operation.statuses, SystemStatus)):
                raise TypeError(f"{operation.qualified} does not declare {type(status).__name__}") from status
            raise
        check_result(operation, result)
        return result

    return like(method, call)


def like(method: Callable[..., Any], wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """Make a wrapper pass for the bound method in it, so that a call can be forwarded to it."""
    functools.update_wrapper(wrapper, method)
    wrapper.__self__ = getattr(method, "__self__", None)  # type: ignore[attr-defined]
    return wrapper


def check_arguments(operation: Operation, arguments: tuple[Any, ...]) -> None:
    """Raise TypeError naming the first argument that is not exactly what its parameter says."""
    for parameter, value in zip(operation.parameters, arguments, strict=True):
        if not matches(value, parameter.annotation):
            wanted = name_of(parameter.annotation)
            raise TypeError(f"{operation.qualified}: {parameter.name} is {value!r}, not exactly {wanted}")


def check_result(operation: Operation, result: Any) -> None:
    """Raise TypeError if the result is not exactly what the operation says."""
    if not matches(result, operation.result):
        raise TypeError(f"{operation.qualified} returned {result!r}, not exactly {name_of(operation.result)}")
