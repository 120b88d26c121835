"""A core with a disk (task 1), a file server (2) and an app (3), all ready, and short ways to say events."""

from microkernel.core import Core
from microkernel.core import events as ev
from tests.explore.snapshot import key_of

DISK, FILES, APP = 1, 2, 3
DISK_PORT, FILES_PORT = 10, 20
LINE = 5


def of(kind, effects):
    return [effect for effect in effects if isinstance(effect, kind)]


def fails(effects):
    return [(e.task, e.id, e.status) for e in of(ev.Fail, effects)]


class Machine:
    def __init__(self, **limits):
        self.core = Core(**limits)
        self.step(
            ev.Create(DISK, "disk", 1, (DISK_PORT,), (), (LINE,)),
            ev.Create(FILES, "files", 2, (FILES_PORT,), (DISK_PORT,)),
            ev.Create(APP, "app", 3, (), (FILES_PORT, DISK_PORT)),
        )
        for task in (DISK, FILES, APP):
            self.step(ev.Started(task, 1), ev.Ready(task, 1))

    def step(self, *events):
        """The effects of the last event."""
        return [self.core.step(event) for event in events][-1]

    def life(self, task):
        return self.core.tasks[task].incarnation

    def call(self, task, handle, id=1, caps=(), waits=False, deadline=0, payload=b"p"):
        return self.step(ev.Call(task, self.life(task), id, handle, 7, waits, deadline, caps, payload))

    def reply(self, task, call, caps=(), confirm=False, status=False):
        return self.step(ev.Reply(task, self.life(task), call, status, confirm, caps, b"r"))

    def forward(self, task, call, handle, caps=()):
        return self.step(ev.Forward(task, self.life(task), call, handle, 8, caps, b"f"))

    def delivered(self, effects):
        [one] = of(ev.Deliver, effects)
        return one.call

    def open(self, badge=0, object=5):
        """FILES gets a right to an object of DISK; its handle."""
        call = self.delivered(self.call(FILES, 1))
        [answer] = of(ev.Answer, self.reply(DISK, call, caps=((ev.MINT, DISK_PORT, object, badge),)))
        return answer.caps[0][2]

    def lend(self, handle):
        """APP gets what FILES has under this handle; APP's handle."""
        call = self.delivered(self.call(APP, 1))
        [answer] = of(ev.Answer, self.reply(FILES, call, caps=((ev.HELD, 0, handle, 0),)))
        return answer.caps[0][2]

    def restart(self, task):
        """A death with a restart, up to starting; the effects of the start."""
        life = self.life(task)
        return self.step(ev.Exited(task, life, True), ev.Started(task, life + 1))

    def refuses(self, act, effects):
        """The event has exactly these effects and leaves the state as it was."""
        before = key_of(self.core)
        assert act() == effects
        assert key_of(self.core) == before
