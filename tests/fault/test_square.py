"""Every path over every transport: deaths, restarts, deadlines, cancels and what is open are the same.

`mach` and `l4` are two of the six; the other tests of this folder are about them.
"""

import os
import random
import signal
import socket
from dataclasses import replace

import pytest

from microkernel.plans import mach
from microlith import Stale, UsageError, boot
from microlith.launch import attach
from tests.fault.asking import Question, ask, booted, lines, system
from tests.fault.test_files import disk_system, fsck, kill
from tests.process.until import pid_of, rows, until

KERNEL, PEER = ("kernel-socket", "kernel-shared"), ("peer-socket", "peer-zmq")
SOON_MS = 3000
SEQPACKET = (socket.AF_UNIX, socket.SOCK_SEQPACKET)
LARGE = "x" * 100_000


@pytest.fixture(params=[*KERNEL, *PEER])
def architecture(request):
    return request.param


@pytest.mark.parametrize("how", ["sigkill", "fault", "garbage", "garbage_header", "foreign_reply"])
def test_call_to_a_server_that_dies(how, architecture, tmp_path):
    ledger = tmp_path / "ledger"
    with booted(ledger, architecture) as machine:
        answer = ask(machine, "victim.die", f'"{how}"')
        until(lambda: rows(machine)["victim"]["incarnation"] == 2)
        assert answer["status"] in (("ServerDied", "BadMessage") if how == "foreign_reply" else ("ServerDied",))
        assert answer["ms"] < SOON_MS
        assert lines(ledger).count(f"die-{how}") == 1
        assert ask(machine, "victim.echo", '"again"')["answer"] == "again"
        assert ask(machine, "middle.echo", '"too"')["answer"] == "too"


def test_deaths_are_masked_for_what_is_idempotent_and_nothing_else(architecture, tmp_path):
    ledger = tmp_path / "ledger"
    with booted(ledger, architecture) as machine:
        assert ask(machine, "victim.risky", '"t"', "2")["answer"] == 3
        assert ask(machine, "victim.risky", '"u"', "9")["status"] == "ServerDied"
        assert ask(machine, "victim.risky_once", '"v"', "1")["status"] == "ServerDied"
        assert [lines(ledger).count(f"risky-{tag}") for tag in "tuv"] == [3, 3, 1]


def test_waiting_and_forwarded_calls_at_a_dying_server_are_answered_at_once(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine:
        with Question(machine, "victim.hold", '"a"') as one, Question(machine, "middle.hold", '"b"') as other:
            until(lambda: sorted(ask(machine, "victim.held")["answer"]) == ["a", "b"])
            machine.kill("victim")
            assert (one.next()["status"], other.next()["status"]) == ("ServerDied", "ServerDied")


def test_server_is_given_up(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine:
        for _ in range(6):
            until(lambda: rows(machine)["victim"]["state"] == "idle")
            machine.kill("victim")
            until(lambda: rows(machine)["victim"]["state"] != "idle")
        until(lambda: rows(machine)["victim"]["state"] == "gone")
        for what in ("victim.echo", "victim.hold", "middle.echo", "middle.hold"):
            answer = ask(machine, what, '"x"')
            assert (answer["status"], answer["ms"] < SOON_MS) == ("Unavailable", True), what
        assert ask(machine, "other.echo", '"x"')["answer"] == "x"


def test_stopped_server_costs_its_callers_their_deadline_and_nobody_else(architecture, tmp_path):
    """Meanwhile it is sent more than any socket or ring holds, which is neither lost to it nor in others' way."""
    with booted(tmp_path / "ledger", architecture) as machine:
        pid = pid_of(machine, "victim")
        os.kill(pid, signal.SIGSTOP)
        with Question(machine, "times=25", "within=0.05", "victim.hold", f'"{LARGE}"') as flood:
            assert {flood.next()["status"] for _ in range(25)} <= {"DeadlineExceeded", "Busy"}
        assert ask(machine, "other.echo", '"x"')["answer"] == "x"
        assert ask(machine, "within=0.2", "victim.echo", '"x"')["status"] == "DeadlineExceeded"
        os.kill(pid, signal.SIGCONT)
        assert ask(machine, "victim.twice", "3", "4")["answer"] == [3, 4]
        until(lambda: ask(machine, "victim.held")["answer"] == [])  # all of them were cancelled
        assert rows(machine)["victim"]["incarnation"] == 1


def test_late_reply_is_not_taken_for_the_next_answer(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine:
        with Question(machine, "times=4", "within=0.1", "victim.pause", "150", '"late"') as question:
            assert [question.next()["status"] for _ in range(4)] == ["DeadlineExceeded"] * 4
        assert ask(machine, "victim.twice", "3", "4")["answer"] == [3, 4]


@pytest.mark.parametrize("target", ["victim", "middle"])
def test_cancel_consumes_nothing(architecture, target, tmp_path):
    ledger = tmp_path / "ledger"
    with booted(ledger, architecture) as machine, Question(machine, f"{target}.hold", '"patient"') as patient:
        until(lambda: ask(machine, "victim.held")["answer"] == ["patient"])
        assert ask(machine, "within=0.2", f"{target}.hold", '"hasty"')["status"] == "DeadlineExceeded"
        assert ask(machine, "victim.let_go", '"done"')["answer"] == [True]
        assert patient.next()["answer"] == "patient:done"
        assert lines(ledger).count("withdrawn") == 1


def test_last_words_of_a_program_arrive(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine:
        assert ask(machine, "victim.die_quietly", '"sigkill"')["answer"] is None
        until(lambda: rows(machine)["victim"]["incarnation"] == 2)


def test_open_files_are_adopted_or_stale(architecture, tmp_path):
    image = tmp_path / "image"
    with boot(disk_system(image), architecture=architecture) as machine:
        files = machine.connect("files")
        writing = files.create(b"/kept")
        assert writing.write(0, b"content") == 7
        writing.sync()
        reading, twin = files.open(b"/kept"), files.open(b"/kept")
        for _ in range(2):
            kill(machine, "files")
            assert reading.read(0, 100) == b"content"
            assert twin.stat().size == 7
            with pytest.raises(Stale):
                writing.write(7, b"more")
        reading.close()
        kill(machine, "files")
        assert twin.read(3, 4) == b"tent"
    fsck(image)


def test_kills_under_load(architecture, tmp_path):
    """Each call ends in the right answer or in a status, whatever is killed meanwhile."""
    chosen = random.Random(5)
    with boot(disk_system(tmp_path / "image"), architecture=architecture) as machine:
        files = machine.connect("files")
        for number in range(12):
            name = b"/f%d" % number
            made = files.create(name)
            made.write(0, name * 1000)
            made.sync()
            kill(machine, chosen.choice(("disk", "files")))
            assert files.open(name).read(0, 9999) == name * 1000


def test_kernel_that_is_killed_comes_back_with_everything(architecture, tmp_path):
    with booted(tmp_path / "ledger", architecture) as machine:
        before = pid_of(machine, "middle")
        os.kill(machine.root_pid, signal.SIGKILL)
        until(lambda: machine.reboots == 1)
        machine.wait_ready()
        assert pid_of(machine, "middle") != before
        assert ask(machine, "middle.echo", '"x"')["answer"] == "x"


def test_client_without_shared_memory_is_refused_where_there_is_nothing_else(tmp_path):
    with booted(tmp_path / "ledger", "kernel-shared") as machine, socket.socket(*SEQPACKET) as client:
        client.connect(str(machine.run_dir / "control"))
        with pytest.raises(UsageError, match="reached over shared memory alone"):
            attach.ask(client, {"do": "attach", "app": "operator"})
        answer, given = attach.ask(client, {"do": "attach", "app": "operator", "channels": True})
        assert len(answer["labels"]) == len(given) == 4
        for descriptor in given:
            os.close(descriptor)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"path": "kernel", "transport": "socket"},
            "the plan's kernel links are over socket and zmq; one transport is all",
        ),
        ({"path": "peer", "transport": "zmq"}, ""),
    ],
)
def test_plan_has_one_transport_for_each_path(changed, said, tmp_path):
    made = system(tmp_path / "ledger")
    plan = mach(made)
    plan = replace(plan, links=(replace(plan.links[0], **changed), *plan.links[1:]))
    if said:
        with pytest.raises(UsageError, match=said):
            boot(made, plan=plan)
        return
    with boot(made, plan=plan) as machine:
        assert ask(machine, "middle.echo", '"x"')["answer"] == "x"
