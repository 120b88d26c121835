"""An empty file system on a blank disk, as mkfs.minix -3 makes it.

The superblock comes last: a disk whose formatting was cut short is still blank.
"""

import stat

from servers.minix.inode import now
from servers.minix.layout import DIRECT, ENTRY, INODE, ROOT, SUPER_AT, Super, shape
from servers.minix.store import CALL_BYTES, Store


def write_blank(store: Store, block_size: int = 1024) -> Super:
    """Format this disk.  DeviceError if it is too small (about 8 KiB is the least)."""
    layout = shape(store.size, block_size)
    store.set_block_size(block_size)
    _write_tables(store, layout)
    root = ENTRY.pack(ROOT, b".") + ENTRY.pack(ROOT, b"..")
    store.write(layout.first_zone, root.ljust(block_size, b"\0"))
    block, at = divmod(SUPER_AT, block_size)
    store.write(block, (bytes(at) + layout.pack()).ljust(block_size, b"\0"))
    store.flush()
    return layout


def _write_tables(store: Store, layout: Super) -> None:
    """Both bitmaps and the inode table, with the root in each of them."""
    size, time = layout.block_size, now()
    maps = bitmap(layout.imap_blocks * size, layout.inodes) + bitmap(layout.zmap_blocks * size, layout.data_zones)
    root = INODE.pack(
        stat.S_IFDIR | 0o755, 2, 0, 0, 2 * ENTRY.size, time, time, time, layout.first_zone, *(0,) * (DIRECT + 2)
    )
    tables = maps + root
    length = (layout.first_zone - 2) * size
    for at in range(0, length, CALL_BYTES):
        piece = tables[at : at + CALL_BYTES].ljust(min(CALL_BYTES, length - at), b"\0")
        store.write(2 + at // size, piece)


def bitmap(length: int, count: int) -> bytes:
    """A bitmap of `length` bytes with bits 1 to `count`, of which 1 (the root) is used, and all others set."""
    whole = (1 << length * 8) - 1
    free = ((1 << count + 1) - 1) & ~0b11
    return (whole & ~free).to_bytes(length, "little")
