"""How long `unix` takes to boot, to answer after the kill of a server, and to end after that of its kernel.

    python -m bench.recovery [--json] [--rounds N]

The bars: at most 300 ms from `boot()` to ready, at most 15 ms from the kill to an answer, both at the
median, and at most 200 ms until the last process of a machine whose kernel was killed is gone, always.
The clock of a recovery starts when the kill order has been carried out and stops when a call that was
made at once is answered.  Exit status 1 if a bar is not met.
"""

import json
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click
import psutil

from bench.statistics import Estimate, of_median
from microlith.launch.boot import boot
from microlith.launch.machine import Machine
from microlith.system.system import System
from microlith.system.systemfile import load

BOOT_MS, RECOVERY_MS, END_MS = 300.0, 15.0, 200.0
SERVERS: dict[str, Callable[[Any], object]] = {
    "disk": lambda disk: disk.read(0, 1),
    "names": lambda names: names.list(),
    "files": lambda files: files.usage(),
}


def _unix() -> System:
    """The ready system, its terminal a silent one, its servers never given up."""
    system = load("unix").device("tty", "terminal", os.devnull)
    patient = {"intensity": 1_000_000, "period_s": 1.0}
    servers = {name: replace(part, restart=patient) for name, part in system.servers.items()}
    return replace(system, servers=servers)


def boots(rounds: int) -> list[float]:
    """Milliseconds from boot() to ready."""
    found = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        with boot(_unix(), architecture="mach"):
            found.append((time.perf_counter() - began) * 1000)
    return found[1:]  # the first compiles


def recoveries(machine: Machine, server: str, rounds: int) -> list[float]:
    """Milliseconds from the kill of a server to the first good answer."""
    capability, ask = machine.connect(server), SERVERS[server]
    found = []
    for _ in range(rounds):
        ask(capability)
        machine.kill(server)
        began = time.perf_counter()
        ask(capability)
        found.append((time.perf_counter() - began) * 1000)
    return found


def ends(architecture: str, rounds: int) -> list[float]:
    """Milliseconds from the kill of the kernel to the end of the last process of its machine."""
    found = []
    for _ in range(rounds):
        with boot(_unix(), architecture=architecture) as machine:
            others = [os.pidfd_open(child.pid) for child in psutil.Process(machine.root_pid).children(recursive=True)]
            began = time.perf_counter()
            os.kill(machine.root_pid, signal.SIGKILL)
            for other in others:
                select.select([other], [], [])
                os.close(other)
            found.append((time.perf_counter() - began) * 1000)
    return found


def records(rounds: int) -> list[dict[str, Any]]:
    """Boot and recovery of each server, as records."""
    made = [_record("boot", of_median(boots(max(3, rounds // 5))), BOOT_MS, {"system": "unix"})]
    with boot(_unix(), architecture="mach") as machine:
        for server in SERVERS:
            estimate = of_median(recoveries(machine, server, rounds))
            made.append(_record("recovery", estimate, RECOVERY_MS, {"system": "unix", "server": server}))
    for architecture in ("monolith", "mach"):
        found = ends(architecture, max(3, rounds // 3))
        longest = Estimate(max(found), min(found), max(found), len(found))
        made.append(_record("end", longest, END_MS, {"system": "unix", "statistic": "max"}, architecture))
    return made


def _record(
    metric: str, found: Estimate, bar: float, conditions: dict[str, Any], architecture: str = "mach"
) -> dict[str, Any]:
    return {
        "architecture": architecture, "metric": metric, "value": found.value, "unit": "ms", "n": found.n,
        "low": found.low, "high": found.high, "conditions": {**conditions, "bar": bar},
    }  # fmt: skip


@click.command()
@click.option("--rounds", type=click.IntRange(5), default=30, help="Kills of each server.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
def main(rounds: int, as_json: bool) -> None:
    """Time boot and recovery against their bars."""
    found = records(rounds)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for r in found:
            what = f"{r['metric']} of {r['conditions'].get('server', r['architecture'])}"
            bar = r["conditions"]["bar"]
            click.echo(f"{what:<20}{r['value']:8.1f} ms ({r['low']:.1f} to {r['high']:.1f}), bar {bar:.0f} ms")
    raise SystemExit(any(r["value"] > r["conditions"]["bar"] for r in found))


if __name__ == "__main__":
    main()
