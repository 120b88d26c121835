"""What the kernel keeps of a channel: both its files, to read what has gone through the slot."""

import os

from microkernel.channel import COUNTED, counts
from microlith.process.metering import Metering


class ChannelMeter:
    """The counts of one channel."""

    def __init__(self, metering: Metering, client: str, server: str, up: int, down: int) -> None:
        self.up, self.down, self._metering = up, down, metering
        self._meter = metering.open(client, server, self.counts)

    def counts(self) -> tuple[int, int, int, int]:
        """What has gone through its slot."""
        up, down = (memoryview(os.pread(file, COUNTED, 0)).cast("Q") for file in (self.up, self.down))
        return counts(up, down)

    def close(self) -> None:
        """Let it go; its counts stay."""
        self._metering.close(self._meter)
        os.close(self.up)
        os.close(self.down)
