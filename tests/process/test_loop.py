"""The sources of a loop: files that epoll refuses, and what is to be done later."""

import os
import select
import time

import pytest

from microlith.frame.loop import Loop


@pytest.fixture
def loop():
    poll = select.epoll()
    made = Loop(poll)
    made.turn = lambda seconds=0.0: made.attend([descriptor for descriptor, _ in poll.poll(seconds)])
    yield made
    poll.close()


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("path", ["/dev/null", __file__])
def test_file_that_is_always_readable_is_attended_to_until_it_is_unwatched(loop, path):
    called = []
    with open(path, "rb") as file:
        before = descriptors()
        loop.watch(file.fileno(), lambda: called.append(path))
        assert loop.watched(file.fileno())
        loop.turn()
        loop.turn()
        loop.unwatch(file.fileno())
        assert not loop.watched(file.fileno())
        loop.turn()
        assert called == [path, path]
        assert descriptors() == before


def test_what_is_to_be_done_later_is_done_once_and_in_time(loop):
    called, before, began = [], descriptors(), time.monotonic()
    loop.later(0.05, lambda: called.append("second"))
    loop.later(0, lambda: called.append("first"))
    while len(called) < 2:
        loop.turn(5)
    assert called == ["first", "second"]
    assert time.monotonic() >= began + 0.05
    assert descriptors() == before


def test_unwatching_what_is_not_watched_changes_nothing(loop):
    read, write = os.pipe()
    loop.unwatch(read)
    os.close(read)
    os.close(write)
