"""Hostile servers behind channels: a call of theirs ends in a status, in time, and every other server stays usable."""

import time

import psutil
import pytest
from arena import until
from hostile_servers import WAYS, Good, Middles, Spoilers

from microlith import Status, System, UsageError, boot
from microlith.frame.frame import within
from microlith.frame.wire import MAX_MESSAGE

OFTEN = {"intensity": 1_000_000, "period_s": 1.0}
LIMIT_S = 0.2
LATE_S = 3.5  # of a call with that limit: it may wait a second for what a server has not passed, on a busy machine
TYPED = {"ServerDied", "BadMessage", "DeadlineExceeded", "Busy", "Unavailable", "NoRight", "Stale"}
OPERATIONS = ("strike", "strike_none", "strike_thing", "strike_waiting")


@pytest.fixture(scope="module")
def machine():
    system = System("hostile").server("bad", Spoilers, restart=OFTEN)
    system = system.server("good", Good).server("middle", Middles, bad="bad")
    with boot(system, architecture="l4") as made:
        yield made


@pytest.fixture
def clients(machine):
    """An attached client, and the servers' pids: those of the good ones are the same afterwards."""
    before = {name: row["pid"] for name, row in rows(machine).items()}
    operator = machine.connect("operator")
    yield operator
    assert operator.good.echo(b"good") == b"good"
    renewed(machine)
    ended(operator.bad.echo, b"perhaps what its last life left in the slot")
    assert operator.bad.echo(b"again") == b"again"
    assert operator.middle.ask("nothing", "strike", 0) == "int"
    operator.close()
    after = {name: row["pid"] for name, row in rows(machine).items()}
    assert {name: after[name] for name in ("kernel", "good", "middle")} == {
        name: before[name] for name in ("kernel", "good", "middle")
    }


def rows(machine):
    return {row["domain"]: row for row in machine.state()["domains"]}


def renewed(machine):
    """The hostile server's next incarnation."""
    before = rows(machine)["bad"]["incarnation"]

    def killed():
        try:
            machine.kill("bad")
        except UsageError:
            return False
        return True

    until(killed, "the kill")
    until(lambda: rows(machine)["bad"]["incarnation"] > before and rows(machine)["bad"]["state"] == "idle", "a restart")


def ended(operation, *arguments):
    """What a call ends in; in time, and in nothing but an answer or a status."""
    started = time.monotonic()
    try:
        with within(LIMIT_S):
            return type(operation(*arguments)).__name__
    except Status as status:
        assert type(status).__name__ in TYPED, repr(status)
        return type(status).__name__
    finally:
        assert time.monotonic() - started < LATE_S


@pytest.mark.parametrize("how", [way for way in WAYS if way not in ("nothing", "noise")])
def test_call_of_a_server_that_spoils_its_channel(how, machine, clients):
    for operation in OPERATIONS:
        ended(getattr(clients.bad, operation), how, 1)
        assert clients.good.echo(b"x") == b"x"
        clients.bad.drop(b"x")
        ended(clients.bad.echo, b"y")
        renewed(machine)


@pytest.mark.parametrize("how", [way for way in WAYS if way != "nothing"])
def test_server_that_relies_on_one_that_spoils_its_channel(how, machine, clients):
    for operation in OPERATIONS[:3]:
        assert clients.middle.ask(how, operation, 2) in {*TYPED, "int", "NoneType", "ThingStub"}
        assert clients.middle.echo(b"x") == b"x"
        renewed(machine)
    ended(clients.middle.hand_on, how, 3)
    assert clients.middle.echo(b"x") == b"x"


@pytest.mark.parametrize("seed", range(3))
def test_noise_in_what_a_server_writes(seed, machine, clients):
    ended(clients.bad.strike, "noise", seed)
    limit = time.monotonic() + 1.0
    while time.monotonic() < limit:
        ended(clients.bad.echo, b"data")
        ended(clients.bad.strike_thing, "nothing", 0)
        ended(clients.bad.hold, b"x")
        assert clients.good.echo(b"x") == b"x", f"seed {seed}"


def test_server_that_never_reads_what_it_is_sent(machine, clients):
    """Calls are given up in time; what cannot be sent is kept up to a limit, and then the answer is Busy."""
    before = psutil.Process().memory_info().rss
    assert ended(clients.bad.strike, "mute", 0) == "DeadlineExceeded"
    found = []
    for _ in range(40):
        with within(0.02):
            found.append(ended(clients.bad.echo, bytes(1 << 20)))
    assert set(found) == {"DeadlineExceeded", "Busy"}
    assert psutil.Process().memory_info().rss < before + 4 * MAX_MESSAGE
    for _ in range(3000):
        clients.bad.drop(b"x" * 100)
