"""Documents with chosen numbers."""

from typing import Any

from bench.kills import OUTCOMES

CALLS = {"library": 0.1, "monolith": 20.0, "mach": 100.0}
CROSSINGS = {"library": 0, "monolith": 6, "mach": 32}


def record(architecture: str, metric: str, value: float, **conditions: Any) -> dict[str, Any]:
    low, high = conditions.pop("low", value), conditions.pop("high", value)
    n = conditions.pop("n", 6)
    return {
        "architecture": architecture, "metric": metric, "value": value, "unit": "", "n": n, "low": low, "high": high,
        "conditions": conditions,
    }  # fmt: skip


def probed(name: str, cost: float, changes: dict[str, Any]) -> list[dict[str, Any]]:
    """What a probe finds; `clients` are those that can be together, `placed` and `loaded` factors."""
    made = []
    for place, factor in changes.get("placed", {"same-core": 0.5, "spread": 1.5}).items():
        for statistic in ("p50", "p99"):
            made.append(record(name, "null_call", cost * factor, statistic=statistic, placement=place))
    for load, factor in (("idle", 1.0), ("calls", changes.get("loaded", 3.0))):
        late = changes.get("late", {}).get(name, cost + 50)
        for statistic in ("p50", "p99"):
            wide = {"low": 0.97 * late * factor, "high": 1.03 * late * factor}
            made.append(record(name, "interrupt", late * factor, statistic=statistic, load=load, **wide))
    together = changes.get("clients", {}).get(name, (1, 2, 4, 8))
    made += [record(name, "calls_per_s", n * 1e6 / cost, clients=n) for n in together]
    made.append(record(name, "bulk_1m", 10 / cost, verified=True))
    return made


def document(calls: dict[str, float] | None = None, **changes: Any) -> dict[str, Any]:
    calls = calls or CALLS
    records = []
    for name, cost in calls.items():
        crossings = CROSSINGS.get(name, 8)
        for metric in ("null_call", "stat", "read_4k", "write_4k"):
            records.append(record(name, metric, cost, statistic="p50", placement="free"))
            records.append(record(name, metric, cost * 123, statistic="p99", placement="free"))
        records += probed(name, cost, changes)
        for operation in ("null_call", "read_4k", "read_4k_uncached", "create_write_sync"):
            for metric in ("crossings", "kernel_visits", "messages", "wake_ups"):
                records.append(record(name, metric, crossings, operation=operation))
            records.append(record(name, "bytes_copied", crossings * 1000, operation=operation))
        records.append(record(name, "tree_write", changes.get("speeds", {}).get(name, 100 / cost), verified=True))
        records.append(record(name, "tree_read", 50.0, verified=True))
        for metric, value in (("boot", 123.4), ("processes", 3), ("domains", 2)):
            records.append(record(name, metric, value))
        records.append(record(name, "memory", 10 + cost, kind="unique"))
        failed, lost = changes.get("failed", {}).get(name, 0.0), changes.get("lost", {}).get(name, 0)
        records.append(record(name, "failed_apps", failed, n=2))
        records.append(record(name, "lost_writes", lost, n=2))
        records.append(record(name, "recovery", 10 * cost))
    low, high = changes.get("control", (0.97, 1.03))
    for of in ("null_call", "tree_write"):
        records.append(record(list(calls)[-1], "control_ratio", 1.0, low=low, high=high, of=of))
    about = {
        "machine": {"cores": 2}, "versions": {"python": "3.11.7", "libzmq": "4.3.5", "kernel": "6.18"},
        "kernel_lines": {"kernel": 1234, "total": 2345, "files": {}}, "stands_on": "much",
        "placement": "free", "seed": 1,
        "system": "files on a disk", "architectures": list(calls), "control": list(calls)[-1],
        "tree": {"files": 300, "bytes": 5 << 20}, "rounds": dict.fromkeys(calls, 6), "probes": 3, "kills": 2,
        "killed": "disk", "microkernels": changes.get("microkernels", ["mach"]),
        "campaign": changes.get("campaign", False), "wrong": changes.get("wrong", []),
    }  # fmt: skip
    outcome = {name: {"count": 1, "of": 2, "interval": [0.0945, 0.9055]} for name in OUTCOMES}
    return {"about": about, "records": records, "outcomes": dict.fromkeys(calls, outcome)}
