"""The command `microlith`: finds a command in the table of kinds.py, and ends as a command should.

Exit status: 0 done; 1 the answer is no, or something failed; 2 the operator's mistake, said in one
sentence on stderr; 3 a machine died or could not boot; 130 interrupted; 141 the reader of stdout went away.

A command file imports at its head only click and what is as light; the rest inside its functions, so
that `microlith --help` and completion are quick.
"""

import difflib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from microlith import kinds
from microlith.command.output import Unwritable
from microlith.interface.status import UsageError

USAGE, INTERRUPTED = 2, 130

EPILOG = """\b
Exit status:
  0    done
  1    the answer is no, or something failed
  2    a mistake in the command line or the system file; one sentence says which
  3    a machine died, could not boot, or does not answer
  130  interrupted
  141  the reader of standard output went away

Data goes to standard output, messages to standard error. NO_COLOR is respected.
Completion: eval "$(microlith completion bash)"."""

#: What click raises for a group without a command; older versions print the help themselves.
_HELP: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())


class Commands(click.Group):
    """The group of all commands; each is loaded when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the table, in its order."""
        return list(kinds.COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command behind a name."""
        if cmd_name not in kinds.COMMANDS:
            return None
        found: click.Command = kinds.resolve(kinds.COMMANDS[cmd_name])
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant, or the nearest name in the message."""
        if args and not args[0].startswith("-") and args[0] not in kinds.COMMANDS:
            near = difflib.get_close_matches(args[0], kinds.COMMANDS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(kinds.COMMANDS)}"
            raise UsageError(f"no command is called {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        """Run one command line and exit; nothing but a fault of ours leaves a traceback."""
        options["standalone_mode"] = False
        if sys.stdout is None or sys.stderr is None:
            _end(1, "standard output or standard error is closed")
        try:
            result = super().main(args, *rest, **options)
        except UsageError as error:
            _end(USAGE, str(error))
        except _HELP as error:
            click.echo(error.format_message(), err=True)
            sys.exit(USAGE)
        except Unwritable as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the flush at exit shall not complain again
            _end(error.status, error.message)
        except click.ClickException as error:
            _end(error.exit_code, " ".join(error.format_message().split()))
        except (KeyboardInterrupt, click.Abort):
            _end(INTERRUPTED)
        sys.exit(result if isinstance(result, int) else 0)


def _end(status: int, sentence: str = "") -> None:
    if sentence:
        click.echo(f"microlith: {sentence}", err=True)
    sys.exit(status)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    from importlib import metadata

    if wanted:
        try:
            click.echo(f"microlith {metadata.version('microlith')}")
        except metadata.PackageNotFoundError:
            click.echo("microlith, not installed")
        ctx.exit(0)


@click.group(
    cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def main() -> None:
    """A laboratory for operating-system architectures made of real processes."""


if __name__ == "__main__":
    main(prog_name="microlith")
