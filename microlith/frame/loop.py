"""What every loop of a process has in common: descriptors, and what is to be done when one of them is readable.

The loop itself, which waits, belongs to its owner: the frame of a domain, or a kernel.
"""

import os
import select
from collections.abc import Callable, Iterable
from time import monotonic_ns
from typing import Any

from microlith.interface.devices import Timer


class Loop:
    """The sources of a loop; `poll` is the epoll that its owner waits for."""

    def __init__(self, poll: select.epoll) -> None:
        self._poll = poll
        self._sources: dict[int, Callable[[], Any]] = {}  # by the descriptor that is polled
        self._stand_ins: dict[int, int] = {}  # what is polled in the place of a descriptor

    def watch(self, descriptor: int, ready: Callable[[], Any], events: int = select.EPOLLIN) -> None:
        """Call `ready` from the loop whenever the descriptor is readable, or for other events of epoll(7)."""
        try:
            self._poll.register(descriptor, events)
        except PermissionError:  # a regular file or /dev/null: always readable, and so is what stands in for it
            self._stand_ins[descriptor] = stand_in = os.eventfd(1, os.EFD_CLOEXEC)
            self._poll.register(stand_in, select.EPOLLIN)
        self._sources[self._stand_ins.get(descriptor, descriptor)] = ready

    def watched(self, descriptor: int) -> bool:
        """Is this descriptor one of them now?"""
        return self._stand_ins.get(descriptor, descriptor) in self._sources

    def unwatch(self, descriptor: int) -> None:
        """Stop polling a descriptor."""
        polled = self._stand_ins.get(descriptor, descriptor)
        if self._sources.pop(polled, None) is not None:
            self._poll.unregister(polled)
            if self._stand_ins.pop(descriptor, None) is not None:
                os.close(polled)

    def attend(self, found: Iterable[int]) -> None:
        """Look after the descriptors that were found readable."""
        ready = [(descriptor, self._sources.get(descriptor)) for descriptor in found]
        for descriptor, source in ready:
            if source is not None and self._sources.get(descriptor) is source:  # not closed, and given anew, since
                source()

    def later(self, delay_s: float, action: Callable[[], Any]) -> None:
        """Do something after a delay."""
        timer = Timer.make("later")
        timer.arm(monotonic_ns() + int(delay_s * 1e9))

        def due() -> None:
            self.unwatch(timer.line)
            os.close(timer.line)
            action()

        self.watch(timer.line, due)
