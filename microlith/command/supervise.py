"""The launcher's main loop: events, logs and signals of one machine until it ends.

All of them come through the machine's queue of events, those of signals and of log servers too, so that
there is one place to wait.  The first SIGINT, SIGTERM or SIGHUP stops the machine in order; a SIGINT
after that kills it.  Standard streams that are closed stop it in order too: nobody listens any more.
"""

import queue
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from microlith.command.display import Display
from microlith.command.output import Unwritable
from microlith.command.remote import Lost
from microlith.command.streams import Line, Records, Tails, log_servers
from microlith.interface.status import UsageError

if TYPE_CHECKING:
    from microlith.launch.machine import Machine

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130
TURN_S = 0.1  # how often log files are looked at
BOOT_S = 30.0
TAIL = 8  # lines of the log of what could not boot

Program = tuple[str, tuple[str, ...]]


class Interrupts:
    """Signals as they come, for whom the machine may not be there yet."""

    def __init__(self) -> None:
        self.count = 0
        self.final = False  # the end is near: no more interruptions
        self.tell: Callable[[], None] = lambda: None

    def __call__(self, number: int, _: Any) -> None:
        """The handler: the first is told, a second Ctrl-C interrupts whatever is being done."""
        self.count += 1
        if self.count == 1:
            self.tell()
        elif number == signal.SIGINT and not self.final:
            self.final = True
            raise KeyboardInterrupt


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """While this is entered, the signals do not end us."""
    handler = Interrupts()
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield handler
    finally:
        for number, old in before.items():
            signal.signal(number, old)


class Supervisor:
    """Runs until the machine is down; `status` is then the exit status of the launch."""

    def __init__(
        self,
        machine: "Machine",
        display: Display,
        paint: Callable[[Line], None] | None,
        programs: list[Program],
        ready: Callable[[], None],
    ) -> None:
        self.machine, self.display, self.paint = machine, display, paint
        self.programs, self.tell_ready = programs, ready
        self.tails = Tails(machine.run_dir)
        self.records: Records | None = None
        self.status = 0
        self.up = self.ended = False
        self._for_programs = bool(programs)  # it ends with the last of them
        self._program = ""
        self._limit = time.monotonic() + BOOT_S

    def run(self, handler: Interrupts) -> int:
        """The loop.  Raises Lost when the machine could not boot or died, KeyboardInterrupt when it was killed."""
        handler.tell = lambda: self.machine.events.put({"event": "interrupt"})
        if handler.count:
            handler.tell()
        try:
            while not self.ended:
                self._turn()
        except OSError as error:
            self.machine.stop()
            raise Unwritable(BrokenPipeError(*error.args)) from None
        except Unwritable:
            self.machine.stop()
            raise
        except BaseException:
            handler.final = True
            with suppress(OSError, Unwritable):
                self._show_logs()
            self.machine.destroy()
            raise
        finally:
            with suppress(OSError, Unwritable):
                self._show_logs(last=True)
                self.display.close()
        return self.status

    def _turn(self) -> None:
        try:
            event = self.machine.events.get(timeout=TURN_S)
        except queue.Empty:
            event = {"event": "nothing"}
        if self.up:
            self._show_logs()
        if event["event"] == "record":
            if self.paint is not None:
                self.paint(event["line"])
        elif event["event"] != "nothing":
            self.display.event(event)
        handle = getattr(self, "_on_" + event["event"].replace(" ", "_"), None)
        if handle is not None:
            handle(event)
        if not self.up and not self.ended and time.monotonic() > self._limit:
            self._fail(f"not every server was ready within {BOOT_S:g} s")

    # --- what happens ------------------------------------------------------------------------------

    def _on_ready(self, _: dict[str, Any]) -> None:
        if self.up:
            return
        self.up = True
        self.tell_ready()
        if self.paint is not None:
            self._follow_records()
        self._next_program()

    def _on_ended(self, event: dict[str, Any]) -> None:
        if event["name"] == self._program:
            from microlith.command.run import exit_status

            self.status = exit_status(event["name"], int(event["status"])) or self.status
            self._program = ""
            self._next_program()

    def _on_gave_up(self, event: dict[str, Any]) -> None:
        if not self.up:
            self._fail(f"{event['name']} died whenever it was started", event["name"])

    def _on_reboot(self, event: dict[str, Any]) -> None:
        if not self.up:
            self._fail("the root domain died while it booted", self.machine.boot.root.domain)
        elif self._program:
            self.stop()
            raise Lost(f"machine {self.machine.name} died, and {self._program} with it")

    def _on_unrecorded(self, _: dict[str, Any]) -> None:
        self.status = self.status or 1

    def _on_refused(self, event: dict[str, Any]) -> None:
        raise UsageError(event["text"])

    def _on_down(self, event: dict[str, Any]) -> None:
        self.ended = True
        self.machine.destroy()
        why = event["text"] or ("" if self.up else "it was stopped while it booted")
        if why:
            raise Lost(f"machine {self.machine.name}: {why}")

    def _on_interrupt(self, _: dict[str, Any]) -> None:
        if not self.up or self._program:
            self.status = INTERRUPTED
        self.stop()

    # --- what we do --------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop in order."""
        self.machine.stop()
        self.ended = True
        while not self.machine.events.empty():
            event = self.machine.events.get()
            if event["event"] == "unrecorded":
                self.display.event(event)
                self._on_unrecorded(event)
        self.display.event({"event": "down", "text": "", "at": time.monotonic_ns()})

    def _fail(self, why: str, domain: str = "") -> None:
        self.display.close()
        if self.paint is None:
            prefix = f"{domain}: " if domain else ""
            said = [line for line in self.machine.logs(TAIL).split("\n") if line.startswith(prefix)]
            sys.stderr.write("".join(f"{line}\n" for line in said))
        raise Lost(f"{self.machine.boot.system} could not boot: {why}")

    def _next_program(self) -> None:
        if self.programs:
            from microlith.command.run import streams

            app, arguments = self.programs.pop(0)
            with streams() as stdio:
                self._program = self.machine.run(app, *arguments, stdio=stdio).name
        elif self._for_programs:
            self.stop()

    def _follow_records(self) -> None:
        from microlith.launch.attach import about, attach_here
        from microlith.plan.plan import OPERATOR

        described = about(self.machine)
        if described["one_program"]:
            return  # a library OS would have no place for another program
        for server in log_servers(described)[:1]:
            self.records = Records(server, lambda: attach_here(self.machine, OPERATOR), self._hand_on)
            self.records.start()

    def _hand_on(self, line: Line) -> None:
        self.machine.events.put({"event": "record", "line": line})

    def _show_logs(self, last: bool = False) -> None:
        if last and self.records is not None:
            self.records.ended.set()
        if self.paint is not None:
            for line in self.tails.close() if last else self.tails.poll():
                self.paint(line)
