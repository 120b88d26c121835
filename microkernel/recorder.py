"""A recorded run of the broker: every event and its effects, and their replay through a fresh core.

The file is a sequence of MessagePack values: first the core's limits, then pairs (event, effects).
Payloads are opaque to the core, so the record keeps a digest of each in their place.
"""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from microkernel.core import Core
from microkernel.core.events import Effect, Event
from microlith.interface.status import UsageError

_Pair = tuple[Event, list[Effect]]


class Recorder:
    """Writes a run to a file."""

    def __init__(self, path: str, limits: dict[str, int]) -> None:
        self._file = open(path, "wb", buffering=1 << 16)  # noqa: SIM115 - open as long as the kernel
        self._encode = msgspec.msgpack.Encoder().encode
        self._write(limits)

    def __call__(self, event: Event, effects: list[Effect]) -> None:
        """One step."""
        self._write((digested(event), [digested(effect) for effect in effects]))

    def _write(self, value: Any) -> None:
        data = self._encode(value)
        self._file.write(len(data).to_bytes(4, "little") + data)

    def close(self) -> None:
        """The run is over."""
        self._file.close()


def digested(word: Any) -> Any:
    """The same event or effect with a digest in its payload's place."""
    payload = getattr(word, "payload", None)
    if not payload:
        return word
    return msgspec.structs.replace(word, payload=blake2b(payload, digest_size=8).digest())


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
    except (StopIteration, TypeError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path} is not a record of a microkernel's run ({type(error).__name__})") from None
    return steps, None
