"""Servers on direct links, driven by the loop of their domain; for the tests of this folder."""

import contextlib
from collections.abc import Iterator
from typing import Any, TypeVar

from microlith.frame.facade import checked, facade
from microlith.frame.frame import Frame
from microlith.frame.methods import method_of
from microlith.frame.reply import DirectReply
from microlith.interface.interface import operations_of
from microlith.interface.needs import needs_of

T = TypeVar("T")


@contextlib.contextmanager
def domain() -> Iterator[Frame]:
    """A domain of its own: its frame is the current one inside."""
    outer, Frame.current = Frame.current, Frame(checked=True)
    try:
        yield Frame.current
    finally:
        Frame.current = outer


def put(frame: Frame, server: T, **given: Any) -> T:
    """Give a server what it needs, start it, and have the frame poll its devices."""
    needs = needs_of(type(server))
    for name, need in needs.items():
        if name in given or need.kind != "setting":
            setattr(server, name, given.pop(name, None))
    assert not given
    server.start()
    for name, need in needs.items():
        if need.kind == "device" and need.type.interrupts and getattr(server, name) is not None:
            frame.add_device(server, name)
    return server


def link(server: Any) -> Any:
    """A checked direct link to a server."""
    return facade(server, (checked,))


class Caller:
    """A call in the background, as another domain makes it: it is open until the loop has brought an answer."""

    def __init__(self, frame: Frame, target: Any, operation: str, *arguments: Any) -> None:
        self.frame, self.target = frame, getattr(target, "target", target)
        self.reply = DirectReply()
        found = operations_of(type(self.target))[operation]
        method = method_of(type(self.target), found)
        value = frame.serve(self.target, method, found.bind(arguments, {}), self.reply, 0)
        if isinstance(value, Exception):
            self.reply.fail(value)
        elif value is not self.reply:
            self.reply.answer(value)

    @property
    def open(self) -> bool:
        return not self.reply.done

    def give_up(self) -> None:
        """What the machine does when the caller cancels or dies."""
        self.reply.cancelled = True
        self.target.withdrawn(self.reply)

    def result(self, seconds: float = 10) -> Any:
        """Run the loop until it is answered."""
        with self.frame.within(seconds):
            turn_until(self.frame, lambda: self.reply.done)
        if self.reply.status is not None:
            raise self.reply.status
        return self.reply.value


def turn_until(frame: Frame, condition: Any) -> None:
    """Run the loop until a condition holds, within the deadline that is set (or 10 s)."""
    from time import monotonic_ns

    end = frame.deadline or monotonic_ns() + 10_000_000_000
    while not condition():
        assert monotonic_ns() < end, "it did not come to be before the deadline"
        frame.turn(end)
