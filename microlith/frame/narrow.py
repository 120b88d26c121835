"""From a capability of whatever interface to one of a particular interface.

In a signature `Interface` itself stands for a capability of whatever interface: that is how a server
such as `Names` takes and gives any.  Its receiver narrows it before use.
"""

from typing import Any, TypeVar, cast

from microlith.frame.facade import Facade, behind, facade
from microlith.frame.stub import Stub, stub_class
from microlith.interface.interface import Interface

I = TypeVar("I", bound=Interface)  # noqa: E741


def narrow(capability: Interface, interface: type[I]) -> I:
    """The same capability, now typed: it holds the same right, and goes when the last reference goes.

    Raises TypeError if it is known to be of another interface.  What stands behind a remote capability
    is not known here: an operation that it does not have answers BadMessage.
    """
    if isinstance(capability, interface):
        return capability
    untyped: Any = capability
    anything, wanted = cast(Any, (Interface, interface))
    stub = behind(untyped)
    if type(stub) is stub_class(anything):
        # Typed in place: a second stub for the handle would give the right back when either goes.
        stub.__class__ = stub_class(wanted)
        return cast(I, stub if stub is untyped else facade(stub, untyped._wraps))
    known = type(capability).__name__
    what = "capability" if isinstance(capability, (Facade, Stub)) else "object"
    raise TypeError(f"this {what} is a {known}, not of interface {interface.__name__}")
