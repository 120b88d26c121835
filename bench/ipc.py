"""The null call of `mach` against a bare pyzmq loop of three processes, interleaved, at equal placement.

    python -m bench.ipc [--json] [--rounds N] [--operations N]

The bar: the median of the null call is at most 1.3 times that of the bare loop, whether all processes
share a core or the host places them.  Exit status 1 if it is not met.
"""

import json
import random
import tempfile
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


def measure(place: str, rounds: int, operations: int, seed: int) -> dict[str, list[float]]:
    """Medians (microseconds) of each round of each side."""
    at = Placement(place)
    chance = random.Random(seed)
    found: dict[str, list[float]] = {"mach": [], "bare": []}
    with tempfile.TemporaryDirectory(prefix="microlith-ipc-") as folder:
        subject = prepare(None, Path(folder), 0, 0)
        with at.inherited():
            bare = Bare()
        with bare, subject.booted("mach", at) as machine, working(machine, subject.programs["workload"]) as client:

            def null_call(n: int) -> list[int]:
                return list(client.ask(do="measure", operation="null_call", n=n)["ns"])

            sides = [("mach", null_call), ("bare", bare.measure)]
            for _, side in sides:
                side(WARM_UP)
            for _ in range(rounds):
                chance.shuffle(sides)
                for name, side in sides:
                    found[name].append(median(side(operations)) / 1000)
    return found


def records(rounds: int, operations: int, seed: int) -> list[dict[str, Any]]:
    """Both placements, as records."""
    made = []
    for place in PLACES:
        found = measure(place, rounds, operations, seed)
        conditions = {"placement": place, "path": "kernel", "transport": "zmq", "clients": 1, "rounds": rounds}
        for name, metric, unit, estimate in (
            ("mach", "null_call", "us", bootstrap(found["mach"], median, seed)),
            ("bare pyzmq", "null_call", "us", bootstrap(found["bare"], median, seed)),
            ("mach", "ratio_to_bare", "ratio", of_ratio(found["mach"], found["bare"], seed)),
        ):
            made.append(_record(name, metric, unit, estimate, conditions))
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
    ratios = [record for record in made if record["metric"] == "ratio_to_bare"]
    if as_json:
        facts = about(",".join(PLACES), seed, rounds=rounds, operations=operations)
        click.echo(json.dumps({"about": facts, "records": made}, indent=2))
    else:
        click.echo(f"{'placement':<12}{'mach, us':>10}{'bare, us':>10}{'ratio':>8}  95 % interval")
        for mach, bare, found in zip(made[::3], made[1::3], ratios, strict=True):
            place = found["conditions"]["placement"]
            interval = f"{found['low']:.2f} to {found['high']:.2f}"
            click.echo(f"{place:<12}{us(mach['value']):>10}{us(bare['value']):>10}{found['value']:>8.2f}  {interval}")
    context.exit(0 if all(record["value"] <= BAR for record in ratios) else 1)


if __name__ == "__main__":
    main()
