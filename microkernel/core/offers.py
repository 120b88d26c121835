"""The event that passes a capability outside of any call, between tasks whose calls go past the kernel.

Passing to a third party always goes through the kernel, which records what was derived from what.  Only
tasks that are linked may do it: one holds, from its creation, a right to a service of the other.
"""

from microkernel.core import events as ev
from microkernel.core.rights import give, minted, release, valid
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
