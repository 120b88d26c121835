"""Where every message rings: a bell that is heard and not silenced never gets full."""

import pytest

from microlith import System, boot
from servers.log import Level, RecordLog

RINGS = 65536  # that a pipe holds


@pytest.fixture(params=["monolith", "l4"])
def log(request):
    system = System("bells").server("log", RecordLog)
    with boot(system, architecture=request.param, placement="same-core") as machine:
        yield machine.connect("log")


def test_calls_beyond_what_a_bell_holds(log):
    for _ in range(RINGS + 5000):
        log.extent()


def test_notices_beyond_what_a_bell_holds(log):
    """Many before each call, and no call that is not answered."""
    for _ in range(RINGS // 20 + 500):
        for _ in range(20):
            log.record(Level.INFO, "bells", "x")
        assert not log.extent().lost
