"""Replaying a record through a fresh core: the same events must have the same effects."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from microkernel.core import Core
from microkernel.core.events import Effect, Event
from microlith.interface.status import UsageError

_Pair = tuple[Event, list[Effect]]


def read(path: Path) -> Iterator[bytes]:
    """The records of a file.  A last one that was cut off by a death is left out.  Raises UsageError."""
    try:
        with path.open("rb") as file:
            while len(size := file.read(4)) == 4:
                data = file.read(int.from_bytes(size, "little"))
                if len(data) < int.from_bytes(size, "little"):
                    return
                yield data
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; a record is made with 'microlith launch --record FILE'") from None


def replay(path: Path) -> tuple[int, str | None]:
    """Replay a record: the number of steps, and what differed first (None: nothing).  Raises UsageError."""
    records = read(path)
    decode = msgspec.msgpack.Decoder(_Pair).decode
    try:
        core = Core(**msgspec.msgpack.decode(next(records), type=dict[str, int]))
        steps = 0
        for data in records:
            event, expected = decode(data)
            effects = core.step(event)
            steps += 1
            if effects != expected:
                return steps, f"step {steps}: {event}\n  recorded {expected}\n  replayed {effects}"
    except (StopIteration, TypeError, msgspec.MsgspecError):
        raise UsageError(f"{path} is not a record of a microkernel's run") from None
    return steps, None
