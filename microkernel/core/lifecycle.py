"""Events of a task's life, and of its objects' next one: create, started, adopt, rebadge, ready, exited.

down -> starting -> ready, and back to down at each death that a restart will follow, else gone.  A
task that is gone and owns no port is forgotten; one with ports stays, so that calls to it are answered.
Numbers of tasks, ports and lines in use are not given again; the shell never reuses a task's number.
"""

from msgspec.structs import replace

from microkernel.core import events as ev
from microkernel.core.pending import abandon, fail, forget, pump, take_away, wither
from microkernel.core.rights import become, install, release
from microkernel.core.state import DOWN, GONE, LIVE, READY, STARTING, SUSPENDED, Right, State, Task


def create(core: State, event: ev.Create, out: list[ev.Effect]) -> None:
    """A task is known from here on; calls to it queue."""
    ports, lines = set(event.ports), set(event.lines)
    ranks = event.ranks or (event.rank,) * len(event.ports)
    wrong = len(ports) < len(event.ports) or len(lines) < len(event.lines) or len(ranks) != len(event.ports)
    if wrong or event.task in core.tasks or ports & core.owners.keys() or lines & core.lines.keys():
        return
    wanted = zip(event.quota, (core.quota_calls, core.quota_rights, core.queue_limit), strict=True)
    quota = [own or default for own, default in wanted]
    core.tasks[event.task] = Task(event.name, event.rank, event.ports, ranks, event.grants, event.lines, *quota)
    core.owners.update(dict.fromkeys(event.ports, event.task))
    core.lines.update(dict.fromkeys(event.lines, (event.task, True)))
    for table in (core.held, core.opened, core.used):
        table[event.task] = 0


def started(core: State, event: ev.Started, out: list[ev.Effect]) -> None:
    """A new incarnation with a fresh table of rights."""
    task = core.tasks.get(event.task)
    if task is None or task.state != DOWN or event.incarnation != task.incarnation + 1:
        return
    core.tasks[event.task] = replace(task, state=STARTING, incarnation=event.incarnation)
    core.next_handle[event.task] = 1
    for port in task.grants:
        install(core, event.task, Right(port, 0, 0, LIVE, None))
    waiting = {
        (*ref, core.rights[key].badge) for ref, keys in core.suspended.items() if ref[0] in task.ports for key in keys
    }
    out.append(ev.Welcome(event.task, event.incarnation, tuple(sorted(waiting))))


def adopt(core: State, event: ev.Adopt, out: list[ev.Effect]) -> None:
    """All suspended rights to the old object reach the new one; if none is left, nobody holds the new one."""
    task = core.tasks[event.task]
    if task.state != STARTING or event.port not in task.ports or event.new <= 0:
        return
    for key in core.suspended.get((event.port, event.old), ()):
        become(core, key, LIVE, event.new)
    release(core, [(event.port, event.new)], out)


def rebadge(core: State, event: ev.Rebadge, out: list[ev.Effect]) -> None:
    """Every right to an own object has the new badge, and so has each that a queued message will make."""
    if core.owners.get(event.port) != event.task:
        return
    for key in core.holders.get((event.port, event.object), ()):
        core.rights[key] = replace(core.rights[key], badge=event.badge)
    old = (ev.MINT, event.port, event.object)
    for serial, message in core.messages.items():
        caps = tuple([(*old, event.badge) if cap[:3] == old else cap for cap in message.caps])
        core.messages[serial] = replace(message, caps=caps)


def ready(core: State, event: ev.Ready, out: list[ev.Effect]) -> None:
    """The task serves; what it did not adopt is stale."""
    task = core.tasks[event.task]
    if task.state != STARTING:
        return
    core.tasks[event.task] = replace(task, state=READY)
    out.append(ev.Up(event.task, event.incarnation))
    for ref in [ref for ref in core.suspended if ref[0] in task.ports]:
        wither(core, core.suspended[ref], out)
    for line in task.lines:
        core.lines[line] = (event.task, False)
        out.append(ev.Unmask(line))
    pump(core, event.task, out)


def exited(core: State, event: ev.Exited, out: list[ev.Effect]) -> None:
    """A process has ended, or (down, not `again`) the next one will not come."""
    task = core.tasks.get(event.task)
    if task is None or task.incarnation != event.incarnation or task.state == GONE:
        return
    if event.again and task.state == DOWN:
        return
    core.tasks[event.task] = replace(task, state=DOWN if event.again else GONE)
    _end_calls(core, event, out)
    take_away(core, [key for key in core.rights if key[0] == event.task], out)
    _orphan_objects(core, task, event.again, out)
    _tell_watchers(core, event, out)
    for line in task.lines:
        core.lines[line] = (event.task, True)
    if not event.again:
        _bury(core, event.task, task)


def _end_calls(core: State, event: ev.Exited, out: list[ev.Effect]) -> None:
    """Calls at the dead task, of it, and forwarded by it but not delivered yet."""
    dead = event.task
    for serial, call in list(core.calls.items()):
        message = core.messages.get(serial)
        at_dead = call.server == dead
        if call.caller == dead:
            (forget if at_dead else abandon)(core, serial, out)
        elif (message is not None and message.giver == dead) or (message is None and at_dead):
            fail(core, serial, "ServerDied", out)
        elif at_dead and not event.again:
            fail(core, serial, "Unavailable", out)


def _orphan_objects(core: State, task: Task, again: bool, out: list[ev.Effect]) -> None:
    """Rights with a badge wait for adoption; of two lives' objects under one number the later one does."""
    for ref in [ref for ref in core.holders if ref[0] in task.ports]:
        wither(core, core.suspended.get(ref, ()), out)
        for key in core.holders[ref]:
            if core.rights[key].badge:
                become(core, key, SUSPENDED, ref[1])
            else:
                wither(core, (key,), out)
    if not again:
        for ref in [ref for ref in core.suspended if ref[0] in task.ports]:
            wither(core, core.suspended[ref], out)


def _tell_watchers(core: State, event: ev.Exited, out: list[ev.Effect]) -> None:
    for key, (port, told) in list(core.watches.items()):
        if core.owners.get(port) != event.task:
            continue
        if told != event.incarnation:
            out.append(ev.Death(*key, event.incarnation))
        if event.again:
            core.watches[key] = (port, event.incarnation)
        else:
            del core.watches[key]


def _bury(core: State, number: int, task: Task) -> None:
    for line in task.lines:
        del core.lines[line]
    for table in (core.next_handle, core.held, core.opened, core.used):
        table.pop(number, None)
    if not task.ports:
        del core.tasks[number]
