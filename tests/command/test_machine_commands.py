"""`ps`, `kill`, `stop`, `logs` and `replay`: machines of other launchers, alive, stuck, dying and dead."""

import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest

from microlith import boot
from tests.command.live import Process, alive, domains, launched, microlith, wait_for

EVERY = ["library", "monolith", "mach", "mach25"]
NONE = "microlith: no machine is running; start one with 'microlith launch SYSTEM'\n"


def test_nothing_runs():
    assert microlith("ps") == (0, "", NONE)
    assert json.loads(microlith("ps", "--json")[1]) == {"machines": []}
    for command in (["stop"], ["logs"], ["kill", "disk"], ["call", "a.b"], ["run", "x"], ["ps", "--machine", "x"]):
        assert microlith(*command) == (2, "", NONE)
    assert microlith("stop", "--all") == (0, "", NONE)


def test_two_machines(system):
    with launched(system) as one, launched(system, "monolith") as other:
        names = f"{one['name']}, {other['name']}"
        said = f"microlith: several machines are running, name one with --machine: {names}\n"
        for command in (["stop"], ["logs"], ["kill", "menu"], ["call", "menu.echo", "x"], ["run", "cat"]):
            assert microlith(*command) == (2, "", said)
        status, out, _ = microlith("ps")
        assert status == 0
        assert out.startswith(f"{one['name']}: sys as mach, placement free, launcher {one['launcher']}\n")
        assert f"\n{other['name']}: sys as monolith, placement free, launcher {other['launcher']}\n" in out
        assert microlith("call", "menu.echo", "x", "--machine", other["name"]) == (0, "x", "")
        assert microlith("stop", "--machine", "sys")[0] == 2
        status, out, _ = microlith("stop", "--all")
        assert (status, out) == (0, f"{one['name']}: stopped\n{other['name']}: stopped\n")
        assert not alive(one["launcher"]) or wait_for(lambda: not alive(one["launcher"]))


@pytest.mark.parametrize("architecture", EVERY)
def test_ps_of_every_architecture(architecture, system):
    with launched(system, architecture) as about:
        found = domains()
        homes = {instance: name for name, d in found.items() for instance in d["instances"]}
        expected = {"library": "library", "monolith": "kernel", "mach25": "menu+cell"}
        assert homes == {server: expected.get(architecture, server) for server in ("menu", "cell")}
        for domain in found.values():
            assert alive(domain["pid"]) and domain["memory"] > 100_000 and domain["incarnation"] == 1
        assert all(d["state"] == "idle" for d in found.values())
        status, out, _ = microlith("ps", "--machine", "sys")
        assert status == 0 and about["name"] in out and max(map(len, out.splitlines())) <= 80


def test_ps_and_stop_of_a_machine_booted_in_python():
    with boot("five", architecture="mach") as machine:
        assert domains(machine.name)["files"]["state"] == "idle"
        assert microlith("stop")[:2] == (0, f"{machine.name}: stopped\n")
        assert not machine.run_dir.exists()


def test_ps_of_a_launcher_that_is_stopped(system):
    with launched(system) as about:
        os.kill(about["launcher"], signal.SIGSTOP)
        try:
            status, out, err = microlith("ps")
        finally:
            os.kill(about["launcher"], signal.SIGCONT)
        assert (status, out) == (1, f"{about['name']}: no answer\n")
        assert err == (
            f"microlith: machine {about['name']} did not answer within 3 s;"
            f" its launcher, pid {about['launcher']}, is stopped (kill -CONT {about['launcher']} lets it go on)\n"
        )


def test_stop_of_a_launcher_that_is_stopped(system, one):
    with launched(system) as about, launched(one("CellServer")) as other:
        os.kill(about["launcher"], signal.SIGSTOP)
        try:
            began = time.monotonic()
            status, out, err = microlith("stop", "--all")
            took = time.monotonic() - began
        finally:
            os.kill(about["launcher"], signal.SIGCONT)
        assert (status, out) == (1, f"{other['name']}: stopped\n")
        assert err == (
            f"microlith: machine {about['name']} did not answer within 3 s;"
            f" its launcher, pid {about['launcher']}, is stopped (kill -CONT {about['launcher']} lets it go on)\n"
        )
        assert took < 20  # not the patience for a machine that is ending


def test_control_socket_that_refuses(runtime_directory):
    folder = runtime_directory / "microlith" / "old-0123"
    folder.mkdir(parents=True)
    began = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    (folder / "launcher").write_text(f"{os.getpid()} {began}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as end:
        end.bind(str(folder / "control"))  # and nobody listens
        said = "microlith: machine old-0123 cannot be reached: its control socket says connection refused\n"
        assert microlith("call", "a.b") == (3, "", said)
        assert microlith("ps") == (1, "old-0123: no answer\n", said)
    (folder / "launcher").write_text(f"{os.getpid()} {int(began) - 1}")  # the pid is somebody else's by now
    assert microlith("call", "a.b") == (2, "", NONE)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("value", "said"),
    [("/nope", "/nope/microlith cannot be made: no such file or directory; "), ("x" * 90, "too long")],
)
def test_runtime_directory_that_cannot_be(value, said, tmp_path, monkeypatch):
    folder = tmp_path / value  # /nope stays /nope
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    if value != "/nope":
        folder.mkdir()
    status, out, err = microlith("launch", "five", "--detach")
    assert (status, out) == (2, "") and said in err and "set XDG_RUNTIME_DIR to a " in err and err.count("\n") == 1


def test_kill_of_a_microkernel(system):
    with launched(system):
        before = domains()
        assert microlith("kill", "menu") == (0, f"menu: killed, pid {before['menu']['pid']}\n", "")
        after = wait_for(lambda: (d := domains())["menu"]["incarnation"] == 2 and d)
        assert after["menu"]["pid"] != before["menu"]["pid"] and after["cell"]["pid"] == before["cell"]["pid"]
        assert microlith("kill", "zygote") == (0, "zygote: killed\n", "")
        assert microlith("call", "menu.echo", "x") == (0, "x", "")
        status, out, _ = microlith("kill", "kernel", "--json")
        assert status == 0 and json.loads(out)["pid"] == before["kernel"]["pid"]
        wait_for(lambda: microlith("call", "menu.echo", "x") == (0, "x", ""))
        assert "rebooted 1 time\n" in microlith("ps")[1]
        said = "sys has nothing called 'menue' to kill; did you mean 'menu'?"
        assert microlith("kill", "menue") == (2, "", f"microlith: {said}\n")


@pytest.mark.parametrize("architecture", ["library", "monolith"])
def test_kill_of_a_server_that_is_no_process(architecture, system):
    with launched(system, architecture):
        assert microlith("kill", "menu") == (0, "menu: every operation of it fails from now on\n", "")
        assert microlith("call", "cell.size") == (0, "7\n", "")
        assert microlith("call", "menu.echo", "x")[0] == 3
        wait_for(lambda: microlith("call", "menu.echo", "x") == (0, "x", ""))


def test_kill_of_one_of_a_group(system):
    with launched(system, "mach", "--domains", "menu+cell"):
        pid = domains()["menu+cell"]["pid"]
        assert "menu+cell  menu cell  " in microlith("ps")[1]
        assert microlith("kill", "cell") == (0, f"menu+cell: killed, pid {pid}; with it went menu\n", "")
        wait_for(lambda: domains()["menu+cell"]["incarnation"] == 2)
        assert microlith("call", "menu.echo", "x") == (0, "x", "")


def test_stop_when_the_launcher_dies_over_it(system):
    with launched(system) as about:
        os.kill(about["launcher"], signal.SIGSTOP)
        with Process("stop") as stop:
            wait_for(lambda: stop.process.poll() is None)
            os.kill(about["launcher"], signal.SIGKILL)
            status, out, err = stop.end()
        assert (status, out) in ((0, f"{about['name']}: stopped\n"), (2, ""), (3, "")) and "Traceback" not in err
        wait_for(lambda: microlith("ps") == (0, "", NONE))


# --- logs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", EVERY)
def test_logs_of_every_domain(architecture, system):
    home = {"library": "library", "monolith": "kernel", "mach": "menu", "mach25": "menu+cell"}[architecture]
    with launched(system, architecture):
        microlith("call", "menu.say", "one\nto\x1b[2Jo")
        status, out, err = microlith("logs")
        assert (status, err) == (0, "") and [line.split("|")[1] for line in out.splitlines()] == [" one", " to\x1b[2Jo"]
        assert microlith("logs", "menu")[1] == out
        assert microlith("logs", "cell")[1] == ("" if architecture == "mach" else out)
        _, out, _ = microlith("logs", "--json")
        assert json.loads(out.splitlines()[0]) == {"source": home, "text": "one"}
        status, _, err = microlith("logs", "mneu")
        assert status == 2 and "sys has no server 'mneu'; did you mean 'menu'?" in err


def test_logs_follow_until_the_machine_ends(system):
    with launched(system), Process("logs", "-f") as logs:
        microlith("call", "menu.say", "one")
        logs.until("| one\n")
        microlith("kill", "menu")
        microlith("call", "menu.say", "two")
        logs.until("| two\n")
        assert microlith("stop")[0] == 0
        assert logs.end()[0] == 0


@pytest.mark.parametrize("architecture", EVERY)
def test_logs_have_the_records_of_the_log_server(architecture):
    with launched("unix", architecture):
        microlith("call", "log.record", "warning", "me", "one")
        assert microlith("logs", "log")[1].rstrip().endswith(" warning me: one")
        if architecture != "library":
            with Process("logs", "-f") as logs:
                logs.until(" warning me: one\n")
                microlith("call", "log.record", "info", "me", "two")
                logs.until(" info    me: two\n")
                logs.send(signal.SIGINT)
                assert logs.end()[0] == 130


# --- replay -----------------------------------------------------------------------------------------


def test_replay_of_a_recorded_run(tmp_path, system):
    record = tmp_path / "run.rec"
    with launched(system, "mach", "--record", record):
        microlith("call", "menu.echo", "x")
        microlith("kill", "menu")
        microlith("call", "menu.echo", "x")
    status, out, err = microlith("replay", record)
    assert (status, err) == (0, "") and out.endswith(" steps, the same effects\n")
    steps = int(out.split()[0])
    assert json.loads(microlith("replay", record, "--json")[1]) == {"steps": steps, "difference": None}
    assert steps > 20


def test_record_on_a_full_device_is_told():
    status, _, err = microlith("launch", "unix", "--record", "/dev/full", "--run", "list /")
    assert status == 1
    assert "the record of this run is incomplete: no space left on device" in err


def test_replay_mistakes(tmp_path):
    status, _, err = microlith("replay", tmp_path / "nope")
    assert status == 2 and err.count("\n") == 1
    (tmp_path / "text").write_text("no record")
    status, _, err = microlith("replay", tmp_path / "text")
    assert status == 2 and "is not a record of a microkernel's run" in err


@pytest.mark.parametrize("architecture", [*EVERY, "l4"])
def test_ps_of_counted_links(system, architecture):
    """A call that has not ended: it has been made, and its request has been sent."""
    sent = {"library": "0 0 0 0", "monolith": "1 1 1 82", "l4": "1 1 0 82"}
    request = sent.get(architecture, "1 2 1 164").split()
    who, domain = ("stuck", "library") if architecture == "library" else ("stuck-1", "stuck-1")
    with launched(system, architecture, "--link", "stuck.*=count") as about, Process("run", "stuck") as run:
        run.until("stuck\n")

        def shown():
            status, out, err = microlith("ps", "--links")
            return status == 0 and not err and request[-1] in out.split()[-3:] and out.splitlines()

        heading, columns, row = wait_for(shown, "a counted call")
        assert heading.startswith(f"{about['name']}: sys as {architecture}, ")
        assert columns.split() == ["link", "calls", "stat", "msgs", "cross", "kern", "bytes", "woke", "sys"]
        assert row.split() == [f"{who}.menu.never", "1", "0", *request, "0", "0"]
        assert domains()[domain]["links"]["stuck.menu.never"]["calls"] == 1


def test_ps_of_links_that_count_nothing(system):
    with launched(system):
        status, out, err = microlith("ps", "--links")
        assert (status, len(out.splitlines())) == (0, 1)
        assert err == "microlith: no link has counted anything; launch with --link '*=count'\n"


@pytest.mark.parametrize("architecture", [*EVERY, "l4"])
def test_traced_link_of_the_operator_is_on_standard_error(system, architecture):
    with launched(system, architecture, "--link", "operator.menu=trace,count", "--link", "operator.menu=fault:Odd/1"):
        status, out, err = microlith("call", "menu.echo", "hi")
        assert (status, out) == (0, "hi")
        assert re.fullmatch(r"operator\.menu echo\(b'hi', 1\) = b'hi'  \d+ us\n", err)
        assert "Odd: injected" in microlith("call", "menu.odd", "red", "yes")[2]
