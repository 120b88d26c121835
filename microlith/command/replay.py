"""`microlith replay FILE`: a recorded run of the microkernel, once more through its core."""

from pathlib import Path

import click

from microlith import kinds
from microlith.command import output
from microlith.command.remote import Failed

EPILOG = """\b
Exit status:
  0    the same effects, step by step
  1    something differs; standard error says in which step
  2    a mistake in the command line, or no record"""


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(path_type=Path))
@output.json_option
def replay(file: Path, as_json: bool) -> None:
    """Replay a recorded run through a fresh core.

    FILE was written by 'microlith launch SYSTEM --as mach --record FILE'. Every event is given to the core
    again, and its effects are compared with those of the run.
    """
    steps, difference = kinds.resolve(kinds.REPLAY)(file)
    if as_json:
        output.as_json({"steps": steps, "difference": difference})
    elif difference is None:
        output.data(f"{steps} steps, the same effects")
    if difference is not None:
        raise Failed(f"{file}: {difference}")
