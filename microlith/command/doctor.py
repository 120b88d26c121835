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

    blocking, across, spinning = roundtrip.same_core(), roundtrip.spread(), roundtrip.spinning()
    kinds = (
        ("pipe round trip, same core", blocking),
        ("pipe round trip, spread", across),
        ("shared memory round trip, spinning on two cores", spinning),
    )
    made = [_timed(name, value) for name, value in kinds]
    from microlith.launch.placement import place

    default, why = place().name, _because(blocking, across, spinning)
    cost = "another placement may be faster"
    return [*made, Finding("default placement", f"{default}: {why}", default, True, cost)]


def _timed(name: str, value: float | None) -> "Finding":
    from microlith.command.probes import Finding

    shown = "not measured" if value is None else f"{value:.1f} us at the median"
    number = None if value is None else round(value, 1)
    return Finding(name, shown, number, value is not None, "no yardstick for numbers measured here")


def _because(blocking: float | None, across: float | None, spinning: float | None) -> str:
    """Why the default placement is what it is, from what was measured."""
    from microlith.launch.placement import place

    if place().name == "same-core":
        return "with one core, whoever waits must block"
    if spinning is None or blocking is None or across is None:
        return "two sides that look at shared memory need two cores"
    best = "spread" if spinning < blocking else "same-core"
    return (
        f"looking at shared memory on two cores takes {spinning:.1f} us, blocking {blocking:.1f} us on one core and"
        f" {across:.1f} us across; for one client at a time --placement {best} is the fastest, and free leaves it to"
        " the host"
    )


def _print(found: "list[Finding]") -> None:
    rows = [(f.name, f.found, "" if f.ok else f.cost) for f in found]
    styles = [None if f.ok else "red" if f.required else "yellow" for f in found]
    output.table(("", "found", "what it costs"), rows, styles)
