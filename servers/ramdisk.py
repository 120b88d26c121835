"""A disk in the memory of its server; it is blank after every start."""

from microlith.frame.server import Server
from servers.blockdevice import BlockDevice, Geometry
from servers.filedisk import check_range, whole_blocks


class RamDisk(Server, BlockDevice):
    """A disk that is lost with its server: for tests, and for measuring without a host file below."""

    block_size: int = 1024
    blocks: int = 16384

    def start(self) -> None:
        """Fill the disk with zeros."""
        self._bytes = bytearray(self.block_size * self.blocks)

    def geometry(self) -> Geometry:
        """Bytes a block, blocks; it can always be written."""
        return Geometry(self.block_size, self.blocks, True)

    def read(self, block: int, count: int) -> bytes:
        """A copy of these blocks."""
        check_range(block, count, self.geometry())
        start = block * self.block_size
        return bytes(memoryview(self._bytes)[start : start + count * self.block_size])

    def write(self, block: int, data: bytes) -> None:
        """Overwrite these blocks."""
        shape = self.geometry()
        check_range(block, whole_blocks(data, shape), shape)
        start = block * self.block_size
        self._bytes[start : start + len(data)] = data

    def flush(self) -> None:
        """Nothing to do: there is no stable storage."""
