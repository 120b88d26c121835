"""Where every message rings: a bell that is heard and not silenced never gets full."""

import array
import fcntl
import os
import signal
import termios
import threading

import pytest

from microlith import System, boot
from servers.log import Level, RecordLog
from tests.process.until import pid_of

RINGS = 65536  # that a pipe holds


@pytest.fixture(params=["monolith", "l4"])
def machine(request):
    system = System("bells").server("log", RecordLog)
    with boot(system, architecture=request.param, placement="same-core") as machine:
        yield machine


@pytest.fixture
def log(machine):
    return machine.connect("log")


def unheard(stub):
    """Rings that lie in the client's bell, whose own count of them is not asked."""
    count = array.array("i", [0])
    fcntl.ioctl(stub._connection.end.bell, termios.FIONREAD, count)
    return count[0]


def test_calls_beyond_what_a_bell_holds(log):
    """Linux wakes a reader of a full pipe too; here it is never nearly full."""
    for number in range(RINGS + 5000):
        log.extent()
        assert number % 1000 or unheard(log) < RINGS // 8


def test_notices_beyond_what_a_bell_holds(log):
    """Many before each call, and no call that is not answered."""
    for _ in range(RINGS // 20 + 500):
        for _ in range(20):
            log.record(Level.INFO, "bells", "x")
        assert not log.extent().lost


def test_call_that_comes_before_the_server_has_said_that_it_sleeps():
    """It does not ring, for it finds nobody who sleeps; the server looks when it has said so."""
    with boot(System("bells").server("log", RecordLog), architecture="l4", placement="same-core") as machine:
        server = pid_of(machine, "log")
        os.kill(server, signal.SIGSTOP)
        attached = machine.connect("operator")
        threading.Timer(0.2, os.kill, (server, signal.SIGCONT)).start()
        assert attached.log.extent().lost == 0
