"""Long random runs of a bigger system, legal and illegal events mixed, under the same monitor.

A failing run prints its seed and its last events; the run is the same for the same seed.
"""

import random

import pytest
from audit import audit
from snapshot import key_of
from spec import Spec

from microkernel.core import Core
from microkernel.core import events as ev

STEPS = 4000
LIMITS = {"window": 2, "queue_limit": 3, "quota_calls": 4, "quota_rights": 8}
TASKS = (
    ev.Create(1, "disk", 1, (10, 11), (), (1, 2)),
    ev.Create(2, "net", 1, (20,), (10,), (3,)),
    ev.Create(3, "files", 2, (30,), (10, 20)),
    ev.Create(4, "names", 3, (40,), (30, 10, 50)),
    ev.Create(5, "shell", 4, (50,), (40, 30, 11)),
    ev.Create(6, "app", 5, (), (50, 30, 40)),
)


class Dice:
    """Events for a state: mostly sensible, sometimes anything."""

    def __init__(self, seed):
        self.roll = random.Random(seed)
        self.now = 0

    def number(self, most):
        return self.roll.randint(0, most)

    def speaker(self, spec):
        task = self.roll.choice(list(spec.life))
        life = spec.life[task][1]
        return task, life - (self.number(30) == 0)

    def handle(self, spec, task):
        return self.number(spec.fresh.get(task, 3) + (self.number(9) == 0))

    def caps(self, spec, task):
        found = []
        while self.number(2) == 0 and len(found) < 3:
            if self.number(1):
                found.append((ev.HELD, 0, self.handle(spec, task), 0))
            else:
                ports = spec.tasks[task][1] or (10,)
                port = 10 if self.number(20) == 0 else self.roll.choice(ports)
                found.append((ev.MINT, port, self.number(3), self.number(2)))
        return tuple(found)

    def serial(self, spec):
        serials = [(c.server, c.serial) for c in spec.calls.values() if c.serial is not None] + list(spec.zombies)
        return self.roll.choice(serials) if serials and self.number(20) else (self.number(5) + 1, self.number(50))

    def event(self, spec, count):
        task, life = self.speaker(spec)
        pick = self.number(99)
        payload = b"%d" % count
        if pick < 35:
            deadline = self.now + self.number(40) if self.number(1) else 0
            ids = (task, life, self.number(5) + 1, self.handle(spec, task))
            return ev.Call(*ids, count, self.number(2) == 0, deadline, self.caps(spec, task), payload)
        if pick < 60:
            server, serial = self.serial(spec)
            server = server if server in spec.life and self.number(20) else task
            life = spec.life[server][1]
            if self.number(4) == 0:
                return ev.Forward(
                    server, life, serial, self.handle(spec, server), count, self.caps(spec, server), payload
                )
            if self.number(15) == 0:
                return ev.Undeliverable(server, serial)
            return ev.Reply(server, life, serial, False, self.number(1) == 0, self.caps(spec, server), payload)
        if pick < 80:
            return self.small(spec, task, life, payload)
        return self.life(spec)

    def small(self, spec, task, life, payload):
        handle = self.handle(spec, task)
        self.now += self.number(5)
        return self.roll.choice(
            (
                ev.Cancel(task, life, self.number(5) + 1),
                ev.Notify(task, life, handle, 1, payload),
                ev.Close(task, life, handle),
                ev.Revoke(task, life, handle),
                ev.Destroy(task, life, self.roll.choice(spec.tasks[task][1] or (10,)), self.number(3)),
                ev.Rebadge(task, life, self.roll.choice(spec.tasks[task][1] or (10,)), self.number(3), self.number(2)),
                ev.Watch(task, life, handle),
                ev.Acknowledge(task, life, self.number(4)),
                ev.Interrupt(self.number(4)),
                ev.Dropped(10 * (self.number(5) + 1), self.number(2)),
                ev.Tick(self.now),
            )
        )

    def life(self, spec):
        pick = self.number(9)
        task = self.roll.choice(list(spec.life))
        state, life = spec.life[task]
        if pick == 0 and state in ("starting", "ready"):
            return ev.Exited(task, life, self.number(12) > 0)
        if pick < 4 and state == "starting":
            olds = [spec.rights[key] for key in spec.waiting if spec.rights[key].port in spec.tasks[task][1]] or [None]
            old = self.roll.choice(olds)
            port, number = (old.port, old.object) if old and self.number(9) else (10, self.number(3))
            return ev.Adopt(task, life, port, number, self.number(3))
        number = 6 + self.number(3)
        if pick == 4:
            return ev.Create(number, "late", 6 - self.number(6), (10 * number,) * self.number(1), (10, 50, 60))
        return ev.Ready(task, life) if state == "starting" else ev.Started(task, life + 1)


@pytest.mark.parametrize("seed", range(8))
def test_long_run_keeps_every_invariant(seed):
    core, spec, dice = Core(**LIMITS), Spec(**LIMITS), Dice(seed)
    for event in TASKS:
        spec.judge(event, core.step(event))
    trace = []
    for count in range(STEPS):
        event = dice.event(spec, count)
        before = key_of(core), spec.key()
        effects = core.step(event)
        trace.append((event, effects))
        try:
            spec.judge(event, effects)
            audit(core, spec)
            spec.check()
            if spec.key() == before[1] and type(event) is not ev.Tick:
                assert key_of(core) == before[0], "a change without a reason"
        except AssertionError as problem:
            last = "\n".join(f"  {event}\n      -> {effects}" for event, effects in trace[-15:])
            raise AssertionError(f"seed {seed}, event {count}: {problem}\nafter\n{last}") from problem
