"""`microlith run`: a program of a machine on our standard streams."""

import json
import os
import signal
import sys

import psutil
import pytest

from tests.command import live
from tests.command.live import Process, alive, domains, launched, microlith, wait_for

EVERY = ["library", "monolith", "mach", "mach25"]

FOREIGN = """
import os, sys
from pathlib import Path
from microlith.launch.attach import attach_from
me = attach_from(Path(os.environ["MICROLITH_CONTROL"]), os.environ["MICROLITH_APP"])
print(me.menu.echo(b"x", 3), sys.argv[1:], sys.stdin.read())
me.close()
sys.exit(4)
"""


@pytest.mark.parametrize("architecture", EVERY)
def test_run_has_our_streams_and_the_status_of_the_program(architecture, system, tmp_path):
    note = tmp_path / "note"
    note.write_text("noted down")
    with launched(system, architecture):
        assert microlith("run", "cat", 3, "a b", "-x", stdin=b"hi ") == (3, "HI a b -x", "done\n")
        assert microlith("run", "cat", 0, "--", "--machine") == (0, "--machine", "done\n")
        assert microlith("run", "reader", "--device", f"file={note}") == (0, "noted", "")
        for arguments, said in [
            (["catt"], "sys has no app 'catt'; did you mean 'cat'?"),
            (["operator"], "sys has no app 'operator'; it has cat, stuck and reader"),
            (["reader"], "reader needs a file; add --device file=PATH"),
            (["reader", "--device", "file"], "--device file does not name a path; write --device ATTRIBUTE=PATH"),
            (["reader", "--device", "flie=x"], "app reader has no device 'flie'; did you mean 'file'?"),
            (
                ["reader", "--device", "file=/nope"],
                "--device file: /nope cannot be opened as a file: no such file or directory",
            ),
        ]:
            assert microlith("run", *arguments) == (2, "", f"microlith: {said}\n")


def test_run_on_unix(tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_text("content")
    with launched("unix"):
        status, out, _ = microlith("run", "copy_in", "--device", f"source={tmp_path / 'tree'}", "--summary")
        assert status == 0 and json.loads(out.splitlines()[-1])["summary"]["files"] == 1
        assert microlith("call", "files.open", "/a", ".read", 0, 99) == (0, "content", "")
        status, out, err = microlith("run", "checksum", "/nope")
        assert (status, out) == (1, "") and "No such file" in err


@pytest.mark.parametrize("architecture", ["monolith", "mach"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_run_that_ends_takes_the_program_along(architecture, number, system):
    with launched(system, architecture), Process("run", "stuck") as run:
        run.until("stuck\n")
        pid = domains()["stuck-1"]["pid"]
        run.send(number)
        assert run.end()[0] == (130 if number == signal.SIGINT else -number)
        wait_for(lambda: not alive(pid), "the end of the program")
        wait_for(lambda: "stuck-1" not in domains())


@pytest.mark.parametrize("architecture", EVERY)
def test_run_when_the_machine_dies(architecture, system):
    with launched(system, architecture) as about, Process("run", "stuck") as run:
        run.until("stuck\n")
        assert microlith("kill", "kernel")[0] == 0
        said = f"microlith: machine {about['name']} died, and stuck-1 with it\n"
        status, out, err = run.end()
        assert (status, out) == (3, "stuck\n") and err.endswith(said)  # the program may have said why it died


def test_run_program_that_is_killed(system):
    with launched(system), Process("run", "stuck") as run:
        run.until("stuck\n")
        assert microlith("kill", "stuck-1")[0] == 0
        assert run.end() == (137, "stuck\n", "microlith: stuck-1 was ended by SIGKILL\n")


@pytest.mark.parametrize("architecture", EVERY)
def test_run_foreign_program(architecture, system, tmp_path):
    script = tmp_path / "foreign.py"
    script.write_text(FOREIGN)
    command = json.dumps([sys.executable, str(script), "first"])
    system.write_text(live.SYSTEM + f'[apps.foreign]\ncommand = {command}\nstart = "demand"\nmenu = "menu"\n')
    with launched(system, architecture):
        status, out, err = microlith("run", "foreign", "-x", stdin=b"input")
        assert (status, out) == (4, "b'xxx' ['first', '-x'] input\n"), err
        said = "app foreign is a foreign program; it opens its devices itself, so leave --device out"
        assert microlith("run", "foreign", "--device", "a=b") == (2, "", f"microlith: {said}\n")
        assert microlith("call", "menu.echo", "x", "--as-app", "foreign") == (0, "x", "")


def test_run_on_a_terminal(system):
    with launched(system), Process("run", "cat", 0, terminal=True) as run:
        wait_for(lambda: "cat-1" in domains())
        run.type("word\n\x04")
        run.until("WORD\r\n")
        assert run.end()[0] == 0


def test_run_leaves_no_descriptor_in_the_launcher(system):
    with launched(system) as about:
        count = []
        for _ in range(4):
            assert microlith("run", "cat", 0)[0] == 0
            count.append(psutil.Process(about["launcher"]).num_fds())
        assert count[1:] == count[:1] * 3
        assert os.getpid() != about["launcher"]


def test_run_on_a_library_that_runs_a_program(system):
    with launched(system, "library"), Process("run", "stuck") as run:
        run.until("stuck\n")
        said = "microlith: a library OS runs one program at a time, and stuck-1 is running\n"
        assert microlith("run", "cat", 0) == (2, "", said)
        assert microlith("call", "menu.echo", "x")[0] == 2
