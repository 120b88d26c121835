"""What goes through the slot of a channel, which no page counts: its files tell."""

import os

from microkernel.channel import COUNTED, counts
from microlith.process.metering import Counts, Meter, Metering


def measure(metering: Metering, client: str, server: str, up: int, down: int) -> Meter:
    """Count from both files of a channel until the meter is closed, which closes them."""

    def read() -> Counts:
        return counts(*(memoryview(os.pread(file, COUNTED, 0)).cast("Q") for file in (up, down)))

    return metering.open(client, server, read, (up, down))
