"""Faults where there is one address space: a monolith panics or oopses, a library OS halts."""

import os
import signal

import pytest

from microlith import MachineDied
from tests.fault.asking import Question, ask, booted, lines
from tests.process.until import gone, rows, until


@pytest.mark.parametrize("how", ["fault", "undeclared", "exit", "segv", "sigkill"])
def test_fault_in_a_monolith_reboots_it(how, tmp_path):
    with booted(tmp_path / "ledger", "monolith") as machine:
        pid = machine.root_pid
        with (
            Question(machine, "victim.hold", '"bystander"') as bystander,
            Question(machine, "victim.die", f'"{how}"') as q,
        ):
            with pytest.raises(MachineDied):
                q.running.wait(20)
            with pytest.raises(MachineDied):
                bystander.running.wait(20)
        until(lambda: machine.reboots == 1)
        machine.wait_ready()
        assert machine.root_pid != pid
        assert ask(machine, "victim.echo", '"x"')["answer"] == "x"


@pytest.mark.parametrize("how", ["fault", "undeclared"])
def test_oops_kills_the_calling_app_and_nobody_else(how, tmp_path):
    with booted(tmp_path / "ledger", "monolith", on_fault="oops") as machine:
        with (
            Question(machine, "victim.hold", '"bystander"') as bystander,
            Question(machine, "victim.die", f'"{how}"') as q,
        ):
            assert q.running.wait(20) == -signal.SIGKILL
            assert machine.reboots == 0
            until(lambda: ask(machine, "victim.held")["answer"] == ["bystander"])
            assert ask(machine, "victim.let_go", '"on"')["answer"] == [True]
            assert bystander.next()["answer"] == "bystander:on"


def test_oops_may_happen_often(tmp_path):
    with booted(tmp_path / "ledger", "monolith", on_fault="oops") as machine:
        for _ in range(5):
            with Question(machine, "victim.die", '"fault"') as question:
                assert question.running.wait(20) == -signal.SIGKILL
        assert ask(machine, "victim.echo", '"x"')["answer"] == "x"
        assert machine.reboots == 0


@pytest.mark.parametrize("architecture", ["monolith", "library"])
def test_injected_fault_is_a_fault(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine:
        assert machine.kill("victim")["how"] == "fault"
        with pytest.raises((MachineDied, AssertionError)):
            with Question(machine, "middle.echo", '"x"') as question:
                question.running.wait(20)
        until(lambda: machine.reboots == 1)
        machine.wait_ready()
        assert ask(machine, "middle.echo", '"x"')["answer"] == "x"


@pytest.mark.parametrize("how", ["fault", "exit", "segv"])
def test_fault_in_a_library_os_halts_it_all(how, tmp_path):
    with booted(tmp_path / "ledger", "library") as machine:
        with pytest.raises(MachineDied), Question(machine, "victim.die", f'"{how}"') as question:
            question.running.wait(20)
        until(lambda: machine.reboots == 1)


def test_machine_whose_root_dies_too_often_is_given_up(tmp_path):
    with booted(tmp_path / "ledger", "monolith") as machine:
        for reboot in range(5):
            machine.wait_ready()
            pid = machine.root_pid
            os.kill(pid, signal.SIGKILL)
            until(lambda reboot=reboot, pid=pid: machine.reboots == reboot + 1 and machine.root_pid != pid)
        machine.wait_ready()
        os.kill(machine.root_pid, signal.SIGKILL)
        with pytest.raises(MachineDied, match="given up"):
            machine.wait_ready()
            until(lambda: not machine.ready)
            machine.wait_ready()


@pytest.mark.parametrize("how", ["fault", "undeclared", "exit", "segv"])
def test_fault_in_a_server_of_the_kernel_is_the_end_of_all(how, tmp_path):
    ledger = tmp_path / "ledger"
    with booted(ledger, "mach25") as machine:
        before = rows(machine)
        assert before["kernel"]["instances"] == ["victim"]
        assert before["other+middle"]["instances"] == ["other", "middle"]
        with (
            Question(machine, "middle.hold", '"bystander"') as bystander,
            Question(machine, "victim.die", f'"{how}"') as q,
        ):
            for question in (bystander, q):
                with pytest.raises(MachineDied):
                    question.running.wait(20)
        gone([row["pid"] for row in before.values()])
        until(lambda: machine.reboots == 1)
        machine.wait_ready()
        assert ask(machine, "middle.echo", '"x"')["answer"] == "x"
        assert lines(ledger).count("start") == 2


def test_kill_of_a_server_of_the_kernel_is_a_fault_in_it(tmp_path):
    with booted(tmp_path / "ledger", "mach25") as machine:
        pid = machine.root_pid
        assert machine.kill("victim") == {"killed": "victim", "how": "fault"}
        assert ask(machine, "other.echo", '"x"')["answer"] == "x"
        with Question(machine, "middle.echo", '"x"') as question, pytest.raises(MachineDied):
            question.running.wait(20)
        until(lambda: machine.reboots == 1)
        machine.wait_ready()
        assert machine.root_pid != pid
        assert "InjectedFault: victim.echo" in machine.logs()
        assert ask(machine, "middle.echo", '"x"')["answer"] == "x"


def test_death_of_the_unix_server_is_not_the_kernels(tmp_path):
    ledger = tmp_path / "ledger"
    with booted(ledger, "mach25") as machine:
        assert machine.kill("middle")["servers"] == ["other", "middle"]
        until(lambda: rows(machine)["other+middle"]["incarnation"] == 2)
        assert ask(machine, "middle.echo", '"x"')["answer"] == "x"
        assert machine.reboots == 0
    assert lines(ledger) == ["start", "stop"]
