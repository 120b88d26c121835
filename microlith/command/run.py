"""`microlith run APP`: a program of a running machine on our standard streams."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from microlith.command import output
from microlith.command.remote import DEATHS, Lost, Remote, machine_of, machine_option
from microlith.interface.status import UsageError
from microlith.launch.foreign import environment

EPILOG = """\b
Exit status: the program's own (128 + N when signal N ended it), or
  2    a mistake in the command line
  3    the machine died, and the program with it, or does not answer
  130  interrupted: the program was killed"""


@click.command(epilog=EPILOG, context_settings={"ignore_unknown_options": True})
@click.argument("app")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@machine_option
@click.option("--device", "devices", metavar="ATTRIBUTE=PATH", multiple=True, help="Give it a device of the host.")
@click.pass_context
def run(context: click.Context, app: str, arguments: tuple[str, ...], machine: str | None, devices: Any) -> None:
    """Run a program of a machine.

    APP is an app of its system file. It reads our standard input and writes to our standard output and
    error. What begins with - and is meant for the program goes after --. A foreign program (one with a
    command) finds the machine through MICROLITH_CONTROL and MICROLITH_APP.
    """
    with machine_of(machine) as remote:
        about = remote.about()
        _check(about, app)
        if about["one_program"]:
            _check_free(remote, about)
        if app in about["commands"]:
            status = _foreign(remote, app, (*about["commands"][app], *arguments), devices)
        else:
            with opened(about, app, devices) as found:
                status = _native(remote, app, arguments, found)
    context.exit(status)


def _check(about: dict[str, Any], app: str) -> None:
    from microlith.plan.plan import OPERATOR
    from microlith.system.place import did_you_mean, listed

    apps = [name for name in about["classes"] if name != OPERATOR]
    if app not in apps:
        hint = did_you_mean(app, apps, f"; it has {listed(apps)}")
        raise UsageError(f"{about['system']} has no app {app!r}{hint}")


def _check_free(remote: Remote, about: dict[str, Any]) -> None:
    """A library OS would start a second program when the first has ended; nobody means that."""
    instances = [name for domain in remote.ask("state")[0]["domains"] for name in domain["instances"]]
    running = [name for name in instances if name not in about["servers"]]
    if running:
        raise UsageError(f"a library OS runs one program at a time, and {running[0]} is running")


def exit_status(name: str, status: int) -> int:
    """A program's status as a shell has it; what ended it is said."""
    if status >= 0:
        return status
    with suppress(ValueError):
        output.say(f"{name} was ended by {signal.Signals(-status).name}")
    return 128 - status


# --- programs of the machine -------------------------------------------------------------------------


@contextmanager
def opened(about: dict[str, Any], app: str, devices: tuple[str, ...]) -> Iterator[dict[str, tuple[str, list[int]]]]:
    """The devices of the command line, open: attribute -> (kind, descriptors).  Raises UsageError."""
    found: dict[str, tuple[str, list[int]]] = {}
    try:
        for word in devices:
            attribute, kind, path = _device(about, app, word)
            found[attribute] = (kind, _open(attribute, kind, path))
        missing = [n for n, kind in _kinds(about, app, required=True).items() if n not in found]
        if missing:
            name = missing[0]
            raise UsageError(f"{app} needs a {_kinds(about, app)[name]}; add --device {name}=PATH")
        yield found
    finally:
        for _, descriptors in found.values():
            for descriptor in descriptors:
                os.close(descriptor)


def _kinds(about: dict[str, Any], app: str, required: bool = False) -> dict[str, str]:
    """The devices of an app's class: attribute -> kind.  `required`: those it has neither default nor device for."""
    from microlith.interface.devices import Timer
    from microlith.interface.needs import needs_of
    from microlith.process.birth import find_class

    given = about["devices"][app]
    return {
        name: need.type.kind
        for name, need in needs_of(find_class(about["classes"][app])).items()
        if need.kind == "device" and need.type is not Timer and not (required and (name in given or not need.required))
    }


def _device(about: dict[str, Any], app: str, word: str) -> tuple[str, str, str]:
    from microlith.system.place import did_you_mean, listed

    attribute, equals, path = word.partition("=")
    kinds = _kinds(about, app)
    if not equals or not path:
        raise UsageError(f"--device {word} does not name a path; write --device ATTRIBUTE=PATH")
    if attribute not in kinds:
        hint = did_you_mean(attribute, kinds, f"; it has {listed(kinds)}")
        raise UsageError(f"app {app} has no device {attribute!r}{hint}")
    return attribute, kinds[attribute], path


def _open(attribute: str, kind: str, path: str) -> list[int]:
    from microlith.process.parts import open_device

    path = os.path.expanduser(path)
    try:
        try:
            return list(open_device(kind, path, "rw", 0))
        except OSError:
            return list(open_device(kind, path, "r", 0))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"--device {attribute}: {path} cannot be opened as a {kind}: {why}") from None


def _native(remote: Remote, app: str, arguments: tuple[str, ...], devices: dict[str, tuple[str, list[int]]]) -> int:
    remote.ask("follow")
    with streams() as stdio:
        extra = [descriptor for _, descriptors in devices.values() for descriptor in descriptors]
        described = [[name, kind, len(descriptors)] for name, (kind, descriptors) in devices.items()]
        name = remote.ask("run", (*stdio, *extra), app=app, arguments=arguments, devices=described)[0]["name"]
    try:
        while True:
            news = remote.next_news()
            if news["event"] == "ended" and news["name"] == name:
                return exit_status(name, int(news["status"]))
            if news["event"] in DEATHS:
                raise Lost(f"machine {remote.name} died, and {name} with it")
    except KeyboardInterrupt:
        with suppress(UsageError, Lost):
            remote.ask("kill", name=name)
        raise


@contextmanager
def streams() -> Iterator[tuple[int, ...]]:
    """Our standard streams; /dev/null for one that is closed."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        yield tuple(number if _open_already(number) else null for number in range(3))
    finally:
        os.close(null)


def _open_already(descriptor: int) -> bool:
    with suppress(OSError):
        os.fstat(descriptor)
        return True
    return False


# --- foreign programs --------------------------------------------------------------------------------


def _foreign(remote: Remote, app: str, command: tuple[str, ...], devices: tuple[str, ...]) -> int:
    if devices:
        raise UsageError(f"app {app} is a foreign program; it opens its devices itself, so leave --device out")
    given = environment(remote.folder / "control", app)
    try:
        process = subprocess.Popen(command, env=given)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"app {app}: {command[0]} cannot be started: {why}") from None
    while True:
        try:
            return exit_status(app, process.wait())
        except KeyboardInterrupt:
            continue  # it got the signal too, and decides for itself
