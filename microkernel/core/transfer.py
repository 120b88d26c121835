"""Events that move rights outside of any call: offer, close, revoke, destroy.

An offer passes a capability on between tasks whose calls go past the kernel.  Passing to a third party always
goes through the kernel, which records what was derived from what.  Only tasks that are linked may do it: one
holds, from its creation, a right to a service of the other.

A right that is gone never works again, and its handle is never used again.  A queued message counts
as already sent: it does not outlive the rights it depends on, and carries nothing past a revocation.
"""

from microkernel.core import events as ev
from microkernel.core.pending import take_away
from microkernel.core.rights import descendants, give, minted, release, valid
from microkernel.core.state import State, running


def offer(core: State, event: ev.Offer, out: list[ev.Effect]) -> None:
    """Put the capability into the other's table, and tell it; or tell it that there is none."""
    if event.to in core.tasks and running(core, event.to) and _linked(core, event.task, event.to):
        given = give(core, event.task, event.to, event.caps) if valid(core, event.task, event.caps) else None
        out.append(ev.Offered(event.to, event.task, event.incarnation, event.id, given or ()))
    release(core, minted(core, event.task, event.caps), out)


def _linked(core: State, one: int, other: int) -> bool:
    return _calls(core, one, other) or _calls(core, other, one)


def _calls(core: State, client: int, server: int) -> bool:
    return any(core.owners.get(port) == server for port in core.tasks[client].grants)


def close(core: State, event: ev.Close, out: list[ev.Effect]) -> None:
    """One right is given back; what was derived from it stays."""
    key = (event.task, event.handle)
    if key in core.rights:
        take_away(core, [key], out)


def revoke(core: State, event: ev.Revoke, out: list[ev.Effect]) -> None:
    """Everything derived from a right goes; the right itself stays."""
    key = (event.task, event.handle)
    if key in core.rights:
        take_away(core, descendants(core, key), out, carried=(key,))


def destroy(core: State, event: ev.Destroy, out: list[ev.Effect]) -> None:
    """Every right to an own object goes."""
    ref = (event.port, event.object)
    if core.owners.get(event.port) == event.task and event.object > 0:
        take_away(core, list(core.holders.get(ref, ())), out, mint=ref)
