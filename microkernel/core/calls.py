"""Events of synchronous messages: call, reply, forward, cancel, time, and a full transport.

Every accepted call is answered exactly once: by its server, or by the kernel with the name of a
system status.  A call that is refused has no effect but that answer.  Whatever becomes of a message,
an object that it minted and that nobody got is released.
"""

from microkernel.core import events as ev
from microkernel.core.pending import abandon, fail, forget, pump, submit, take_away
from microkernel.core.rights import give, minted, release, valid
from microkernel.core.state import GONE, NEVER, STALE, Message, Open, State


def call(core: State, event: ev.Call, out: list[ev.Effect]) -> None:
    """Accept a request, or say why not."""
    task = event.task
    server, status = _target(core, event)
    if (task, event.id) in core.ids:
        status = "BadMessage"
    elif server is not None and core.tasks[server].rank >= core.tasks[task].rank:
        status = "RankViolation"
    elif server is not None and core.opened[task] >= core.tasks[task].most_calls:
        status = "Busy"
    if status or server is None:
        out.append(ev.Fail(task, event.id, status))
        release(core, minted(core, task, event.caps), out)
        return
    serial = core.next_call
    core.next_call = serial + 1
    core.ids[(task, event.id)] = serial
    core.opened[task] += 1
    core.calls[serial] = Open(task, event.id, server, event.waits, event.deadline)
    submit(core, serial, Message(task, event.handle, event.operation, event.caps, event.payload, False), out)
    if 0 < event.deadline < core.earliest and serial in core.calls:
        core.earliest = event.deadline


def _target(core: State, event: ev.Call | ev.Forward) -> tuple[int | None, str]:
    """The server that a request reaches, if any, and why it cannot take it."""
    right = core.rights.get((event.task, event.handle))
    if right is None or (event.caps and not valid(core, event.task, event.caps)):
        return None, "NoRight"
    if right.state == STALE:
        return None, "Stale"
    server = core.owners.get(right.port)
    if server is None or core.tasks[server].state == GONE:
        return None, "Unavailable"
    full = event.crowded or len(core.queues.get(server, ())) >= core.tasks[server].most_queued
    return server, "Busy" if full else ""


def _holder(core: State, task: int, serial: int) -> Open | None:
    """The call that this task has the right to reply to."""
    found = core.calls.get(serial)
    return found if found is not None and found.server == task and serial not in core.messages else None


def reply(core: State, event: ev.Reply, out: list[ev.Effect]) -> None:
    """The server's answer; it counts if the caller still waits for it and gets it."""
    held = _holder(core, event.task, event.call)
    accepted = held is not None and _answer(core, held, event, out)
    if held is not None:
        forget(core, event.call, out)
    if event.confirm:
        out.append(ev.Confirm(event.task, event.call, accepted))
    if event.caps:
        release(core, minted(core, event.task, event.caps), out)
    if event.task in core.queues:
        pump(core, event.task, out)


def _answer(core: State, held: Open, event: ev.Reply, out: list[ev.Effect]) -> bool:
    if held.caller is None:
        return False
    given: tuple[ev.Cap, ...] | None = ()
    if event.caps:
        given = give(core, event.task, held.caller, event.caps) if valid(core, event.task, event.caps) else None
    if given is None:
        status = "Busy" if valid(core, event.task, event.caps) else "BadMessage"
        out.append(ev.Fail(held.caller, held.id, status))
        return False
    out.append(ev.Answer(held.caller, held.id, event.status, given, event.payload))
    return True


def forward(core: State, event: ev.Forward, out: list[ev.Effect]) -> None:
    """The right to reply to a waiting call moves on; if it cannot, the caller is told."""
    held = _holder(core, event.task, event.call)
    if held is None or not held.waits:
        release(core, minted(core, event.task, event.caps), out)
        return
    server, status = _target(core, event)
    if status or server is None:
        fail(core, event.call, "BadMessage" if status == "NoRight" else status, out)
        release(core, minted(core, event.task, event.caps), out)
        return
    core.calls[event.call] = Open(held.caller, held.id, server, True, held.deadline)
    message = Message(event.task, event.handle, event.operation, event.caps, event.payload, True)
    submit(core, event.call, message, out)


def cancel(core: State, event: ev.Cancel, out: list[ev.Effect]) -> None:
    """The caller gives up; if its answer is already on its way, nothing happens."""
    serial = core.ids.get((event.task, event.id))
    if serial is not None:
        out.append(ev.Fail(event.task, event.id, "Cancelled"))
        abandon(core, serial, out)


def tick(core: State, event: ev.Tick, out: list[ev.Effect]) -> None:
    """Deadlines that have come."""
    if event.now < core.earliest:
        return
    for serial, held in list(core.calls.items()):
        if held.caller is not None and 0 < held.deadline <= event.now:
            out.append(ev.Fail(held.caller, held.id, "DeadlineExceeded"))
            abandon(core, serial, out)
    core.earliest = min((held.deadline for held in core.calls.values() if held.deadline > 0), default=NEVER)


def undeliverable(core: State, event: ev.Undeliverable, out: list[ev.Effect]) -> None:
    """The server never got this call: what came with it goes too."""
    held = _holder(core, event.task, event.call)
    if held is None:
        return
    fail(core, event.call, "Busy", out)
    keys = [(event.task, handle) for handle in held.granted if (event.task, handle) in core.rights]
    take_away(core, keys, out)
    pump(core, event.task, out)
