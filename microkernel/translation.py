"""A domain's message as the core's event.  The core is not asked about what cannot be read."""

from collections.abc import Callable
from typing import Any

from microkernel.core import events as e
from microlith.frame import wire

_HEADER, _CAP = wire.HEADER, wire.CAP


def event_of(raw: bytes, task: int, life: int, crowded: bool = False) -> e.FromTask | None:
    """The event that a task says with a message; None if it does not follow the protocol.

    `crowded`: there is no room for it, if it would have to be kept.
    """
    if len(raw) < _HEADER.size:
        return None
    version, kind, operation, count, flags, port, call, target, _, deadline, body, bulk = _HEADER.unpack_from(raw)
    start = _HEADER.size + count * _CAP.size
    if version != wire.VERSION or len(raw) != start + body + bulk or body > wire.MAX_BODY or bulk > wire.MAX_BULK:
        return None
    caps = tuple(_CAP.iter_unpack(raw[_HEADER.size : start])) if count else ()
    if kind == wire.CALL:
        until = deadline if deadline > 0 else 0
        return e.Call(task, life, call, target, operation, flags & 1 == 1, until, caps, raw, crowded)
    if kind == wire.REPLY or kind == wire.STATUS:  # noqa: PLR1714 - on the path of every call
        return e.Reply(task, life, call, kind == wire.STATUS, flags & wire.WANT_CONFIRM != 0, caps, raw)
    if kind == wire.FORWARD:
        return e.Forward(task, life, call, target, operation, caps, raw, crowded)
    if kind == wire.OFFER:
        return e.Offer(task, life, target, call, caps)
    if kind == wire.NOTIFY and not caps:  # the core would not translate them
        return e.Notify(task, life, target, operation, raw)
    make = _OTHERS.get(kind)
    return make(task, life, call, target, port) if make else None


_OTHERS: dict[int, Callable[..., Any]] = {
    wire.CANCEL: lambda task, life, call, target, port: e.Cancel(task, life, call),
    wire.CLOSE: lambda task, life, call, target, port: e.Close(task, life, target),
    wire.REVOKE: lambda task, life, call, target, port: e.Revoke(task, life, target),
    wire.DESTROY: lambda task, life, call, target, port: e.Destroy(task, life, port, target),
    wire.REBADGE: lambda task, life, call, target, port: e.Rebadge(task, life, port, target, call),
    wire.WATCH: lambda task, life, call, target, port: e.Watch(task, life, target),
    wire.ADOPT: lambda task, life, call, target, port: e.Adopt(task, life, port, call, target),
    wire.READY: lambda task, life, call, target, port: e.Ready(task, life),
    wire.ACKNOWLEDGE: lambda task, life, call, target, port: e.Acknowledge(task, life, target),
}
