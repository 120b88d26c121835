"""One death each: the blocked caller hears of it at once, nobody else notices, the server is back."""

import pytest

from tests.fault.asking import Question, ask, booted, lines
from tests.process.until import pid_of, rows, until

SOON_MS = 3000  # far below the default deadline of 5000 ms, far above what it takes

DEATHS = (
    "sigkill", "exit", "exit0", "sysexit", "fault", "undeclared", "segv", "abort", "recurse", "garbage", "garbage_header",  # noqa: E501
    "foreign_reply",
)  # fmt: skip


@pytest.fixture(params=["mach", "l4"])
def architecture(request):
    return request.param


@pytest.mark.parametrize("how", DEATHS)
def test_call_to_a_server_that_dies_of(how, architecture, tmp_path):
    ledger = tmp_path / "ledger"
    with booted(ledger, architecture) as machine:
        before = rows(machine)
        answer = ask(machine, "victim.die", f'"{how}"')
        if how == "foreign_reply":
            until(lambda: rows(machine)["victim"]["incarnation"] == 2)
        # it may answer its own call, even with nonsense, and nobody else's
        assert answer["status"] in (("ServerDied", "BadMessage") if how == "foreign_reply" else ("ServerDied",))
        assert answer["ms"] < SOON_MS
        assert lines(ledger).count(f"die-{how}") == 1  # at most once: it is not idempotent
        assert ask(machine, "victim.echo", '"again"')["answer"] == "again"
        after = rows(machine)
        assert after["victim"]["incarnation"] == 2
        assert after["victim"]["pid"] != before["victim"]["pid"]
        for name in ("kernel", "other", "middle"):
            assert after[name]["pid"] == before[name]["pid"]


def test_call_to_a_server_that_dies_of_its_memory_limit(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture, memory_mib=256) as machine:
        answer = ask(machine, "victim.die", '"memory"')
        assert (answer["status"], answer["ms"] < SOON_MS) == ("ServerDied", True)
        assert ask(machine, "victim.echo", '"again"')["answer"] == "again"


@pytest.mark.parametrize("deaths", [1, 2])
def test_idempotent_call_is_repeated_and_masks_deaths(deaths, architecture, tmp_path):
    ledger = tmp_path / "ledger"
    with booted(ledger, architecture) as machine:
        assert ask(machine, "victim.risky", '"t"', str(deaths))["answer"] == deaths + 1
        assert lines(ledger).count("risky-t") == deaths + 1


def test_idempotent_call_is_repeated_at_most_twice(architecture, tmp_path):
    ledger = tmp_path / "ledger"
    with booted(ledger, architecture) as machine:
        assert ask(machine, "victim.risky", '"t"', "9")["status"] == "ServerDied"
        assert lines(ledger).count("risky-t") == 3


def test_other_call_is_never_repeated(architecture, tmp_path):
    ledger = tmp_path / "ledger"
    with booted(ledger, architecture) as machine:
        assert ask(machine, "victim.risky_once", '"t"', "1")["status"] == "ServerDied"
        assert ask(machine, "victim.echo", '"x"')["answer"] == "x"
        assert lines(ledger).count("risky-t") == 1


def test_waiting_call_at_a_dying_server_is_answered_at_once(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine, Question(machine, "victim.hold", '"h"') as waiting:
        until(lambda: ask(machine, "victim.held")["answer"] == ["h"])
        machine.kill("victim")
        assert waiting.next()["status"] == "ServerDied"


def test_forwarded_call_at_a_dying_server_is_answered_at_once(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine, Question(machine, "middle.hold", '"h"') as waiting:
        until(lambda: ask(machine, "victim.held")["answer"] == ["h"])
        assert waiting.open()
        machine.kill("victim")
        assert waiting.next()["status"] == "ServerDied"


def test_forwarder_that_dies_does_not_end_what_it_forwarded(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine, Question(machine, "middle.hold", '"h"') as waiting:
        until(lambda: ask(machine, "victim.held")["answer"] == ["h"])
        machine.kill("middle")
        until(lambda: rows(machine)["middle"]["incarnation"] == 2)
        if architecture == "l4":  # the right to reply has not moved: who handed it on passes the answer on (relay.py)
            assert waiting.next()["status"] == "ServerDied"
            until(lambda: ask(machine, "victim.held")["answer"] == [])
            return
        assert ask(machine, "victim.let_go", '"now"')["answer"] == [True]
        assert waiting.next()["answer"] == "h:now"


def test_server_in_between_sees_the_death_below_as_a_status(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine:
        assert ask(machine, "middle.die_below", '"sigkill"')["answer"] == "ServerDied"
        assert ask(machine, "middle.echo", '"below"')["answer"] == "below"
        assert rows(machine)["middle"]["incarnation"] == 1


def test_death_by_notice(architecture, tmp_path):
    ledger = tmp_path / "ledger"
    with booted(ledger, architecture) as machine:
        assert ask(machine, "victim.die_quietly", '"sigkill"')["answer"] is None
        until(lambda: rows(machine)["victim"]["incarnation"] == 2)
        assert lines(ledger).count("die-sigkill") == 1
        assert ask(machine, "victim.echo", '"x"')["answer"] == "x"


def test_calls_that_were_queued_survive_the_restart(architecture, tmp_path):
    """What the server had not begun goes to the next one: it waits in the kernel (all but two calls), or in slots."""
    ledger = tmp_path / "ledger"
    with booted(ledger, architecture) as machine:
        busy = Question(machine, "victim.die", '"spin"')
        until(lambda: "die-spin" in lines(ledger))
        others = [Question(machine, "victim.risky_once", f'"{n}"', "0") for n in range(6)]
        until(lambda: all(question.open() for question in others))
        until(lambda: rows(machine)[others[-1].running.name]["state"] == "calling")
        machine.kill("victim")
        answers = [question.next() for question in others]
        died = [answer for answer in answers if answer.get("status") == "ServerDied"]
        assert len(died) <= 1  # the one in the window beside the first
        assert [a for a in answers if a.get("answer") != 1 and a not in died] == []
        busy.close()
        for question in others:
            question.close()


def test_declared_status_is_no_death(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine:
        assert ask(machine, "victim.status")["status"] == "Declared"
        assert rows(machine)["victim"]["incarnation"] == 1


def test_app_killed_in_mid_call_withdraws_it_and_releases_its_objects(architecture, tmp_path):
    ledger = tmp_path / "ledger"
    with booted(ledger, architecture) as machine:
        with (
            Question(machine, "stay=1", "victim.echo", '"x"') as staying,
            Question(machine, "victim.hold", '"h"') as held,
        ):
            assert staying.next()["answer"] == "x"
            assert staying.next() == {"staying": 1}
            until(lambda: ask(machine, "victim.held")["answer"] == ["h"])
            machine.kill(held.running.name)
            assert held.running.wait(20) == -9
            until(lambda: ask(machine, "victim.held")["answer"] == [])
            assert "withdrawn" in lines(ledger)
            assert ask(machine, "victim.released")["answer"] == 0
            machine.kill(staying.running.name)
            assert staying.running.wait(20) == -9
            until(lambda: ask(machine, "victim.released")["answer"] == 1)


@pytest.mark.parametrize("badge", [0, 77])
def test_object_at_the_death_of_its_server(badge, architecture, tmp_path):
    """With a badge it is adopted by the next incarnation; without one its right turns stale."""
    from microlith.interface.status import Stale

    with booted(tmp_path / "ledger", architecture) as machine:
        victim = machine.connect("victim")
        handle = victim.open_handle(badge)
        first = handle.pid()
        machine.kill("victim")
        if badge:
            assert until(lambda: handle.pid() != first or None)
            assert handle.pid() == pid_of(machine, "victim")
        else:
            with pytest.raises(Stale):
                handle.pid()
        assert victim.echo("x") == "x"
