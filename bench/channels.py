"""The null call of `l4` against peers, interleaved, at equal placement; its payloads; the machine at rest.

    python -m bench.channels [--json] [--rounds N] [--operations N]

The bars, each on the median over the rounds of the ratio of two medians of the same round:

- client and server on two cores: at most 5 times two Python processes that spin on 64 raw bytes;
- both on one core: at most 3 times two processes in C that block on eventfds;
- at its best placement: at least 8 times faster than pyzmq REQ/REP over ipc at its best;
- on two cores: at least twice as fast as the Python binding of iceoryx2 that polls there;
- booted and idle: all processes of the machine together below 1 % of one core.

What the machine lacks (a second core, a C compiler, iceoryx2) is said and left out.  Exit status 1 if a
bar is missed.
"""

import json
from collections.abc import Iterable
from typing import Any

import click

from bench.about import about
from bench.channel_sides import LATENCIES, NULL, Sides, measure
from bench.rest import at_rest
from bench.statistics import Estimate, bootstrap, median
from bench.table import us

REST_PERCENT, REST_S = 1.0, 2.0

#: Peer, the placements of the null call to take the best of, and the bar: above it, or (at least) below it.
BARS: tuple[tuple[str, tuple[str, ...], float, bool], ...] = (
    ("raw spin", ("spread",), 5.0, False),
    ("C eventfd", ("same-core",), 3.0, False),
    ("pyzmq", ("spread", "same-core", "free"), 8.0, True),
    ("iceoryx2", ("spread",), 2.0, True),
)


def records(found: Sides, rounds: int, seed: int) -> list[dict[str, Any]]:
    """What was measured, and the ratios."""
    made = []
    for (name, what, place), values in found.items():
        conditions = {"placement": place, "rounds": rounds, "clients": 1}
        if name == "l4":
            conditions |= {"path": "peer", "transport": "shared"} | LATENCIES[what]
        made.append(_record(name, what, "us", bootstrap(values, median, seed), conditions))
    for peer, places, bar, faster in BARS:
        theirs, there = _best(found, peer, what=None)
        ours, here = _best(found, "l4", NULL, places)
        if theirs and ours:
            pairs = zip(theirs, ours, strict=True) if faster else zip(ours, theirs, strict=True)
            estimate = bootstrap([above / below for above, below in pairs], median, seed)
            conditions = {"peer": peer, "placement": here, "of_peer": there, "rounds": rounds, "bar": bar}
            made.append(_record("l4", "times_faster" if faster else "ratio_to_peer", "ratio", estimate, conditions))
    return made


def _best(found: Sides, name: str, what: str | None, places: Iterable[str] = ()) -> tuple[list[float], str]:
    """The rounds at the placement with the lowest median, and that placement; none: ([], "")."""
    fitting = [
        (median(values), values, place)
        for (side, measured, place), values in found.items()
        if side == name and what in (None, measured) and (not places or place in places)
    ]
    _, values, place = min(fitting, default=(0.0, list[float](), ""))
    return values, place


def _record(name: str, metric: str, unit: str, found: Estimate, conditions: dict[str, Any]) -> dict[str, Any]:
    numbers = {"value": round(found.value, 4), "unit": unit, "n": found.n}
    interval = {"low": round(found.low, 4), "high": round(found.high, 4)}
    return {"architecture": name, "metric": metric, **numbers, **interval, "conditions": conditions}


def missed(record: dict[str, Any]) -> bool:
    """Is this a record with a bar, and on the wrong side of it?"""
    bar = record["conditions"].get("bar")
    if bar is None:
        return False
    return bool(record["value"] < bar if record["metric"] == "times_faster" else record["value"] > bar)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print records.")
@click.option("--rounds", type=click.IntRange(2), default=30, show_default=True)
@click.option("--operations", type=click.IntRange(10), default=500, show_default=True, help="Calls a round.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.pass_context
def main(context: click.Context, as_json: bool, rounds: int, operations: int, seed: int) -> None:
    """The null call of l4 against spinning, blocking, ZeroMQ and iceoryx2."""
    found, left_out = measure(rounds, operations, seed)
    made = records(found, rounds, seed)
    share = at_rest("l4", REST_S)
    rest = Estimate(share, share, share, 1)
    made.append(_record("l4", "at_rest", "percent of a core", rest, {"seconds": REST_S, "bar": REST_PERCENT}))
    if as_json:
        facts = about("all", seed, rounds=rounds, operations=operations, left_out=left_out)
        click.echo(json.dumps({"about": facts, "records": made}, indent=2))
    else:
        _print(made, left_out)
    context.exit(1 if any(map(missed, made)) else 0)


def _print(made: list[dict[str, Any]], left_out: list[str]) -> None:
    click.echo(f"{'':<12}{'':<14}{'placement':<12}{'us':>8}  95 % interval")
    for record in made:
        place = record["conditions"].get("placement", "")
        if record["unit"] == "us":
            interval = f"{us(record['low'])} to {us(record['high'])}"
            click.echo(
                f"{record['architecture']:<12}{record['metric']:<14}{place:<12}{us(record['value']):>8}  {interval}"
            )
    click.echo()
    for record in made:
        if "bar" in record["conditions"]:
            click.echo(_sentence(record))
    for sentence in left_out:
        click.echo(sentence)


def _sentence(record: dict[str, Any]) -> str:
    conditions, verdict = record["conditions"], "MISSED" if missed(record) else "met"
    if record["metric"] == "at_rest":
        return f"at rest: {record['value']:.2f} % of one core (bar: below {conditions['bar']:g} %): {verdict}"
    interval = f"{record['low']:.2f} to {record['high']:.2f}"
    faster = record["metric"] == "times_faster"
    kind, limit = ("times as fast as", "at least") if faster else ("times", "at most")
    where = f"({conditions['placement']}; the peer {conditions['of_peer']})"
    return (
        f"null call: {record['value']:.2f} ({interval}) {kind} {conditions['peer']} {where},"
        f" bar: {limit} {conditions['bar']:g}: {verdict}"
    )


if __name__ == "__main__":
    main()
