"""`microlith plan SYSTEM --as ARCHITECTURE`: what would run where, without starting anything."""

import click

from microlith import kinds
from microlith.command import output
from microlith.command.arguments import (
    architecture_option,
    checked,
    domains_option,
    groups,
    links_of,
    links_option,
    system_argument,
)


@click.command()
@system_argument()
@architecture_option()
@domains_option
@links_option()
@output.json_option
@click.option("--mermaid", is_flag=True, help="Print a Mermaid flowchart, for documents.")
def plan(
    system: str, architecture: str, domains: str | None, links: tuple[str, ...], as_json: bool, mermaid: bool
) -> None:
    """Show what would run where.

    SYSTEM is the name of a ready system or the path of a system file. It is checked, and nothing is
    started: the plan is all that an architecture decides.
    """
    from microlith.plan import draw, transfer
    from microlith.plan.group import planned
    from microlith.plan.options import with_options

    if as_json and mermaid:
        raise click.UsageError("--json and --mermaid exclude each other")
    make = kinds.architecture(architecture)
    found = checked(system)
    made = with_options(planned(found, make, groups(domains)), links_of(links), found)
    if as_json:
        output.data(transfer.to_json(made))
    else:
        output.data(draw.mermaid(made) if mermaid else draw.text(made))
