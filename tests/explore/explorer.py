"""Exhaustive search: every state that a small system can reach, each event and effect judged.

A state is the core's together with the specification's.  A system says which events are possible in
a state (from the specification's view of it, so a faulty core cannot hide moves).  The search is
breadth first, so the trace of a violation is a shortest one.  In each new state
- the specification's own condition and the core's tables are checked (`Spec.check`, `audit`);
- each of the system's illegal events is tried, and must leave the core as it was;
- drains are recorded: for each policy of finishing (servers answer; servers die and are restarted;
  servers die for good) the state that it leads to.  When the search has closed, each of these chains
  must end, in a state in which no call is pending.  This is design statement 15.
"""

import time
from dataclasses import dataclass
from hashlib import blake2b

import msgspec
from audit import audit
from snapshot import copy_of, key_of
from spec import ILLEGAL, PENDING, Spec, Violation

from microkernel.core import Core, events

POLICIES = ("answer", "restart", "give up")


class System:
    """A small system: how it is set up, and which moves it has.  Subclasses say `setup`, `moves`, `illegal`."""

    limits = {"window": 1, "queue_limit": 2, "quota_calls": 2, "quota_rights": 8}

    def setup(self):
        """The events before the exploration starts."""
        return []

    def moves(self, spec):
        """The events that may happen now."""
        return []

    policies = (0, 1, 2)  # of finishing, that the moves allow

    def illegal(self, spec):
        """Events that must change nothing now."""
        return []


@dataclass
class Result:
    """What a search has seen, in how many seconds of one processor."""

    states: int
    transitions: int
    refused: int
    depth: int
    seconds: float
    closed: bool


class Broken(AssertionError):
    """A violation with the shortest trace to it."""

    def __init__(self, violation, trace):
        self.invariant = violation.invariant
        self.trace = trace
        steps = "\n".join(f"  {n:3} {event}\n        -> {effects}" for n, (event, effects) in enumerate(trace, 1))
        super().__init__(f"{violation}\nafter\n{steps}")


def drains(spec, event):
    """The policies of finishing that this event belongs to."""
    kind = type(event)
    if kind is events.Ready or kind is events.Started:
        return (0, 1, 2)
    if kind is events.Reply:
        working = event.call in {c.serial for c in spec.calls.values()} | {s for _, s in spec.zombies}
        return (0,) if working and not event.caps else ()
    if kind is events.Exited:
        at_work = {c.server for c in spec.calls.values() if c.parcel is None} | {server for server, _ in spec.zombies}
        if event.task not in at_work:
            return ()
        return (1,) if event.again else (1, 2)
    return ()


class Explorer:
    """One search.  `core` makes the machine, so that a faulty one can be searched as well."""

    def __init__(self, system, core=Core):
        self.system, self.make = system, core
        self.encode = msgspec.msgpack.Encoder().encode
        self.numbers = {}  # 128-bit digest of its key -> number of the state
        self.parents = []  # number -> (number of the state before, event)
        self.next = []  # number -> per policy, the state it leads to, or -1
        self.pending = []  # number -> has a call that is not answered
        self.transitions = self.refused = 0

    def run(self, limit=10**9, seconds=10**9, progress=None):
        """Search until nothing is new, or a limit; raises `Broken`."""
        began = time.process_time()
        frontier, depth = [self.first()], 0
        while frontier and len(self.parents) < limit and time.process_time() - began < seconds:
            frontier = [state for here in frontier for state in self.expand(*here)]
            depth += 1
            if progress:
                progress(f"depth {depth}: {len(self.parents)} states, {self.transitions} transitions")
        if not frontier:
            self.drain()
        spent = time.process_time() - began
        return Result(len(self.parents), self.transitions, self.refused, depth, spent, not frontier)

    def first(self):
        core, spec = self.make(**self.system.limits), Spec(**self.system.limits)
        for event in self.system.setup():
            try:
                spec.judge(event, core.step(event))
            except Exception as problem:
                raise Broken(violation(problem), self.replay([event])) from problem
        self.number(core, spec, -1, None)
        return 0, core, spec

    def number(self, core, spec, parent, event):
        """The number of a state, and whether it is new."""
        key = blake2b(self.encode((key_of(core), spec.key())), digest_size=16).digest()
        found = self.numbers.get(key)
        if found is not None:
            return found, False
        self.numbers[key] = found = len(self.parents)
        self.parents.append((parent, event))
        self.next.append([-1, -1, -1])
        self.pending.append(bool(spec.calls))
        return found, True

    def expand(self, here, core, spec):
        """All transitions from one state; the states that are new."""
        found = []
        event = None
        try:
            audit(core, spec)
            spec.check()
            for event in self.system.moves(spec):
                after, judged = copy_of(core), spec.copy()
                judged.judge(event, after.step(event))
                self.transitions += 1
                number, new = self.number(after, judged, here, event)
                if new:
                    found.append((number, after, judged))
                for policy in drains(spec, event):
                    if self.next[here][policy] < 0:
                        self.next[here][policy] = number
            self.refuse(core, spec, here)
        except Exception as problem:
            raise Broken(violation(problem), self.replay(self.path(here) + [event] * (event is not None))) from problem
        return found

    def refuse(self, core, spec, here):
        """Two of the illegal events here, others in the next state: judged, and nothing changes."""
        events_here = self.system.illegal(spec)
        events_here = [events_here[(2 * here + n) % len(events_here)] for n in range(2) if events_here]
        if not events_here:
            return
        before, tested, sane = key_of(core), copy_of(core), spec.key()
        for event in events_here:
            spec.judge(event, tested.step(event))
            self.refused += 1
        if spec.key() != sane:
            raise RuntimeError(f"one of these is legal: {events_here}")
        if key_of(tested) != before:
            for event in events_here:
                core.step(event)
                if key_of(core) != before:
                    raise Violation(ILLEGAL, f"{event}")

    def drain(self):
        """From every state, by each policy: a state without pending calls."""
        for policy in self.system.policies:
            name = POLICIES[policy]
            done = [False] * len(self.next)
            for start in range(len(self.next)):
                chain, here = {}, start
                while here >= 0 and not done[here]:
                    if here in chain:
                        raise Broken(Violation(PENDING, f"'{name}' runs in a circle"), self.replay(self.path(start)))
                    chain[here] = True
                    after = self.next[here][policy]
                    if after < 0 and self.pending[here]:
                        raise Broken(Violation(PENDING, f"'{name}' is at an end"), self.replay(self.path(here)))
                    here = after
                for one in chain:
                    done[one] = True

    def path(self, number):
        """The events that lead to a state."""
        found = []
        while number > 0:
            number, event = self.parents[number]
            found.append(event)
        return found[::-1]

    def replay(self, path):
        """A trace: each event with its effects, as far as the core gets."""
        core = self.make(**self.system.limits)
        trace = []
        for event in [*self.system.setup(), *path]:
            try:
                trace.append((event, core.step(event)))
            except Exception as problem:  # noqa: BLE001 - a crash of the core ends its trace
                trace.append((event, f"raised {problem!r}"))
                break
        return trace


def violation(problem):
    """A crash of the core is a violation, too."""
    if isinstance(problem, Violation):
        return problem
    return Violation("the core never fails", repr(problem))
