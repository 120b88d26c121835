"""From rounds, probes and trials to records: one number each, with its interval and its conditions.

    {"architecture", "metric", "value", "unit", "n", "low", "high", "conditions": {...}}

`low` and `high` bound 95 % of the resampled medians of rounds (operations of one round are not
independent of each other, rounds nearly are); of an exact count they are the count itself.  `n` is how
many observations there were in all.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from bench.counting import EXACT
from bench.kills import OUTCOMES, Trial
from bench.probed import BULK
from bench.probes import Probe
from bench.rounds import COUNTED, LATENCIES, PAYLOADS, Round
from bench.statistics import Estimate, bootstrap, median, of_median, of_ratio, percentile, wilson

Record = dict[str, Any]


class NotExact(RuntimeError):
    """A count that cannot depend on timing came out differently when it was repeated."""


class Recorder:
    """Collects the records of one comparison; `conditions` hold for all, `links` by architecture."""

    def __init__(self, seed: int, conditions: dict[str, Any], links: dict[str, dict[str, str]]) -> None:
        self.seed, self.conditions, self.links, self.records = seed, conditions, links, list[Record]()

    def add(self, architecture: str, metric: str, unit: str, found: Estimate, **conditions: Any) -> None:
        """One record."""
        rounded = {"value": _round(found.value), "low": _round(found.low), "high": _round(found.high)}
        self.records.append(
            {"architecture": architecture, "metric": metric, "value": rounded["value"], "unit": unit, "n": found.n}
            | {
                "low": rounded["low"],
                "high": rounded["high"],
                "conditions": {**self.conditions, **self.links.get(architecture, {}), **conditions},
            }
        )

    # --- rounds ------------------------------------------------------------------------------------

    def measured(self, label: str, rounds: Sequence[Round], tree_bytes: int) -> None:
        """What the rounds of one architecture found."""
        for metric in LATENCIES:
            samples, clocks = [r.latencies[metric] for r in rounds], [r.clock_ns for r in rounds]
            self._times(label, metric, samples, clocks, payload=PAYLOADS[metric])
        for metric, values in throughputs(rounds, tree_bytes).items():
            wrong = sum(len(r.wrong) for r in rounds)
            self.add(label, metric, "MiB/s", of_median(values), verified=wrong == 0, wrong=wrong)
        self.add(label, "boot", "ms", of_median([r.boot_ns / 1e6 for r in rounds]))
        self._sizes(label, rounds)
        self._counts(label, rounds)

    def _sizes(self, label: str, rounds: Sequence[Round]) -> None:
        zygotes = rounds[0].zygotes
        of_processes = of_median([r.processes for r in rounds])
        self.add(label, "processes", "processes", of_processes, zygotes=zygotes, programs=1)
        self.add(label, "domains", "domains", of_median([r.domains for r in rounds]), programs=1)
        for kind, values in (("unique", [r.unique for r in rounds]), ("proportional", [r.shared for r in rounds])):
            self.add(label, "memory", "MiB", of_median([v / 2**20 for v in values]), kind=kind, zygotes=zygotes)

    def _counts(self, label: str, rounds: Sequence[Round]) -> None:
        for operation in COUNTED:
            found = [counts for r in rounds for counts in r.counts.get(operation, ())]
            for metric in EXACT:
                values = {counts[metric] for counts in found}
                if len(values) > 1:
                    raise NotExact(f"{label}: {metric} of {operation} was {sorted(values)} on repetition")
                value = values.pop()
                unit = "bytes" if metric == "bytes_copied" else metric
                exact = Estimate(value, value, value, len(found))
                self.add(label, metric, unit, exact, operation=operation, exact=True)
            slept = of_median([r.wake_ups[operation] for r in rounds if operation in r.wake_ups])
            self.add(label, "wake_ups", "wake-ups", slept, operation=operation, exact=False)

    def control(self, label: str, first: Sequence[Round], again: Sequence[Round], tree_bytes: int) -> None:
        """One architecture against itself: what a difference that is none looks like."""
        pairs = {m: (microseconds(again, m, 50), microseconds(first, m, 50)) for m in LATENCIES}
        above, below = throughputs(again, tree_bytes), throughputs(first, tree_bytes)
        pairs |= {metric: (above[metric], below[metric]) for metric in above}
        for metric, (one, other) in pairs.items():
            found = of_ratio(one, other, self.seed)
            self.add(label, "control_ratio", "ratio", found, of=metric, medians=[median(other), median(one)])

    # --- probes ------------------------------------------------------------------------------------

    def probed(self, label: str, probes: Sequence[Probe]) -> None:
        """What the probes of one architecture found."""
        for load in probes[0].interrupts:
            self._times(label, "interrupt", [p.interrupts[load] for p in probes], [0.0] * len(probes), load=load)
        for placement in probes[0].placed:
            clocks = [p.clock_ns for p in probes]
            given = {"placement": placement, "payload": PAYLOADS["null_call"]}
            self._times(label, "null_call", [p.placed[placement] for p in probes], clocks, **given)
        for clients in probes[0].calls:
            self.add(label, "calls_per_s", "1/s", of_median([p.calls[clients] for p in probes]), clients=clients)
        wrong = sum(len(p.wrong) for p in probes)
        speed = of_median([BULK / median(p.bulk) for p in probes])  # bytes a nanosecond
        speed = replace(speed, n=sum(len(p.bulk) for p in probes))
        self.add(label, "bulk_1m", "GB/s", speed, payload=BULK, verified=wrong == 0, wrong=wrong)

    def _times(
        self, label: str, metric: str, samples: Sequence[list[int]], clocks: Sequence[float], **conditions: Any
    ) -> None:
        """Median and 99th percentile of each boot's samples, in microseconds, without what the clock takes."""
        given = {"rounds": len(samples), "clock_ns": median(clocks), **conditions}
        for statistic, percent in (("p50", 50.0), ("p99", 99.0)):
            values = [_us(taken, percent, clock) for taken, clock in zip(samples, clocks, strict=True)]
            found = replace(bootstrap(values, median, self.seed), n=sum(map(len, samples)))
            self.add(label, metric, "us", found, statistic=statistic, **given)

    # --- trials ------------------------------------------------------------------------------------

    def killed(self, label: str, trials: Sequence[Trial], driver: str) -> None:
        """What the kills of one architecture came to."""
        activated = [t for t in trials if t.outcome != "not activated"]
        how = sorted({t.how for t in trials if t.how})
        common = {"killed": driver, "how": how, "trials": len(trials), "activated": len(activated)}
        answered = [t.recovery_ns / 1e6 for t in activated if t.recovery_ns]
        if answered:
            self.add(label, "recovery", "ms", of_median(answered), outcomes=outcomes(trials), **common)
        failed = sum(t.failed_apps for t in activated)
        low, high = wilson(failed, len(activated))
        share = Estimate(failed / len(activated) if activated else 0.0, low, high, len(activated))
        self.add(label, "failed_apps", "apps per kill", share, running=1, **common)
        lost = sum(len(t.lost) for t in activated)
        written = sum(t.acknowledged for t in activated)
        low, high = wilson(lost, written)
        found = Estimate(lost, low * written, high * written, len(activated))
        self.add(label, "lost_writes", "files", found, acknowledged=written, **common)


def outcomes(trials: Iterable[Trial]) -> dict[str, Any]:
    """All eight outcomes: how often, and the 95 % interval of their share of what was activated."""
    counted = Counter(trial.outcome for trial in trials)
    activated = sum(counted.values()) - counted["not activated"]
    table = {}
    for name in OUTCOMES:
        n = activated if name != "not activated" else sum(counted.values())
        table[name] = {"count": counted[name], "of": n, "interval": [round(x, 4) for x in wilson(counted[name], n)]}
    return table


def microseconds(rounds: Sequence[Round], metric: str, percent: float) -> list[float]:
    """A percentile of each round, without what the clock itself takes."""
    return [_us(r.latencies[metric], percent, r.clock_ns) for r in rounds]


def _us(taken: Sequence[int], percent: float, clock_ns: float) -> float:
    return max(0.001, percentile(taken, percent) - clock_ns) / 1000


def throughputs(rounds: Sequence[Round], tree_bytes: int) -> dict[str, list[float]]:
    """MiB a second of each round, both ways."""
    size = tree_bytes / 2**20
    return {
        "tree_write": [size / max(r.tree_write_s, 0.001) for r in rounds if r.tree_write_s],
        "tree_read": [size / max(r.tree_read_s, 0.001) for r in rounds if r.tree_read_s],
    }


def _round(value: float) -> float:
    """Five digits: more would be noise."""
    return value if isinstance(value, int) else float(f"{value:.5g}")
