"""Command lines as processes, for tests: finished ones, running ones, and running ones on a terminal."""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import psutil

from microlith import kinds

ROOT = Path(kinds.__file__).parents[1]
COMMAND = [sys.executable, "-m", "microlith.command.main"]
PATIENCE_S = 20.0

SYSTEM = """
[servers.menu]
class = "tests.command.parts:MenuServer"

[servers.cell]
class = "tests.command.parts:CellServer"

[apps.cat]
class = "tests.command.parts:Cat"
menu = "menu"
start = "demand"

[apps.stuck]
class = "tests.command.parts:Stuck"
menu = "menu"
start = "demand"

[apps.reader]
class = "tests.command.parts:Reader"
menu = "menu"
start = "demand"
"""

ONE = '[servers.{name}]\nclass = "tests.command.parts:{cls}"\n'


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def microlith(*arguments, stdin=b""):
    """Run a command line to its end: status, stdout, stderr."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(), input=stdin, capture_output=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err or "launch" in arguments or "logs" in arguments, err
    return done.returncode, out, err


def wait_for(condition, what="it"):
    """The first true value of `condition()`; fails after a while."""
    limit = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < limit, f"{what} did not happen within {PATIENCE_S} s"
        select.select([], [], [], 0.01)
    return value


class Process:
    """A command line that runs; what it prints is collected."""

    def __init__(self, *arguments, terminal=False):
        self.text = {"out": b"", "err": b""}
        self.terminal = -1
        if terminal:
            self.terminal, end = pty.openpty()
            self.process = subprocess.Popen(
                [*COMMAND, *map(str, arguments)], env={**environment(), "TERM": "xterm", "COLUMNS": "100"},
                stdin=end, stdout=end, stderr=end, start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no other way to a terminal
            )  # fmt: skip
            os.close(end)
            self.sources = {self.terminal: "out"}
        else:
            self.process = subprocess.Popen(
                [*COMMAND, *map(str, arguments)], env=environment(),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            self.sources = {self.process.stdout.fileno(): "out", self.process.stderr.fileno(): "err"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        if self.terminal >= 0:
            os.close(self.terminal)

    def pump(self, seconds=0.05):
        """Read what has come; False at the end."""
        for descriptor in select.select(list(self.sources), [], [], seconds)[0]:
            try:
                data = os.read(descriptor, 65536)
            except OSError:
                data = b""
            if data:
                self.text[self.sources[descriptor]] += data
            else:
                del self.sources[descriptor]
        return bool(self.sources)

    def until(self, words, where="out"):
        """Wait until it has printed these words."""
        limit = time.monotonic() + PATIENCE_S
        while words.encode() not in self.text[where]:
            assert self.pump(), f"ended with {self.process.wait()} without {words!r}: {self.text}"
            assert time.monotonic() < limit, f"{words!r} did not come: {self.text}"

    def hang_up(self):
        """Close the terminal."""
        os.close(self.terminal)
        self.sources.clear()
        self.terminal = -1

    def send(self, number=signal.SIGINT):
        self.process.send_signal(number)

    def type(self, words):
        os.write(self.terminal, words.encode())

    def end(self):
        """Wait for its end: status, stdout, stderr."""
        limit = time.monotonic() + PATIENCE_S
        while self.pump() and time.monotonic() < limit:
            if self.terminal >= 0 and self.process.poll() is not None:
                self.pump()
                break
        status = self.process.wait(PATIENCE_S)
        return status, self.text["out"].decode(), self.text["err"].decode()


@contextlib.contextmanager
def launched(system, architecture="mach", *options):
    """A machine in the background; stopped at the end.  Gives what `launch --detach --json` prints."""
    status, out, err = microlith("launch", system, "--as", architecture, "--detach", "--json", *options)
    assert status == 0, err
    about = json.loads(out)
    try:
        yield about
    finally:
        if Path(about["run_dir"]).exists():
            microlith("stop", "--machine", about["name"])


def domains(name=None):
    """What `ps` says of the domains of a machine, by name."""
    status, out, err = microlith("ps", "--json", *(("--machine", name) if name else ()))
    assert status == 0, out + err
    return {domain["domain"]: domain for domain in json.loads(out)["machines"][0]["domains"]}


def alive(pid):
    """Does this process run?  (One that is only to be reaped does not.)"""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
