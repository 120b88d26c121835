"""The small systems that are explored, each centred on one part of the kernel.

Every system has at most four tasks, a window of 1 and at most two or three incarnations of each task,
so it closes.  A task's moves come from the specification's state, so an illegal move is only made
where a system lists it.
"""

from explorer import System
from msgspec.structs import replace

from microkernel.core import events as ev
from microkernel.core.events import HELD, MINT

DISK, FILES, APP, OTHER = 1, 2, 3, 4
DISK_PORT, FILES_PORT = 10, 20


class Base(System):
    """Lives and replies, which every system has."""

    lives = {}  # task -> how many incarnations it may have
    mortal = ()  # tasks that may die at any time
    tasks = ()
    up = ()  # started and ready before the exploration

    def setup(self):
        started = [e for task in self.up for e in (ev.Started(task, 1), ev.Ready(task, 1))]
        return [*self.tasks, *started]

    def life(self, spec):
        found = []
        for task, (state, incarnation) in spec.life.items():
            if state == "down" and incarnation < self.lives[task]:
                found.append(ev.Started(task, incarnation + 1))
            if state == "starting":
                found.append(ev.Ready(task, incarnation))
            if task in self.mortal and state in ("starting", "ready"):
                found.append(ev.Exited(task, incarnation, False))
                if incarnation < self.lives[task]:
                    found.append(ev.Exited(task, incarnation, True))
            if task in self.mortal and state == "down":
                found.append(ev.Exited(task, incarnation, False))
        return found

    def dead_life(self, spec):
        """Lives that cannot be."""
        found = [ev.Create(DISK, "again", 0, (77,), ()), ev.Create(99, "thief", 0, (DISK_PORT,), ())]
        for task, (state, incarnation) in spec.life.items():
            found += [ev.Started(task, incarnation + 2), ev.Exited(task, incarnation + 1, False)]
            if state in ("starting", "ready"):
                found += [ev.Started(task, incarnation + 1), ev.Exited(task, incarnation - 1, True)]
            if state != "starting":
                found += [ev.Ready(task, incarnation), ev.Adopt(task, incarnation, DISK_PORT, 1, 1)]
            if state == "gone":
                found.append(ev.Exited(task, incarnation, False))
            past = incarnation if state in ("down", "gone") else incarnation - 1
            found.append(ev.Call(task, past, 9, 1, 0, False, 0, (), b"past"))
            found.append(ev.Watch(task, past, 1))
        return found


def running(spec, task):
    return spec.alive(task)


def incarnation(spec, task):
    return spec.life[task][1]


def work(spec):
    """(task, serial, name of the call if it waits) of all delivered calls, abandoned ones too."""
    found = [(c.server, c.serial, one if c.waits else None) for one, c in spec.calls.items() if c.parcel is None]
    return found + [(server, serial, None) for server, serial in spec.zombies]


def reply(spec, task, serial, caps=(), status=False):
    return ev.Reply(task, incarnation(spec, task), serial, status, True, caps, b"r")


def call(spec, task, id, handle, waits=False, deadline=0, caps=()):
    return ev.Call(task, incarnation(spec, task), id, handle, 7, waits, deadline, caps, bytes((task, id)))


def free_ids(spec, task, most):
    free = [id for id in range(1, most + 1) if (task, id) not in spec.calls]
    return free[:1]


class Messages(Base):
    """Calls, forwards, cancels, deadlines, full queues and deaths: an app, its file server, the disk."""

    tasks = (
        ev.Create(DISK, "disk", 1, (DISK_PORT,), ()),
        ev.Create(FILES, "files", 2, (FILES_PORT,), (DISK_PORT,)),
        ev.Create(APP, "app", 3, (), (FILES_PORT, DISK_PORT)),
    )
    up = (DISK, FILES, APP)
    lives = {DISK: 2, FILES: 2, APP: 1}
    mortal = (DISK, FILES, APP)
    ids = {APP: 2, FILES: 1}

    def moves(self, spec):
        found = self.life(spec)
        for task, most in self.ids.items():
            if running(spec, task):
                for id in free_ids(spec, task, most):
                    for handle in range(1, len(spec.tasks[task][2]) + 1):
                        found += self.calls(spec, task, id, handle)
        for task, serial, waits in work(spec):
            found += [reply(spec, task, serial), ev.Undeliverable(task, serial)]
            if task == FILES and waits:
                found.append(ev.Forward(task, incarnation(spec, task), serial, 1, 8, (), b"f" + bytes(waits)))
        found += [ev.Cancel(task, incarnation(spec, task), id) for task, id in spec.calls]
        found += self.time(spec)
        return found

    def calls(self, spec, task, id, handle):
        if task == FILES:
            return [call(spec, task, id, handle)]
        return [call(spec, task, id, handle, False, 5), call(spec, task, id, handle, True)]

    def time(self, spec):
        return [ev.Tick(5)] if any(c.deadline for c in spec.calls.values()) else []

    def illegal(self, spec):
        found = self.dead_life(spec)
        for task in spec.life:
            if running(spec, task):
                life = incarnation(spec, task)
                found += [call(spec, task, 9, 6), call(spec, task, 9, 1, caps=((HELD, 0, 6, 0),))]
                found += [ev.Cancel(task, life, 9), ev.Forward(task, life, 0, 1, 0, (), b"")]
                found.append(ev.Undeliverable(task, 0))
                if sum(caller == task for caller, _ in spec.calls) == self.limits["quota_calls"]:
                    found += [call(spec, task, 9, 1), call(spec, task, 9, 1, True)]
        for (task, id), one in spec.calls.items():
            found.append(call(spec, task, id, 1))
            if one.parcel is None and not one.waits:
                found.append(ev.Forward(one.server, incarnation(spec, one.server), one.serial, 1, 0, (), b""))
            if one.serial is not None:
                for other in spec.life:
                    if running(spec, other) and (other != one.server or one.parcel is not None):
                        found += [reply(spec, other, one.serial), ev.Undeliverable(other, one.serial)]
                        found.append(ev.Forward(other, incarnation(spec, other), one.serial, 1, 0, (), b""))
        return found


class Rights(Base):
    """Minting, passing, revoking, adopting: an owner of objects, one who hands them on, and an app."""

    limits = {"window": 1, "queue_limit": 2, "quota_calls": 2, "quota_rights": 3}
    tasks = (
        ev.Create(DISK, "owner", 1, (DISK_PORT,), ()),
        ev.Create(FILES, "holder", 2, (FILES_PORT,), (DISK_PORT,)),
        ev.Create(APP, "app", 3, (), (FILES_PORT,)),
    )
    up = (DISK, FILES, APP)
    lives = {DISK: 2, FILES: 1, APP: 1}
    mortal = (DISK, FILES)
    handles = {DISK: 1, FILES: 4, APP: 2}  # while the next handle is one of these, another may come to be
    mints = ((MINT, DISK_PORT, 1, 7),)
    news = (2,)

    def moves(self, spec):
        found = self.life(spec)
        for task in (FILES, APP):
            if running(spec, task) and (task, 1) not in spec.calls:
                found += self.calls(spec, task)
        for task, serial, _ in work(spec):
            found.append(reply(spec, task, serial))
            found += [reply(spec, task, serial, (cap,)) for cap in self.gifts(spec, task, serial)]
        for task, handle in spec.rights:
            found += [ev.Close(task, incarnation(spec, task), handle)] if handle > 1 else []
            found += [ev.Revoke(task, incarnation(spec, task), handle)] if self.parent(spec, task, handle) else []
        if running(spec, DISK):
            found += self.of_owner(spec)
        return found

    def parent(self, spec, task, handle):
        """Has anything been derived from it, or is about to be?"""
        passing = any(c.parcel and c.parcel.caps and c.parcel.giver == task for c in spec.calls.values())
        return passing or any((task, handle) in right.lineage for right in spec.rights.values())

    def calls(self, spec, task):
        mine = [handle for holder, handle in spec.rights if holder == task]
        found = [call(spec, task, 1, handle) for handle in mine if task == APP or handle == 1]
        for handle in mine:
            if spec.rights[(task, handle)].object and self.room(spec, DISK if task == FILES else FILES):
                found.append(call(spec, task, 1, 1, caps=((HELD, 0, handle, 0),)))
        return found

    def room(self, spec, task):
        return spec.fresh.get(task, 99) <= self.handles[task]

    def gifts(self, spec, task, serial):
        callers = [one[0] for one, c in spec.calls.items() if c.serial == serial]
        if not callers or not self.room(spec, callers[0]):
            return []
        if task == DISK:
            return self.mints
        return [(HELD, 0, handle, 0) for holder, handle in spec.rights if holder == task]

    def of_owner(self, spec):
        life = incarnation(spec, DISK)
        found = [ev.Destroy(DISK, life, *ref) for ref in spec.within_reach if ref[0] == DISK_PORT]
        found += [ev.Rebadge(DISK, life, *ref, 0) for ref in spec.within_reach if ref[0] == DISK_PORT]
        if spec.life[DISK][0] == "starting":
            olds = {spec.rights[key].object for key in spec.waiting}
            found += [ev.Adopt(DISK, life, DISK_PORT, old, new) for old in sorted(olds) for new in self.news]
        return found

    def illegal(self, spec):
        found = self.dead_life(spec)
        for task, (state, life) in spec.life.items():
            for handle in range(1, spec.fresh.get(task, 0) + 1):
                if (task, handle) not in spec.rights and state in ("starting", "ready"):
                    found += [call(spec, task, 9, handle), ev.Notify(task, life, handle, 1, b"n")]
                    found += [ev.Close(task, life, handle), ev.Revoke(task, life, handle), ev.Watch(task, life, handle)]
                    found.append(call(spec, task, 9, 1, caps=((HELD, 0, handle, 0),)))
            found += [ev.Adopt(task, life, DISK_PORT, 9, 0), ev.Destroy(task, life, DISK_PORT, 0)]
            found += [ev.Rebadge(task, life, DISK_PORT, 0, 1), ev.Rebadge(task, life, DISK_PORT, 9, 1)]
            if state in ("starting", "ready"):
                found.append(call(spec, task, 9, 1, caps=((MINT, DISK_PORT, 0, 0),)))
            if task != DISK:
                found += [ev.Adopt(task, life, DISK_PORT, 1, 9), ev.Destroy(task, life, DISK_PORT, 1)]
                found.append(ev.Rebadge(task, life, DISK_PORT, 1, 1))
                found.append(ev.Call(task, life, 9, 1, 0, False, 0, ((MINT, DISK_PORT, 1, 0),), b""))
            for key, right in spec.rights.items():
                if key[0] == task and spec.stale(key, right):
                    found += [call(spec, *key[:1], 9, key[1]), ev.Notify(task, life, key[1], 1, b"n")]
        return found


class Lives(Base):
    """Restarts, watches, notices and interrupts: a driver, and a server that watches it."""

    tasks = (
        ev.Create(DISK, "driver", 1, (DISK_PORT,), (), (5, 6)),
        ev.Create(FILES, "watcher", 2, (FILES_PORT,), (DISK_PORT, DISK_PORT, 30)),
    )
    lives = {DISK: 3, FILES: 2}
    mortal = (DISK, FILES)

    def moves(self, spec):
        found = self.life(spec)
        if running(spec, FILES):
            life = incarnation(spec, FILES)
            for handle in (1, 2):
                found += [ev.Watch(FILES, life, handle), ev.Close(FILES, life, handle)]
            found += [ev.Notify(FILES, life, 1, 3, b"n"), ev.Watch(FILES, life, 3)]
            if (FILES, 1) not in spec.calls:
                found.append(call(spec, FILES, 1, 1))
        if sum(spec.lost.values()) > 3:
            found = [one for one in found if type(one) is not ev.Notify]
        else:
            found += [ev.Dropped(DISK_PORT, 0), ev.Dropped(DISK_PORT, 1)]
        for line in (5, 6):
            found.append(ev.Interrupt(line))
            if running(spec, DISK):
                found.append(ev.Acknowledge(DISK, incarnation(spec, DISK), line))
        return found + [reply(spec, task, serial) for task, serial, _ in work(spec)]

    def illegal(self, spec):
        found = [*self.dead_life(spec), ev.Interrupt(9), ev.Dropped(99, 0), ev.Dropped(DISK_PORT, -1)]
        for task, (_, life) in spec.life.items():
            found += [ev.Watch(task, life, 9), ev.Notify(task, life, 9, 1, b"n")]
            if task != DISK:
                found.append(ev.Acknowledge(task, life, 5))
            found += [ev.Interrupt(line) for line in (5, 6) if line not in spec.unmasked]
            if running(spec, task):
                found += [ev.Notify(task, life, 3, 1, b"n"), call(spec, task, 9, 3)]
        return found


class Gifts(Base):
    """Messages that carry new objects in every direction, while queues are full and transports fail."""

    limits = {"window": 1, "queue_limit": 2, "quota_calls": 2, "quota_rights": 3}
    tasks = (
        ev.Create(DISK, "disk", 1, (DISK_PORT,), ()),
        ev.Create(FILES, "files", 2, (FILES_PORT,), (DISK_PORT, FILES_PORT)),
        ev.Create(APP, "app", 3, (30,), (FILES_PORT,)),
    )
    up = (DISK, FILES, APP)
    lives = {DISK: 1, FILES: 2, APP: 1}
    mortal = (FILES,)
    policies = (0,)  # the disk does not die here
    most = 2

    def moves(self, spec):
        found = self.life(spec)
        if running(spec, FILES):
            life = incarnation(spec, FILES)
            found += [ev.Destroy(FILES, life, FILES_PORT, number) for number in (1, 2)]
            found.append(ev.Rebadge(FILES, life, FILES_PORT, 1, 7))
            found += self.calls(spec, FILES, 1, ((MINT, FILES_PORT, 1, 0),), 7)
        for id in (1, 2):
            found += self.calls(spec, APP, id, ((MINT, 30, id, id - 1),), 4 + id)
        for task, serial, waits in work(spec):
            found += [reply(spec, task, serial), ev.Undeliverable(task, serial)]
            if task == DISK:
                found.append(reply(spec, task, serial, ((HELD, 0, 9, 0),)))
            if task == FILES and waits:
                for handle in (1, 2):
                    caps = (
                        ((MINT, FILES_PORT, handle, handle - 1),)
                        if self.room(spec, DISK if handle == 1 else APP)
                        else ()
                    )
                    payload = b"f" + bytes(waits)
                    forward = ev.Forward(FILES, incarnation(spec, FILES), serial, handle, 8, caps, payload)
                    found += [forward, replace(forward, crowded=True)]
            elif task == FILES and spec.at_work(task, serial) and self.room(spec, APP):
                found.append(reply(spec, task, serial, ((MINT, FILES_PORT, 2, 7),)))
        found += [
            ev.Close(task, incarnation(spec, task), handle)
            for task, handle in spec.rights
            if handle > len(spec.tasks[task][2])
        ]
        return found + ([ev.Tick(5), ev.Tick(6)] if any(c.deadline for c in spec.calls.values()) else [])

    def room(self, spec, task):
        return spec.fresh.get(task, 99) <= self.most

    def calls(self, spec, task, id, caps, deadline):
        if (task, id) in spec.calls or not running(spec, task):
            return []
        waits = task == APP
        return [call(spec, task, id, 1, waits and id == 1, deadline, caps if self.room(spec, FILES) else ())]

    def illegal(self, spec):
        found = self.dead_life(spec)
        if running(spec, FILES):
            found += [call(spec, FILES, 9, 2), call(spec, FILES, 9, 1, caps=((MINT, 30, 1, 0),))]
            found.append(replace(call(spec, FILES, 9, 1, caps=((MINT, FILES_PORT, 5, 0),)), crowded=True))
        return found


class Clash(Base):
    """A server dies again while it starts, with objects of two lives under one number."""

    tasks = (
        ev.Create(DISK, "disk", 1, (DISK_PORT,), ()),
        ev.Create(FILES, "files", 2, (FILES_PORT,), (DISK_PORT, 30)),
        ev.Create(APP, "low", 0, (30,), (DISK_PORT,)),
    )
    up = (APP, DISK, FILES)
    lives = {DISK: 4, FILES: 1, APP: 2}
    mortal = (DISK, APP)

    def setup(self):
        """FILES holds two objects of DISK and one of APP."""
        found = super().setup()
        for serial, (server, port, handle) in enumerate(((DISK, 10, 1), (DISK, 10, 1), (APP, 30, 2)), 1):
            caps = ((MINT, port, serial, serial),)
            call = ev.Call(FILES, 1, 1, handle, 7, False, 0, (), b"open")
            found += [call, ev.Reply(server, 1, serial, False, False, caps, b"")]
        return found

    def moves(self, spec):
        found = self.life(spec)
        for handle in (3, 4, 5):
            found.append(ev.Close(FILES, 1, handle))
            if (FILES, handle) in spec.rights and (FILES, 1) not in spec.calls:
                found.append(call(spec, FILES, 1, handle))
        if spec.life[DISK][0] == "starting":
            for old in sorted({spec.rights[key].object for key in spec.waiting if spec.rights[key].port == DISK_PORT}):
                found += [ev.Adopt(DISK, incarnation(spec, DISK), DISK_PORT, old, new) for new in (1, 2)]
            found.append(ev.Rebadge(DISK, incarnation(spec, DISK), DISK_PORT, 1, 0))
        return found + [reply(spec, task, serial) for task, serial, _ in work(spec)]

    def illegal(self, spec):
        found = self.dead_life(spec)
        for task, port in ((DISK, 30), (APP, DISK_PORT)):
            if spec.life[task][0] == "starting":
                found += [ev.Adopt(task, incarnation(spec, task), port, old, 4) for old in (1, 2, 3)]
        if spec.life[DISK][0] == "starting":
            olds = {spec.rights[key].object for key in spec.waiting if spec.rights[key].port == DISK_PORT}
            life = incarnation(spec, DISK)
            found += [ev.Adopt(DISK, life, DISK_PORT, old, new) for old in {1, 2, 3} - olds for new in (1, 2)]
        return found


class Passing(Rights):
    """Long chains of passing and taking away, past one restart of the owner; the biggest system."""

    limits = {"window": 1, "queue_limit": 2, "quota_calls": 2, "quota_rights": 3}
    lives = {DISK: 2, FILES: 1, APP: 1}
    mortal = (DISK,)
    handles = {DISK: 1, FILES: 5, APP: 4}
    policies = (0,)  # nobody dies for good here

    def life(self, spec):
        return [one for one in super().life(spec) if type(one) is not ev.Exited or one.again]

    def of_owner(self, spec):
        return [one for one in super().of_owner(spec) if type(one) is not ev.Rebadge]

    def calls(self, spec, task):
        found = super().calls(spec, task)
        return [one for one in found if not one.caps]

    def illegal(self, spec):
        return []


class Services(Base):
    """Two servers behind one task: it hands out a right to either, which comes home, or goes on and is taken away."""

    limits = {"window": 1, "queue_limit": 2, "quota_calls": 2, "quota_rights": 3}
    tasks = (
        ev.Create(DISK, "pair", 1, (DISK_PORT, 11), (), ranks=(1, 0)),
        ev.Create(FILES, "holder", 2, (FILES_PORT,), (DISK_PORT,)),
        ev.Create(APP, "app", 3, (), (FILES_PORT,)),
    )
    up = (DISK, FILES, APP)
    lives = {DISK: 2, FILES: 1, APP: 1}
    mortal = (DISK, FILES)
    most = {DISK: 2, FILES: 3, APP: 2}

    def moves(self, spec):
        found = self.life(spec)
        if running(spec, FILES) and (FILES, 1) not in spec.calls:
            for holder, handle in spec.rights:
                if holder == FILES:
                    found += [call(spec, FILES, 1, handle), call(spec, FILES, 1, 1, caps=((HELD, 0, handle, 0),))]
        if running(spec, APP) and (APP, 1) not in spec.calls:
            found.append(call(spec, APP, 1, 1))
        for task, serial, _ in work(spec):
            callers = [one[0] for one, c in spec.calls.items() if c.serial == serial]
            found.append(reply(spec, task, serial))
            if callers and spec.fresh.get(callers[0], 99) <= self.most[callers[0]]:
                mints = [(MINT, port, 0, 0) for port in (DISK_PORT, 11)]
                gifts = mints if task == DISK else [(HELD, 0, h, 0) for t, h in spec.rights if t == task]
                found += [reply(spec, task, serial, (gift,)) for gift in gifts]
        for task, handle in spec.rights:
            found += [ev.Close(task, incarnation(spec, task), handle), ev.Revoke(task, incarnation(spec, task), handle)]
        return found

    def illegal(self, spec):
        found = [ev.Create(9, "odd", 0, (77,), (), ranks=(1, 2))]
        for task in spec.life:
            if running(spec, task) and (task, 1) in spec.rights:
                found.append(call(spec, task, 9, 1, caps=((MINT, 11, 0, 0),)))
                found.append(call(spec, task, 9, 1, caps=((MINT, FILES_PORT, 0, 7),)))
                found += [call(spec, task, 9, 1, caps=((MINT, FILES_PORT, -1, 0),))]
        return found


class Offers(Base):
    """Capabilities that travel outside of calls: an owner, one in the middle who is linked with both, and an app."""

    limits = {"window": 1, "queue_limit": 2, "quota_calls": 2, "quota_rights": 3}
    tasks = (
        ev.Create(DISK, "disk", 1, (DISK_PORT,), ()),
        ev.Create(FILES, "files", 2, (FILES_PORT,), (DISK_PORT,)),
        ev.Create(APP, "app", 3, (), (FILES_PORT,)),
    )
    up = (DISK, FILES, APP)
    lives = {DISK: 2, FILES: 1, APP: 1}
    mortal = (DISK, APP)
    most = {DISK: 1, FILES: 3, APP: 3}

    def moves(self, spec):
        found = self.life(spec)
        if running(spec, DISK):
            found += self.offers(spec, DISK, FILES, [(MINT, DISK_PORT, 1, 5)])
        if running(spec, FILES):
            found += self.offers(spec, FILES, APP, [(HELD, 0, h, 0) for t, h in spec.rights if t == FILES])
            found += self.offers(spec, FILES, DISK, [(HELD, 0, h, 0) for t, h in spec.rights if t == FILES])
        if running(spec, APP):
            found += self.offers(spec, APP, FILES, [(HELD, 0, h, 0) for t, h in spec.rights if t == APP])
        for task, handle in spec.rights:
            found += [ev.Close(task, incarnation(spec, task), handle), ev.Revoke(task, incarnation(spec, task), handle)]
        if running(spec, DISK):
            found.append(ev.Destroy(DISK, incarnation(spec, DISK), DISK_PORT, 1))
        return found

    def offers(self, spec, giver, to, caps):
        if not running(spec, to) or spec.fresh.get(to, 99) > self.most[to]:
            return []
        return [ev.Offer(giver, incarnation(spec, giver), to, 7, (cap,)) for cap in caps]

    def illegal(self, spec):
        found = []
        for task in spec.life:
            if running(spec, task):
                life = incarnation(spec, task)
                stranger = APP if task == DISK else DISK if task == APP else 99
                found.append(ev.Offer(task, life, stranger, 7, ((HELD, 0, 1, 0),)))
                found.append(ev.Offer(task, life - 1, FILES, 7, ((HELD, 0, 1, 0),)))
                if task == DISK and running(spec, FILES) and spec.held_by(FILES) == self.limits["quota_rights"]:
                    found.append(ev.Offer(DISK, life, FILES, 7, ((MINT, DISK_PORT, 9, 0),)))
                if task == FILES and not running(spec, DISK):  # to the dead
                    found += [ev.Offer(FILES, life, DISK, 7, ((HELD, 0, h, 0),)) for t, h in spec.rights if t == FILES]
                if task == APP and running(spec, FILES):  # what is not its own, and what it does not hold
                    found.append(ev.Offer(APP, life, FILES, 7, ((MINT, DISK_PORT, 1, 0),)))
                    found.append(ev.Offer(APP, life, FILES, 7, ((HELD, 0, 99, 0),)))
        return found
