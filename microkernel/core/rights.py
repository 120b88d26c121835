"""The table of rights: passing, removing, and the last right's going.

Passing a held right makes a child of it; minting makes a root (object 0: a right to the service
itself).  A right that comes home to the owner of its object or service makes none.  When a right goes,
its children become its parent's children, so whoever gave the first one away can still revoke them all.
An object is released when no live right to it is left and no queued message carries a minted one.
"""

from collections.abc import Iterable

from microkernel.core.events import GRANTED, HELD, HOME, MINT, Cap, Effect, Released
from microkernel.core.state import LIVE, SUSPENDED, Key, Ref, Right, State, running, without


def valid(core: State, giver: int, caps: tuple[Cap, ...]) -> bool:
    """May this task send these capabilities?"""
    for kind, port, number, badge in caps:
        if kind == HELD:
            if (giver, number) not in core.rights:
                return False
        elif kind != MINT or number < 0 or (badge and not number) or core.owners.get(port) != giver:
            return False
    return True


def minted(core: State, giver: int, caps: tuple[Cap, ...]) -> list[Ref]:
    """The objects of the giver's own among these capabilities."""
    return [
        (port, number)
        for kind, port, number, _ in caps
        if kind == MINT and number > 0 and core.owners.get(port) == giver
    ]


def give(core: State, giver: int, receiver: int, caps: tuple[Cap, ...]) -> tuple[Cap, ...] | None:
    """Put valid capabilities into the receiver's table; None, and nothing done, if they do not fit."""
    passed = [_passed(core, giver, receiver, cap) for cap in caps]
    if core.held[receiver] + sum(type(one) is Right for one in passed) > core.tasks[receiver].most_rights:
        return None
    return tuple([_granted(core, receiver, one) if isinstance(one, Right) else one for one in passed])


def _passed(core: State, giver: int, receiver: int, cap: Cap) -> Right | Cap:
    """The right that the receiver shall have, or the capability that came home."""
    kind, port, number, badge = cap
    if kind == MINT:
        return (HOME, port, number, 0) if giver == receiver else Right(port, number, badge, LIVE, None)
    right = core.rights[(giver, number)]
    if right.state == LIVE and core.owners.get(right.port) == receiver:
        return (HOME, right.port, right.object, 0)
    return Right(right.port, right.object, right.badge, right.state, (giver, number))


def _granted(core: State, receiver: int, right: Right) -> Cap:
    """Install it; how its new holder is told."""
    handle = install(core, receiver, right)
    owner = core.tasks.get(core.owners.get(right.port, -1))
    return (GRANTED, owner.ranks[owner.ports.index(right.port)] if owner is not None else 0, handle, 0)


def install(core: State, task: int, right: Right) -> int:
    """A new right in a task's table; its handle."""
    handle = core.next_handle[task]
    core.next_handle[task] = handle + 1
    core.held[task] += 1
    key = (task, handle)
    core.rights[key] = right
    _index(core, key, right)
    if right.parent is not None:
        core.children[right.parent] = (*core.children.get(right.parent, ()), key)
    return handle


def _index(core: State, key: Key, right: Right) -> None:
    ref = (right.port, right.object)
    if right.object and right.state == LIVE:
        core.holders[ref] = (*core.holders.get(ref, ()), key)
    elif right.object and right.state == SUSPENDED:
        core.suspended[ref] = (*core.suspended.get(ref, ()), key)


def become(core: State, key: Key, state: int, object: int) -> None:
    """A right changes with its object: suspended, adopted, stale."""
    old = core.rights[key]
    _unindex(core, key, old)
    core.rights[key] = new = Right(old.port, object, old.badge, state, old.parent)
    _index(core, key, new)


def _unindex(core: State, key: Key, right: Right) -> None:
    if right.object and right.state == LIVE:
        without(core.holders, (right.port, right.object), key)
    elif right.object and right.state == SUSPENDED:
        without(core.suspended, (right.port, right.object), key)


def remove(core: State, key: Key) -> Right:
    """A right goes; its children go to its parent, its watch goes with it."""
    right = core.rights.pop(key)
    core.held[key[0]] -= 1
    core.watches.pop(key, None)
    _unindex(core, key, right)
    if right.parent is not None:
        without(core.children, right.parent, key)
    for child in core.children.pop(key, ()):
        old = core.rights[child]
        core.rights[child] = Right(old.port, old.object, old.badge, old.state, right.parent)
        if right.parent is not None:
            core.children[right.parent] = (*core.children.get(right.parent, ()), child)
    return right


def descendants(core: State, key: Key) -> list[Key]:
    """Every right derived from this one, however indirectly; the youngest generation first."""
    found = list(core.children.get(key, ()))
    for child in found:
        found += core.children.get(child, ())
    return found[::-1]


def release(core: State, refs: Iterable[Ref], out: list[Effect]) -> None:
    """Tell the owners of those objects that nobody can reach any more."""
    for port, object in dict.fromkeys(refs):
        owner = core.owners.get(port)
        if owner is None or not running(core, owner) or (port, object) in core.holders:
            continue
        if not any((port, object) in minted(core, one.giver, one.caps) for one in core.messages.values() if one.caps):
            out.append(Released(owner, port, object))
