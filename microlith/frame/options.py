"""The options of a link, where its client lives: what wraps its operations.

The same wraps serve a facade of bound methods and a facade over a stub.  Innermost first: `check`, then
`lock`, `fault`, `hop`, `count`, `trace`; each but the first is an *around*, `(arguments, go) -> result`,
where `go(*arguments)` is what lies inside.  A call that is forwarded goes through the same arounds
(`Frame.forward`), and its result is the Reply.  Capabilities that come back through a link have its
options too, under the link's name and that of their interface.
"""

import resource
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from time import perf_counter_ns
from typing import Any

from microlith.frame import wire
from microlith.frame.facade import Facade, Wrap, checked, facade, like
from microlith.frame.page import COUNTS
from microlith.frame.server import here
from microlith.frame.stub import Stub
from microlith.frame.trace import traced
from microlith.interface.operation import Operation
from microlith.interface.status import SYSTEM_STATUSES, Status
from microlith.interface.values import exchanged

Around = Callable[[tuple[Any, ...], Callable[..., Any]], Any]

DIRECT, PEER, KERNEL = "direct", "peer", "kernel"  # paths, as a plan has them
CROSSINGS = {DIRECT: 0, PEER: 2, KERNEL: 4}  # of a call; a one-way message has half

CALLS, STATUSES, MESSAGES, CROSSED, VISITS, BYTES, WAKE_UPS, SYSTEM_CALLS = range(len(COUNTS))


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
            _counted(self, f"{label}.{operation.name}", connection),
            traced(f"{label} {operation.name}") if "trace" in self.options else None,
        ]
        around = _nested([one for one in arounds if one is not None])
        if around is None:
            return method

        def call(*arguments: Any, **keywords: Any) -> Any:
            return around(operation.bind(arguments, keywords), method)

        call.around = around  # type: ignore[attr-defined]  # what a forwarded call needs of it
        return like(method, call)


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
    crossings = CROSSINGS[link.path] / (2 if operation.notify else 1)
    cost_ns = int(float(link.options.get("hop", 0)) * 1000 * crossings)
    if not cost_ns:
        return None

    def around(arguments: tuple[Any, ...], go: Callable[..., Any]) -> Any:
        until = perf_counter_ns() + cost_ns
        while perf_counter_ns() < until:
            pass
        return go(*arguments)

    return around


def _counted(link: LinkOptions, name: str, connection: Any) -> Around | None:
    if "count" not in link.options:
        return None
    if connection is None:
        return partial(_count_direct, name)

    def around(arguments: tuple[Any, ...], go: Callable[..., Any]) -> Any:
        page = connection.frame.page
        words, row = page.words, page.row(name)
        words[row + CALLS] += 1
        outer, connection.tally = connection.tally, []
        wakes, system_calls = _wakes(), connection.system_calls
        try:
            return go(*arguments)
        except Status:
            words[row + STATUSES] += 1
            raise
        finally:
            tally, connection.tally = connection.tally, outer
            for kind, size in tally:
                messages, crossings, visits, copies = cost(link.path, link.in_kernel, kind)
                words[row + MESSAGES] += messages
                words[row + CROSSED] += crossings
                words[row + VISITS] += visits
                words[row + BYTES] += copies * size
            words[row + WAKE_UPS] += _wakes() - wakes
            words[row + SYSTEM_CALLS] += connection.system_calls - system_calls

    return around


def _count_direct(name: str, arguments: tuple[Any, ...], go: Callable[..., Any]) -> Any:
    """A direct call is a call, and perhaps a status; it crosses nothing."""
    page = here().page
    words, row = page.words, page.row(name)
    words[row + CALLS] += 1
    try:
        return go(*arguments)
    except Status:
        words[row + STATUSES] += 1
        raise


def cost(path: str, in_kernel: bool, kind: int) -> tuple[int, int, int, int]:
    """What one message of a call costs: messages, crossings, kernel visits, copies of its bytes.

    A message is copied once by whoever sends it and once by whoever receives it, and it crosses where it is
    received.  Through the kernel it is received and sent once more on its way.  FAIL is the kernel's own
    word, which no domain sent; CANCEL goes no further than to the kernel.
    """
    to_server = kind in (wire.CALL, wire.NOTIFY, wire.FORWARD, wire.CANCEL)
    if path == PEER:
        return (1, 1, int(in_kernel and to_server), 2)
    if kind == wire.FAIL:
        return (0, 1, 0, 2)
    return (1, 1, 1, 2) if kind == wire.CANCEL else (1, 2, 1, 4)


def _wakes() -> int:
    """How often the threads of this process have slept."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
