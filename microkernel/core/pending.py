"""Open calls: queued, delivered, abandoned, finished.

A queue is served in order, while its server is ready and has room in its window.  A queued message
depends on the rights it goes through and carries: when one of them goes, the message goes, so at
delivery nothing is checked again but the receiver's quota.  An abandoned call has no caller any
more, but its server is still busy with it.
"""

from microkernel.core.events import GRANTED, HELD, Cap, Deliver, Effect, Fail, Withdrawn
from microkernel.core.rights import become, give, minted, release, remove
from microkernel.core.state import LIVE, READY, STALE, Key, Message, Open, Ref, State, without


def submit(core: State, serial: int, message: Message, out: list[Effect]) -> None:
    """Deliver an accepted call at once if its server can take it, else queue it."""
    server = core.calls[serial].server
    if core.used[server] < core.window and core.tasks[server].state == READY:
        _deliver(core, serial, message, out)
    else:
        core.messages[serial] = message
        core.queues[server] = (*core.queues.get(server, ()), serial)


def pump(core: State, server: int, out: list[Effect]) -> None:
    """Deliver what can be delivered from a server's queue."""
    if core.tasks[server].state != READY:
        return
    while server in core.queues and core.used[server] < core.window:
        serial = core.queues[server][0]
        message = core.messages[serial]
        _dequeue(core, server, serial)
        _deliver(core, serial, message, out)


def _dequeue(core: State, server: int, serial: int) -> None:
    del core.messages[serial]
    without(core.queues, server, serial)


def _deliver(core: State, serial: int, message: Message, out: list[Effect]) -> None:
    call = core.calls[serial]
    if not call.waits:
        core.used[call.server] += 1
    caps: tuple[Cap, ...] = ()
    if message.caps:
        given = give(core, message.giver, call.server, message.caps)
        if given is None:
            fail(core, serial, "Busy", out)
            release(core, minted(core, message.giver, message.caps), out)
            return
        caps, handles = given, tuple([number for kind, _, number, _ in given if kind == GRANTED])
        core.calls[serial] = Open(call.caller, call.id, call.server, call.waits, call.deadline, handles)
    right = core.rights[(message.giver, message.handle)]
    body = (right.port, right.object, message.operation, call.waits, call.deadline, caps, message.payload)
    out.append(Deliver(call.server, serial, *body))
    if message.caps:
        release(core, minted(core, message.giver, message.caps), out)


def forget(core: State, serial: int, out: list[Effect]) -> None:
    """A call is over: its caller has an answer or wants none, its server's window is free of it."""
    call = core.calls.pop(serial)
    if call.caller is not None:
        _detach(core, call.caller, call.id)
    message = core.messages.get(serial)
    if message is not None:
        _dequeue(core, call.server, serial)
        release(core, minted(core, message.giver, message.caps), out)
    elif not call.waits:
        core.used[call.server] -= 1


def _detach(core: State, caller: int, id: int) -> None:
    del core.ids[(caller, id)]
    core.opened[caller] -= 1


def fail(core: State, serial: int, status: str, out: list[Effect]) -> None:
    """The kernel answers a call itself, and the call is over."""
    call = core.calls[serial]
    if call.caller is not None:
        out.append(Fail(call.caller, call.id, status))
    forget(core, serial, out)


def abandon(core: State, serial: int, out: list[Effect]) -> None:
    """The caller is gone or has its answer; a server at work on the call keeps its place in the window."""
    call = core.calls[serial]
    if serial in core.messages:
        forget(core, serial, out)
        return
    out.append(Withdrawn(call.server, serial))
    if call.waits or call.caller is None:
        forget(core, serial, out)
    else:
        _detach(core, call.caller, call.id)
        core.calls[serial] = Open(None, 0, call.server, False, 0, call.granted)


def take_away(
    core: State, keys: list[Key], out: list[Effect], *, carried: tuple[Key, ...] = (), mint: Ref | None = None
) -> None:
    """Remove rights, and the queued messages that depend on them, carry `carried` or mint the object `mint`."""
    if core.messages:
        gone = set(keys)
        for serial, message in list(core.messages.items()):
            if _depends(core, message, gone, gone.union(carried), mint):
                fail(core, serial, "BadMessage" if message.forwarded else "NoRight", out)
    touched = [remove(core, key) for key in keys]
    release(core, [(right.port, right.object) for right in touched if right.object and right.state == LIVE], out)


def _depends(core: State, message: Message, gone: set[Key], carried: set[Key], mint: Ref | None) -> bool:
    giver = message.giver
    return (
        (giver, message.handle) in gone
        or any(kind == HELD and (giver, number) in carried for kind, _, number, _ in message.caps)
        or (mint is not None and mint in minted(core, giver, message.caps))
    )


def wither(core: State, keys: tuple[Key, ...], out: list[Effect]) -> None:
    """Rights to an object that died with its server turn stale; queued calls through them are answered so."""
    for key in keys:
        become(core, key, STALE, core.rights[key].object)
    for serial, message in list(core.messages.items()):
        if (message.giver, message.handle) in keys:
            fail(core, serial, "Stale", out)
