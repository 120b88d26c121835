"""A server that takes bytes and does nothing with them, and a program that measures what handing them over costs."""

from collections.abc import Callable
from functools import partial
from typing import Any

from bench.workload import Workload
from microlith.frame.server import Server
from microlith.interface.interface import Interface


class Sink(Interface):
    """Takes bytes."""

    def take(self, data: bytes) -> None:
        """Take them."""
        ...


class Nowhere(Server, Sink):
    """Takes bytes, and forgets them."""

    def take(self, data: bytes) -> None:
        pass


class Pourer(Workload):
    """A Workload with one operation more for each size: `take_4096` hands over 4 KiB."""

    sink: Sink

    def _action(self, operation: str) -> Callable[[], Any]:
        if operation.startswith("take_"):
            return partial(self.sink.take, bytes(int(operation.removeprefix("take_"))))
        return super()._action(operation)
