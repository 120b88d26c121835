"""Where the ROUTER of a server's domain listens, in plans whose peer links are over ZeroMQ (loaded in no other)."""

import contextlib
import os
import socket


def door(path: str) -> int:
    """A listening socket at this path, for a domain that may open none itself: its descriptor."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # of a kernel before us
    made = socket.socket(socket.AF_UNIX)
    made.bind(path)
    os.chmod(path, 0o666)  # the folder's name is the secret, the domain's gate decides
    made.listen()
    return made.detach()
