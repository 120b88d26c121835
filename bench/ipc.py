"""The null call of `mach` against a bare pyzmq loop of three processes, interleaved, at equal placement.

    python -m bench.ipc [--json] [--rounds N] [--operations N]

The bar: the median of the null call is at most 1.3 times that of the bare loop as it is written with
pyzmq (`multipart`, see peers.py), whether all processes share a core or the host places them.  Exit
status 1 if it is not met.  The ratio to the leanest loop that pyzmq allows is printed beside it.
"""

import contextlib
import itertools
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from bench.about import about
from bench.driver import working
from bench.peers import Bare
from bench.placement import Placement
from bench.statistics import Estimate, bootstrap, median, of_ratio
from bench.subject import prepare
from bench.table import us

BAR = 1.3
WARM_UP = 200
PLACES = ("same-core", "free")
STYLES = ("multipart", "lean")
JUDGED = "multipart"


def measure(place: str, rounds: int, operations: int, seed: int) -> dict[str, list[float]]:
    """Medians (microseconds) of each round of each side: mach, and the bare loop in its two styles."""
    at = Placement(place)
    chance = random.Random(seed)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="microlith-ipc-"))
        subject = prepare(None, Path(folder), 0, 0)
        with at.inherited():
            peers = {style: Bare(style) for style in STYLES}
        sides = {style: stack.enter_context(bare).measure for style, bare in peers.items()}
        machine = stack.enter_context(subject.booted("mach", at))
        client = stack.enter_context(working(machine, subject.programs["workload"]))
        sides["mach"] = lambda n: list(client.ask(do="measure", operation="null_call", n=n)["ns"])
        found: dict[str, list[float]] = {name: [] for name in sides}
        order = list(sides)
        for side in sides.values():
            side(WARM_UP)
        for _ in range(rounds):
            chance.shuffle(order)
            for name in order:
                found[name].append(median(sides[name](operations)) / 1000)
    return found


def records(rounds: int, operations: int, seed: int) -> list[dict[str, Any]]:
    """Both placements, as records."""
    made = []
    for place in PLACES:
        found = measure(place, rounds, operations, seed)
        conditions = {"placement": place, "path": "kernel", "transport": "zmq", "clients": 1, "rounds": rounds}
        made.append(_record("mach", "null_call", "us", bootstrap(found["mach"], median, seed), conditions))
        for style in STYLES:
            given = {**conditions, "peer": style}
            made.append(_record("bare pyzmq", "null_call", "us", bootstrap(found[style], median, seed), given))
            made.append(_record("mach", "ratio_to_bare", "ratio", of_ratio(found["mach"], found[style], seed), given))
    return made


def _record(name: str, metric: str, unit: str, found: Estimate, conditions: dict[str, Any]) -> dict[str, Any]:
    numbers = {"value": round(found.value, 4), "unit": unit, "n": found.n}
    interval = {"low": round(found.low, 4), "high": round(found.high, 4)}
    return {"architecture": name, "metric": metric, **numbers, **interval, "conditions": conditions}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print records.")
@click.option("--rounds", type=click.IntRange(2), default=20, show_default=True)
@click.option("--operations", type=click.IntRange(10), default=500, show_default=True, help="Calls a round.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.pass_context
def main(context: click.Context, as_json: bool, rounds: int, operations: int, seed: int) -> None:
    """The null call of mach against a bare DEALER - ROUTER - DEALER loop."""
    made = records(rounds, operations, seed)
    if as_json:
        facts = about(",".join(PLACES), seed, rounds=rounds, operations=operations)
        click.echo(json.dumps({"about": facts, "records": made}, indent=2))
    else:
        click.echo(f"{'placement':<12}{'mach, us':>10}  {'bare loop':<11}{'us':>6}{'ratio':>8}  95 % interval")
        for mach, bare, found in _rows(made):
            conditions = found["conditions"]
            interval = f"{found['low']:.2f} to {found['high']:.2f}"
            click.echo(
                f"{conditions['placement']:<12}{us(mach['value']):>10}  {conditions['peer']:<11}"
                f"{us(bare['value']):>6}{found['value']:>8.2f}  {interval}"
            )
    judged = [r for r in made if r["metric"] == "ratio_to_bare" and r["conditions"]["peer"] == JUDGED]
    context.exit(0 if all(record["value"] <= BAR for record in judged) else 1)


def _rows(made: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """(mach, bare, ratio) for each placement and style."""
    mach = made[0]
    for bare, found in itertools.pairwise(made):
        if bare["architecture"] == "mach" and bare["metric"] == "null_call":
            mach = bare
        elif found["metric"] == "ratio_to_bare":
            yield mach, bare, found


if __name__ == "__main__":
    main()
