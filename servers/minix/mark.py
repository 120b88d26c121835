"""The clean mark: how the next start knows that the last stop was an orderly one.

A version 3 superblock has no state field, so the mark lies in the last 32 bytes of the superblock's
KiB, which mkfs.minix zeroes and Linux, fsck.minix and MINIX leave alone.  It holds a checksum of the
superblock and both bitmaps: a disk that somebody else has written on since then does not match, and
is checked like one that was never marked.
"""

import struct
import zlib

MARK = struct.Struct("<12sIIII4x")
MARK_AT = 1024 - MARK.size
NAME = b"microlith-v1"
CLEAN, IN_USE = 0x434C, 0x5553


def checksum(superblock: bytes, bitmaps: bytes) -> int:
    """CRC-32 of the packed superblock and of both bitmaps as they stand on disk."""
    return zlib.crc32(bitmaps, zlib.crc32(superblock))


def stamp(region: bytes, state: int, crc: int) -> bytes:
    """The superblock's KiB with this mark in it."""
    body = MARK.pack(NAME, state, crc, zlib.crc32(NAME, state) & 0xFFFFFFFF, 0)
    return region[:MARK_AT] + body


def clean(region: bytes, crc: int) -> bool:
    """Was this disk stopped in order, and is it as it was then?"""
    name, state, found, check, _ = MARK.unpack_from(region, MARK_AT)
    return bool((name, state, found, check) == (NAME, CLEAN, crc, zlib.crc32(NAME, CLEAN)))
