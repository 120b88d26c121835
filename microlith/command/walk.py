"""`microlith walk`: one call, drawn as it crosses the borders of several architectures.

Walking is in `bench`, which the ground never imports: it is found by its dotted names.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from microlith import kinds
from microlith.command import output
from microlith.command.arguments import ArchitectureName, checked, system_argument
from microlith.interface.status import UsageError

if TYPE_CHECKING:
    from microlith.system.system import System

_BENCH = "bench.walk."


def _operations(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """`server.operation` of the system, for the first word of a call."""
    from microlith.interface.interface import operations_of

    if ctx.params.get("words"):
        return []
    try:
        servers = checked(ctx.params["system"]).servers.items()
    except (UsageError, KeyError, TypeError):
        return []
    names = [f"{name}.{operation}" for name, part in servers if part.cls for operation in operations_of(part.cls)]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command(context_settings={"ignore_unknown_options": True})
@system_argument()
@click.argument("words", metavar="CALL...", nargs=-1, required=True, type=click.UNPROCESSED,
                shell_complete=_operations)  # fmt: skip
@click.option("--as", "architectures", type=ArchitectureName(), default="monolith,mach,l4", show_default=True,
              metavar="A,B", help="The architectures, separated by commas.")  # fmt: skip
@click.option("--before", multiple=True, metavar="CALL", help="Call this first; may be given several times.")
@click.option("--cold", is_flag=True, help="Walk the first call of its kind, not one of many.")
@click.option("--svg", "picture", metavar="FILE", type=click.Path(dir_okay=False), help="Draw it as SVG, too.")
@click.option("--prices", "prices", metavar="[FILE]", is_flag=False, flag_value="",
              help="Predict what it costs on real kernels, from published prices or those in FILE.")  # fmt: skip
@output.json_option
def walk(
    system: str, words: tuple[str, ...], architectures: str, before: tuple[str, ...], cold: bool,
    picture: str | None, prices: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Draw one call: every crossing, copy and wake-up, and the time each takes.

    SYSTEM is booted as each architecture in turn, on copies of its disks. CALL is written as for
    microlith call, or as Python writes it; of a chain the last call is walked, the others come before it:

    \b
      microlith walk unix 'files.create("/motd").write(0, "hello")'
      microlith walk unix files.open /motd .read 0 5 --before 'files.create /motd .write 0 hello'

    A call that may be repeated is made many times first, and of nine in a row the one of median length is
    drawn. Exit status 1 if the counts are not those on the domains' pages.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    names = architecture_names(architectures)
    made = checked(system)
    errand = _errand(made, words, before, cold)
    kernels = None if prices is None else kinds.resolve(f"{_BENCH}prices:load")(prices or None)
    _writable(picture)
    walks = _walks(made, errand, names)
    if picture:
        _write(Path(picture), kinds.resolve(f"{_BENCH}svg:svg")(walks))
    if as_json:
        output.as_json(kinds.resolve(f"{_BENCH}report:document")(made.name, walks, kernels))
    else:
        output.data(kinds.resolve(f"{_BENCH}report:report")(walks, kernels))
    wrong = [found.architecture for found in walks if not found.agrees]
    if wrong:
        output.say(f"the domains' pages count something else of the same calls as {', '.join(wrong)}")
    return 1 if wrong else 0


def architecture_names(text: str) -> list[str]:
    """The architectures of a list, each known, each once.  Raises UsageError."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        kinds.architecture(name)
    return names


def _errand(system: "System", words: tuple[str, ...], before: tuple[str, ...], cold: bool) -> Any:
    """What is walked, parsed and checked before anything is booted."""
    from microlith.command.call import parse
    from microlith.command.expression import words_of
    from microlith.interface.interface import interface_of

    slots = {name: interface_of(part.cls) for name, part in system.servers.items() if part.cls}

    def chain(given: list[str]) -> Any:
        server, steps = parse(given[0], given[1:], slots, system.name)
        return kinds.resolve(f"{_BENCH}chain:Chain")(server, slots[server], tuple(steps))

    said = words_of(words)
    called = chain(said)
    if called.last.notify:
        raise UsageError(f"{called.last.qualified} is a notify: nobody answers, so there is no end to walk to")
    first = tuple(chain(words_of([one])) for one in before)
    return kinds.resolve(f"{_BENCH}walking:Errand")(" ".join(said), called, first, cold)


def _walks(system: "System", errand: Any, names: list[str]) -> list[Any]:
    """The walks.  A machine that fails is reported in its first line; the rest is in the exception."""
    subject_of, one = kinds.resolve(f"{_BENCH}walking:subject_of"), kinds.resolve(f"{_BENCH}walking:walk")
    walks = []
    try:
        with subject_of(system, errand) as subject:
            for number, name in enumerate(names):
                output.say(f"walking {errand.text} as {name} ({number} of {len(names)} done)")
                walks.append(one(subject, errand, name))
    except (RuntimeError, TimeoutError) as error:
        raise click.ClickException(str(error).partition("\n")[0]) from error
    return walks


def _writable(picture: str | None) -> None:
    """Refuse a file that cannot be written before anything is booted."""
    if picture and not Path(picture).absolute().parent.is_dir():
        raise UsageError(f"--svg {picture}: there is no directory {Path(picture).parent}")


def _write(path: Path, drawn: str) -> None:
    try:
        path.write_text(drawn)
    except OSError as error:
        raise UsageError(f"--svg {path}: cannot be written: {(error.strerror or '').lower()}") from None
