"""The MINIX version 3 format on disk, as struct formats; pure, no disk is touched here.

Source: Linux include/uapi/linux/minix_fs.h (minix3_super_block, minix2_inode, minix3_dir_entry);
Tanenbaum & Woodhull, Operating Systems: Design and Implementation, ch. 5.  All numbers are little-endian.

    boot (1 KiB) | superblock (1 KiB) | inode bitmap | zone bitmap | inode table | zones

The superblock lies at byte 1024 whatever the block size; the inode bitmap begins with block 2.  A zone
is a block here (s_log_zone_size is 0).  Bit n of the inode bitmap is inode n; bit n of the zone bitmap
is zone first_zone + n - 1; bit 0 of both is always set.
"""

import stat
import struct
from typing import NamedTuple

from servers.statuses import DeviceError

SUPER_AT = 1024
SUPER = struct.Struct("<IHHHHHHIIHHHB")
INODE = struct.Struct("<HHHHIIII10I")
ENTRY = struct.Struct("<I60s")

MAGIC = 0x4D5A
ROOT = 1
NAME_MAX = 60
DIRECT = 7
MODE_BITS = 0o7777
MAX_SIZE = 0x7FFFFFFF  # what mkfs.minix -3 writes as s_max_size
BLOCK_SIZES = (1024, 2048, 4096)
KNOWN = {
    0x137F: "MINIX version 1, 14-byte names",
    0x138F: "MINIX version 1, 30-byte names",
    0x2468: "MINIX version 2, 14-byte names",
    0x2478: "MINIX version 2, 30-byte names",
}
TYPES = frozenset((stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK))
#: the types whose zones are zones; a device's first zone is its number
WITH_ZONES = frozenset((stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK))


class Super(NamedTuple):
    """A superblock: sizes are bytes, the rest counts of inodes, blocks or zones."""

    inodes: int
    imap_blocks: int
    zmap_blocks: int
    first_zone: int
    max_size: int
    zones: int
    block_size: int

    @property
    def imap_start(self) -> int:
        """The first block of the inode bitmap."""
        return 2

    @property
    def zmap_start(self) -> int:
        """The first block of the zone bitmap."""
        return 2 + self.imap_blocks

    @property
    def table_start(self) -> int:
        """The first block of the inode table."""
        return 2 + self.imap_blocks + self.zmap_blocks

    @property
    def table_blocks(self) -> int:
        """The length of the inode table."""
        return -(-self.inodes * INODE.size // self.block_size)

    @property
    def data_zones(self) -> int:
        """How many zones files and directories can have."""
        return self.zones - self.first_zone

    def pack(self) -> bytes:
        """The superblock as it stands on disk."""
        return SUPER.pack(
            self.inodes,
            0,
            self.imap_blocks,
            self.zmap_blocks,
            self.first_zone if self.first_zone < 1 << 16 else 0,
            0,
            0,
            self.max_size,
            self.zones,
            MAGIC,
            0,
            self.block_size,
            0,
        )


def blank(region: bytes) -> bool:
    """Is there no superblock at all (`region` is the KiB at byte 1024)?"""
    return not any(region)


def read_super(region: bytes, disk_bytes: int) -> Super:
    """The superblock in the KiB at byte 1024.  DeviceError names what is wrong or what it is instead."""
    fields = SUPER.unpack_from(region)
    inodes, _, imap, zmap, first, log_zone, _, max_size, zones, magic, _, block_size, _ = fields
    if magic != MAGIC:
        raise DeviceError(
            f"the disk holds {_what(region)}, not MINIX version 3; give a blank disk or one of mkfs.minix -3"
        )
    if block_size not in BLOCK_SIZES or log_zone:
        raise DeviceError(f"blocks of {block_size} bytes, zones of 2^{log_zone} blocks: not supported")
    found = Super(inodes, imap, zmap, first, max_size, zones, block_size)
    table_end = found.table_start + found.table_blocks
    if first == 0:  # it does not fit 16 bits on a very large disk
        found = found._replace(first_zone=table_end)
    bits = block_size * 8
    if not 1 <= inodes < 1 << 31 or imap * bits < inodes + 1:
        raise DeviceError(f"superblock: {inodes} inodes in {imap} bitmap blocks")
    if not table_end <= found.first_zone < zones or zmap * bits < found.data_zones + 1:
        raise DeviceError(f"superblock: zones {found.first_zone} to {zones} in {zmap} bitmap blocks")
    if zones * block_size > disk_bytes:
        raise DeviceError(f"superblock: {zones} zones of {block_size} bytes on a disk of {disk_bytes} bytes")
    return found


def _what(region: bytes) -> str:
    for offset in (16, 24):
        magic = int.from_bytes(region[offset : offset + 2], "little")
        if magic in KNOWN:
            return KNOWN[magic]
    if region[56:58] == b"\x53\xef":
        return "an ext2, ext3 or ext4 file system"
    return f"something else (magic 0x{int.from_bytes(region[24:26], 'little'):04x})"


def shape(disk_bytes: int, block_size: int = 1024) -> Super:
    """The superblock for a disk of this size: an inode for three blocks, as mkfs.minix has it."""
    zones = min(disk_bytes // block_size, (1 << 32) - 1)
    per_block = block_size // INODE.size
    inodes = -(-(zones // 3) // per_block) * per_block
    bits = block_size * 8
    imap = -(-(inodes + 1) // bits)
    zmap = 1
    while True:
        first = 2 + imap + zmap + inodes // per_block
        if first >= zones or inodes == 0 or max(imap, zmap) >= 1 << 16:
            raise DeviceError(f"a disk of {disk_bytes} bytes does not fit this format")
        if zmap * bits >= zones - first + 1:
            return Super(inodes, imap, zmap, first, MAX_SIZE, zones, block_size)
        zmap += 1
