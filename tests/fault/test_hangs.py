"""Servers that do not answer: deadlines, late replies, cancels; a stopped zygote and a stopped kernel."""

import os
import signal

import pytest

from tests.fault.asking import Question, ask, booted, lines
from tests.process.until import pid_of, rows, until

ARCHITECTURES = ("monolith", "mach", "mach25", "hybrid", "l4")


@pytest.mark.parametrize("how", ["sigstop", "spin"])
@pytest.mark.parametrize("architecture", ["mach", "l4"])
def test_call_to_a_hung_server_ends_at_its_deadline(architecture, how, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine:
        answer = ask(machine, "within=0.3", "victim.die", f'"{how}"')
        assert answer["status"] == "DeadlineExceeded"
        assert 290 < answer["ms"] < 4000
        assert ask(machine, "other.echo", '"x"')["answer"] == "x"
        assert ask(machine, "within=0.3", "victim.echo", '"x"')["status"] == "DeadlineExceeded"
        machine.kill("victim")
        assert ask(machine, "victim.echo", '"back"')["answer"] == "back"


def test_call_to_a_hung_server_in_a_monolith_ends_at_its_deadline(tmp_path):
    with booted(tmp_path / "ledger", "monolith") as machine:
        answer = ask(machine, "within=0.3", "victim.pause", "700", '"p"')
        assert answer["status"] == "DeadlineExceeded"
        assert 290 < answer["ms"] < 5000
        assert ask(machine, "victim.echo", '"x"')["answer"] == "x"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_late_reply_is_dropped_and_not_taken_for_the_next_answer(architecture, tmp_path):
    ledger = tmp_path / "ledger"
    with booted(ledger, architecture) as machine:
        with Question(machine, "times=6", "within=0.2", "victim.pause", "300", '"late"') as question:
            for _ in range(6):
                assert question.next()["status"] == "DeadlineExceeded"
            assert question.running.wait(20) == 0
        assert ask(machine, "victim.twice", "3", "4")["answer"] == [3, 4]


@pytest.mark.parametrize("architecture", ["mach", "l4"])
def test_stopped_server_that_goes_on_answers_the_next_calls(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine:
        pid = pid_of(machine, "victim")
        os.kill(pid, signal.SIGSTOP)
        for _ in range(4):  # more than its window holds
            assert ask(machine, "within=0.1", "victim.echo", '"lost"')["status"] == "DeadlineExceeded"
        os.kill(pid, signal.SIGCONT)
        assert ask(machine, "victim.twice", "1", "2")["answer"] == [1, 2]
        assert rows(machine)["victim"]["incarnation"] == 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("target", ["victim", "middle"])
def test_cancel_of_a_waiting_call_consumes_nothing(architecture, target, tmp_path):
    ledger = tmp_path / "ledger"
    with booted(ledger, architecture) as machine:
        with Question(machine, f"{target}.hold", '"patient"') as patient:
            until(lambda: ask(machine, "victim.held")["answer"] == ["patient"])
            answer = ask(machine, "within=0.2", f"{target}.hold", '"hasty"')
            assert answer["status"] == "DeadlineExceeded"
            assert ask(machine, "victim.held")["answer"] == ["patient"]
            assert lines(ledger).count("withdrawn") == 1
            assert ask(machine, "victim.let_go", '"done"')["answer"] == [True]
            assert patient.next()["answer"] == "patient:done"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_stopped_zygote_delays_nobody_but_births(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine:
        assert ask(machine, "other.echo", '"x"')["answer"] == "x"  # the zygote is prepared
        os.kill(machine.state()["zygote"], signal.SIGSTOP)
        with Question(machine, "victim.echo", '"x"') as question:  # needs a birth
            assert question.next()["answer"] == "x"


@pytest.mark.parametrize("architecture", ["mach", "l4"])
def test_stopped_kernel_that_goes_on(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine:
        with Question(machine, "within=0.5", "times=3", "victim.pause", "1", '"x"') as question:
            os.kill(machine.root_pid, signal.SIGSTOP)
            os.kill(machine.root_pid, signal.SIGCONT)
            for _ in range(3):
                assert question.next().get("answer", "late") in ("x", "late")
        assert ask(machine, "victim.echo", '"x"')["answer"] == "x"
