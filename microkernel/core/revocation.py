"""Events that take rights away: close, revoke, destroy.

A right that is gone never works again, and its handle is never used again.  A queued message counts
as already sent: it does not outlive the rights it depends on, and carries nothing past a revocation.
"""

from microkernel.core import events as ev
from microkernel.core.pending import take_away
from microkernel.core.rights import descendants
from microkernel.core.state import State


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
