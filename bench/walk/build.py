"""From the events of all domains to a walk: pure.

Events come in the order of one clock.  A message is sent on a link by one domain and taken from it by the other,
first come, first served.  Within a domain the lane that acts is the server whose request is being served, or that
of the direct call in progress; else the program, or the kernel, or the server that acted last.
"""

from collections import defaultdict, deque
from collections.abc import Sequence

import msgspec

from bench.walk.model import Counts, Event, Home, Lane, Leg, Mark, Walk
from microlith.process.walked import ANSWERED, CALLS, DIRECT, RETURNED, SENT, SERVED, SERVES, TAKEN, WOKE

PROGRAM = "app"
ASKING = ("call", "notify")
_KINDS = {"call": "request", "notify": "notify", "reply": "reply", "status": "reply", "fail": "reply"}


class _Domain:
    """Who acts in a domain now."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.lanes: list[int] = []  # of requests being served and direct calls in progress
        self.began: list[int] = []
        self.last: int | None = None  # the server that acted last
        self.calling: list[str] = []  # operations called through stubs
        self.passing = ""  # the operation of the message that the kernel passes on


class _Builder:
    def __init__(self, events: Sequence[Event], homes: dict[str, Home], begin: int) -> None:
        self.events, self.homes, self.begin = events, homes, begin
        self.lanes: list[Lane] = []
        self.legs: list[Leg] = []
        self.marks: list[Mark] = []
        self.domains = {name: _Domain(home) for name, home in homes.items()}
        self.sent: dict[str, deque[tuple[Event, int, str]]] = defaultdict(deque)
        self.messages = 0  # sent, without those that a kernel passes on
        self.own: dict[str, int] = {}  # the lane of a domain's program or kernel
        for name, home in homes.items():
            if home.program:
                self.own[name] = self._lane(PROGRAM, name, False)

    def _lane(self, name: str, domain: str, server: bool) -> int:
        lane = Lane(name, domain, self.homes[domain].kernel, server)
        if lane not in self.lanes:
            self.lanes.append(lane)
        return self.lanes.index(lane)

    def _acting(self, event: Event) -> int:
        """The lane of whoever acts in this event's domain now."""
        domain = self.domains[event.domain]
        if domain.lanes:
            return domain.lanes[-1]
        if domain.home.broker and domain.last is None and event.domain not in self.own:
            self.own[event.domain] = self._lane("kernel", event.domain, False)
        if domain.last is not None:
            return domain.last
        own = self.own.get(event.domain)
        return own if own is not None else self._lane(event.domain, event.domain, True)

    def _taking(self, number: int, event: Event) -> int:
        """The lane for which a message or a wake-up is: the server that serves next, unless something else is first."""
        domain = self.domains[event.domain]
        if domain.lanes or domain.home.program:
            return self._acting(event)
        ends = (SENT,) if event.kind == WOKE and not domain.home.broker else (SENT, TAKEN)
        for later in self.events[number + 1 :]:
            if later.domain == event.domain and later.kind == SERVES:
                return self._served(later)
            if later.domain == event.domain and later.kind in ends:
                break
        if domain.home.broker:
            domain.last = None
        return self._acting(event)

    def _served(self, event: Event) -> int:
        return self._lane(event.name.partition(" ")[0] or event.domain, event.domain, True)

    def build(self) -> None:
        for number, event in enumerate(self.events):
            domain = self.domains[event.domain]
            if event.kind == SENT:
                self._send(event, domain)
            elif event.kind == TAKEN:
                self._take(number, event, domain)
            elif event.kind in (SERVES, DIRECT):
                self._enter(event, domain)
            elif event.kind in (SERVED, RETURNED) and domain.lanes:
                self._leave(event, domain)
            elif event.kind == CALLS:
                domain.calling.append(event.name)
            elif event.kind == ANSWERED and domain.calling:
                domain.calling.pop()
            elif event.kind == WOKE:
                self._mark(self._taking(number, event), event, "wake-up")

    def _mark(self, lane: int, event: Event, kind: str, size: int = 0) -> None:
        self.marks.append(Mark(lane, event.at - self.begin, kind, size))

    def _send(self, event: Event, domain: _Domain) -> None:
        lane = self._acting(event)
        what = event.name
        if event.name in ASKING:
            what = domain.passing if domain.home.broker and not domain.calling else "".join(domain.calling[-1:])
        self.sent[event.link].append((event, lane, what or event.name))
        self.messages += self.lanes[lane].server or not domain.home.broker
        self._mark(lane, event, "copy", event.size)

    def _take(self, number: int, event: Event, domain: _Domain) -> None:
        lane = self._taking(number, event)
        queue = self.sent[event.link]
        found = next((entry for entry in queue if entry[0].domain != event.domain), None)
        if found is not None:
            queue.remove(found)
            sent, source, what = found
            start, end = sent.at - self.begin, event.at - self.begin
            kind = _KINDS.get(sent.name, "other")
            self.legs.append(Leg(source, lane, kind, what, sent.size, start, end, payload=sent.payload))
            domain.passing = what
        self._mark(lane, event, "copy", event.size)
        if domain.home.kernel:
            self._mark(lane, event, "kernel visit")

    def _enter(self, event: Event, domain: _Domain) -> None:
        lane = self._served(event)
        if event.kind == DIRECT:
            source, at = self._acting(event), event.at - self.begin
            if source != lane:
                self.legs.append(Leg(source, lane, "call", event.name.partition(" ")[2], 0, at, at))
        domain.lanes.append(lane)
        domain.began.append(event.at)

    def _leave(self, event: Event, domain: _Domain) -> None:
        lane, began = domain.lanes.pop(), domain.began.pop()
        if event.kind == SERVED:
            domain.last = None if domain.home.program else lane
            return
        caller, at = self._acting(event), event.at - self.begin
        if caller != lane:
            what = event.name.partition(" ")[2]
            self.legs.append(Leg(lane, caller, "return", what, 0, at, at, event.at - began))


def build(architecture: str, call: str, events: Sequence[Event], homes: dict[str, Home], begin: int, end: int) -> Walk:
    """The walk of a call that began and ended then.  What is taken later counts, but is not drawn."""
    builder = _Builder([event for event in events if event.domain in homes], homes, begin)
    builder.build()
    total = end - begin
    counts = _counts(builder, homes)
    legs = sorted((leg for leg in builder.legs if leg.start <= total), key=lambda leg: leg.start)
    used = [0] if builder.lanes else []
    used += [lane for lane in range(1, len(builder.lanes)) if any(lane in (leg.source, leg.target) for leg in legs)]
    place = {lane: number for number, lane in enumerate(used)}
    marks = tuple(
        msgspec.structs.replace(mark, lane=place[mark.lane])
        for mark in sorted(builder.marks, key=lambda mark: mark.at)
        if mark.at <= total and mark.lane in place
    )
    return Walk(
        architecture,
        call,
        tuple(builder.lanes[lane] for lane in used),
        tuple(msgspec.structs.replace(leg, source=place[leg.source], target=place[leg.target]) for leg in legs),
        marks,
        msgspec.structs.replace(counts, wake_ups=sum(mark.kind == "wake-up" for mark in marks)),
        total,
    )


def _counts(builder: _Builder, homes: dict[str, Home]) -> Counts:
    """Messages are counted to the last, wake-ups up to the end of the call and in the lanes of its legs."""
    lanes, events = builder.lanes, builder.events
    taken = [event for event in events if event.kind == TAKEN]
    moved = [event for event in events if event.kind in (SENT, TAKEN)]
    crossing = [leg for leg in builder.legs if not leg.direct]
    traps = [leg for leg in crossing if lanes[leg.source].server_in_kernel or lanes[leg.target].server_in_kernel]
    ipcs = [leg for leg in crossing if leg not in traps and not lanes[leg.target].kernel]
    return Counts(
        crossings=len(taken),
        kernel_visits=sum(homes[event.domain].kernel for event in taken),
        messages=builder.messages,
        copies=len(moved),
        bytes_copied=sum(event.size for event in moved),
        direct_calls=sum(leg.kind == "call" for leg in builder.legs),
        ipcs=len(ipcs),
        traps=len(traps) / 2,
        payload=sum(leg.payload for leg in (*ipcs, *traps)),
    )
