"""`microlith doctor`: what this machine offers, what is missing, and what that costs."""

from typing import TYPE_CHECKING

import click

from microlith.command import output

if TYPE_CHECKING:
    from microlith.command.probes import Finding


@click.command()
@output.json_option
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Show what this machine offers and what is missing.

    Everything is tried, nothing is changed. Exit status 1 if something is missing without which no
    system can start; anything else that is missing only costs what is said beside it.
    """
    from dataclasses import asdict

    from microlith.command.probes import findings

    found = [*findings(), *_measured()]
    if as_json:
        output.as_json([asdict(finding) for finding in found])
    else:
        _print(found)
    if any(f.required and not f.ok for f in found):
        context.exit(1)


def _measured() -> "list[Finding]":
    from microlith.command import roundtrip
    from microlith.command.probes import Finding

    made = []
    for name, value in (("same core", roundtrip.same_core()), ("spread", roundtrip.spread())):
        shown = "not measured" if value is None else f"{value:.1f} us at the median"
        number = None if value is None else round(value, 1)
        cost = "no yardstick for numbers measured here"
        made.append(Finding(f"pipe round trip, {name}", shown, number, value is not None, cost))
    return made


def _print(found: "list[Finding]") -> None:
    rows = [(f.name, f.found, "" if f.ok else f.cost) for f in found]
    styles = [None if f.ok else "red" if f.required else "yellow" for f in found]
    output.table(("", "found", "what it costs"), rows, styles)
