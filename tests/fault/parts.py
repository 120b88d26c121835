"""The assistant of the fault tests: a server with a menu of deaths, and an app that asks one thing of it.

The ledger is a host file that outlives every incarnation: one line for each execution, so that what was
done, how often and by which incarnation can be counted from outside.
"""

import ctypes
import json
import os
import signal
import sys
import time

from microlith.frame.frame import within
from microlith.frame.server import App, Object, Server, here
from microlith.interface.devices import HostFile
from microlith.interface.interface import Interface
from microlith.interface.operation import idempotent, notify, raises, waits
from microlith.interface.status import Status


class Declared(Status):
    """Declared by `status`."""


class Undeclared(Status):
    """Declared by nothing."""


class Handle(Interface):
    @idempotent
    def pid(self) -> int: ...


class Victim(Interface):
    @idempotent
    def echo(self, tag: str) -> str: ...

    def twice(self, a: int, b: int) -> tuple[int, int]: ...

    def die(self, how: str) -> None: ...

    @idempotent
    def die_idempotent(self, how: str) -> None: ...

    @idempotent
    def risky(self, tag: str, deaths: int) -> int: ...

    def risky_once(self, tag: str, deaths: int) -> int: ...

    @waits
    def hold(self, tag: str) -> str: ...

    @idempotent
    def held(self) -> tuple[str, ...]: ...

    def let_go(self, text: str) -> tuple[bool, ...]: ...

    @idempotent
    def pause(self, milliseconds: int, tag: str) -> str: ...

    @raises(Declared)
    def status(self) -> None: ...

    @notify
    def die_quietly(self, how: str) -> None: ...

    def open_handle(self, badge: int) -> Handle: ...

    @idempotent
    def released(self) -> int: ...

    @idempotent
    def pid(self) -> int: ...


class Victims(Server, Victim):
    ledger: HostFile
    start_deaths: int = 0

    def start(self):
        self._held = []
        self._released = 0
        self._write("start")
        if self._count("start") <= self.start_deaths:
            os._exit(9)

    def stop(self):
        self._write("stop")

    def adopt(self, badge):
        return VictimHandle(self, badge)

    def withdrawn(self, reply):
        self._write("withdrawn")
        self._held = [one for one in self._held if one[0] is not reply]

    def _write(self, what):
        os.lseek(self.ledger.fd, 0, os.SEEK_END)
        os.write(self.ledger.fd, f"{what} {os.getpid()}\n".encode())

    def _count(self, what):
        size = os.fstat(self.ledger.fd).st_size
        return sum(line.split()[0] == what.encode() for line in os.pread(self.ledger.fd, size, 0).splitlines())

    def echo(self, tag):
        return tag

    def twice(self, a, b):
        return (a, b)

    def die(self, how):
        self._write(f"die-{how}")
        DEATHS[how]()

    def die_idempotent(self, how):
        self.die(how)

    def die_quietly(self, how):
        self.die(how)

    def risky(self, tag, deaths):
        self._write(f"risky-{tag}")
        count = self._count(f"risky-{tag}")
        if count <= deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        return count

    def risky_once(self, tag, deaths):
        return self.risky(tag, deaths)

    def hold(self, tag):
        reply = self.later()
        self._held.append((reply, tag))
        return reply

    def held(self):
        return tuple(tag for _, tag in self._held)

    def let_go(self, text):
        held, self._held = self._held, []
        return tuple(reply.answer(f"{tag}:{text}") for reply, tag in held)

    def pause(self, milliseconds, tag):
        self._write(f"pause-{tag}")
        time.sleep(milliseconds / 1000)
        return tag

    def status(self):
        raise Declared("as declared")

    def open_handle(self, badge):
        return VictimHandle(self, badge)

    def released(self):
        return self._released

    def pid(self):
        return os.getpid()


class VictimHandle(Object, Handle):
    def __init__(self, victims, badge):
        self._victims, self.badge = victims, badge

    def pid(self):
        return os.getpid()

    def released(self):
        self._victims._released += 1


def _fault():
    raise ValueError("a bug of this server")


def _undeclared():
    raise Undeclared("not in the signature")


def _spin():
    while True:
        pass


def _segv():
    ctypes.string_at(1)


def _memory():
    kept = [bytearray(64 << 20) for _ in range(1 << 12)]  # quota.memory_mib ends this
    raise AssertionError(len(kept))


def _recurse():
    _recurse()


def _garbage():
    here().kernel.transmit(b"these bytes are no message")
    signal.pause()


def _garbage_header():
    here().kernel.transmit(b"\x01\x04" + b"\xff" * 60)
    signal.pause()


def _foreign_reply():
    """Answers to calls that are not this server's: ignored; then it dies of itself."""
    from microlith.frame import wire

    for call in range(1, 200):
        here().kernel.transmit(wire.pack(wire.REPLY, call=call, body=b"\x91\xa6forged"))
    os._exit(5)


DEATHS = {
    "sigkill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(3),
    "exit0": lambda: os._exit(0),
    "sysexit": lambda: sys.exit(4),
    "fault": _fault,
    "undeclared": _undeclared,
    "segv": _segv,
    "abort": os.abort,
    "memory": _memory,
    "recurse": _recurse,
    "garbage": _garbage,
    "garbage_header": _garbage_header,
    "foreign_reply": _foreign_reply,
    "sigstop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "spin": _spin,
}


class Bystanders(Server, Victim):
    """The same interface with nothing dangerous in it: somebody else's server, who must not notice."""

    def start(self): ...

    def echo(self, tag):
        return tag

    def twice(self, a, b):
        return (a, b)

    def die(self, how): ...

    die_idempotent = die_quietly = die

    def risky(self, tag, deaths):
        return 0

    risky_once = risky

    def hold(self, tag):
        return tag

    def held(self):
        return ()

    def let_go(self, text):
        return ()

    def pause(self, milliseconds, tag):
        return tag

    def status(self): ...

    def open_handle(self, badge):
        return VictimHandle(self, badge)

    def released(self):
        return 0

    def pid(self):
        return os.getpid()


class Middle(Interface):
    @idempotent
    def echo(self, tag: str) -> str: ...

    def die_below(self, how: str) -> str: ...

    @waits
    def hold(self, tag: str) -> str: ...


class Middles(Server, Middle):
    """Between an app and the victim: catches what happens below, forwards what waits."""

    victim: Victim

    def echo(self, tag):
        return self.victim.echo(tag)

    def die_below(self, how):
        try:
            self.victim.die(how)
        except Status as status:
            return type(status).__name__
        return "nothing happened"

    def hold(self, tag):
        return self.forward(self.victim.hold, tag)


class Asker(App):
    """Asks one thing and writes the answer as a line of JSON: {answer | status, ms, pid}.

    Arguments: an operation, then JSON values; `within=SECONDS` before the operation bounds it.  `hang` after
    everything else makes it stay until it is killed.
    """

    victim: Victim
    other: Victim
    middle: Middle

    def main(self, *arguments):
        words, options = list(arguments), {}
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            options[name] = value
        self.line({"started": os.getpid()})
        target, operation = words[0].split(".")
        server = getattr(self, target)
        for _ in range(int(options.get("times", "1"))):
            self.ask(getattr(server, operation), [json.loads(word) for word in words[1:]], options)
        if "stay" in options:
            self.kept = server.open_handle(0)
            self.line({"staying": 1})
            signal.pause()
        return 0

    def ask(self, method, arguments, options):
        started = time.monotonic()
        try:
            with within(float(options.get("within", "60"))):
                answer = {"answer": method(*arguments)}
        except Status as status:
            answer = {"status": type(status).__name__}
        self.line({**answer, "ms": (time.monotonic() - started) * 1000})

    @staticmethod
    def line(values):
        os.write(1, json.dumps(values).encode() + b"\n")
