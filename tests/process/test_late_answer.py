"""A zygote that answers after it was given up: what it made is ended, and reaped."""

import os
import sys

import pytest

from microlith.process import parcel
from microlith.process.spawner import Spawner
from tests.process.until import alive


def child():
    """A process of ours that waits for ever."""
    return os.posix_spawn(sys.executable, [sys.executable, "-c", "import signal; signal.pause()"], os.environ)


@pytest.mark.parametrize("news", [["pid"], ["spare"], ["pid", "spare"], ["spare", "pid"]])
def test_late_answer_of_a_zygote_that_was_given_up(news):
    zygote, theirs = child(), None
    made = [child() for _ in news]
    try:
        ours, theirs = parcel.pair()
        spawner = Spawner((zygote, ours), (), (), ())
        for word, pid in zip(news, made, strict=True):
            parcel.send(theirs, {word: pid})
        spawner.close()
        assert spawner.spare == 0
        gone = made[1:] if news == ["spare", "pid"] else made  # a spare that became a domain has that domain's pid
        for pid in (zygote, *gone):
            assert not alive(pid)
            with pytest.raises(ChildProcessError):
                os.waitpid(pid, 0)
    finally:
        if theirs is not None:
            theirs.close()
        for pid in (zygote, *made):
            try:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
