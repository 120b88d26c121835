"""One round of what is no message: a descriptor that was closed in it, and given anew, is not taken for the old one."""

import os
import select
from types import SimpleNamespace

import pytest

from microkernel.kernel import Kernel
from microlith.frame.loop import Loop


class Round(Kernel):
    """A kernel that hears no messages."""

    def __init__(self):
        self.poll = select.epoll()
        Loop.__init__(self, self.poll)
        self.broker = SimpleNamespace(receive=self._ready, attended=lambda: None, kept={})
        self.core = SimpleNamespace(earliest=1)
        self._armed, self._retrying = 0, False

    def _ready(self):
        return [descriptor for descriptor, _ in self.poll.poll(0)]


@pytest.fixture
def kernel():
    made = Round()
    yield made
    made.poll.close()


def readable():
    return os.eventfd(1, os.EFD_NONBLOCK | os.EFD_CLOEXEC)


@pytest.mark.parametrize("anew", [True, False])
def test_descriptor_closed_in_a_round_is_not_attended_to_in_it(kernel, anew):
    both, called = [readable(), readable()], []

    def close_the_other(mine):
        called.append("old")
        [other] = [one for one in both if one != mine]
        kernel.unwatch(mine)
        kernel.unwatch(other)
        os.close(other)
        if anew:
            again = readable()
            assert again == other, "the host gives the lowest number"
            kernel.watch(again, lambda: called.append("new"))

    for one in both:
        kernel.watch(one, lambda one=one: close_the_other(one))
    try:
        kernel.turn()
        assert called == ["old"]
        kernel.turn()
        assert called == ["old", "new"] if anew else ["old"]
    finally:
        for one in both:
            try:
                os.close(one)
            except OSError:
                pass
