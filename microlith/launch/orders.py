"""Orders to the root of a machine, and the answers that come back over its control channel."""

import itertools
import os
import socket
import threading
from collections.abc import Sequence
from typing import Any

from microlith.interface.status import UsageError
from microlith.process import parcel


class MachineDied(RuntimeError):
    """The root is gone and will not come back; the text says how it ended."""


class Order:
    """An order that waits for its answer."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.result: Any = None  # and None when the root died over it
        self.descriptors: tuple[int, ...] = ()  # that came with it


def close_all(descriptors: Sequence[int]) -> None:
    """Close them."""
    for descriptor in descriptors:
        os.close(descriptor)


class Orders:
    """The orders that wait.  Any thread gives them, the launcher's hears the answers."""

    def __init__(self) -> None:
        self._waiting: dict[int, Order] = {}
        self._serial = itertools.count(1)

    def give(
        self, control: socket.socket, record: dict[str, Any], descriptors: tuple[int, ...], timeout_s: float
    ) -> tuple[Any, tuple[int, ...]]:
        """Send an order and wait for its result, and the descriptors that come with it, which are the caller's.

        Raises parcel.Closed if there is no root, MachineDied if it dies over it, TimeoutError, and UsageError for
        what cannot be done.
        """
        order, number = Order(), next(self._serial)
        self._waiting[number] = order
        try:
            try:
                parcel.send(control, {**record, "id": number}, descriptors)
            except OSError:
                raise parcel.Closed from None
            if not order.done.wait(timeout_s):
                raise TimeoutError(f"the root did not answer {record['do']!r} within {timeout_s:g} s")
        finally:
            self._waiting.pop(number, None)
        if order.result is None:
            raise MachineDied("the root domain died before it answered")
        if isinstance(order.result, dict) and "error" in order.result:
            raise UsageError(str(order.result["error"]))
        return order.result, order.descriptors

    def answered(self, record: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        """The root's answer to one of them."""
        order = self._waiting.pop(record["re"], None)
        if order is not None:
            order.result, order.descriptors = record["result"], descriptors
            order.done.set()
        else:
            close_all(descriptors)

    def lost(self) -> None:
        """The root is gone: nobody waits any longer."""
        for order in tuple(self._waiting.values()):
            order.done.set()
        self._waiting.clear()
