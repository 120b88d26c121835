"""The library OS: one process with the servers and, one at a time, the program.

The program's calls are bound methods.  Devices are polled: the domain's loop runs when the program
waits, polls, or has ended.  A fault anywhere is the end of it all.  The launcher's orders arrive on a
signal, since a program that computes runs no loop.
"""

import fcntl
import os
import select
import signal
import sys
from typing import Any

import msgspec

from microlith.frame.frame import Frame
from microlith.frame.page import IDLE, SERVING, STATE
from microlith.frame.peer import Peer
from microlith.frame.socket_peer import accept
from microlith.process import parcel
from microlith.process.assembly import Assembly
from microlith.process.birth import Birth
from microlith.process.domain import BROKEN_PIPE
from microlith.process.parts import make
from microlith.process.root import Root

BUSY = "a library OS runs one program at a time, and one is running"


class Library:
    """The one process of a library OS."""

    def __init__(self, root: Root) -> None:
        self.root, self.boot = root, root.boot
        self.frame = Frame(root.page(self.boot.root.domain), checked=self.boot.root.checked)
        Frame.current = self.frame
        self.assembly = Assembly(self.frame, root.devices)
        self.queue: list[tuple[dict[str, Any], list[int]]] = []
        self.program = ""
        self._null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        self._peer: Peer | None = None
        root.handlers |= {"stop": self.stop, "kill": self.kill, "state": self.state, "attach": self.attach}

    def run(self) -> int:
        """Build, run the programs of the plan, then what is asked for, until told to stop."""
        self.assembly.build(self.boot.root.parts)
        self._listen()
        self.frame.page.words[STATE] = IDLE
        self.root.event("ready", pid=os.getpid())
        for part in self.boot.root.parts:
            if part.app:
                birth = msgspec.structs.replace(self.boot.root, domain=part.name, parts=(part,))
                self.run_program(part.name, birth, [])
        while not self.frame.stopping:
            self.urgent()
            if self.queue:
                record, stdio = self.queue.pop(0)
                self.start(record, stdio)
            elif not self.frame.stopping:  # the order to stop may just have been taken
                self.frame.turn()
        self.assembly.stop(self.boot.root.parts)
        self.root.answer(self._stop_id, {"stopped": True})
        return 0

    _stop_id = -1

    # --- orders ------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Have the control channel signal us, and poll it in the loop as well.

        What the signal takes just before the loop blocks must not wait there: it leaves a mark to wake by.
        """
        mark = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.frame.watch(mark, lambda: os.eventfd_read(mark))

        def interrupted(*_: Any) -> None:
            self.urgent()
            os.eventfd_write(mark, 1)

        signal.signal(signal.SIGIO, interrupted)
        control = self.root.control.fileno()
        fcntl.fcntl(control, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(control, fcntl.F_SETFL, fcntl.fcntl(control, fcntl.F_GETFL) | os.O_ASYNC)
        self.frame.watch(control, self.urgent)

    def urgent(self) -> None:
        """Take every order that has arrived; what must wait for the program's end is queued."""
        while True:
            try:
                record, descriptors = parcel.receive(self.root.control, wait=False)
            except BlockingIOError:
                return
            except parcel.Closed:
                self._launcher_gone()
                return
            if record["do"] != "run":
                self.root.serve(record, descriptors)
            elif self.frame.in_program or self.queue:
                self.root.answer(record["id"], {"error": BUSY})
                for descriptor in descriptors:
                    os.close(descriptor)
            else:
                self.queue.append((record, descriptors))

    def _launcher_gone(self) -> None:
        if self.frame.in_program:
            os._exit(0)
        self.frame.stopping = True

    def kill(self, record: dict[str, Any], _: list[int]) -> dict[str, Any]:
        """Put a fault into a server; or end the program, which is the end of the process too."""
        if record["name"] == self.program:
            os.kill(os.getpid(), signal.SIGKILL)
        if record["name"] not in self.assembly.servers:
            return {"error": f"nothing is called {record['name']!r}"}
        self.assembly.poison(record["name"])
        return {"killed": record["name"], "how": "fault"}

    def stop(self, record: dict[str, Any], _: list[int]) -> None:
        """Stop when the program has ended; one that waits or polls ends there."""
        self.frame.stopping, self._stop_id = True, record["id"]

    def attach(self, record: dict[str, Any], _: list[int]) -> dict[str, Any] | None:
        """A process of the host as the one program, its calls served by this process's loop."""
        if self._peer is not None and not self._peer.serving and self._peer.hung_up():
            self._peer.close()
        if self.frame.in_program or (self._peer is not None and not self._peer.closed):
            return {"error": BUSY}
        birth = _over_socket(self.boot.templates[record["app"]])
        self._peer, link = accept(self.frame, self.assembly.holders, record["app"], birth.quota, spins=False)
        for slot in birth.parts[0].slots:
            self._peer.grant(self.assembly.servers[slot.server], slot.rank)
        self.root.attached(record["id"], record["app"], birth, link)
        return None

    def state(self, record: dict[str, Any], _: list[int]) -> dict[str, Any]:
        """What the one domain is doing."""
        names = [p.name for p in self.boot.root.parts] + ([self.program] if self.program else [])
        row = self.root.row("library", "process", names, os.getpid())
        return {"domains": [row], "zygote": 0, "spare": 0, "kernel_visits": 0}

    # --- programs ----------------------------------------------------------------------------------

    def start(self, record: dict[str, Any], stdio: list[int]) -> None:
        """Run a demand app that the launcher asked for."""
        name, birth = self.root.program(record)
        self.root.answer(record["id"], {"name": name, "pid": os.getpid()})
        with self.root.lent(record, stdio):
            self.run_program(name, birth, stdio[:3])

    def run_program(self, name: str, birth: Birth, stdio: list[int]) -> None:
        """Run one program to its end, on the standard streams it was given."""
        saved = [os.dup(n) for n in range(3)] if stdio else []
        for number, descriptor in enumerate(stdio):
            os.dup2(descriptor, number)
            os.close(descriptor)
        self.program, self.frame.in_program = name, True
        self.frame.page.words[STATE] = SERVING
        status = 0
        try:
            app = self.assembly.join(make(birth.parts[0], self.root.devices), birth.parts[0])
            status = app.main(*birth.arguments) or 0
            sys.stdout.flush()
        except BrokenPipeError:
            if not saved or not _reader_gone():
                raise  # a fault of a server
            os.dup2(self._null, 1)  # what waits in the buffer goes with its reader
            status = BROKEN_PIPE
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0
        finally:
            self.program, self.frame.in_program = "", False
            sys.stdout.flush()
            for number, descriptor in enumerate(saved):
                os.dup2(descriptor, number)
                os.close(descriptor)
        self.frame.deliver_notices()
        self.root.event("ended", name=name, status=status & 0xFF, pid=os.getpid())


def _over_socket(birth: Birth) -> Birth:
    """A program's birth as that of a process of its own: what its slots lead to is not beside it any more."""
    (part,) = birth.parts
    slots = tuple(msgspec.structs.replace(slot, path="peer") for slot in part.slots)
    return msgspec.structs.replace(birth, link="socket", parts=(msgspec.structs.replace(part, slots=slots),))


def _reader_gone() -> bool:
    """Is standard output a pipe whose reader went away?"""
    poller = select.poll()
    poller.register(1, 0)
    return any(event & select.POLLERR for _, event in poller.poll(0))


def run(root: Root) -> int:
    """The program of the root domain."""
    return Library(root).run()
