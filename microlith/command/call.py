"""`microlith call SERVER.OPERATION ARGUMENTS...`: one call, or a chain of them, to a running machine."""

import math
import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from microlith.command import output
from microlith.command.remote import ANSWER_S, Failed, Lost, Remote, exits, machine_of, machine_option
from microlith.interface.status import UsageError

if TYPE_CHECKING:
    from microlith.interface.operation import Operation
    from microlith.interface.status import Status

OPERATOR = "operator"
MOST_S = 86400.0  # --within
STEP = re.compile(r"\.[a-z_]\w*")
Step = tuple["Operation", tuple[Any, ...]]

EPILOG = exits("the answer was a status; its name and one sentence are on standard error")


def _number(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is no number of seconds")
    return value


@click.command(epilog=EPILOG, context_settings={"ignore_unknown_options": True})
@click.argument("operation", metavar="SERVER.OPERATION")
@click.argument("words", metavar="[ARGUMENT]...", nargs=-1, type=click.UNPROCESSED)
@machine_option
@click.option("--as-app", "app", metavar="APP", help="Call with the capabilities of this app, by their slots.")
@click.option("--within", metavar="S", type=click.FloatRange(0, MOST_S, min_open=True), callback=_number,
              help="Give up after S seconds.")  # fmt: skip
@output.json_option
def call(
    operation: str, words: tuple[str, ...], machine: str | None, app: str | None, within: float | None, as_json: bool
) -> None:
    """Call an operation of a server.

    An ARGUMENT is typed by the operation's signature, and name=ARGUMENT gives one by its name. Bytes and
    text are the word itself, @FILE or @- (standard input); tuples and structs are JSON; a capability is
    the name of a server. A capability that comes back can be called at once:

    \b
      microlith call files.list /
      microlith call files.open /etc/motd .read 0 100

    Bytes go to standard output as they are, unless that is a terminal; in JSON they are text, or
    {"base64": ...} where they are none.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    from microlith.command import values
    from microlith.frame.frame import within as limit

    with machine_of(machine, min(within or ANSWER_S, ANSWER_S)) as remote, limit(within) if within else nullcontext():
        result = _called(remote, app or OPERATOR, operation, words, as_json)
        if as_json:
            output.as_json(values.plain(result))
        else:
            values.show(result)


def _called(remote: Remote, app: str, first: str, words: tuple[str, ...], as_json: bool) -> Any:
    from microlith.command.watch import Watch
    from microlith.interface.status import DeadlineExceeded, ServerDied, Status, SystemStatus

    about = remote.about()
    slots = _slots(remote, about, app)
    server, steps = parse(first, list(words), slots, f"app {app!r}" if app != OPERATOR else about["system"])
    asked = [first]
    with Watch(remote.folder, remote.patience_s) as watch:
        attached = remote.attach(about, app)
        try:
            return _run(attached, getattr(attached, server), steps, asked)
        except Status as status:
            if isinstance(status, SystemStatus):
                watch.settle()
            doubtful = isinstance(status, ServerDied | DeadlineExceeded)
            raise _answered(asked[-1], status, as_json, doubtful) from None
        finally:
            attached.close()


def _run(attached: Any, target: Any, steps: list[Step], asked: list[str]) -> Any:
    """The result of the last step; to `asked` goes what each of them after the first is called."""
    from microlith.command.words import Slot

    for number, (operation, arguments) in enumerate(steps):
        if number:
            asked.append(operation.qualified)
        given = [getattr(attached, a.name) if isinstance(a, Slot) else a for a in arguments]
        target = getattr(target, operation.name)(*given)
    return target


def _answered(asked: str, status: "Status", as_json: bool, doubtful: bool) -> Failed:
    from microlith.system.place import one_line

    name, detail = type(status).__name__, status.detail
    if as_json:
        output.as_json({"status": name, "detail": detail, "errno": status.number})
    doubt = "; it may or may not have been done" if doubtful and "may or may not" not in detail else ""
    return Failed(f"{asked} answered {name}{': ' + one_line(detail) if detail else ''}{doubt}")


def _slots(remote: Remote, about: dict[str, Any], app: str) -> dict[str, Any]:
    """The capabilities that the app holds, and their interfaces."""
    from microlith.launch.attach import interface_of_slot
    from microlith.system.place import did_you_mean, listed

    if app not in about["slots"]:
        apps = [name for name in about["slots"] if name != OPERATOR]
        raise UsageError(f"{about['system']} has no app {app!r}{did_you_mean(app, apps, f'; it has {listed(apps)}')}")
    try:
        return {slot: interface_of_slot(about, app, slot) for slot in about["slots"][app]}
    except (ImportError, AttributeError, SyntaxError) as error:
        raise Lost(f"machine {remote.name} has classes that are not found here any more: {error}") from None


def parse(first: str, words: list[str], slots: dict[str, Any], whose: str) -> tuple[str, list[Step]]:
    """The slot that is called, and the operations with their arguments; each but the first on what the one
    before answers.  Raises UsageError.
    """
    from microlith.command.words import bind
    from microlith.interface.values import is_interface
    from microlith.system.place import did_you_mean, listed

    server, _, name = first.partition(".")
    if server not in slots:
        hint = did_you_mean(server, slots, f"; it has {listed(slots)}")
        raise UsageError(f"{whose} has no server {server!r}{hint}")
    steps: list[Step] = []
    interface, where = slots[server], server
    while True:
        operation = _operation(interface, where, name)
        result = operation.result if is_interface(operation.result) else None
        taken = _until(words, lambda word, result=result: result is not None and _is_step(word, result))  # type: ignore[misc]
        given, words = words[:taken], words[taken:]
        steps.append((operation, bind(where, operation, given, slots)))
        if not words:
            return server, steps
        interface, where, name = result, operation.result.__name__, words.pop(0)[1:]


def _until(words: list[str], ends: Callable[[str], bool]) -> int:
    return next((number for number, word in enumerate(words) if ends(word)), len(words))


def _is_step(word: str, result: Any) -> bool:
    """`.read` continues on a File; a path such as `.profile` does not look like any of its operations."""
    from microlith.system.place import nearest

    return bool(STEP.fullmatch(word)) and nearest(word[1:], result.__operations__) is not None


def _operation(interface: Any, server: str, name: str) -> "Operation":
    from microlith.system.place import did_you_mean, listed

    operations = interface.__operations__
    if name in operations:
        found: Operation = operations[name]
        return found
    if not name:
        raise UsageError(f"{server} needs an operation; write {server}.NAME with one of {listed(operations)}")
    hint = did_you_mean(name, operations, f"; it has {listed(operations)}")
    raise UsageError(f"{server} has no operation {name!r}{hint}")
