"""The options of a link, where its client lives: what wraps its operations.

The same wraps serve a facade of bound methods and a facade over a stub.  Innermost first: `check`, then
`lock`, `fault`, `hop`, `count`, `trace`; each but the first is an *around*, `(arguments, go) -> result`,
where `go(*arguments)` is what lies inside.  A call that is forwarded goes through the same arounds
(`Frame.forward`), and its result is the Reply.  Capabilities that come back through a link have its
options too, under the link's name and that of their interface.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from time import perf_counter_ns
from typing import Any

from microlith.frame.counted import counted, counted_direct
from microlith.frame.facade import Facade, Wrap, checked, facade, like
from microlith.frame.reply import Reply
from microlith.frame.stub import Stub
from microlith.frame.trace import traced
from microlith.interface.operation import Operation
from microlith.interface.status import SYSTEM_STATUSES
from microlith.interface.values import exchanged

Around = Callable[[tuple[Any, ...], Callable[..., Any]], Any]

CROSSINGS = {"direct": 0, "peer": 2, "kernel": 4}  # of a call, by the path of a plan; a one-way message has half
INTO_KERNEL = 2  # of a call, where the server lives in the kernel


class LinkOptions:
    """The options of one link and what its calls have in common."""

    def __init__(
        self,
        name: str,
        options: dict[str, Any],
        path: str,
        in_kernel: bool,
        lock: AbstractContextManager[Any] | None = None,
    ) -> None:
        self.name, self.options, self.path, self.in_kernel, self.lock = name, options, path, in_kernel, lock
        self.answerable = 0  # calls so far that could answer the status of `fault`

    def wraps(self, came_back: bool = False) -> tuple[Wrap, ...]:
        """The wraps of the slot's own facade, or of a capability that came back through the link."""
        check = (checked,) if "check" in self.options else ()
        return (*check, partial(self._wrap, came_back))

    def over(self, stub: Stub) -> Facade:
        """What the slot of a remote link holds."""
        return facade(stub, self.wraps())

    def _wrap(self, came_back: bool, operation: Operation, method: Callable[..., Any]) -> Callable[..., Any]:
        owner = getattr(method, "__self__", None)
        connection = owner._connection if isinstance(owner, Stub) else None
        label = f"{self.name}.{operation.interface}" if came_back else self.name
        arounds = [
            _inheriting(self) if connection is not None and operation.carries else None,
            _locked(self, operation),
            _failing(self, operation),
            _hopping(self, operation),
            self._counted(f"{label}.{operation.name}", connection) if "count" in self.options else None,
            traced(f"{label} {operation.name}") if "trace" in self.options else None,
        ]
        around = _nested([one for one in arounds if one is not None])
        if around is None:
            return method

        number = len(operation.parameters)

        def call(*arguments: Any, **keywords: Any) -> Any:
            if keywords or len(arguments) != number:
                arguments = operation.bind(arguments, keywords)
            return around(arguments, method)

        call.around = around  # type: ignore[attr-defined]  # what a forwarded call needs of it
        return like(method, call)

    def _counted(self, name: str, connection: Any) -> Around:
        return counted_direct(name) if connection is None else counted(name, connection, self.path, self.in_kernel)


def _nested(arounds: list[Around]) -> Around | None:
    """One around of several, the first innermost."""
    if not arounds:
        return None
    *inside, outermost = arounds
    inner = _nested(inside)
    if inner is None:
        return outermost
    return lambda arguments, go: outermost(arguments, lambda *given: inner(given, go))


# --- the options, one by one ---------------------------------------------------------------------------


def _inheriting(link: LinkOptions) -> Around:
    """Stubs in the result have the link's options.  (On a direct link its holders see to that.)"""
    wraps = link.wraps(came_back=True)

    def around(arguments: tuple[Any, ...], go: Callable[..., Any]) -> Any:
        return exchanged(go(*arguments), (Stub,), lambda stub: facade(stub, wraps))

    return around


def _locked(link: LinkOptions, operation: Operation) -> Around | None:
    """Not around what waits: it would keep everybody out who could answer it; nor around what is queued."""
    lock = link.lock
    if lock is None or operation.waits or operation.notify:
        return None

    def around(arguments: tuple[Any, ...], go: Callable[..., Any]) -> Any:
        with lock:
            return go(*arguments)

    return around


def _failing(link: LinkOptions, operation: Operation) -> Around | None:
    name, _, number = str(link.options.get("fault", "")).rpartition("/")
    status = next((s for s in (*operation.statuses, *SYSTEM_STATUSES) if s.__name__ == name), None)
    if status is None or operation.notify:
        return None
    injected, every = status, int(number)

    def around(arguments: tuple[Any, ...], go: Callable[..., Any]) -> Any:
        link.answerable += 1
        if link.answerable % every == 0:
            raise injected("injected")
        return go(*arguments)

    return around


def _hopping(link: LinkOptions, operation: Operation) -> Around | None:
    crossings = INTO_KERNEL if link.path == "kernel" and link.in_kernel else CROSSINGS[link.path]
    cost_ns = int(float(link.options.get("hop", 0)) * 1000 * crossings / (2 if operation.notify else 1))
    if not cost_ns:
        return None

    def around(arguments: tuple[Any, ...], go: Callable[..., Any]) -> Any:
        spend = cost_ns
        try:
            result = go(*arguments)
            if isinstance(result, Reply):  # forwarded: its answer goes another way
                spend = cost_ns // 2
            return result
        finally:
            until = perf_counter_ns() + spend
            while perf_counter_ns() < until:
                pass

    return around
