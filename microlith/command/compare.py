"""`microlith compare`: the same system and workload through several architectures, in measured numbers.

The comparison itself is in `bench`, which the ground never imports: it is found by its dotted name.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from microlith import kinds
from microlith.command import output
from microlith.command.arguments import ArchitectureName, SystemName, checked
from microlith.interface.status import UsageError

OPTIONS, QUICK = "bench.options:Options", "bench.options:QUICK"
COMPARE, REPORT = "bench.comparison:compare", "bench.report:report"
_DECOMPOSE = "bench.decompose."

Say = Callable[[str, int, int], None]


@click.command()
@click.argument("system", type=SystemName(), required=False)
@click.option("--as", "architectures", type=ArchitectureName(), default=",".join(kinds.ARCHITECTURES),
              show_default=True, metavar="A,B", help="The architectures, separated by commas.")  # fmt: skip
@click.option(
    "--quick", is_flag=True, help="Fewer rounds, a smaller tree: under 40 seconds instead of under two minutes."
)
@click.option("--tree", metavar="DIR", help="Copy this directory; default: part of Python's standard library.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the order of rounds and of the kills.")
@click.option("--kills", type=click.IntRange(0, 10000), metavar="N",
              help="Kill the driver N times in each architecture, and print every outcome.")  # fmt: skip
@click.option("--placement", type=click.Choice(("free", "same-core", "spread")), default="free", show_default=True,
              help="Where the machine's processes may run.")  # fmt: skip
@click.option("--json", "target", metavar="FILE", help="Write all records as JSON; - prints them instead of the table.")
@click.option("--decompose", is_flag=True,
              help="Of mach against l4: what the path costs, what the transport, and what a crossing.")  # fmt: skip
@click.option("--svg", "picture", metavar="FILE", help="With --decompose: draw time against the cost of a crossing.")
@click.pass_context
def compare(
    context: click.Context, system: str | None, architectures: str, quick: bool, tree: str | None, seed: int,
    kills: int | None, placement: str, target: str | None, decompose: bool, picture: str | None,
) -> int:  # fmt: skip
    """Compare architectures on the same files and the same workload.

    SYSTEM is a ready system or a system file with a server of files in it; the comparison works on copies
    of its disks. By default it is a file system on a disk file. Absolute times are this machine's, and
    of this hour: quote ratios. Exit status 1 if wrong data came back.

    With --decompose every path is measured over every transport instead, and then both with each crossing
    made dearer, step by step: bench/decompose/README.md says how to read it.
    """
    if decompose:
        _refuse(context, "architectures", "it measures kernel and peer over zmq, socket and shared memory")
        _refuse(context, "kills", "it kills nobody")
    elif picture is not None:
        raise UsageError("--svg draws what --decompose measures; give both")
    names = _names(architectures)
    if tree == "":
        raise click.UsageError("--tree needs the path of a directory")
    _try("--json", target)
    _try("--svg", picture)
    given = {"system": checked(system) if system else None, "tree": tree, "seed": seed, "placement": placement}
    given["command"] = " ".join(["microlith", *sys.argv[1:]])
    if decompose:
        return _decomposed(given, quick, target, picture)
    settings = dict(kinds.resolve(QUICK)) if quick else {}
    if kills is not None:
        settings |= {"kills": kills, "campaign": True}
    document = _measured(COMPARE, kinds.resolve(OPTIONS)(architectures=names, **given, **settings))
    return _told(document, REPORT, target)


def _decomposed(given: dict[str, Any], quick: bool, target: str | None, picture: str | None) -> int:
    """The square and the dial."""
    module = f"{_DECOMPOSE}decomposing:"
    settings = kinds.resolve(f"{module}QUICK") if quick else {}
    document = _measured(f"{module}decompose", kinds.resolve(f"{module}Options")(**given, **settings))
    if picture:
        _save("--svg", Path(picture), kinds.resolve(f"{_DECOMPOSE}svg:svg")(document))
    return _told(document, f"{_DECOMPOSE}report:report", target)


def _refuse(context: click.Context, name: str, why: str) -> None:
    """An option that says nothing to a decomposition."""
    option = {"architectures": "--as"}.get(name, f"--{name}")
    if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
        raise UsageError(f"--decompose takes no {option}: {why}")


def _told(document: dict[str, Any], report: str, target: str | None) -> int:
    """Print and write it; the exit status."""
    if target == "-":
        output.as_json(document)
    else:
        output.data(kinds.resolve(report)(document))
        if target:
            _write(Path(target), document)
    return 1 if document["about"]["wrong"] else 0


def _measured(measure: str, options: Any) -> dict[str, Any]:
    """The document.  A machine that fails is reported in its first line; the rest is in the exception."""
    try:
        with _terminated(), _progress() as say:
            document: dict[str, Any] = kinds.resolve(measure)(options, say)
    except RuntimeError as error:
        raise click.ClickException(str(error).partition("\n")[0]) from error
    return document


def _names(text: str) -> list[str]:
    """The architectures of a list, each known and named once."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        kinds.architecture(name)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"--as names {twice} twice; one of them is run twice anyway, as the control")
    return names


def _try(option: str, target: str | None) -> None:
    """Refuse a file that cannot be written before an hour is spent on what should go into it."""
    if target is None or (target == "-" and option == "--json"):
        return
    path = Path(str(target))
    if path.is_dir():
        raise UsageError(f"{option} {target}: is a directory; give a file")
    place = path if path.exists() else path.absolute().parent
    if not place.exists() or not os.access(place, os.W_OK):
        raise UsageError(f"{option} {target}: cannot be written; give a file in a directory of yours")


def _write(path: Path, document: dict[str, Any]) -> None:
    import json

    _save("--json", path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    output.say(f"{len(document['records'])} records written to {path}")


def _save(option: str, path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise click.ClickException(f"{option} {path}: {(error.strerror or '').lower()}") from None


@contextlib.contextmanager
def _terminated() -> Iterator[None]:
    """SIGTERM ends a comparison as Ctrl-C does: machines stopped, folders removed."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _progress() -> Iterator[Say]:
    """On a terminal a bar, elsewhere a line for each step; on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda what, step, steps: output.say(f"{what} ({step} of {steps} done)")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1)

        def say(what: str, step: int, steps: int) -> None:
            bar.update(task, description=what, completed=step, total=steps)

        yield say
