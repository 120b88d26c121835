"""What goes through the slot of a channel, which no page counts: its files tell."""

import os

from microkernel.channel import COUNTED, counts
from microlith.process.metering import Counts, Metering


def measure(metering: Metering, client: str, server: str, up: int, down: int) -> None:
    """Count from both files of a channel until the two part, which closes them."""

    def read() -> Counts:
        return counts(*(memoryview(os.pread(file, COUNTED, 0)).cast("Q") for file in (up, down)))

    metering.open(client, server, read, (up, down))
