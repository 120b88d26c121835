"""How commands speak: data on stdout (a table for people, or JSON), messages on stderr.

Colour and width are rich's business: colour only on a terminal and never under NO_COLOR, 80 columns
where there is no terminal.  Nothing that came from elsewhere is read as markup.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

#: The option that every command with data has; its parameter is `as_json`.
json_option: Callable[[F], F] = click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")


class Unwritable(click.ClickException):
    """Standard output takes no more: its reader went away (said by the exit status alone), or it is full."""

    def __init__(self, error: OSError) -> None:
        gone = isinstance(error, BrokenPipeError)
        super().__init__("" if gone else f"standard output cannot be written: {(error.strerror or '').lower()}")
        self.status = 141 if gone else 1


@contextmanager
def writing() -> Iterator[None]:
    """Around everything that writes to stdout, so that its errors are not taken for a server's."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        raise Unwritable(error) from None


def data(text: str) -> None:
    """Print text as it is, ended by one newline."""
    with writing():
        click.echo(text, nl=not text.endswith("\n"))


def as_json(value: Any) -> None:
    """Print a value as JSON."""
    data(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def say(message: str) -> None:
    """Tell the operator something that is not data."""
    click.echo(f"microlith: {message}", err=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], styles: Sequence[str | None] = ()) -> None:
    """Print rows under headings.  `styles` gives one rich style a row, None for none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for number, row in enumerate(rows):
        style = styles[number] if number < len(styles) else None
        shown.add_row(*(Text(str(cell)) for cell in row), style=style)
    with writing():
        Console(file=sys.stdout).print(shown)
