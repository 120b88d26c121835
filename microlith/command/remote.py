"""A running machine as a command sees it: its run directory and the control socket in it.

Whatever goes wrong between the command and the machine is one sentence: `UsageError` when the operator
asked for what is not there (exit status 2), `Lost` when the machine died or does not answer (3).
"""

import socket
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from microlith.interface.status import UsageError

if TYPE_CHECKING:
    from microlith.launch.attach import Attached

ANSWER_S = 25.0  # the launcher gives the root 20 s
LOST = 3
NONE = "no machine is running; start one with 'microlith launch SYSTEM'"
DEATHS = ("reboot", "down")  # news after which nothing attached to the machine is attached any more


class Lost(click.ClickException):
    """The machine died, or could not boot, or does not answer."""

    exit_code = LOST


class Silent(Lost):
    """The launcher lives, and does not answer."""


class Failed(click.ClickException):
    """The answer was a status, or a program failed."""

    exit_code = 1


class Remote:
    """A connection to the control socket of a machine that some launcher runs."""

    def __init__(self, folder: Path, patience_s: float = ANSWER_S) -> None:
        self.folder, self.name, self.patience_s = folder, folder.name, patience_s
        self.news: deque[dict[str, Any]] = deque()
        self.end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.end.settimeout(patience_s)
        try:
            self.end.connect(str(folder / "control"))
        except OSError as error:
            self.end.close()
            why = (error.strerror or str(error)).lower()
            raise Lost(f"machine {self.name} cannot be reached: its control socket says {why}") from None

    def ask(self, do: str, descriptors: tuple[int, ...] = (), **values: Any) -> tuple[dict[str, Any], tuple[int, ...]]:
        """One request; the answer and the descriptors that came with it.  News that comes first is kept."""
        from microlith.process import parcel

        self.end.settimeout(self.patience_s)
        try:
            parcel.send(self.end, {"do": do, **values}, descriptors)
        except (parcel.Closed, OSError):
            raise Lost(f"machine {self.name} has ended") from None
        while True:
            answer, given = self._receive()
            if "event" in answer:
                self.news.append(answer)
            elif "error" in answer:
                raise UsageError(answer["error"]) if answer["status"] != LOST else Lost(self._died(answer["error"]))
            else:
                return answer, given

    def next_news(self) -> dict[str, Any]:
        """The next event, for which it waits.  Lost when the connection ends."""
        self.end.settimeout(None)
        return self.news.popleft() if self.news else self._receive()[0]

    def _receive(self) -> tuple[dict[str, Any], tuple[int, ...]]:
        from microlith.process import parcel

        try:
            answer, given = parcel.receive(self.end)
        except parcel.Closed:
            raise Lost(f"machine {self.name} has ended") from None
        except TimeoutError:
            words = f"machine {self.name} did not answer within {self.patience_s:g} s"
            raise Silent(f"{words}; its launcher, pid {self.launcher}, is {self._state()}") from None
        except OSError as error:
            raise Lost(f"machine {self.name} was lost: {(error.strerror or str(error)).lower()}") from None
        return dict(answer), tuple(given)

    def _state(self) -> str:
        """What the launcher is doing, in words."""
        with suppress(OSError):
            fields = Path(f"/proc/{self.launcher}/stat").read_text().rpartition(")")[2].split()
            if fields[0] in ("T", "t"):
                return f"stopped (kill -CONT {self.launcher} lets it go on)"
        return "busy"

    def _died(self, why: str) -> str:
        return f"machine {self.name}: {why}"

    @property
    def launcher(self) -> int:
        """The launcher's pid."""
        from microlith.launch import rundir

        return rundir.launcher(self.folder)

    def about(self) -> dict[str, Any]:
        """What the machine is made of; its classes can be imported from then on."""
        about = self.ask("about")[0]
        sys.path += [folder for folder in about["path"] if folder not in sys.path]
        return about

    def attach(self, about: dict[str, Any], app: str) -> "Attached":
        """Become an instance of a demand app, with its capabilities."""
        from microlith.frame.connection import Gone
        from microlith.launch.attach import join

        answer, descriptors = self.ask("attach", app=app, channels=True)
        try:
            return join(about, answer, descriptors, app)
        except Gone as error:
            raise Lost(self._died(str(error))) from None

    def close(self) -> None:
        """Let the connection go."""
        self.end.close()

    def hang_up(self) -> None:
        """End the connection; a thread that waits for news gets Lost."""
        with suppress(OSError):
            self.end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> "Remote":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from microlith.launch import rundir

    return [CompletionItem(f.name) for f in rundir.running() if f.name.startswith(incomplete)]


#: The option --machine, as parameter `machine`: a name or None; `machine_of` finds it.
machine_option: Callable[..., Any] = click.option(
    "--machine",
    metavar="NAME",
    shell_complete=_complete,
    help="The machine, by its name or its system's; needed only when several are running.",
)


def machine_of(name: str | None, patience_s: float = ANSWER_S) -> Remote:
    """The machine of that name, or the only one."""
    from microlith.launch import rundir

    return Remote(rundir.find(name), patience_s)


EXITS = """\b
Exit status:
  0    done{one}
  2    a mistake in the command line
  3    the machine died, or does not answer
  130  interrupted"""


def exits(one: str = "") -> str:
    """The epilogue of a command's help; `one` says what exit status 1 means there, if anything."""
    return EXITS.format(one=f"\n  1    {one}" if one else "")
