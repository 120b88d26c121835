"""The same programs and the same console, on real machines of every architecture."""

import json
import os
import pty
import select
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from microlith import boot, load, within
from microlith.interface.status import DeadlineExceeded, ServerDied, Stale
from microlith.launch.machine import Machine
from servers.apps.retry import patiently

SOURCE = Path(json.__file__).parent
WAIT_S = 30.0


class Booted:
    """A machine whose console is a pty, and the user at the other end."""

    def __init__(self, architecture: str, directory: Path) -> None:
        self.user, line = pty.openpty()
        attributes = termios.tcgetattr(line)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(line, termios.TCSANOW, attributes)
        self.line, self.directory = line, directory
        system = load("unix").device("tty", "terminal", os.ttyname(line))
        self.machine: Machine = boot(system, architecture, checked=True)
        self.attached: Any = None

    def run(self, app: str, *arguments: str, **devices: Path) -> tuple[int, bytes]:
        """Run an app to its end: its status, and what it wrote."""
        read, write = os.pipe()
        null = os.open(os.devnull, os.O_RDWR)
        given = {name: os.open(path, os.O_RDONLY | os.O_DIRECTORY) for name, path in devices.items()}
        try:
            device = {name: ("directory", (fd,)) for name, fd in given.items()}
            running = self.machine.run(app, *arguments, stdio=(null, write, write), devices=device)
        finally:
            for descriptor in (write, null, *given.values()):
                os.close(descriptor)
        with os.fdopen(read, "rb") as output:
            said = output.read()
        return running.wait(WAIT_S), said

    def shown(self, last: bytes) -> bytes:
        """What the console showed, up to these words."""
        poller = select.poll()
        poller.register(self.user, select.POLLIN)
        seen = b""
        while last not in seen and poller.poll(WAIT_S * 1000):
            seen += os.read(self.user, 65536)
        return seen

    def attach(self) -> Any:
        """Every server's capability, by name."""
        self.attached = self.machine.connect("operator")
        return self.attached

    def close(self) -> None:
        if self.attached is not None:
            self.attached.close()
        self.machine.stop()
        os.close(self.user)
        os.close(self.line)


@pytest.fixture(params=["library", "monolith", "mach", "mach25"])
def booted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Booted]:
    booted = Booted(request.param, tmp_path)
    yield booted
    print(booted.machine.logs())
    booted.close()


def test_a_tree_goes_in_and_comes_out(booted: Booted, tmp_path: Path) -> None:
    status, said = booted.run("copy_in", "--summary", "/json", source=SOURCE)
    assert status == 0, said
    files = [path for path in SOURCE.rglob("*") if path.is_file()]
    assert json.loads(said.splitlines()[-1])["summary"]["files"] == len(files)

    status, sums = booted.run("checksum", "json")
    assert status == 0
    subprocess.run(["sha256sum", "-c", "--quiet", "--strict"], input=sums, cwd=SOURCE, check=True)

    (tmp_path / "out").mkdir()
    assert booted.run("copy_out", "json", target=tmp_path / "out")[0] == 0
    subprocess.run(["diff", "-r", SOURCE, tmp_path / "out"], check=True)

    status, listing = booted.run("list", "/json")
    assert status == 0 and b" decoder.py\n" in listing


def test_the_shell_talks_through_the_console(booted: Booted) -> None:
    os.write(booted.user, b"write f some words\ncat f missing\nsleep 0.01\nexit 3\n")
    assert booted.run("shell")[0] == 3
    shown = booted.shown(b"directory\r\n/ $ / $ ")
    assert shown == b"/ $ / $ some words\r\ncat: missing: No such file or directory\r\n/ $ / $ "


@pytest.mark.parametrize("booted", ["monolith", "mach", "mach25"], indirect=True)
def test_a_line_goes_to_the_reader_who_still_waits(booted: Booted) -> None:
    console = booted.attach().console
    with pytest.raises(DeadlineExceeded), within(0.05):
        console.read_line(b"first> ")
    os.write(booted.user, b"typed later\n")
    with within(WAIT_S):
        assert console.read_line(b"second> ") == b"typed later"
    assert booted.shown(b"second> ") == b"first> second> "


@pytest.mark.parametrize("booted", ["mach"], indirect=True)
def test_console_and_clock_go_on_after_their_death(booted: Booted) -> None:
    operator = booted.attach()
    timer = operator.clock.timer()
    timer.set(1)
    booted.machine.kill("console")
    booted.machine.kill("clock")
    with within(WAIT_S):
        assert patiently(lambda: operator.console.write(b"back")) == 4
        os.write(booted.user, b"again\n")
        assert operator.console.read_line() == b"again"
        patiently(lambda: operator.clock.sleep(1_000_000))
        with pytest.raises((Stale, ServerDied)):
            timer.wait()
