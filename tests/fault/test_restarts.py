"""Restarts: at once, then with doubling delay, given up after five in thirty seconds."""

import time

import pytest

from microlith import MachineDied
from microlith.process.restart import Restart
from tests.fault.asking import ask, booted, lines
from tests.process.until import rows, until


@pytest.fixture(params=["mach", "l4"])
def architecture(request):
    return request.param


def test_restart_delays_double_and_end():
    policy = Restart({})
    assert [policy.delay(float(second)) for second in range(6)] == [0.0, 0.1, 0.2, 0.4, 0.8, None]


def test_restart_forgets_what_is_long_ago():
    policy = Restart({})
    assert [policy.delay(40.0 * n) for n in range(9)] == [0.0] * 9


def test_restart_policies():
    assert Restart({"policy": "temporary"}).delay(1.0) is None
    assert Restart({"policy": "transient"}).delay(1.0, failed=False) is None
    assert Restart({"policy": "transient"}).delay(1.0, failed=True) == 0.0
    assert Restart({"policy": "permanent"}).delay(1.0, failed=False) == 0.0
    assert Restart({"intensity": 0}).delay(1.0) is None


def test_server_that_dies_too_often_is_given_up(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine:
        for life in range(1, 6):
            assert ask(machine, "victim.die", '"sigkill"')["status"] == "ServerDied", life
            until(
                lambda: (
                    rows(machine)["victim"]["incarnation"] == life + 1 and rows(machine)["victim"]["state"] == "idle"  # noqa: B023
                )
            )
        assert ask(machine, "victim.die", '"sigkill"')["status"] == "ServerDied"
        until(lambda: rows(machine)["victim"]["state"] == "gone")
        started = time.monotonic()
        assert ask(machine, "victim.echo", '"x"')["status"] == "Unavailable"
        assert ask(machine, "victim.hold", '"x"')["status"] == "Unavailable"
        assert ask(machine, "middle.hold", '"x"')["status"] == "Unavailable"
        assert time.monotonic() - started < 4  # none of them waited for a deadline
        assert ask(machine, "middle.echo", '"x"')["status"] == "Unavailable"
        assert ask(machine, "other.echo", '"x"')["answer"] == "x"
        assert rows(machine)["victim"]["incarnation"] == 6


def test_calls_wait_out_the_delay_of_a_restart(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine:
        for _ in range(3):  # the next start is 0.4 s away
            assert ask(machine, "victim.die", '"sigkill"')["status"] == "ServerDied"
            assert ask(machine, "victim.echo", '"x"')["answer"] == "x"


@pytest.mark.parametrize("policy", ["temporary", "transient"])
def test_server_that_is_not_started_again(policy, architecture, tmp_path):
    how = "sigkill" if policy == "temporary" else "exit0"
    with booted(tmp_path / "ledger", architecture, restart={"policy": policy}) as machine:
        assert ask(machine, "victim.die", f'"{how}"')["status"] == "ServerDied"
        assert ask(machine, "victim.echo", '"x"')["status"] == "Unavailable"


def test_idempotent_call_at_the_last_death_ends_in_a_status(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture, restart={"policy": "temporary"}) as machine:
        assert ask(machine, "victim.die_idempotent", '"sigkill"')["status"] in ("ServerDied", "Unavailable")


def test_server_that_dies_in_its_start_is_started_again(architecture, tmp_path):
    ledger = tmp_path / "ledger"
    with booted(ledger, architecture, start_deaths=2) as machine:
        assert rows(machine)["victim"]["incarnation"] == 3
        assert ask(machine, "victim.echo", '"x"')["answer"] == "x"
        assert lines(ledger).count("start") == 3


def test_server_that_always_dies_in_its_start_is_an_error_of_the_boot(architecture, tmp_path):
    started = time.monotonic()
    with pytest.raises(MachineDied, match="victim"):
        booted(tmp_path / "ledger", architecture, start_deaths=100)
    assert time.monotonic() - started < 20  # it is said when it is known, not at the time limit
