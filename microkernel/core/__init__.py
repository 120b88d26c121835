"""The pure core of the microkernel: one machine, driven by the broker, the explorer and the replayer.

    core = Core()
    effects = core.step(event)

Rules:
- Nothing from outside enters but events, and nothing leaves but effects; time comes as `Tick`.
- A word of an earlier incarnation, or of a task that does not run, has no effect.
- An illegal event leaves the state untouched; at most it is answered.
- Without a right to it, nothing is reached; an object's right reaches the incarnation that minted or
  adopted it, a service's right reaches the present one.
- Calls go down in rank, queue in order, and each is answered exactly once, whatever dies.
- What depends on a dead task is ended or told within the step of its death.
"""

from collections.abc import Callable
from typing import cast, get_args

from microkernel.core import calls, lifecycle, signals, transfer
from microkernel.core.events import Effect, Event, FromTask
from microkernel.core.state import State, running

__all__ = ["Core"]

HANDLERS = {**vars(calls), **vars(lifecycle), **vars(signals), **vars(transfer)}
#: an event is handled by the function of its name
TABLE: dict[type[Event], Callable[..., None]] = {kind: HANDLERS[kind.__name__.lower()] for kind in get_args(Event)}
SPOKEN = frozenset(get_args(FromTask))


class Core(State):
    """The kernel's machine."""

    def step(self, event: Event) -> list[Effect]:
        """Take one event; what is to be done about it, in this order."""
        out: list[Effect] = []
        kind = type(event)
        if kind not in SPOKEN or self._hears(cast(FromTask, event)):
            TABLE[kind](self, event, out)
        return out

    def _hears(self, event: FromTask) -> bool:
        task = self.tasks.get(event.task)
        return task is not None and task.incarnation == event.incarnation and running(self, event.task)
