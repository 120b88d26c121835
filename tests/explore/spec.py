"""The specification of the kernel, as a monitor: it sees every event and every effect, and judges them.

It is written from the semantics, over plain sets and dicts, and shares nothing with the core but the
vocabulary of events and effects.  It differs from the core wherever the same thing can be said in
another way: a right knows *all* the rights it was derived from (so nothing is ever re-parented), a
call is always queued first and delivered then, windows and quotas are counted anew each time, and an
object is released when it was reachable before the event (or the event tried to make it so) and is
not reachable after it.

Every effect must be one that the semantics demand, and everything that they demand must be among the
effects; a `Violation` names the invariant that is broken.
"""

from collections import Counter
from typing import NamedTuple

from microkernel.core import events as ev

ANSWERS = (ev.Answer, ev.Fail)

NO_RIGHT = "no delivery without a right"
STALE = "no stale incarnation reached"
DEATHS = "one death notice per watcher and incarnation"
ANSWERED = "at most one answer per call"
PENDING = "nobody stays pending"
REVOKED = "revoked rights never work again"
WINDOW = "the window is respected"
FIFO = "first in, first out"
RELEASED = "released once, when the last right went"
CONFIRM = "confirm is truthful"
INTERRUPT = "an interrupt once until acknowledged"
ILLEGAL = "illegal events change nothing"
STATUS = "the fitting status"
MOVES = "what can be delivered is"
WITHDRAWN = "a server hears when its caller gives up"
LIFE = "each life is announced, with what it may adopt"
NOTICES = "lost notices are counted"
OFFERED = "what is offered arrives once, between those who are linked"
CARRIED = "a message arrives as it was sent"
UNIQUE = "a right to reply is unique"
TABLES = "nothing is left behind in the tables"


class Violation(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant, detail=""):
        super().__init__(f"{invariant}: {detail}")
        self.invariant = invariant


class Right(NamedTuple):
    """A capability; `born`: the incarnation its object belongs to; `lineage`: all rights it was derived from."""

    port: int
    object: int
    born: int
    badge: int
    lineage: frozenset


class Parcel(NamedTuple):
    """A message that has not been delivered."""

    giver: int
    handle: int
    operation: int
    caps: tuple
    payload: bytes
    forwarded: bool


class Pending(NamedTuple):
    """A call whose caller waits.  `parcel`: still in the queue of `server`."""

    server: int
    waits: bool
    deadline: int
    serial: int | None
    parcel: Parcel | None
    granted: tuple = ()


class Spec:
    """The state of the world according to the semantics."""

    def __init__(self, window=2, queue_limit=64, quota_calls=64, quota_rights=4096):
        self.limits = (window, queue_limit, quota_calls, quota_rights)
        self.tasks = {}  # task -> (rank, ports, grants, lines)
        self.ranks = {}  # port -> the rank that holders are told
        self.life = {}  # task -> (down | starting | ready | gone, incarnation)
        self.rights = {}  # (task, handle) -> Right
        self.waiting = frozenset()  # (task, handle) of rights whose object may yet be adopted
        self.fresh = {}  # task -> the first handle it never had
        self.calls = {}  # (caller, id) -> Pending
        self.queue = {}  # server -> ((caller, id), ...)
        self.zombies = {}  # (server, serial) -> granted handles, of abandoned calls at work
        self.unmasked = frozenset()
        self.lost = {}
        self.watch = {}  # (task, handle) -> incarnation told last
        self.within_reach = frozenset()  # objects that somebody can reach

    def copy(self):
        twin = object.__new__(Spec)
        twin.__dict__.update({name: one.copy() if type(one) is dict else one for name, one in self.__dict__.items()})
        return twin

    def key(self):
        """Everything that matters, as tuples; calls by age."""
        serials = sorted([c.serial for c in self.calls.values() if c.serial is not None] + [s for _, s in self.zombies])
        age = {serial: n for n, serial in enumerate(serials)}
        return (
            sorted(self.life.items()),
            sorted([(k, r[:4], sorted(r[4])) for k, r in self.rights.items()]),
            sorted(self.waiting),
            sorted(self.fresh.items()),
            sorted([(k, c[:3], age.get(c[3], -1), c[4:]) for k, c in self.calls.items()]),
            sorted(self.queue.items()),
            sorted([(server, age[s], granted) for (server, s), granted in self.zombies.items()]),
            sorted(self.unmasked),
            sorted(self.lost.items()),
            sorted(self.watch.items()),
        )

    # --- what can be said of a state ---------------------------------------------------------------

    def alive(self, task):
        return task in self.life and self.life[task][0] in ("starting", "ready")

    def owner(self, port):
        for task, (_, ports, _, _) in self.tasks.items():
            if port in ports:
                return task
        return None

    def live(self, key, right):
        """Does this right to an object reach a present one?"""
        owner = self.owner(right.port)
        return (
            right.object > 0
            and key not in self.waiting
            and owner is not None
            and self.alive(owner)
            and self.life[owner][1] == right.born
        )

    def stale(self, key, right):
        return right.object > 0 and key not in self.waiting and not self.live(key, right)

    def occupied(self, server):
        working = sum(c.server == server and c.parcel is None and not c.waits for c in self.calls.values())
        return working + sum(s == server for s, _ in self.zombies)

    def own_mints(self, giver, caps):
        return {(p, n) for kind, p, n, _ in caps if kind == ev.MINT and n > 0 and p in self.tasks[giver][1]}

    def reachable(self):
        """Objects that somebody can reach, or will when a queue moves."""
        found = {(r[0], r[1]) for key, r in self.rights.items() if r[1] and self.live(key, r)}
        for call in self.calls.values():
            if call.parcel is not None and call.parcel.caps:
                found |= self.own_mints(call.parcel.giver, call.parcel.caps)
        return found

    def held_by(self, task):
        return sum(key[0] == task for key in self.rights)

    # --- judging -----------------------------------------------------------------------------------

    def judge(self, event, effects):
        """Take the event; complain unless exactly the demanded effects are there, each queue in order."""
        self.heard = {}
        for effect in effects:
            if type(effect) is ev.Deliver:
                self.heard.setdefault((effect.task, effect.payload), []).append(effect.call)
        before = self.within_reach
        lives = dict(self.life)
        demanded = self.demand(event)
        tried = self.tried(event)
        self.within_reach = self.reachable()
        for port, number in (before | tried) - self.within_reach:
            owner = self.owner(port)
            if self.alive(owner) and lives.get(owner, ("", 0))[1] == self.life[owner][1]:
                demanded.append(ev.Released(owner, port, number))
        if demanded != effects:
            self.compare(event, demanded, effects)

    def tried(self, event):
        """The objects that the event itself tried to hand out."""
        if not self.speaks(event):
            return set()
        if type(event) in (ev.Call, ev.Reply, ev.Forward, ev.Offer):
            return self.own_mints(event.task, event.caps) if event.caps else set()
        if type(event) is ev.Adopt and self.life[event.task][0] == "starting" and event.new > 0:
            return {(event.port, event.new)} if event.port in self.tasks[event.task][1] else set()
        return set()

    def speaks(self, event):
        """Is it a word of a task's present, running incarnation?"""
        return (
            isinstance(event, ev.FromTask) and self.alive(event.task) and self.life[event.task][1] == event.incarnation
        )

    def compare(self, event, demanded, effects):
        missing, extra = Counter(demanded), Counter(effects)
        missing, extra = missing - extra, extra - missing
        for effect in [*extra, *missing]:
            wrong = effect in extra
            raise Violation(
                self.name(event, effect, wrong, missing, extra),
                f"{'undemanded' if wrong else 'missing'} {effect} at {event}; demanded {demanded}, got {effects}",
            )
        for server in self.tasks:
            order = [
                [e.call for e in side if type(e) is ev.Deliver and e.task == server] for side in (demanded, effects)
            ]
            if order[0] != order[1]:
                raise Violation(FIFO, f"server {server}: {effects}")

    def name(self, event, effect, wrong, missing, extra):
        """Which invariant an undemanded or missing effect breaks."""
        kind = type(effect)
        if kind is ev.Deliver:
            return self.name_delivery(event, effect, missing) if wrong else MOVES
        if kind in ANSWERS:
            one = (effect.task, effect.id)
            if any(type(e) in ANSWERS and (e.task, e.id) == one for e in (missing if wrong else extra)):
                return CARRIED if kind is ev.Answer and any(type(e) is ev.Answer for e in missing) else STATUS
            return ANSWERED if wrong else PENDING
        return {
            ev.Death: DEATHS,
            ev.Released: RELEASED,
            ev.Confirm: CONFIRM,
            ev.Attend: INTERRUPT,
            ev.Unmask: INTERRUPT,
            ev.Notice: NOTICES if missing else NO_RIGHT,
            ev.Withdrawn: WITHDRAWN,
            ev.Offered: OFFERED if missing or not wrong else NO_RIGHT,
            ev.Welcome: LIFE,
            ev.Up: LIFE,
        }[kind]

    def name_delivery(self, event, effect, missing):
        if any(type(e) is ev.Deliver for e in missing):
            return CARRIED
        for e in missing:
            if type(e) is ev.Fail and e.status == "NoRight" and type(event) is ev.Call:
                return REVOKED if event.handle < self.fresh.get(event.task, 0) else NO_RIGHT
            if type(e) is ev.Fail:
                return {"Stale": STALE, "NoRight": REVOKED, "BadMessage": REVOKED}.get(e.status, STATUS)
        for server, line in self.queue.items():
            if server == effect.task:
                waiting = [self.calls[one].parcel.payload for one in line]
                return WINDOW if waiting[0] == effect.payload else FIFO
        return NO_RIGHT

    # --- the semantics -----------------------------------------------------------------------------

    def demand(self, event):
        """Change the state as the event demands; the effects demanded, but for `Released`."""
        if isinstance(event, ev.FromTask) and not self.speaks(event):
            return []
        return getattr(self, "on_" + type(event).__name__.lower())(event)

    def on_create(self, e):
        taken = {line for _, _, _, lines in self.tasks.values() for line in lines}
        ports = {port for _, owned, _, _ in self.tasks.values() for port in owned}
        fresh = len(set(e.ports)) == len(e.ports) and len(set(e.lines)) == len(e.lines)
        if e.task not in self.tasks and fresh and not ports & set(e.ports) and not taken & set(e.lines):
            if e.ranks and len(e.ranks) != len(e.ports):
                return []
            self.tasks[e.task] = (e.rank, e.ports, e.grants, e.lines)
            self.ranks.update(zip(e.ports, e.ranks or [e.rank] * len(e.ports), strict=True))
            self.life[e.task] = ("down", 0)
        return []

    def on_started(self, e):
        if e.task not in self.life or self.life[e.task] != ("down", e.incarnation - 1):
            return []
        self.life[e.task] = ("starting", e.incarnation)
        _, ports, grants, _ = self.tasks[e.task]
        for handle, port in enumerate(grants, 1):
            self.rights[(e.task, handle)] = Right(port, 0, 0, 0, frozenset())
        self.fresh[e.task] = len(grants) + 1
        offers = {(r.port, r.object, r.badge) for k, r in self.rights.items() if k in self.waiting and r.port in ports}
        return [ev.Welcome(e.task, e.incarnation, tuple(sorted(offers)))]

    def on_adopt(self, e):
        if self.life[e.task][0] != "starting" or e.new <= 0:
            return []
        for key, right in list(self.rights.items()):
            if key in self.waiting and (right.port, right.object) == (e.port, e.old) and self.owner(e.port) == e.task:
                self.rights[key] = right._replace(object=e.new, born=e.incarnation)
                self.waiting -= {key}
        return []

    def on_rebadge(self, e):
        if self.owner(e.port) != e.task or e.object <= 0:
            return []
        ref = (e.port, e.object)
        for key, right in list(self.rights.items()):
            if (right.port, right.object) == ref and self.live(key, right):
                self.rights[key] = right._replace(badge=e.badge)
        for one, call in list(self.calls.items()):
            if call.parcel is not None and ref in self.own_mints(call.parcel.giver, call.parcel.caps):
                caps = tuple((*c[:3], e.badge) if c[0] == ev.MINT and c[1:3] == ref else c for c in call.parcel.caps)
                self.calls[one] = call._replace(parcel=call.parcel._replace(caps=caps))
        return []

    def on_ready(self, e):
        if self.life[e.task][0] != "starting":
            return []
        self.life[e.task] = ("ready", e.incarnation)
        effects = [ev.Up(e.task, e.incarnation)]
        _, ports, _, lines = self.tasks[e.task]
        unadopted = {key for key in self.waiting if self.rights[key].port in ports}
        self.waiting -= unadopted
        effects += self.drop_parcels(lambda c: (c.parcel.giver, c.parcel.handle) in unadopted, "Stale")
        self.unmasked |= set(lines)
        return effects + [ev.Unmask(line) for line in lines] + self.settle(e.task)

    def on_exited(self, e):
        if e.task not in self.life or self.life[e.task][1] != e.incarnation or self.life[e.task][0] == "gone":
            return []
        if self.life[e.task][0] == "down" and e.again:
            return []
        dead = e.task
        effects = []
        self.life[dead] = ("down" if e.again else "gone", e.incarnation)
        for one, call in list(self.calls.items()):
            queued = call.parcel is not None
            if one[0] == dead:
                effects += self.leave(one)
                effects = [x for x in effects if type(x) is not ev.Withdrawn or x.task != dead]
            elif call.server == dead and not queued:
                del self.calls[one]
                effects.append(ev.Fail(*one, "ServerDied"))
            elif queued and call.parcel.giver == dead:
                effects += self.refuse(one, "ServerDied")
            elif call.server == dead and not e.again:
                effects += self.refuse(one, "Unavailable")
        self.zombies = {k: v for k, v in self.zombies.items() if k[0] != dead}
        effects += self.lose({key for key in self.rights if key[0] == dead})
        effects += self.bereave(dead, e)
        effects += self.mourn(dead, e)
        _, ports, _, lines = self.tasks[dead]
        self.unmasked -= set(lines)
        if not e.again:
            self.fresh.pop(dead, None)
            self.tasks[dead] = (*self.tasks[dead][:3], ())
            if not ports:
                del self.tasks[dead], self.life[dead]
        return effects

    def bereave(self, dead, e):
        """Rights to objects of the dead: those with a badge wait if there will be a next life."""
        mine = {k for k, r in self.rights.items() if r.object and self.owner(r.port) == dead}
        latest = {k for k in mine if k not in self.waiting and self.rights[k].born == e.incarnation}
        renamed = {(self.rights[k].port, self.rights[k].object) for k in latest}
        old = {k for k in mine & self.waiting if (self.rights[k].port, self.rights[k].object) not in renamed}
        stays = (old | {k for k in latest if self.rights[k].badge}) if e.again else set()
        self.waiting = (self.waiting - mine) | stays
        return self.drop_parcels(lambda c: (c.parcel.giver, c.parcel.handle) in mine - stays, "Stale")

    def mourn(self, dead, e):
        effects = []
        for key, told in list(self.watch.items()):
            if self.owner(self.rights[key].port) == dead:
                if told != e.incarnation:
                    effects.append(ev.Death(*key, e.incarnation))
                self.watch[key] = e.incarnation
                if not e.again:
                    del self.watch[key]
        return effects

    def on_call(self, e):
        status = self.refusal(e)
        if status:
            return [ev.Fail(e.task, e.id, status)]
        server = self.owner(self.rights[(e.task, e.handle)].port)
        parcel = Parcel(e.task, e.handle, e.operation, e.caps, e.payload, False)
        return self.enqueue((e.task, e.id), Pending(server, e.waits, e.deadline, None, parcel))

    def refusal(self, e):
        if (e.task, e.id) in self.calls:
            return "BadMessage"
        status, server = self.way(e)
        if status:
            return status
        if self.tasks[server][0] >= self.tasks[e.task][0]:
            return "RankViolation"
        if sum(caller == e.task for caller, _ in self.calls) >= self.limits[2]:
            return "Busy"
        return "Busy" if e.crowded or len(self.queue.get(server, ())) >= self.limits[1] else ""

    def way(self, e):
        """Where a call or forward would go, or why it cannot."""
        key = (e.task, e.handle)
        if key not in self.rights or not self.sendable(e.task, e.caps):
            return "NoRight", None
        right = self.rights[key]
        if self.stale(key, right):
            return "Stale", None
        server = self.owner(right.port)
        if server is None or self.life[server][0] == "gone":
            return "Unavailable", None
        return "", server

    def sendable(self, giver, caps):
        for cap in caps:
            held = cap[0] == ev.HELD and (giver, cap[2]) in self.rights
            service = cap[0] == ev.MINT and cap[1] in self.tasks[giver][1] and cap[2:] == (0, 0)
            if not held and not service and not self.own_mints(giver, (cap,)):
                return False
        return True

    def enqueue(self, one, call):
        self.calls[one] = call
        self.queue[call.server] = (*self.queue.get(call.server, ()), one)
        return self.settle(call.server)

    def settle(self, server):
        """Deliver what can be delivered."""
        effects = []
        while self.queue.get(server) and self.life[server][0] == "ready" and self.occupied(server) < self.limits[0]:
            effects += self.deliver(self.queue[server][0])
        return effects

    def unqueue(self, server, one):
        line = tuple(other for other in self.queue[server] if other != one)
        if line:
            self.queue[server] = line
        else:
            del self.queue[server]

    def deliver(self, one):
        call = self.calls[one]
        server, parcel = call.server, call.parcel
        caps, handles = self.hand_over(parcel.giver, server, parcel.caps)
        self.unqueue(server, one)
        if caps is None:
            del self.calls[one]
            return [ev.Fail(*one, "Busy")]
        heard = self.heard.get((server, parcel.payload))
        if not heard:
            others = [calls for (to, _), calls in self.heard.items() if to == server and calls]
            raise Violation(FIFO if others else MOVES, f"call {one} of {parcel} to {server}")
        serial = heard.pop(0)
        others = [c.serial for o, c in self.calls.items() if o != one] + [s for _, s in self.zombies]
        if serial in others or (call.serial is not None and call.serial != serial):
            raise Violation(UNIQUE, f"{serial} for {call}, others {others}")
        self.calls[one] = call._replace(serial=serial, parcel=None, granted=handles)
        right = self.rights[(parcel.giver, parcel.handle)]
        if self.stale((parcel.giver, parcel.handle), right):
            raise Violation(STALE, f"{parcel}")
        body = (right.port, right.object, parcel.operation, call.waits, call.deadline, caps, parcel.payload)
        return [ev.Deliver(server, serial, *body)]

    def hand_over(self, giver, receiver, caps):
        """The capabilities as the receiver sees them, and the handles of its new rights; None if they do not fit."""
        seen, new = [], {}
        waiting = set()
        for kind, port, number, badge in caps:
            if kind == ev.MINT:
                right = Right(port, number, self.life[giver][1] if number else 0, badge, frozenset())
                home = giver == receiver
            else:
                source = self.rights[(giver, number)]
                right = source._replace(lineage=source.lineage | {(giver, number)})
                home = self.live((giver, number), source) or not source.object
                home = home and self.owner(source.port) == receiver
            if home:
                seen.append((ev.HOME, right.port, right.object, 0))
                continue
            handle = self.fresh[receiver] + len(new)
            new[(receiver, handle)] = right
            if kind == ev.HELD and (giver, number) in self.waiting:
                waiting.add((receiver, handle))
            owner = self.owner(right.port)
            seen.append((ev.GRANTED, self.ranks[right.port] if owner is not None else 0, handle, 0))
        if self.held_by(receiver) + len(new) > self.limits[3]:
            return None, ()
        self.rights.update(new)
        self.waiting |= waiting
        self.fresh[receiver] += len(new)
        return tuple(seen), tuple(handle for _, handle in new)

    def at_work(self, task, serial):
        """The pending call that this task may answer."""
        for one, call in self.calls.items():
            if call.serial == serial and call.server == task and call.parcel is None:
                return one
        return None

    def on_reply(self, e):
        one = self.at_work(e.task, e.call)
        effects, counted = [], False
        if one is not None:
            del self.calls[one]
            caps = None
            if not self.sendable(e.task, e.caps):
                effects.append(ev.Fail(*one, "BadMessage"))
            else:
                caps, _ = self.hand_over(e.task, one[0], e.caps)
                counted = caps is not None
                effects.append(ev.Answer(*one, e.status, caps, e.payload) if counted else ev.Fail(*one, "Busy"))
        self.zombies.pop((e.task, e.call), None)
        if e.confirm:
            effects.append(ev.Confirm(e.task, e.call, counted))
        return effects + self.settle(e.task)

    def on_forward(self, e):
        one = self.at_work(e.task, e.call)
        if one is None or not self.calls[one].waits:
            return []
        status, server = self.way(e)
        if not status and (e.crowded or len(self.queue.get(server, ())) >= self.limits[1]):
            status = "Busy"
        if status:
            del self.calls[one]
            return [ev.Fail(*one, "BadMessage" if status == "NoRight" else status)]
        parcel = Parcel(e.task, e.handle, e.operation, e.caps, e.payload, True)
        return self.enqueue(one, self.calls[one]._replace(server=server, parcel=parcel, granted=()))

    def on_offer(self, e):
        if not self.alive(e.to) or not (self.may_call(e.task, e.to) or self.may_call(e.to, e.task)):
            return []
        seen = self.hand_over(e.task, e.to, e.caps)[0] if self.sendable(e.task, e.caps) else None
        return [ev.Offered(e.to, e.task, e.incarnation, e.id, seen or ())]

    def may_call(self, client, server):
        """Was the client given a service of that server when it was created?"""
        return bool(set(self.tasks[client][2]) & set(self.tasks[server][1]))

    def on_cancel(self, e):
        one = (e.task, e.id)
        return [ev.Fail(*one, "Cancelled"), *self.leave(one)] if one in self.calls else []

    def leave(self, one):
        """The caller of a call is not there for its answer any more."""
        call = self.calls.pop(one)
        if call.parcel is not None:
            self.unqueue(call.server, one)
            return []
        if not call.waits:
            self.zombies[(call.server, call.serial)] = call.granted
        return [ev.Withdrawn(call.server, call.serial)]

    def refuse(self, one, status):
        """A queued call will not be delivered."""
        self.unqueue(self.calls.pop(one).server, one)
        return [ev.Fail(*one, status)]

    def on_tick(self, e):
        effects = []
        for one, call in list(self.calls.items()):
            if 0 < call.deadline <= e.now:
                effects += [ev.Fail(*one, "DeadlineExceeded"), *self.leave(one)]
        return effects

    def on_undeliverable(self, e):
        one = self.at_work(e.task, e.call)
        granted = self.calls.pop(one).granted if one else self.zombies.pop((e.task, e.call), None)
        if granted is None:
            return []
        effects = [ev.Fail(*one, "Busy")] if one else []
        return effects + self.lose({(e.task, handle) for handle in granted}) + self.settle(e.task)

    def lose(self, keys, carried=frozenset(), mint=None):
        """Rights go, and what is queued on their strength."""
        keys = keys & self.rights.keys()

        def broken(call):
            parcel = call.parcel
            held = {(parcel.giver, number) for kind, _, number, _ in parcel.caps if kind == ev.HELD}
            minted = mint is not None and mint in self.own_mints(parcel.giver, parcel.caps)
            return (parcel.giver, parcel.handle) in keys or held & (keys | carried) or minted

        effects = self.drop_parcels(broken, "NoRight")
        for key in keys:
            del self.rights[key]
            self.watch.pop(key, None)
        self.waiting -= keys
        for key, right in self.rights.items():
            if right.lineage & keys:
                self.rights[key] = right._replace(lineage=right.lineage - keys)
        return effects

    def drop_parcels(self, broken, status):
        effects = []
        for one, call in list(self.calls.items()):
            if call.parcel is not None and broken(call):
                fault = status == "NoRight" and call.parcel.forwarded
                effects += self.refuse(one, "BadMessage" if fault else status)
        return effects

    def on_close(self, e):
        return self.lose({(e.task, e.handle)})

    def on_revoke(self, e):
        root = (e.task, e.handle)
        if root not in self.rights:
            return []
        return self.lose({key for key, right in self.rights.items() if root in right.lineage}, {root})

    def on_destroy(self, e):
        if self.owner(e.port) != e.task or e.object <= 0:
            return []
        ref = (e.port, e.object)
        keys = {k for k, r in self.rights.items() if (r.port, r.object) == ref and self.live(k, r)}
        return self.lose(keys, mint=ref)

    def on_watch(self, e):
        key = (e.task, e.handle)
        if key not in self.rights:
            return []
        server = self.owner(self.rights[key].port)
        if server is not None and self.life[server][0] == "gone":
            return [ev.Death(*key, self.life[server][1])]
        self.watch.setdefault(key, -1)
        return []

    def on_notify(self, e):
        key = (e.task, e.handle)
        if key not in self.rights or self.stale(key, self.rights[key]):
            return []
        right = self.rights[key]
        server = self.owner(right.port)
        state = self.life[server][0] if server is not None else "gone"
        if state == "ready":
            lost = self.lost.pop(right.port, 0)
            return [ev.Notice(server, right.port, right.object, e.operation, e.payload, lost)]
        if state != "gone":
            self.lost[right.port] = self.lost.get(right.port, 0) + 1
        return []

    def on_dropped(self, e):
        server = self.owner(e.port)
        if server is not None and self.life[server][0] != "gone" and e.lost >= 0:
            self.lost[e.port] = self.lost.get(e.port, 0) + e.lost + 1
        return []

    def on_interrupt(self, e):
        if e.line not in self.unmasked:
            return []
        self.unmasked -= {e.line}
        return [ev.Attend(task, e.line) for task, (_, _, _, lines) in self.tasks.items() if e.line in lines]

    def on_acknowledge(self, e):
        mine = e.line in self.tasks[e.task][3]
        if not mine or self.life[e.task][0] != "ready" or e.line in self.unmasked:
            return []
        self.unmasked |= {e.line}
        return [ev.Unmask(e.line)]

    # --- what holds in every state -----------------------------------------------------------------

    def check(self):
        """Each pending call has somebody who can end it."""
        for one, call in self.calls.items():
            state = self.life[call.server][0]
            if call.parcel is None:
                fine = state == "ready"
            elif state == "ready":
                fine = self.occupied(call.server) >= self.limits[0] > 0
            else:
                fine = state != "gone"
            if not fine or not self.alive(one[0]):
                raise Violation(PENDING, f"{one} {call}, its server is {state}")


NEVER_FAILS = "the core never fails"
INVARIANTS = tuple(value for name, value in list(globals().items()) if name.isupper() and type(value) is str)
