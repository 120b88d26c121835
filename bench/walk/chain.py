"""A chain of calls as the command line has parsed it, and as the walker takes it.

A capability among the arguments is one of the walker's slots, by the name of its server.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from microlith.command.words import Slot
from microlith.frame.codec import Codec
from microlith.interface.operation import Operation

Step = tuple[Operation, tuple[Any, ...]]


@dataclass(frozen=True)
class Chain:
    """The server that is called first, and the calls: each but the first on what the one before answers."""

    server: str
    interface: Any
    steps: tuple[Step, ...]

    @property
    def last(self) -> Operation:
        """The operation of the last call."""
        return self.steps[-1][0]

    def slots(self) -> list[str]:
        """The servers that its caller must hold."""
        arguments = [argument for _, given in self.steps for argument in given]
        return [self.server, *(argument.name for argument in arguments if isinstance(argument, Slot))]


class _Held:
    """A slot in the place of an argument."""

    def __init__(self, number: int) -> None:
        self.number = number


def encoded(chain: Chain, slots: Sequence[str]) -> dict[str, Any]:
    """The chain for a walker with these slots."""
    codec = Codec(lambda held: (0, 0, held.number, 0), lambda entry, interface: None)
    steps = []
    for operation, arguments in chain.steps:
        given = tuple(_Held(slots.index(a.name)) if isinstance(a, Slot) else a for a in arguments)
        body, bulk, caps = codec.request(operation, given)
        numbers = [cap[2] for cap in caps]
        steps.append({"operation": operation.name, "body": body.hex(), "bulk": bulk.hex(), "slots": numbers})
    return {"slot": slots.index(chain.server), "steps": steps}


def warming(chain: Chain) -> Chain | None:
    """A call that changes nothing and needs nothing, to warm the way to the same server; None: it has none."""
    idle = [o for o in chain.interface.__operations__.values() if o.idempotent and not (o.waits or o.parameters)]
    idle.sort(key=lambda operation: operation.name != "ping")
    return Chain(chain.server, chain.interface, ((idle[0], ()),)) if idle and not idle[0].carries else None
