"""One probe: boot an architecture with a driver that measures interrupts, and measure what a round does not.

A round counts messages exactly, so its system is the user's and nothing more; a probe's has one server more,
which sleeps when no interrupt is measured.  Interrupts, a mebibyte out of the cache, several clients at once,
and the null call where all share a core and where client and servers do not.
"""

import contextlib
import hashlib
import random
import time
from dataclasses import dataclass, field, replace

from bench.driver import Client, working
from bench.interrupts import TimerMeter
from bench.placement import Placement
from bench.probed import BULK, Probed, bulk
from bench.rounds import PLACE, WARM_UP, Bench
from bench.statistics import median
from bench.subject import Subject
from microlith.interface.needs import needs_of
from microlith.kinds import architecture as find_architecture

CLIENTS = (1, 2, 4, 8)
LOADS = {"idle": False, "calls": True}
PLACES = ("same-core", "spread")
BULK_READS = 20
ROOM = 4 * BULK // 1024  # blocks of a kibibyte, so that the mebibyte stays in the cache
CLOCK_READS = 500
START_NS = 10_000_000  # for clients to have heard when to begin


@dataclass
class Probe:
    """What one probe found; times in nanoseconds."""

    architecture: str
    clock_ns: float = 0.0
    interrupts: dict[str, list[int]] = field(default_factory=dict)  # by load
    bulk: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    calls: dict[int, float] = field(default_factory=dict)  # calls a second of all clients, by how many they are
    placed: dict[str, list[int]] = field(default_factory=dict)  # null calls by placement


@dataclass(frozen=True)
class Length:
    """How much of each to measure."""

    interrupts: int
    window_s: float  # in which several clients call
    operations: int


def _metered(subject: Subject) -> Subject:
    """The same system with the measuring driver, and room for a mebibyte in the file server's cache."""
    system, taken = subject.system, {*subject.system.servers, *subject.system.apps}
    meter, program = (_free(name, taken) for name in ("meter", "probed"))
    files = system.servers[subject.files]
    if files.cls is not None and "cache_blocks" in needs_of(files.cls):
        given = max(ROOM, files.settings.get("cache_blocks", 0))
        files = replace(files, settings={**files.settings, "cache_blocks": given})
        system = replace(system, servers={**system.servers, subject.files: files})
    system = system.server(meter, TimerMeter)
    system = system.app(program, Probed, on_boot=False, files=subject.files, meter=meter)
    return replace(subject, system=system, programs={**subject.programs, "probed": program})


def _free(name: str, taken: set[str]) -> str:
    return name if name not in taken else f"compare-{name}"


class Probes:
    """Makes probes of the system of a bench."""

    def __init__(self, bench: Bench, length: Length, seed: int) -> None:
        self.bench, self.length = replace(bench, subject=_metered(bench.subject)), length
        self._chance = random.Random(seed)

    def probe(self, architecture: str) -> Probe:
        """Boot, measure, stop."""
        found, subject, at = Probe(architecture), self.bench.subject, self.bench.placement
        with subject.booted(architecture, at) as machine:
            with working(machine, subject.programs["probed"]) as client:
                at.settle(machine, {client.program.pid})
                client.ask(do="prepare", directory=PLACE, cold=0)
                found.clock_ns = median(client.ask(do="clock", n=CLOCK_READS)["ns"])
                for load, calling in LOADS.items():
                    command = {"n": self.length.interrupts, "seed": self._chance.getrandbits(32), "load": calling}
                    found.interrupts[load] = client.ask(do="interrupts", **command)["ns"]
                self._bulk(found, client)
            clients = CLIENTS if several(subject, architecture) else CLIENTS[:1]
            with contextlib.ExitStack() as stack:
                together = [
                    stack.enter_context(working(machine, subject.programs["workload"])) for _ in range(clients[-1])
                ]
                at.settle(machine, {client.program.pid for client in together})
                found.calls = {n: self._calls(together[:n]) for n in clients}
        for place in places(at):
            found.placed[place.name] = self._placed(architecture, place)
        return found

    def _placed(self, architecture: str, place: Placement) -> list[int]:
        """Null calls of a machine of that placement: whether channels spin is decided when it boots."""
        subject = self.bench.subject
        with (
            subject.booted(architecture, place) as machine,
            working(machine, subject.programs["workload"]) as client,
        ):
            place.settle(machine, {client.program.pid})
            client.ask(do="measure", operation="null_call", n=WARM_UP)
            return list(client.ask(do="measure", operation="null_call", n=self.length.operations)["ns"])

    def _bulk(self, found: Probe, client: Client) -> None:
        """The judge makes the bytes again from the seed, here, outside the machine."""
        seed = self._chance.getrandbits(32)
        answer = client.ask(do="bulk", seed=seed, n=BULK_READS)
        found.bulk = answer["ns"]
        if answer["sha256"] != hashlib.sha256(bulk(seed)).hexdigest():
            found.wrong.append(f"{PLACE}/bulk")

    def _calls(self, clients: list[Client]) -> float:
        """Null calls a second, all clients together."""
        begin, duration = time.monotonic_ns() + START_NS, int(self.length.window_s * 1e9)
        for client in clients:
            client.tell(do="calls", begin=begin, duration=duration)
        answers = [client.answer("calls") for client in clients]
        return float(sum(answer["calls"] * 1e9 / answer["ns"] for answer in answers))


def several(subject: Subject, architecture: str) -> bool:
    """Does it run several programs at a time?  Not where they live in the address space of the servers."""
    plan = find_architecture(architecture)(subject.system)
    return plan.template(subject.programs["workload"]).inside is None


def places(at: Placement) -> list[Placement]:
    """The placements to try besides that of the whole comparison, as far as there are cores for them."""
    names = PLACES if len(at.cores) > 1 else PLACES[:1]
    return [Placement(name) for name in names if name != at.name]
