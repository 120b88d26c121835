"""A recorded run of the broker: every event and its effects (see replay.py).

The file is a sequence of MessagePack values: first the core's limits, then pairs (event, effects).
Payloads are opaque to the core, so the record keeps a digest of each in their place.
"""

from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from typing import Any

import msgspec

from microkernel.core import Core
from microkernel.core.events import Effect, Event


class Recorder:
    """Writes a run to a file."""

    def __init__(self, path: str, limits: dict[str, int], tell: Callable[[str], None]) -> None:
        self._tell, self._lost = tell, False
        self._file = open(path, "wb", buffering=1 << 16)  # noqa: SIM115 - open as long as the kernel
        self._encode = msgspec.msgpack.Encoder().encode
        self._write(limits)

    def __call__(self, event: Event, effects: list[Effect]) -> None:
        """One step."""
        self._write((digested(event), [digested(effect) for effect in effects]))

    def _write(self, value: Any) -> None:
        data = self._encode(value)
        self._save(lambda: self._file.write(len(data).to_bytes(4, "little") + data))

    def _save(self, action: Callable[[], object]) -> None:
        """A device that takes no more ends the record, not the kernel; it is told once."""
        if not self._lost:
            try:
                action()
            except OSError as error:
                self._lost = True
                self._tell((error.strerror or str(error)).lower())

    def flush(self) -> None:
        """Have all that was recorded in the file."""
        self._save(self._file.flush)

    def close(self) -> None:
        """The run is over."""
        self.flush()
        with suppress(OSError):  # what it still holds was told of
            self._file.close()


class RecordedCore(Core):
    """A core whose every step is on record."""

    def __init__(self, path: str, tell: Callable[[str], None]) -> None:
        super().__init__()
        limits = {"window": self.window, "queue_limit": self.queue_limit}
        self.recorder = Recorder(path, limits, tell)

    def step(self, event: Event) -> list[Effect]:
        effects = super().step(event)
        self.recorder(event, effects)
        return effects


def digested(word: Any) -> Any:
    """The same event or effect with a digest in its payload's place."""
    payload = getattr(word, "payload", None)
    if not payload:
        return word
    return msgspec.structs.replace(word, payload=blake2b(payload, digest_size=8).digest())
