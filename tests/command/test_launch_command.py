"""`microlith launch`: in the foreground, in the background, on a terminal; how it ends and what it leaves."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.command.live import Process, alive, domains, launched, microlith, wait_for

EVERY = ["library", "monolith", "mach", "mach25"]


def everything_of(launcher):
    """The processes of a machine, before they are killed."""
    return [launcher, *(child.pid for child in psutil.Process(launcher).children(recursive=True))]


@pytest.mark.parametrize("architecture", EVERY)
def test_launch_shows_what_happens_and_stops_at_sigint(architecture, system):
    with Process("launch", system, "--as", architecture) as launch:
        launch.until("every server is ready", "err")
        assert microlith("call", "menu.say", "hello log") == (0, "", "")
        launch.until("hello log")
        launch.send(signal.SIGINT)
        status, out, err = launch.end()
    root = {"library": "library", "monolith": "kernel", "mach": "menu", "mach25": "menu+cell"}[architecture]
    assert status == 0 and f"{root} ".strip() in out and "| hello log\n" in out
    assert f"sys as {architecture}, machine sys-" in err and err.endswith(" stopped\n")
    assert (f"{root} is ready" in err) == (architecture in ("mach", "mach25"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_launch_stops_in_order_at_other_signals(number, system):
    with Process("launch", system) as launch:
        launch.until("every server is ready", "err")
        launch.send(number)
        assert launch.end()[0] == 0


def test_launch_json_is_one_object_a_line(system):
    with Process("launch", system, "--json") as launch:
        launch.until('"event": "ready"')
        microlith("call", "menu.say", "hello")
        launch.until("hello")
        launch.send()
        status, out, _ = launch.end()
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert {"source": "menu", "text": "hello"} in lines
    assert {"started", "up", "ready", "down"} <= {line.get("event") for line in lines}


def test_launch_tells_deaths_and_restarts(system):
    with Process("launch", system) as launch:
        launch.until("every server is ready", "err")
        assert microlith("kill", "menu")[0] == 0
        launch.until("menu died by SIGKILL", "err")
        launch.until("menu started again, incarnation 2", "err")
        microlith("kill", "kernel")
        launch.until("the root domain ended by SIGKILL; it is started again", "err")
        launch.send()
        assert launch.end()[0] == 0


@pytest.mark.parametrize("architecture", EVERY)
def test_launch_that_cannot_boot(architecture, one):
    path = one("Failing")
    status, out, err = microlith("launch", path, "--as", architecture)
    assert status == 3
    assert "ValueError: no start for me" in out
    assert err.splitlines()[-1].startswith("microlith: one could not boot: ")
    status, out, err = microlith("launch", path, "--as", architecture, "--detach")
    assert (status, out) == (3, "")
    assert "ValueError: no start for me" in err
    assert err.splitlines()[-1].startswith("microlith: one could not boot: ")


@pytest.mark.parametrize("options", [(), ("--detach",)])
def test_launch_interrupted_before_it_is_up(options, one, runtime_directory):
    with Process("launch", one("Slow"), *options) as launch:
        logs = wait_for(lambda: list(runtime_directory.glob("microlith/*/logs/cell.log")))
        wait_for(lambda: b"slow begins" in logs[0].read_bytes())
        launch.send(signal.SIGINT)
        if not options:
            launch.until("stopping in order", "err")
            launch.send(signal.SIGINT)
        assert launch.end()[0] == 130
    wait_for(lambda: not list(runtime_directory.glob("microlith/*")))


def test_launch_ends_when_nobody_reads(system):
    with Process("launch", system) as launch:
        launch.until("every server is ready", "err")
        launch.process.stdout.close()
        del launch.sources[next(n for n, name in launch.sources.items() if name == "out")]
        microlith("call", "menu.say", "hello")
        status, _, err = launch.end()
    assert status == 141 and "Traceback" not in err


def test_launch_detach_is_in_a_session_of_its_own(system):
    with launched(system) as about:
        assert set(about) == {"name", "system", "architecture", "launcher", "run_dir", "boot_ms"}
        assert os.getsid(about["launcher"]) == about["launcher"] != os.getsid(0)
        assert Path(about["run_dir"], "launcher.log").exists()
    assert not Path(about["run_dir"]).exists()


def test_launch_detach_with_a_terminal_of_the_launcher():
    with launched("unix") as about:
        status, _, err = microlith("call", "console.read_line")
        assert (status, err) == (1, "microlith: console.read_line answered EndOfInput: tty is at its end\n")
        assert domains()["console"]["incarnation"] == 1
        assert about["system"] == "unix"


@pytest.mark.parametrize("architecture", EVERY)
def test_launch_killed_takes_everything_with_it(architecture, system):
    with launched(system, architecture) as about:
        pids = everything_of(about["launcher"])
        os.kill(about["launcher"], signal.SIGKILL)
        wait_for(lambda: not any(map(alive, pids)), "the end of every process")
        assert microlith("stop")[0] == 2  # and what is stale is swept away
        assert not Path(about["run_dir"]).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nosuch"], "no system is called 'nosuch'"),
        (["five", "--as", "mack"], "no architecture is called 'mack'; there are "),
        (["five", "--run", "shell"], "five has no app 'shell'; it has none"),
        (["unix", "--run", "shel"], "unix has no app 'shel'; did you mean 'shell'?"),
        (["unix", "--run", "'"], '--run "\'" cannot be read: no closing quotation'),
        (["unix", "--run", "list", "--detach"], "--run and --detach exclude each other"),
        (["unix", "--device", "hd0"], "--device hd0 does not name a path; write --device NAME=PATH"),
        (["unix", "--device", "hd=x"], "unix has no device 'hd'; did you mean 'hd0'?"),
        (["unix", "--device", "tty=/etc/passwd"], "devices.tty is not a terminal or a pipe: /etc/passwd"),
        (["five", "--as", "monolith", "--record", "x"], "--record is for architectures with a microkernel; "),
        (["five", "--record", "/nope/x"], "--record /nope/x cannot be written: no such file or directory"),
    ],
)
def test_launch_mistakes(arguments, said, runtime_directory):
    status, out, err = microlith("launch", *arguments)
    assert (status, out) == (2, "") and said in err and err.count("\n") == 1
    assert not list(runtime_directory.glob("microlith/*"))


def test_launch_device_is_used(tmp_path):
    image = tmp_path / "my.img"
    with launched("unix", "monolith", "--device", f"hd0={image}"):
        assert microlith("call", "files.mkdir", "/kept")[0] == 0
    with launched("unix", "mach", "--device", f"hd0={image}"):
        assert microlith("call", "files.list", "/", "--json")[1].count('"kept"') == 1


@pytest.mark.parametrize("architecture", EVERY)
def test_launch_run_gives_the_status_of_the_program(architecture, system):
    status, out, err = microlith("launch", system, "--as", architecture, "--run", "cat 5 a b", stdin=b"hello ")
    assert (status, out, err) == (5, "HELLO a b", "done\n")


def test_launch_run_several_with_logs(system):
    status, out, err = microlith("launch", system, "--run", "cat 0", "--run", "cat 0 'x y'", "--log")
    assert (status, out) == (0, "x y") and "every server is ready" in err


# --- on a terminal ------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", EVERY)
def test_launch_shell_on_a_terminal(architecture):
    with Process("launch", "unix", "--as", architecture, "--run", "shell", terminal=True) as launch:
        launch.until("/ $ ")
        launch.type("mkdir /made\n")
        launch.until("/made\r\n/ $ ")
        launch.type("ls /\n")
        launch.until("ls /\r\nmade\r\n/ $ ")
        launch.type("exit 6\n")
        assert launch.end()[0] == 6


def test_launch_shows_a_table_on_a_terminal_and_stops_at_ctrl_c(system):
    with Process("launch", system, terminal=True) as launch:
        launch.until("every server is ready")
        assert b"\x1b[2K" in launch.text["out"] and b"started" in launch.text["out"]
        microlith("call", "menu.say", "in \x1b[31mcolour")
        launch.until("in \\x1b[31mcolour")
        launch.type("\x03")
        assert launch.end()[0] == 0
        assert b" stopped\r\n" in launch.text["out"]


def test_launch_ends_in_order_with_its_terminal(system, runtime_directory):
    with Process("launch", system, terminal=True) as launch:
        launch.until("every server is ready")
        pids = everything_of(launch.process.pid)
        launch.hang_up()
        launch.process.wait(10)
        wait_for(lambda: not any(map(alive, pids)), "the end of every process")
        assert not list(runtime_directory.glob("microlith/*"))


@pytest.mark.parametrize("architecture", ["monolith", "mach"])
def test_launch_shows_the_records_of_the_log_server(architecture):
    with Process("launch", "unix", "--as", architecture) as launch:
        launch.until("every server is ready", "err")
        microlith("call", "log.record", "warning", "me", "take care")
        launch.until(" warning me: take care\n")
        launch.send()
        assert launch.end()[0] == 0
