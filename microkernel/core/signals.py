"""Events that nobody waits for: notices, watches, interrupts."""

from microkernel.core import events as ev
from microkernel.core.state import GONE, READY, STALE, State


def notify(core: State, event: ev.Notify, out: list[ev.Effect]) -> None:
    """Pass a notice to a ready server, or count it as lost; to a dead object or a gone server: nothing."""
    right = core.rights.get((event.task, event.handle))
    server = core.owners.get(right.port) if right is not None and right.state != STALE else None
    if right is None or server is None or core.tasks[server].state == GONE:
        return
    if core.tasks[server].state == READY:
        lost = core.lost.pop(right.port, 0)
        out.append(ev.Notice(server, right.port, right.object, event.operation, event.payload, lost))
    else:
        core.lost[right.port] = core.lost.get(right.port, 0) + 1


def dropped(core: State, event: ev.Dropped, out: list[ev.Effect]) -> None:
    """A notice did not arrive after all: it, and those lost before it, are reported with the next."""
    server = core.owners.get(event.port)
    if server is not None and core.tasks[server].state != GONE and event.lost >= 0:
        core.lost[event.port] = core.lost.get(event.port, 0) + event.lost + 1


def watch(core: State, event: ev.Watch, out: list[ev.Effect]) -> None:
    """From here on, or at once if the server is gone, the watcher hears of deaths."""
    key = (event.task, event.handle)
    right = core.rights.get(key)
    if right is None:
        return
    server = core.tasks.get(core.owners.get(right.port, -1))
    if server is not None and server.state == GONE:
        out.append(ev.Death(*key, server.incarnation))
    elif key not in core.watches:
        core.watches[key] = (right.port, -1)


def interrupt(core: State, event: ev.Interrupt, out: list[ev.Effect]) -> None:
    """Once to its driver; then the line is masked."""
    task, masked = core.lines.get(event.line, (0, True))
    if not masked:
        core.lines[event.line] = (task, True)
        out.append(ev.Attend(task, event.line))


def acknowledge(core: State, event: ev.Acknowledge, out: list[ev.Effect]) -> None:
    """The ready driver wants the next interrupt."""
    if core.lines.get(event.line) == (event.task, True) and core.tasks[event.task].state == READY:
        core.lines[event.line] = (event.task, False)
        out.append(ev.Unmask(event.line))
