"""Walking: boot, prepare, warm up, make the call, read what the domains have noted of it.

Each architecture is booted twice: once with every domain noting what it does, once as always.  The first gives the
walk, the second how long the call takes when nobody writes along, and the wake-ups of all threads.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.counting import EXACT, counts_between, voluntary_switches
from bench.counting import Counts as PageCounts
from bench.driver import Client, working
from bench.placement import Placement, pids_of
from bench.statistics import median
from bench.subject import Subject, silence, take_images
from bench.walk.build import build
from bench.walk.chain import Chain, encoded, warming
from bench.walk.events import read_all
from bench.walk.model import Home, Walk
from bench.walk.walker import SLOTS, Walker
from microlith.interface.interface import interface_of
from microlith.interface.status import UsageError
from microlith.process.birth import name_class
from microlith.system.check import check
from microlith.system.system import System

#: Calls: to warm up; to walk, of which the one of median length is shown; to time; to count the wake-ups of.
WARM_UP, WALKED, TIMED, WOKEN = 30, 9, 200, 50


@dataclass(frozen=True)
class Errand:
    """What is walked: the call, as it was written, what is called before it, and whether it is made once only."""

    text: str
    chain: Chain
    before: tuple[Chain, ...] = ()
    cold: bool = False

    @property
    def warm(self) -> bool:
        """May the call be made beforehand, to warm it up?"""
        return self.chain.last.idempotent and not self.chain.last.waits and not self.cold


@contextmanager
def subject_of(system: System, errand: Errand) -> Iterator[Subject]:
    """The system with a walker in it, on copies of its disks.  UsageError for what cannot be walked."""
    folder = Path(tempfile.mkdtemp(prefix="microlith-walk-"))
    try:
        subject = Subject(replace(system, apps={}), "", "", folder, {})
        silence(subject)
        take_images(subject)
        slots = slots_of(errand)
        given: dict[str, Any] = dict(zip(SLOTS, slots, strict=False))
        interfaces = tuple(name_class(interface_of(_class(system, slot))) for slot in slots)
        name = "walker" if "walker" not in system.servers else "walker-of-calls"
        subject.programs["walker"] = name
        subject.system = subject.system.app(name, Walker, on_boot=False, interfaces=interfaces, **given)
        check(subject.system)
        yield subject
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _class(system: System, server: str) -> type:
    cls = system.servers[server].cls
    assert cls is not None, "a server always has a class"
    return cls


def slots_of(errand: Errand) -> list[str]:
    """The servers that the walker holds."""
    slots = list(dict.fromkeys(slot for chain in (*errand.before, errand.chain) for slot in chain.slots()))
    if len(slots) > len(SLOTS):
        raise UsageError(f"a walk may name {len(SLOTS)} servers, and this one names {', '.join(slots)}")
    return slots


def walk(subject: Subject, errand: Errand, architecture: str) -> Walk:
    """Walk the call in one architecture.  UsageError if a call answers a status."""
    at = Placement()
    with subject.booted(architecture, at, walked=True) as machine:
        with working(machine, subject.programs["walker"]) as client:
            found = _noted(client, errand, architecture)
    with subject.booted(architecture, at) as machine:
        with working(machine, subject.programs["walker"]) as client:
            _prepare(client, errand)
            took = _ask(client, do="call", n=TIMED if errand.warm else 1)["ns"]
            woken = _wake_ups(client) if errand.warm else 0.0
    return replace(found, timed=(round(median(took)), len(took)), all_wake_ups=woken)


def _noted(client: Client, errand: Errand, architecture: str) -> Walk:
    machine = client.machine
    _prepare(client, errand)
    before = machine.state()
    times = _ask(client, do="walk", n=WALKED if errand.warm else 1)["times"]
    after = machine.state()
    homes, pages = _homes(after, client), counts_between(before, after)
    events = read_all(machine.run_dir / "walk", times[0][0])
    ends = [*(begin for begin, _ in times[1:]), events[-1].at + 1 if events else 0]
    walks = []
    for (begin, end), until in zip(times, ends, strict=True):
        own = [event for event in events if begin <= event.at < until]
        walks.append(build(architecture, errand.text, own, homes, begin, end))
    walks.sort(key=lambda made: made.total)
    agrees = _agree(walks, pages)
    return replace(walks[len(walks) // 2], walked=len(walks), pages=pages, agrees=agrees, warm=errand.warm)


def _agree(walks: list[Walk], pages: PageCounts) -> bool:
    """Do the pages say the same of all calls together?"""
    return all(sum(getattr(made.counts, name) for made in walks) == pages[name] for name in EXACT)


def _homes(state: dict[str, Any], client: Client) -> dict[str, Home]:
    program, broker = client.program.name, client.machine.boot.program == "broker"
    found = {}
    for row in state["domains"]:
        kernel = row["kind"] == "kernel"
        found[row["domain"]] = Home(kernel, kernel and broker, program in (row["domain"], *row["instances"]))
    return found


def _prepare(client: Client, errand: Errand) -> None:
    """Everything up to the call itself."""
    slots = slots_of(errand)
    for chain in errand.before:
        _ask(client, do="run", chain=encoded(chain, slots))
    _ask(client, do="aim", chain=encoded(errand.chain, slots))
    if errand.warm:
        _ask(client, do="call", n=WARM_UP)
    idle = warming(errand.chain)
    if idle is not None:  # it warms up a call that is made once only, and gives back what warming up has dropped
        _ask(client, do="warm", chain=encoded(idle, slots), n=WARM_UP)


def _ask(client: Client, **command: Any) -> dict[str, Any]:
    answer = client.ask(**command)
    if "failed" in answer:
        detail = f": {answer['detail']}" if answer["detail"] else ""
        raise UsageError(f"{answer['failed']} answered {answer['status']}{detail}")
    return answer


def _wake_ups(client: Client) -> float:
    """Voluntary context switches of all threads of all domains, for one call."""
    pids = pids_of({**client.machine.state(), "zygote": 0, "spare": 0})
    before = sum(map(voluntary_switches, pids))
    _ask(client, do="call", n=WOKEN)
    return (sum(map(voluntary_switches, pids)) - before) / WOKEN
