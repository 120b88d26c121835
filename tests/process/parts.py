"""The assistants of the process tests: servers with settings and devices, a prisoner with a menu of escapes, apps."""

import ctypes
import enum
import errno
import os
import select
import signal
import socket
import subprocess
import sys
import time

from microlith.frame.server import App, Server
from microlith.interface.devices import HostDirectory, HostFile, Timer
from microlith.interface.interface import Interface
from microlith.interface.operation import idempotent
from microlith.interface.values import Struct


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


class Shape(Struct, frozen=True):
    width: int
    name: str


class Report(Interface):
    @idempotent
    def settings(self) -> tuple[str, ...]: ...

    @idempotent
    def device(self) -> bytes: ...

    @idempotent
    def ticks(self) -> int: ...

    @idempotent
    def process(self) -> tuple[int, int, int]: ...

    @idempotent
    def modules(self, prefix: str) -> tuple[str, ...]: ...


class Reporter(Server, Report):
    number: int
    text: str = "a default"
    real: float = 0.5
    flag: bool = False
    mode: Mode = Mode.FAST
    shape: Shape = Shape(1, "one")
    several: tuple[int, ...] = ()
    perhaps: int | None = None
    file: HostFile
    spare: HostFile | None = None
    timer: Timer

    def start(self):
        self._ticks = 0
        self.timer.arm(time.monotonic_ns() + 1_000_000)

    def settings(self):
        names = ("number", "text", "real", "flag", "mode", "shape", "several", "perhaps", "spare")
        return tuple(repr(getattr(self, name)) for name in names)

    def device(self):
        return os.pread(self.file.fd, 100, 0) + (b"w" if self.file.writable else b"r")

    def interrupt(self, device):
        assert device == "timer"
        if self.timer.expirations():
            self._ticks += 1
            self.timer.arm(time.monotonic_ns() + 1_000_000)

    def ticks(self):
        return self._ticks

    def process(self):
        return (os.getpid(), os.getppid(), os.getsid(0))

    def modules(self, prefix):
        return tuple(sorted(name for name in sys.modules if name.startswith(prefix)))


class Order(Interface):
    """What the tests of the orderly stop call."""

    @idempotent
    def ping(self) -> int: ...


class Ordered(Server, Order):
    """Writes its name when it starts and stops, and calls below while it stops."""

    ledger: HostFile
    title: str
    below: Order | None = None

    def start(self):
        self._write("start")

    def stop(self):
        if self.below is not None:
            self.below.ping()
        self._write("stop")

    def ping(self):
        return os.getpid()

    def _write(self, what):
        os.lseek(self.ledger.fd, 0, os.SEEK_END)
        os.write(self.ledger.fd, f"{what} {self.title}\n".encode())


class Escape(Interface):
    def attempt(self, how: str, argument: str) -> str: ...


class Prisoner(Server, Escape):
    """Tries to get out.  The answer is `denied ERRNO`, or what it got."""

    inside: HostDirectory | None = None

    def attempt(self, how, argument):
        try:
            return f"done {ESCAPES[how](self, argument)}"
        except OSError as error:
            return f"denied {errno.errorcode.get(error.errno, error.errno)}"


_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "denied")
    return result


def _inside(self, argument):
    descriptor = os.open(argument, os.O_RDWR | os.O_CREAT, dir_fd=self.inside.fd)
    os.write(descriptor, b"mine")
    os.close(descriptor)
    return "written"


ESCAPES = {
    "read": lambda self, path: open(path, "rb").read(10),  # noqa: SIM115
    "write": lambda self, path: open(path, "wb").write(b"x"),  # noqa: SIM115
    "list": lambda self, path: len(os.listdir(path)),
    "unlink": lambda self, path: os.unlink(path),
    "mkdir": lambda self, path: os.mkdir(path),
    "inside": _inside,
    "socket": lambda self, _: socket.socket().close(),
    "unix": lambda self, path: socket.socket(socket.AF_UNIX).connect(path),
    "udp": lambda self, _: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "execve": lambda self, path: os.execv(path, [path]),
    "subprocess": lambda self, path: subprocess.run([path], check=False).returncode,
    "kill": lambda self, pid: os.kill(int(pid), 0),
    "stop": lambda self, pid: os.kill(int(pid), signal.SIGSTOP),
    "ptrace": lambda self, pid: _checked(_libc.ptrace(16, int(pid), 0, 0)),
    "memory": lambda self, pid: open(f"/proc/{pid}/mem", "rb").close(),
    "environ": lambda self, pid: open(f"/proc/{pid}/environ", "rb").read(1),  # noqa: SIM115
    "unshare": lambda self, _: _checked(_libc.unshare(0x10000000)),
    "chroot": lambda self, path: os.chroot(path),
    "nice": lambda self, _: os.setpriority(os.PRIO_PROCESS, 0, 5),
    "nothing": lambda self, _: "nothing",
}


class Program(App):
    """Exit statuses and standard streams."""

    report: Report

    def main(self, *arguments):
        if arguments[:1] == ("status",):
            return int(arguments[1])
        if arguments[:1] == ("none",):
            return None
        if arguments[:1] == ("exit",):
            sys.exit(int(arguments[1]))
        if arguments[:1] == ("raise",):
            raise RuntimeError("a bug of this program")
        if arguments[:1] == ("kill",):
            os.kill(os.getpid(), signal.SIGKILL)
        if arguments[:1] == ("stay",):
            print("staying", flush=True)
            select.select([0], [], [])
            return 0
        if arguments[:1] == ("copy",):
            data = sys.stdin.buffer.read()
            sys.stdout.buffer.write(data[::-1])
            print("done", file=sys.stderr)
            return len(data)
        print(*arguments, len(self.report.settings()))
        return 0


class DeviceProgram(App):
    """A program that is given a file by whoever starts it."""

    report: Report
    given: HostFile

    def main(self, *arguments):
        print(os.pread(self.given.fd, 100, 0).decode(), flush=True)
        return 0
