"""The program that makes the call which is walked.

An architecture places it like any other program, so in a library OS its call is a bound method.  A chain of calls
is a list of steps, the first on one of its slots, each other on the capability that the one before answered:

    {"do": "run", "chain": CHAIN}    make all calls of a chain
    {"do": "aim", "chain": CHAIN}    make all but the last, which is the one that is walked
    {"do": "call", "n": 100}         make that one n times -> {"ns": [...]}, nanoseconds of each
    {"do": "walk", "n": 9}           the same -> {"times": [[begin, end], ...]} of the monotonic clock
    {"do": "warm", "chain": CHAIN, "n": 30}    make a chain n times

    CHAIN = {"slot": 0, "steps": [{"operation": "read", "body": hex, "bulk": hex, "slots": [arguments]}, ...]}

Capabilities that were answered are kept, so that none is given back while something is counted.  Where a status
ends a chain, the answer is {"failed": operation, "status": name, "detail": text}.
"""

import gc
from collections.abc import Callable
from functools import partial
from time import monotonic_ns
from typing import Any

from bench.commanded import Commanded
from bench.workload import timed
from microlith.frame.codec import Codec
from microlith.frame.narrow import narrow
from microlith.interface.interface import Interface, operations_of
from microlith.interface.operation import Operation
from microlith.interface.status import Status
from microlith.process.birth import find_class

SLOTS = tuple(f"slot{number}" for number in range(8))


class Walker(Commanded):
    """Calls what it is told to call.  `interfaces` says as what it holds each of its slots."""

    slot0: Interface
    slot1: Interface | None = None
    slot2: Interface | None = None
    slot3: Interface | None = None
    slot4: Interface | None = None
    slot5: Interface | None = None
    slot6: Interface | None = None
    slot7: Interface | None = None
    interfaces: tuple[str, ...] = ()

    def begin(self) -> None:
        """Learn what the slots are."""
        kinds: list[Any] = [find_class(dotted) for dotted in self.interfaces]
        self._slots: list[Any] = [narrow(getattr(self, name), kind) for name, kind in zip(SLOTS, kinds, strict=False)]
        self._codec = Codec(lambda value: (0, 0, 0, 0), lambda entry, interface: self._slots[entry[2]])
        self._kept: list[Any] = []
        self._asked = ""

    def do_run(self, chain: dict[str, Any]) -> dict[str, Any]:
        """All calls of a chain."""
        return self._safely(lambda: self._kept.append(self._last(chain)()))

    def do_warm(self, chain: dict[str, Any], n: int) -> dict[str, Any]:
        """All calls of a chain, n times."""
        return self._safely(lambda: [self._last(chain)() for _ in range(n)])

    def do_aim(self, chain: dict[str, Any]) -> dict[str, Any]:
        """All but the last."""

        def aim() -> None:
            self._aimed = self._last(chain)

        return self._safely(aim)

    def do_call(self, n: int) -> dict[str, Any]:
        """The last, n times."""
        took: list[int] = []
        return self._safely(lambda: took.extend(timed(self._aimed, n))) or {"ns": took}

    def do_walk(self, n: int) -> dict[str, Any]:
        """The last, n times, with no collection of garbage in its way."""
        times: list[tuple[int, int]] = []

        def walk() -> None:
            for _ in range(n):
                began = monotonic_ns()
                result = self._aimed()
                times.append((began, monotonic_ns()))
                self._kept.append(result)

        gc.collect()
        gc.disable()
        try:
            return self._safely(walk) or {"times": times}
        finally:
            gc.enable()

    def _last(self, chain: dict[str, Any]) -> Callable[[], Any]:
        """Make all calls but the last, and give that back."""
        target = self._slots[chain["slot"]]
        *before, last = chain["steps"]
        for step in before:
            target = self._bound(target, step)()
            self._kept.append(target)
        return self._bound(target, last)

    def _bound(self, target: Any, step: dict[str, Any]) -> Callable[[], Any]:
        operation: Operation = operations_of(type(target))[step["operation"]]
        self._asked = operation.qualified
        caps = tuple((0, 0, slot, 0) for slot in step["slots"])
        arguments = self._codec.read_request(operation, bytes.fromhex(step["body"]), bytes.fromhex(step["bulk"]), caps)
        return partial(getattr(target, operation.name), *arguments)

    def _safely(self, act: Callable[[], Any]) -> dict[str, Any]:
        try:
            act()
        except Status as status:
            return {"failed": self._asked, "status": type(status).__name__, "detail": status.detail}
        return {}
