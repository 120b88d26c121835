"""`microlith launch SYSTEM --as ARCHITECTURE`: boots a system and stays until it ends."""

import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from microlith.command import output
from microlith.command.arguments import (
    architecture_option,
    checked,
    domains_option,
    groups,
    links_of,
    links_option,
    placement_option,
    system_argument,
)
from microlith.command.remote import LOST, Lost
from microlith.interface.status import UsageError

if TYPE_CHECKING:
    from microlith.command.detach import Say
    from microlith.command.display import Display
    from microlith.launch.machine import Machine
    from microlith.system.system import System

EPILOG = """\b
Exit status:
  0    it was stopped in order (by Ctrl-C, SIGTERM or 'microlith stop'), or is up in the background
  1    the record of the run (--record) is incomplete
  2    a mistake in the command line or the system file; one sentence says which
  3    the machine could not boot, or died
  130  interrupted before it was up or while a program ran, or killed by a second Ctrl-C
  141  the reader of standard output or error went away
With --run it is the exit status of the last program that failed (128 + N if signal N ended it)."""


@click.command(epilog=EPILOG)
@system_argument()
@architecture_option()
@domains_option
@placement_option
@click.option(
    "--on-fault",
    type=click.Choice(["panic", "oops"]),
    default="panic",
    show_default=True,
    help="What a monolith does about a fault in its kernel: die, or kill the calling program.",
)
@links_option()
@click.option("--checked", "check", is_flag=True, help="Check the types of every call, direct ones too.")
@click.option("--record", metavar="FILE", help="Write the microkernel's events for 'microlith replay'.")
@click.option("--device", "devices", metavar="NAME=PATH", multiple=True, help="Another path for a device.")
@click.option("--run", "programs", metavar="'APP [ARGUMENT]...'", multiple=True, help="Run an app, then stop.")
@click.option("--log", is_flag=True, help="With --run: show the logs too, on standard error.")
@click.option("--detach", is_flag=True, help="Stay in the background; print the machine's name when it is up.")
@output.json_option
def launch(
    system: str, architecture: str, domains: str | None, placement: str | None, on_fault: str,
    links: tuple[str, ...], check: bool, record: str | None, devices: tuple[str, ...], programs: tuple[str, ...],
    log: bool, detach: bool, as_json: bool,
) -> int:  # fmt: skip
    """Boot a system, show what happens to it, and stop it in order at Ctrl-C.

    Standard error shows the domains as they come up, and later their deaths and restarts; standard output
    the log of every domain and the records of the system's log server. --json makes that one JSON object
    a line: events with "event", log lines with "source".

    With --run the apps run one after the other on this terminal, and then the machine is stopped:

    \b
      microlith launch unix --as monolith --run shell
      microlith launch unix --run 'list /'
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    if programs and (detach or as_json):
        raise click.UsageError(f"--run and {'--detach' if detach else '--json'} exclude each other")
    wanted = _with_devices(checked(system), devices)
    asked = [_program(wanted, text) for text in programs]
    record = _recordable(wanted, architecture, record) if record else None
    options = {
        "architecture": architecture,
        "domains": groups(domains),
        "placement": placement,
        "on_fault": on_fault,
        "links": links_of(links),
        "checked": check,
        "record": record or "",
    }
    if detach:
        _detached(wanted, options, as_json)
        return 0

    def views(machine: "Machine") -> "tuple[Display, Any]":
        return _views(machine, bool(asked), log, as_json)

    return _supervised(wanted, options, asked, views, _nothing)


def _nothing(machine: "Machine") -> None:
    """A launch in the foreground has told it already."""


def _supervised(
    system: "System",
    options: dict[str, Any],
    programs: list[Any],
    views: "Callable[[Machine], tuple[Display, Any]]",
    ready: "Callable[[Machine], None]",
) -> int:
    from microlith.command.supervise import Supervisor, interrupts
    from microlith.launch.boot import boot

    with interrupts() as handler:
        machine = boot(system, wait=False, **options)
        display, paint = views(machine)
        return Supervisor(machine, display, paint, programs, lambda: ready(machine)).run(handler)


# --- the options --------------------------------------------------------------------------------------


def _with_devices(system: "System", words: tuple[str, ...]) -> "System":
    """The system with other paths for some devices, checked again."""
    from microlith.system.check import check
    from microlith.system.place import did_you_mean, listed

    for word in words:
        name, equals, path = word.partition("=")
        if not equals or not path:
            raise UsageError(f"--device {word} does not name a path; write --device NAME=PATH")
        if name not in system.devices:
            hint = did_you_mean(name, system.devices, f"; it has {listed(system.devices)}")
            raise UsageError(f"{system.name} has no device {name!r}{hint}")
        device = replace(system.devices[name], path=str(Path(path).expanduser().absolute()))
        system = replace(system, devices={**system.devices, name: device})
    if words:
        check(system)
    return system


def _program(system: "System", text: str) -> tuple[str, tuple[str, ...]]:
    from microlith.system.place import did_you_mean, listed

    try:
        app, *arguments = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--run {text!r} cannot be read: {str(error).lower()}") from None
    if app not in system.apps:
        hint = did_you_mean(app, system.apps, f"; it has {listed(system.apps)}")
        raise UsageError(f"{system.name} has no app {app!r}{hint}")
    if system.apps[app].command:
        raise UsageError(f"app {app} is a foreign program; launch without --run and use 'microlith run {app}'")
    return app, tuple(arguments)


def _recordable(system: "System", architecture: str, record: str) -> str:
    from microlith.kinds import architecture as find_architecture
    from microlith.kinds import root_of

    if root_of(find_architecture(architecture)(system)) != "broker":
        raise UsageError(f"--record is for architectures with a microkernel; {architecture} has none")
    path = Path(record).absolute()
    try:
        path.open("wb").close()
    except OSError as error:
        raise UsageError(f"--record {record} cannot be written: {(error.strerror or str(error)).lower()}") from None
    return str(path)


# --- in the foreground --------------------------------------------------------------------------------


def _views(machine: "Machine", programs: bool, log: bool, as_json: bool) -> "tuple[Display, Any]":
    """How events and log lines are shown."""
    from microlith.command.display import Json, Lines, Live
    from microlith.command.painter import Painter

    boot = machine.boot
    domains = {b.domain: [p.name for p in b.parts] for b in (boot.root, *boot.domains)}
    if as_json:
        return Json(), Painter(domains, as_json=True)
    title = f"{boot.system} as {boot.architecture}, machine {machine.name}"
    lines = Lines(machine.booted_ns, only_trouble=programs and not log)
    paint = Painter(domains, to=sys.stderr if programs else sys.stdout) if log or not programs else None
    if sys.stderr.isatty():
        return Live(title, domains, lines), paint
    if not programs:
        output.say(title)
    return lines, paint


# --- in the background --------------------------------------------------------------------------------


def _detached(system: "System", options: dict[str, Any], as_json: bool) -> None:
    from microlith.command.detach import detach

    word = detach(lambda say: _daemon(system, options, say))
    if "error" in word:
        raise UsageError(word["error"]) if word["status"] != LOST else Lost(word["error"])
    if as_json:
        output.as_json(word)
        return
    output.data(word["name"])
    output.say(f"it is up after {word['boot_ms']:.0f} ms; 'microlith stop --machine {word['name']}' stops it")


def _daemon(system: "System", options: dict[str, Any], say: "Say") -> int:
    import time

    from microlith.command.detach import log_to
    from microlith.command.display import Lines

    def ready(machine: "Machine") -> None:
        boot_ms = round((time.monotonic_ns() - machine.booted_ns) / 1e6, 1)
        names = {"name": machine.name, "system": machine.boot.system, "architecture": machine.architecture}
        log_to(machine.run_dir / "launcher.log")
        say({**names, "launcher": os.getpid(), "run_dir": str(machine.run_dir), "boot_ms": boot_ms})

    def views(machine: "Machine") -> "tuple[Display, Any]":
        return Lines(machine.booted_ns, only_trouble=True), None

    try:
        return _supervised(system, options, [], views, ready)
    except UsageError as error:
        say({"error": str(error), "status": 2})
        return 2
    except Lost as error:
        say({"error": error.message, "status": LOST})
        return LOST
