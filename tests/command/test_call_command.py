"""`microlith call`: what it prints, how it ends, and what happens when the machine dies under it."""

import json
import signal

import pytest

from tests.command.live import Process, launched, microlith

EVERY = ["library", "monolith", "mach", "mach25"]


@pytest.mark.parametrize("architecture", EVERY)
def test_call_prints_results_and_statuses(architecture):
    with launched("five", architecture):
        assert microlith("call", "files.list", "/") == (0, "", "")
        assert microlith("call", "files.create", "/motd", ".write", "0", "hello\n") == (0, "6\n", "")
        assert microlith("call", "files.create", "/bin", ".append", "@-", stdin=b"\xff\x00")[:2] == (0, "2\n")
        assert microlith("call", "files.open", "path=/motd", ".read", "0", "100") == (0, "hello\n", "")
        assert microlith("call", "files.open", "/motd", ".read", "0", "5", "--json") == (0, '"hello"\n', "")
        _, out, _ = microlith("call", "--json", "files.open", "/bin", ".read", "0", "5")
        assert json.loads(out) == {"base64": "/wA="}
        assert microlith("call", "files.open", "/motd") == (0, "a File\n", "")
        assert json.loads(microlith("call", "files.open", "/motd", "--json")[1]) == {"capability": "File"}
        _, out, _ = microlith("call", "files.list", "/")
        assert [line.split() for line in out.splitlines()][1][2] == "file"
        _, out, _ = microlith("call", "files.stat", "/motd")
        assert "size      6\n" in out and "kind      file\n" in out
        assert microlith("call", "files.stat", "/nope") == (
            1,
            "",
            "microlith: files.stat answered NotFound: nope\n",
        )
        status, out, _ = microlith("call", "files.stat", "/nope", "--json")
        assert (status, json.loads(out)) == (1, {"status": "NotFound", "detail": "nope", "errno": 2})


def test_call_bytes_are_as_they_are_but_on_a_terminal(system):
    with launched(system):
        with Process("call", "menu.echo", "a\x1b[2J\nb", "times=2", terminal=True) as call:
            status, out, _ = call.end()
        assert (status, out) == (0, "a\\x1b[2J\r\nba\\x1b[2J\r\nb\r\n")
        assert microlith("call", "menu.echo", "a\x1b[2Jb") == (0, "a\x1b[2Jb", "")


def test_call_mistakes_and_other_ways(system):
    with launched(system):
        for arguments, said in [
            (["meno.echo"], "sys has no server 'meno'; did you mean 'menu'?"),
            (["menu.ehco"], "menu has no operation 'ehco'; did you mean 'echo'?"),
            (
                ["menu.echo"],
                "menu.echo(data: bytes, times: int = 1) -> bytes: Menu.echo is missing the argument 'data'",
            ),
            (["menu.echo", "x", "--as-app", "catt"], "sys has no app 'catt'; did you mean 'cat'?"),
            (["cell.size", "--as-app", "cat"], "app 'cat' has no server 'cell'; it has menu"),
            (["menu.echo", "x", "--machine", "nope"], "no machine 'nope' is running; running: sys-"),
        ]:
            status, out, err = microlith("call", *arguments)
            assert (status, out) == (2, "") and err.startswith(f"microlith: {said}") and err.count("\n") == 1
        assert microlith("call", "menu.odd", "blue", "yes=true") == (0, "even\n", "")
        assert microlith("call", "menu.odd", "blue") == (1, "", "microlith: menu.odd answered Odd: it is blue\n")
        assert microlith("call", "menu.echo", "x", "--as-app", "cat") == (0, "x", "")
        assert microlith("call", "menu.echo", "--", "--json") == (0, "--json", "")
        assert microlith("call", "menu.echo", "x", "-3") == (0, "", "")
        points = '[{"x": 1, "name": "n"}]'
        assert json.loads(microlith("call", "menu.points", points, "--json")[1]) == [
            {"x": 1, "name": "n", "colour": "red"}
        ]


@pytest.mark.parametrize("architecture", ["monolith", "mach"])
def test_call_passes_capabilities(architecture):
    with launched("unix", architecture):
        assert microlith("call", "names.bind", "here", "files", "text") == (0, "", "")
        assert microlith("call", "names.list") == (0, "here\n", "")
        status, _, err = microlith("call", "names.bind", "here", "fils", "")
        assert status == 2 and "service is 'fils'; of type Interface there are disk, files, " in err


@pytest.mark.parametrize("architecture", EVERY)
def test_call_within(architecture, system):
    with launched(system, architecture):
        status, _, err = microlith("call", "menu.never", "--within", "1")
        assert status == 1 and err.startswith("microlith: menu.never answered DeadlineExceeded")


def test_call_interrupted(system):
    with launched(system), Process("call", "menu.never") as call:
        _until_calling()
        call.send(signal.SIGINT)
        assert call.end() == (130, "", "\n")
        assert microlith("call", "menu.echo", "x") == (0, "x", "")


@pytest.mark.parametrize("victim", ["kernel", "launcher", "server"])
@pytest.mark.parametrize("architecture", ["monolith", "mach"])
def test_call_when_the_other_side_dies(architecture, victim, system):
    with launched(system, architecture) as about, Process("call", "menu.never") as call:
        _until_calling()
        if victim == "launcher":
            import os

            os.kill(about["launcher"], signal.SIGKILL)
        else:
            assert microlith("kill", "menu" if victim == "server" else victim)[0] == 0
            if victim == "server" and architecture == "monolith":
                microlith("call", "menu.say", "x")  # a fault waits for the next operation
        status, out, err = call.end()
        if victim == "server" and architecture == "mach":
            assert (status, out) == (1, "")
            assert err.startswith("microlith: menu.never answered ServerDied")
        else:
            assert (status, out) == (3, ""), err
            assert err == (
                f"microlith: machine {about['name']} died during the command; it may or may not have been done\n"
            )
        assert "may or may not have been done" in err
    microlith("ps")


def _until_calling():
    """Wait until an outside process is attached."""
    from tests.command.live import domains, wait_for

    wait_for(lambda: any(d["state"] == "outside" for d in domains().values()))
