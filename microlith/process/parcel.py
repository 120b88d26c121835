"""Records with descriptors between processes of one machine, over a Unix seqpacket socket."""

import array
import os
import socket
from typing import Any

import msgspec

LARGEST = 1024 * 1024
MOST_DESCRIPTORS = 250  # the host's SCM_MAX_FD is 253

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Closed(Exception):
    """The other end is gone."""


def pair(kind: socket.SocketKind = socket.SOCK_SEQPACKET) -> tuple[socket.socket, socket.socket]:
    """Two connected ends whose buffers hold the largest record."""
    ends = socket.socketpair(socket.AF_UNIX, kind)
    for end in ends:
        widen(end)
    return ends


def widen(end: socket.socket) -> None:
    """Make an end's buffers hold the largest record."""
    for force, plain in ((32, socket.SO_SNDBUF), (33, socket.SO_RCVBUF)):
        try:
            end.setsockopt(socket.SOL_SOCKET, force, LARGEST)  # SO_SNDBUFFORCE, SO_RCVBUFFORCE
        except PermissionError:
            end.setsockopt(socket.SOL_SOCKET, plain, LARGEST)


def send(end: socket.socket, record: Any, descriptors: tuple[int, ...] = (), wait: bool = True) -> None:
    """Send one record.  Raises Closed, or BlockingIOError."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    try:
        end.sendmsg([_encode(record)], rights, socket.MSG_NOSIGNAL | (0 if wait else socket.MSG_DONTWAIT))
    except (BrokenPipeError, ConnectionResetError, ConnectionRefusedError):
        raise Closed from None


def receive(end: socket.socket, wait: bool = True) -> tuple[Any, list[int]]:
    """Receive one record and its descriptors (close-on-exec).  Raises Closed, or BlockingIOError."""
    space = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
    try:
        data, ancillary, _, _ = end.recvmsg(
            LARGEST, space, socket.MSG_CMSG_CLOEXEC | (0 if wait else socket.MSG_DONTWAIT)
        )
    except ConnectionResetError:
        raise Closed from None
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    if not data:
        for descriptor in descriptors:
            os.close(descriptor)
        raise Closed
    return _decode(data), list(descriptors)
